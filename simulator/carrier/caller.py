"""A caller who follows a script: frames out, the agent's sound in, clocked by the line alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.carrier.ear import Ear
from simulator.carrier.mulaw import FRAME_MS, SILENT_FRAME
from simulator.carrier.noise import LineSound
from simulator.carrier.prepare import Performance
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending, When
from simulator.carrier.stream import Step

_ANSWER_OVER_MS = 600


@dataclass(slots=True)
class TurnReport:
    """One turn as the caller perceived it; milliseconds of the call, None for what did not happen.

    speech_began_ms, speech_ended_ms: when the first and the last frame with speech were sent.
    answer_arrived_ms: the agent's first audible audio after that came to the carrier; answer_heard_ms: it sounded.
    over_agent: the agent was speaking when the speech began.
    cleared_ms: the first time since then that the agent's side cleared the play-out buffer.
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
        """Last speech frame to the first audio of the answer: what the caller perceives."""
        if self.speech_ended_ms is None or self.answer_arrived_ms is None:
            return None
        return self.answer_arrived_ms - self.speech_ended_ms

    @property
    def barge_in_ms(self) -> float | None:
        """First speech frame to the moment at which the agent, who was speaking, was cut."""
        if self.speech_began_ms is None or self.cleared_ms is None or not self.over_agent:
            return None
        return self.cleared_ms - self.speech_began_ms


@dataclass(slots=True)
class _Playing:
    performance: Performance
    report: TurnReport
    at: int = field(default=0)


class Caller:
    """Plays the performances one after the other, each when it is due, then hangs up as `ending` says.

    reports: one per turn that said or pressed something, in order. done: every turn was played.
    """

    def __init__(
        self, performances: Sequence[Performance], ending: Ending | None = None, line: LineSound | None = None
    ) -> None:
        self.reports: list[TurnReport] = []
        self._coming = list(performances)
        self._ending = ending or Ending()
        self._line = line or LineSound()
        self._ear = Ear()
        self._playing: _Playing | None = None

    @property
    def done(self) -> bool:
        """Every turn was played."""
        return not self._coming and self._playing is None

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """The next 20 ms of the line."""
        if self._playing is None and self._coming and self._due(self._coming[0].when, at_ms):
            self._begin(self._coming.pop(0), at_ms)
        if self._playing is None:
            return Step(self._line.frame(at_ms // FRAME_MS), hang_up=self.done and self._over(at_ms))
        return self._step(self._playing, at_ms)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio came to the carrier; it will begin to sound at `begins_ms`."""
        self._ear.arrived(payload, at_ms, begins_ms)
        self._note_answer()

    def cleared(self, at_ms: float) -> None:
        """The agent's side threw away what it had queued."""
        self._ear.cleared(at_ms)
        if self.reports and self.reports[-1].speech_began_ms is not None and self.reports[-1].cleared_ms is None:
            self.reports[-1].cleared_ms = at_ms
        self._note_answer()

    def _begin(self, performance: Performance, at_ms: int) -> None:
        report = TurnReport(performance.label, at_ms)
        self._playing = _Playing(performance, report)
        if performance.sounds:
            self.reports.append(report)

    def _step(self, playing: _Playing, at_ms: int) -> Step:
        made, at = playing.performance, playing.at
        playing.at += 1
        if made.sounds and at == made.sounds.start:
            playing.report.speech_began_ms = at_ms
            playing.report.over_agent = self._ear.hears(at_ms)
        if made.sounds and at == made.sounds.stop - 1:
            playing.report.speech_ended_ms = at_ms
            self._ear.listen(at_ms)
        if playing.at >= len(made.frames):
            self._playing = None
        voice = made.frames[at] if at < len(made.frames) else SILENT_FRAME
        frame = self._line.frame(at_ms // FRAME_MS, voice)
        return Step(frame, made.digits.get(at, ""), at in made.held, made.hangs_up)

    def _note_answer(self) -> None:
        """The answer belongs to the latest turn that ended; what is heard during a turn answers the one before."""
        if self.reports and self.reports[-1].speech_ended_ms is not None:
            self.reports[-1].answer_arrived_ms = self._ear.arrived_ms
            self.reports[-1].answer_heard_ms = self._ear.heard_ms

    def _due(self, when: When, at_ms: int) -> bool:
        waited = at_ms - self._ear.since_ms
        quiet = self._ear.quiet_ms(at_ms)
        match when:
            case After(ms):
                return waited >= ms
            case AfterAgent(quiet_ms, patience_ms):
                return waited >= patience_ms if quiet is None else quiet >= quiet_ms
            case BargeIn(after_ms, patience_ms):
                heard = self._ear.heard_ms
                if heard is not None and at_ms >= heard + after_ms:
                    return True
                return waited >= patience_ms if quiet is None else quiet >= _ANSWER_OVER_MS

    def _over(self, at_ms: int) -> bool:
        waited = at_ms - self._ear.since_ms
        quiet = self._ear.quiet_ms(at_ms)
        if quiet is None:
            return waited >= self._ending.timeout_ms
        return quiet >= self._ending.quiet_ms or waited >= self._ending.longest_ms
