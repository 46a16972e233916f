"""The transcript of a call, built turn by turn from its events."""

from dataclasses import dataclass, field

from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    EventEnvelope,
    RecordingReady,
    TurnInterrupted,
    TurnLatency,
)


@dataclass(slots=True)
class TranscriptTurn:
    """One caller turn: what was said, what the caller heard of the answers, and the answer's latency."""

    number: int
    said: CallerSaid | None = None
    answers: list[AgentSaid] = field(default_factory=list)
    latency: TurnLatency | None = None

    @property
    def caller(self) -> str:
        """The caller's text."""
        return self.said.text if self.said else ""

    @property
    def agent(self) -> str:
        """The heard text of all answers in this turn."""
        return " ".join(answer.text for answer in self.answers if answer.text)


class Transcript:
    """Built from a call's events in order. `greeting` is what the agent said before the caller's first turn."""

    def __init__(self) -> None:
        self.call_id = ""
        self.greeting: list[AgentSaid] = []
        self.interrupted: list[TurnInterrupted] = []
        self.ended: CallEnded | None = None
        self.recording = ""
        self._turns: dict[int, TranscriptTurn] = {}

    @property
    def turns(self) -> list[TranscriptTurn]:
        """The turns in which the caller said something, in order."""
        return [self._turns[number] for number in sorted(self._turns) if self._turns[number].said]

    def add(self, envelope: EventEnvelope) -> None:
        """Adds the next event. A later event of the same turn (the caller continued) replaces the earlier one."""
        self.call_id = envelope.call_id
        match envelope.event:
            case CallerSaid() as said:
                self._turn(said.turn).said = said
            case AgentSaid(turn=0) as said:
                self.greeting.append(said)
            case AgentSaid() as said:
                self._turn(said.turn).answers.append(said)
            case TurnLatency() as latency:
                self._turn(latency.turn).latency = latency
            case TurnInterrupted() as cut:
                self.interrupted.append(cut)
            case RecordingReady(path=path):
                self.recording = path
            case CallEnded() as ended:
                self.ended = ended

    def _turn(self, number: int) -> TranscriptTurn:
        return self._turns.setdefault(number, TranscriptTurn(number))
