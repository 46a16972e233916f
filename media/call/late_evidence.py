"""Asks in the caller's pauses for evidence that comes later: smart-turn's opinion of the sound.

Nothing waits for it: the floor takes it while it still waits, and passes it over afterwards.
"""

from collections.abc import Callable

from media.call.clock import CallClock
from media.call.turn_hints import TurnHints
from media.turn.decisions import Decisions
from media.turn.floor import Floor


class LateEvidence:
    """The requests of one call. apply: carries out what the floor decides upon an answer."""

    def __init__(
        self, hints: TurnHints | None, floor: Floor, clock: CallClock, apply: Callable[[Decisions], None]
    ) -> None:
        self._hints = hints
        self._floor, self._clock, self._apply = floor, clock, apply

    def paused(self, token: int) -> None:
        """The caller paused: asks for all that there is of this pause. token: of the pause."""
        if self._hints is not None:
            self._hints.request(lambda finished: self._take(token, finished))

    def _take(self, token: int, finished: float) -> None:
        self._apply(self._floor.hint(self._clock.audio_ms, token, finished))
