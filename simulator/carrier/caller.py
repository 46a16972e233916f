"""A party that follows a script. Its only clock is the line's clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.carrier.agent_speech import AgentSpeech
from simulator.carrier.line_noise import LineNoise
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import FRAME_MS, SILENT_FRAME
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending, Once, When

_ANSWER_ENDED_MS = 600


@dataclass(slots=True)
class TurnReport:
    """A turn as the caller perceived it. Times are milliseconds of the call; None if the event did not happen.

    Attributes:
        speech_began_ms: When the first frame with speech was sent.
        speech_ended_ms: When the last frame with speech was sent.
        answer_arrived_ms: When the agent's first audible audio after the speech reached the carrier.
        answer_heard_ms: When that audio began to play.
        over_agent: Whether the agent was speaking when the speech began.
        cleared_ms: When the agent's side first cleared the playout buffer after the speech began.
    """

    label: str
    began_ms: int
    speech_began_ms: int | None = None
    speech_ended_ms: int | None = None
    answer_arrived_ms: float | None = None
    answer_heard_ms: float | None = None
    over_agent: bool = False
    cleared_ms: float | None = None

    @property
    def latency_ms(self) -> float | None:
        """From the last speech frame to the first audio of the answer."""
        if self.speech_ended_ms is None or self.answer_arrived_ms is None:
            return None
        return self.answer_arrived_ms - self.speech_ended_ms

    @property
    def barge_in_ms(self) -> float | None:
        """From the first speech frame to the clear; None unless the agent was speaking."""
        if self.speech_began_ms is None or self.cleared_ms is None or not self.over_agent:
            return None
        return self.cleared_ms - self.speech_began_ms


@dataclass(slots=True)
class _Playing:
    turn: PreparedTurn
    report: TurnReport
    at: int = field(default=0)


class Caller:
    """Plays the prepared turns one after the other, each when it is due. Then hangs up as `ending` specifies.

    Attributes:
        reports: A report for each turn with speech or keys, in order.
    """

    def __init__(
        self, turns: Sequence[PreparedTurn], ending: Ending | None = None, line: LineNoise | None = None
    ) -> None:
        self.reports: list[TurnReport] = []
        self._remaining = list(turns)
        self._ending = ending or Ending()
        self._line = line or LineNoise()
        self._agent_speech = AgentSpeech()
        self._playing: _Playing | None = None

    @property
    def done(self) -> bool:
        """Whether every turn was played."""
        return not self._remaining and self._playing is None

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Return the caller's next 20 ms."""
        if self._playing is None and self._remaining and self._due(self._remaining[0].when, at_ms):
            self._begin(self._remaining.pop(0), at_ms)
        if self._playing is None:
            return PartyOutput(self._line.frame(at_ms // FRAME_MS), hang_up=self.done and self._should_hang_up(at_ms))
        return self._next_output(self._playing, at_ms)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Record agent audio that reached the carrier and begins to play at `begins_ms`."""
        self._agent_speech.arrived(payload, at_ms, begins_ms)
        self._record_answer()

    def cleared(self, at_ms: float) -> None:
        """Record that the agent's side discarded its queued audio."""
        self._agent_speech.cleared(at_ms)
        if self.reports and self.reports[-1].speech_began_ms is not None and self.reports[-1].cleared_ms is None:
            self.reports[-1].cleared_ms = at_ms
        self._record_answer()

    def _begin(self, turn: PreparedTurn, at_ms: int) -> None:
        report = TurnReport(turn.label, at_ms)
        self._playing = _Playing(turn, report)
        if turn.sounds:
            self.reports.append(report)

    def _next_output(self, playing: _Playing, at_ms: int) -> PartyOutput:
        turn, at = playing.turn, playing.at
        playing.at += 1
        if turn.sounds and at == turn.sounds.start:
            playing.report.speech_began_ms = at_ms
            playing.report.over_agent = self._agent_speech.speaking(at_ms)
        if turn.sounds and at == turn.sounds.stop - 1:
            playing.report.speech_ended_ms = at_ms
            self._agent_speech.end_turn(at_ms)
        if playing.at >= len(turn.frames):
            self._playing = None
        voice = turn.frames[at] if at < len(turn.frames) else SILENT_FRAME
        frame = self._line.frame(at_ms // FRAME_MS, voice)
        return PartyOutput(frame, turn.digits.get(at, ""), at in turn.held, turn.hangs_up)

    def _record_answer(self) -> None:
        """Assign the answer to the latest turn that ended. Audio heard during a turn answers the previous turn."""
        if self.reports and self.reports[-1].speech_ended_ms is not None:
            self.reports[-1].answer_arrived_ms = self._agent_speech.arrived_ms
            self.reports[-1].answer_heard_ms = self._agent_speech.heard_ms

    def _due(self, when: When, at_ms: int) -> bool:
        waited = at_ms - self._agent_speech.since_ms
        quiet = self._agent_speech.quiet_ms(at_ms)
        match when:
            case After(ms):
                return waited >= ms
            case Once(happened, patience_ms):
                return happened() or waited >= patience_ms
            case AfterAgent(quiet_ms, patience_ms):
                return waited >= patience_ms if quiet is None else quiet >= quiet_ms
            case BargeIn(after_ms, patience_ms):
                heard = self._agent_speech.heard_ms
                if heard is not None and at_ms >= heard + after_ms:
                    return True
                return waited >= patience_ms if quiet is None else quiet >= _ANSWER_ENDED_MS

    def _should_hang_up(self, at_ms: int) -> bool:
        waited = at_ms - self._agent_speech.since_ms
        quiet = self._agent_speech.quiet_ms(at_ms)
        if quiet is None:
            return waited >= self._ending.timeout_ms
        return quiet >= self._ending.quiet_ms or waited >= self._ending.longest_ms
