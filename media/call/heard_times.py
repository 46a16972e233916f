"""Calculates when each part of an utterance was heard. Pure.

Audio is played in stretches: a hold ends a stretch, and what is played after it begins another.
"""

from dataclasses import dataclass
from typing import Final

# If the clock and a carrier's marks agree within this, the stretch continues.
SEAM_MS: Final = 20.0


@dataclass(slots=True)
class _Stretch:
    """A stretch from `start_ms` to `end_ms` of the audio. `lead_ms` is the lead of the call's clock over the
    position."""

    start_ms: float
    end_ms: float
    lead_ms: float


class HeardTimes:
    """When the parts of one utterance were heard. Positions are ms of its audio, times are ms on the call's clock."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []

    def add(self, start_ms: float, end_ms: float, at: float) -> None:
        """Record that the audio from `start_ms` to `end_ms` was heard and began to sound at `at`."""
        last = self._stretches[-1] if self._stretches else None
        lead_ms = at - start_ms
        if last is not None and last.end_ms == start_ms and abs(last.lead_ms - lead_ms) <= SEAM_MS:
            last.end_ms = end_ms
        else:
            self._stretches.append(_Stretch(start_ms, end_ms, lead_ms))

    def find(self, start_ms: float, end_ms: float) -> tuple[float, float] | None:
        """Return when this part of the audio was heard, the last time if it was repeated, or None if it was not."""
        for index in range(len(self._stretches) - 1, -1, -1):
            first = self._stretches[index]
            if first.start_ms <= start_ms <= first.end_ms:
                ends = (stretche.lead_ms for stretche in self._stretches[index:] if end_ms <= stretche.end_ms)
                lead_ms = next(ends, None)
                return None if lead_ms is None else (start_ms + first.lead_ms, end_ms + lead_ms)
        return None
