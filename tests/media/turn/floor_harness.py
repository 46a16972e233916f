"""Feeds a floor with frames of a perfect voice detector, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from media.turn.decisions import CallerPaused, Decision, TurnSettled
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.floor import Floor

STEP = 20


class ScriptedJudge:
    """A CompletenessJudge with the given probabilities. asked: what it was asked."""

    def __init__(
        self, known: dict[str, float] | None = None, *, default: float = 0.3, languages: tuple[str, ...] = ("en",)
    ) -> None:
        self._known, self._default, self._languages = known or {}, default, languages
        self.asked: list[tuple[str, str, ExpectedReply]] = []

    def supports(self, language: str) -> bool:
        return language in self._languages

    def probabilities(
        self, texts: Sequence[str], *, language: str = "en", asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        self.asked += [(text, language, asked) for text in texts]
        return [self._known.get(text, self._default) for text in texts]


@dataclass
class FloorHarness:
    """A call without audio.

    now: ms of caller audio. voice: end of the caller's speech. log: the decisions, but when turns were settled, which
    is in `settled`. token: of the latest CallerPaused.
    """

    floor: Floor
    now: int = 0
    voice: int = 0
    log: list[Decision] = field(default_factory=list)
    token: int = 0
    settled: list[int] = field(default_factory=list)

    def record(self, decisions: tuple[Decision, ...]) -> "FloorHarness":
        for decision in decisions:
            if isinstance(decision, TurnSettled):
                self.settled.append(decision.t)
                continue
            self.log.append(decision)
            if isinstance(decision, CallerPaused):
                self.token = decision.token
        return self

    def speech(self, ms: int) -> "FloorHarness":
        for _ in range(ms // STEP):
            self.now += STEP
            self.voice = self.now
            self.record(self.floor.frame(self.now, True, self.voice))
        return self

    def silence(self, ms: int) -> "FloorHarness":
        for _ in range(ms // STEP):
            self.now += STEP
            self.record(self.floor.frame(self.now, False, self.voice))
        return self

    def text(self, text: str, *, final: bool = True, token: int | None = None) -> "FloorHarness":
        """The recognizer's text; a final one answers the latest pause unless it names another token."""
        answered = self.token if final and token is None else token
        return self.record(self.floor.transcript(self.now, text, final, answered))

    def hint(self, finished: float) -> "FloorHarness":
        return self.record(self.floor.hint(self.now, self.token, finished))

    def agent(
        self, expect: ExpectedReply = ExpectedReply.REPLY, *, asks: bool = False, ends: int | None = None
    ) -> "FloorHarness":
        self.record(self.floor.agent_thinking(self.now))
        return self.record(self.floor.agent_speaking(self.now, expect, asks, ends))

    def agent_done(self) -> "FloorHarness":
        return self.record(self.floor.agent_done(self.now))

    def key(self, digit: str) -> "FloorHarness":
        return self.record(self.floor.dtmf(self.now, digit))

    def kinds(self) -> list[str]:
        return [type(decision).__name__ for decision in self.log]

    def new_kinds(self) -> list[str]:
        """The kinds of the decisions since the last call; clears the log."""
        kinds = self.kinds()
        self.log.clear()
        return kinds


def make_floor(**rules: int | bool) -> FloorHarness:
    """Plain silence of 400 ms; speech over the agent silences it at once."""
    chosen = {"silence_ms": 400, "adaptive": False, "nod_ms": 0, "settle_ms": 0, **rules}
    return FloorHarness(Floor(TurnRules(**chosen)))  # type: ignore[arg-type]


def make_judged_floor(known: dict[str, float], **rules: int | bool) -> FloorHarness:
    """An adaptive floor of 600 ms with a judge of these texts; all others are undecided."""
    return FloorHarness(Floor(TurnRules(silence_ms=600, **rules), judge=ScriptedJudge(known)))  # type: ignore[arg-type]


def make_speaking_agent(**rules: int | bool) -> FloorHarness:
    """The agent has answered a first turn and speaks."""
    call = make_floor(**rules).speech(400).silence(200).text("hello").silence(200).agent().silence(1_000)
    call.log.clear()
    return call
