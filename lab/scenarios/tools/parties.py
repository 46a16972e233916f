"""The caller of these calls: says each sentence once the answer to the one before was heard to its end."""

from collections.abc import Callable, Sequence
from typing import Final

from simulator.carrier.audio_level import audible_span
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENT_FRAME
from simulator.carrier.prepared_turn import PreparedTurn

# Silence of the agent that ends its answer for this caller.
QUIET_MS: Final = 1_500
# Whoever has no answer for longer hangs up, so that a rehearsal ends.
_LONGEST_MS: Final = 45_000


class PatientCaller:
    """Waits through fillers, as a person does who hears that they are none of an answer.

    is_answered: whether the model has answered the last sentence; always true where nobody knows. interrupts_after_ms:
    each further sentence begins so long after the one before, whatever is heard; None: not before the answer is over.
    """

    def __init__(
        self, turns: Sequence[PreparedTurn], is_answered: Callable[[], bool], interrupts_after_ms: int | None = None
    ) -> None:
        self._turns = list(turns)
        self._interrupts_after_ms, self._has_spoken = interrupts_after_ms, False
        self._is_answered = is_answered
        self._frames: list[bytes] = []
        self._waits_from = 0
        self._answer_from: int | None = 0  # of the greeting
        self._heard_until: float | None = None  # of the answer
        self._plays_until = 0.0

    @property
    def has_heard(self) -> bool:
        """Whether anything was heard."""
        return self._plays_until > 0

    @property
    def has_said_all(self) -> bool:
        """Whether all sentences were said."""
        return not self._turns

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The next 20 ms."""
        if not self._frames:
            if self._answer_from is None and self._is_answered():
                self._answer_from = at_ms
            if self._is_over(at_ms):
                return self._go_on(at_ms)
        frame = SILENT_FRAME
        if self._frames:
            frame, self._waits_from = self._frames.pop(0), at_ms
        return PartyOutput(frame, hang_up=at_ms >= self._waits_from + _LONGEST_MS)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Audio of the agent."""
        if audible_span(payload) is None:
            return
        self._plays_until = max(self._plays_until, begins_ms + len(payload) * FRAME_MS / FRAME)
        if self._answer_from is not None and begins_ms >= self._answer_from:
            self._heard_until = self._plays_until

    def cleared(self, at_ms: float) -> None:
        """What was queued is not played."""
        self._plays_until = min(self._plays_until, at_ms)

    def _is_over(self, at_ms: int) -> bool:
        if self._interrupts_after_ms is not None and self._has_spoken and self._turns:
            return at_ms >= self._waits_from + self._interrupts_after_ms
        return self._heard_until is not None and at_ms >= self._plays_until + QUIET_MS

    def _go_on(self, at_ms: int) -> PartyOutput:
        """Says the next sentence; hangs up after the last one."""
        if not self._turns:
            return PartyOutput(SILENT_FRAME, hang_up=True)
        self._frames, self._has_spoken = list(self._turns.pop(0).frames), True
        self._answer_from = self._heard_until = None
        self._waits_from = at_ms
        return PartyOutput(self._frames.pop(0))
