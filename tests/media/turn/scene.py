"""A scene of a call for the floor: frames of a perfect voice detector, in virtual time."""

from dataclasses import dataclass, field

from media.turn.endpoint import Expect, Rules
from media.turn.floor import (
    CallerPaused,
    Decision,
    Floor,
)

STEP = 20


@dataclass
class Scene:
    """A call without audio: frames of a perfect voice detector, and a log of the floor's decisions."""

    floor: Floor
    t: int = 0
    voice: int = 0
    log: list[Decision] = field(default_factory=list)
    token: int = 0

    def tell(self, decisions: tuple[Decision, ...]) -> "Scene":
        self.log += decisions
        for decision in decisions:
            if isinstance(decision, CallerPaused):
                self.token = decision.token
        return self

    def speech(self, ms: int) -> "Scene":
        for _ in range(ms // STEP):
            self.t += STEP
            self.voice = self.t
            self.tell(self.floor.frame(self.t, True, self.voice))
        return self

    def silence(self, ms: int) -> "Scene":
        for _ in range(ms // STEP):
            self.t += STEP
            self.tell(self.floor.frame(self.t, False, self.voice))
        return self

    def text(self, text: str, *, final: bool = True, token: int | None = None) -> "Scene":
        """The recogniser's text; a final one answers the latest pause unless it names another token."""
        asked = self.token if final and token is None else token
        return self.tell(self.floor.transcript(self.t, text, final, asked))

    def hint(self, finished: float) -> "Scene":
        return self.tell(self.floor.hint(self.t, self.token, finished))

    def agent(self, expect: Expect = Expect.REPLY, *, asks: bool = False, ends: int | None = None) -> "Scene":
        self.tell(self.floor.agent_thinking(self.t))
        return self.tell(self.floor.agent_speaking(self.t, expect, asks, ends))

    def done(self) -> "Scene":
        return self.tell(self.floor.agent_done(self.t))

    def key(self, digit: str) -> "Scene":
        return self.tell(self.floor.dtmf(self.t, digit))

    def kinds(self) -> list[str]:
        return [type(decision).__name__ for decision in self.log]

    def take(self) -> list[str]:
        """The kinds of the decisions since the last look."""
        kinds = self.kinds()
        self.log.clear()
        return kinds


def scene(**rules: int | bool) -> Scene:
    return Scene(Floor(Rules(**{"silence_ms": 400, "adaptive": False, **rules})))  # type: ignore[arg-type]


def talking(**rules: int | bool) -> Scene:
    """The agent has answered a first turn and speaks."""
    call = scene(**rules).speech(400).silence(200).text("hello").silence(200).agent().silence(1_000)
    call.log.clear()
    return call
