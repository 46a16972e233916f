"""Stretches of a call whose audio must not be kept, because keys sound that may be a card number or a PIN. Pure."""

import math
from dataclasses import dataclass
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, SILENCE

# A pause lasts this much longer, because the tone of the last key may continue after its digit was reported, and its
# audio arrives later.
PAUSE_TAIL_MS: Final = 1_000.0


@dataclass(slots=True)
class _Pause:
    """A pause in ms on the call's clock. A pause that is over still counts, because agent audio is reported after it
    was heard."""

    start_ms: float
    end_ms: float = math.inf


class AudioPauses:
    """The pauses of one call, in ms on the call's clock."""

    __slots__ = ("_pauses",)

    def __init__(self) -> None:
        self._pauses: list[_Pause] = []

    @property
    def has_any(self) -> bool:
        """Whether the call has had a pause."""
        return bool(self._pauses)

    def set_paused(self, is_paused: bool, now: float) -> None:
        """Begin a pause, or end it PAUSE_TAIL_MS from now. A repeated value changes nothing."""
        is_in_pause = bool(self._pauses) and self._pauses[-1].end_ms == math.inf
        if is_paused and not is_in_pause:
            self._pauses.append(_Pause(now))
        elif is_in_pause and not is_paused:
            self._pauses[-1].end_ms = now + PAUSE_TAIL_MS

    def overlap(self, start: float, end: float) -> bool:
        """Return whether any moment between `start` and `end` lies in a pause."""
        return any(pause.start_ms < end and start < pause.end_ms for pause in self._pauses)

    def silence(self, ulaw: bytes, start: float) -> bytes:
        """Return the audio, or silence of the same length if any of it lies in a pause."""
        if not self._pauses:
            return ulaw
        return SILENCE * len(ulaw) if self.overlap(start, start + len(ulaw) / BYTES_PER_MS) else ulaw
