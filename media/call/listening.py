"""The audio that a listener of a running call receives: both sides in stereo, silent where it may not be kept.

Pure: times are parameters, in ms on the call's clock.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, SILENCE
from media.call.audio_pauses import AudioPauses
from media.call.recording_consent import ConsentState
from media.call.stereo_mix import StereoMix

# Audio is sent this long after it sounded, so that audio that arrives a little late still finds its place.
DELAY_MS: Final = 100.0
# The longest stretch in one frame. Only after a delay of the event loop is more available at once.
LONGEST_MS: Final = 1_000.0
# Frames that arrive this long after each other are mixed apart, so that silence fills the gap at its place.
LONGEST_STEP_MS: Final = 60.0
# The moment on the call's clock in ms, flags, the number of samples of each side.
_HEADER: Final = struct.Struct("<IBxH")
WITHHELD: Final = 1


@dataclass(frozen=True, slots=True)
class ListenedAudio:
    """Both sides of one stretch, mu-law of equal length.

    Attributes:
        is_withheld: Silence replaces some or all of the audio, because it must not be kept.
    """

    at_ms: int
    caller: bytes
    agent: bytes
    is_withheld: bool

    @property
    def length_ms(self) -> float:
        """The length of the stretch."""
        return len(self.caller) / BYTES_PER_MS

    def encode(self) -> bytes:
        """Return the binary message: an 8-byte header, the caller's bytes, the agent's bytes
        (docs/use/supervision.md)."""
        header = _HEADER.pack(self.at_ms, WITHHELD if self.is_withheld else 0, len(self.caller))
        return header + self.caller + self.agent


class LiveAudio:
    """Reads audio as a tap does, from `start_ms` on.

    Attributes:
        late_ms: The audio of both sides together that arrived too late for its place.
    """

    __slots__ = ("_audible_since", "_frames", "_has_state", "_mix", "_pauses", "late_ms")

    def __init__(self, start_ms: float) -> None:
        self._mix, self._pauses = StereoMix(start_ms), AudioPauses()
        self._frames: list[tuple[bytes, float]] = []  # caller audio that is not in the mix yet, with its time
        self._audible_since, self._has_state = math.inf, False
        self.late_ms = 0.0

    def follow_consent(self, state: ConsentState, now: float) -> None:
        """Pass audio from the moment at which the call may be recorded, and none while keys are collected."""
        self._mix_caller()
        if state.consent != "given":
            self._audible_since = math.inf
            self._mix = StereoMix(self._mix.taken_ms)  # drops waiting audio as well
        elif self._audible_since == math.inf:
            self._audible_since = now if self._has_state else -math.inf
        self._has_state = True
        self._pauses.set_paused(state.is_paused, now)

    def add_caller(self, ulaw: bytes, now: float) -> None:
        """Add caller audio that was received at `now`. `take` mixes it, because this runs for each frame."""
        self._frames.append((ulaw, now))

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Add agent audio that the caller heard from `at_ms` on."""
        self._mix.add_agent(self._audible(ulaw, at_ms), at_ms)

    def take(self, now: float) -> ListenedAudio | None:
        """Return the next stretch, at most LONGEST_MS of it, or None if none is due."""
        self._mix_caller()
        mix = self._mix
        self.late_ms += mix.drop_ahead(now)
        start = mix.taken_ms
        caller, agent = mix.take_sides(min(now - DELAY_MS, start + LONGEST_MS))
        if not caller:
            return None
        is_withheld = start < self._audible_since or self._pauses.overlap(start, mix.taken_ms)
        return ListenedAudio(round(start), caller, agent, is_withheld)

    def _mix_caller(self) -> None:
        """Mix the waiting frames, in runs of frames that followed each other without a gap."""
        frames = self._frames
        if not frames:
            return
        begin, before = 0, frames[0][1]
        for index, (_, now) in enumerate(frames):
            if now - before > LONGEST_STEP_MS:
                self._mix_run(frames[begin:index])
                begin = index
            before = now
        self._mix_run(frames[begin:] if begin else frames)
        frames.clear()

    def _mix_run(self, frames: Sequence[tuple[bytes, float]]) -> None:
        first, began = frames[0]
        if began - len(first) / BYTES_PER_MS < self._audible_since or self._pauses.has_any:
            for ulaw, now in frames:
                self._mix.add_caller(self._audible(ulaw, now - len(ulaw) / BYTES_PER_MS), now)
        else:
            self._mix.add_caller(b"".join([ulaw for ulaw, _ in frames]), frames[-1][1])

    def _audible(self, ulaw: bytes, start: float) -> bytes:
        if start < self._audible_since:
            return SILENCE * len(ulaw)
        return self._pauses.silence(ulaw, start)
