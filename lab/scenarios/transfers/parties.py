"""The caller and the person at the target. Both are told how far the transfer is, as people are by what they hear."""

from typing import Final, Literal

from lab.scenarios.transfers.cases import TransferCase
from simulator.carrier.audio_level import audible_span
from simulator.carrier.caller import Caller
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENT_FRAME
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import Ending

Progress = Literal["", "asking", "joined", "failed"]
_NEVER: Final = 10_000_000
# Whoever waits for longer hangs up, so that a rehearsal ends.
_LONGEST_MS: Final = 90_000
# After the failure: for the tool's result, and the model's answer to it.
_ANSWER_MS: Final = 3_000
_QUIET_MS: Final = 1_500
# The answer may have begun before the caller is told of the failure; and who is connected talks no longer than this.
_PATIENCE_MS: Final = 12_000
_TALK_MS: Final = 20_000


class TransferCaller:
    """Asks once the greeting is over, and waits. Connected, the caller speaks again; with the agent again, hangs up
    after its answer."""

    def __init__(self, turn: PreparedTurn, case: TransferCase) -> None:
        self.progress: Progress = ""
        self._caller = Caller([turn], Ending(quiet_ms=_NEVER, timeout_ms=_NEVER, longest_ms=_NEVER))
        self._case, self._frames, self._said = case, list(turn.frames), 0
        self._joined_ms = self._failed_ms = -1
        self._answered = False
        self._plays_until = 0.0

    @property
    def has_heard(self) -> bool:
        """Whether anything was heard."""
        return self._plays_until > 0

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The next 20 ms."""
        output = self._caller.tick(at_ms, heard)
        if self.progress == "joined" and self._joined_ms < 0:
            self._joined_ms = at_ms
        if self.progress == "failed" and self._failed_ms < 0:
            self._failed_ms = at_ms
        frame = self._reply(at_ms) or output.frame
        return PartyOutput(frame, hang_up=self._leaves(at_ms))

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Audio of the agent, or of the person at the target."""
        self._caller.arrived(payload, at_ms, begins_ms)
        span = audible_span(payload)
        if span is not None:
            self._plays_until = max(self._plays_until, begins_ms + len(payload) * FRAME_MS / FRAME)
            self._answered |= 0 <= self._failed_ms <= begins_ms

    def cleared(self, at_ms: float) -> None:
        """What was queued is not played."""
        self._caller.cleared(at_ms)
        self._plays_until = min(self._plays_until, at_ms)

    def _reply(self, at_ms: int) -> bytes:
        """The caller's words again, a second after both have met."""
        if self._joined_ms < 0 or at_ms < self._joined_ms + 1_000 or self._said >= len(self._frames):
            return b""
        self._said += 1
        return self._frames[self._said - 1]

    def _leaves(self, at_ms: int) -> bool:
        if self._case.leaves and self.progress == "asking":
            return True
        if self._joined_ms >= 0 and at_ms >= self._joined_ms + _TALK_MS:
            return True
        waits_ms = _ANSWER_MS if self._answered else _PATIENCE_MS
        was_answered = self._failed_ms >= 0 and at_ms >= self._failed_ms + waits_ms
        return at_ms >= _LONGEST_MS or (was_answered and at_ms >= self._plays_until + _QUIET_MS)


class TargetPerson:
    """Picks up, decides, and says one sentence again and again until the caller was heard for a while."""

    def __init__(self, case: TransferCase, sentence: bytes) -> None:
        self.heard = bytearray()
        self._case, self._sentence = case, sentence
        self._met_ms = -1

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The next 20 ms. Words are said every 1.5 s, from before the question on: they do not count then."""
        self.heard += heard
        if self._met_ms < 0 and audible_span(heard) is not None:
            self._met_ms = at_ms
        at = at_ms % 4_000 * FRAME // FRAME_MS
        piece = self._sentence[at : at + FRAME]
        says = at_ms % 1_500 == 500
        return PartyOutput(
            piece.ljust(FRAME, b"\xff") if piece else SILENT_FRAME,
            self._case.key if at_ms == 1_000 else "",
            hang_up=0 <= self._met_ms <= at_ms - 5_000 or at_ms >= _LONGEST_MS,
            words=self._case.words if says else "",
        )

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Ignored: what plays counts."""

    def cleared(self, at_ms: float) -> None:
        """Ignored."""
