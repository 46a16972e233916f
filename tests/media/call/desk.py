"""An agent at its desk: all that the call hears of it, and when."""

import asyncio
from dataclasses import dataclass, field

from media.call.agent import Agent, TurnClock
from media.call.tools import Tool
from media.call.utterance import Utterance
from media.providers.ports import ProviderError, ToolCall, ToolSpec
from shared.events import AgentSaid
from tests.media.call.fakes import Stage
from tests.virtual_time import clock_ms, run_virtual

LOOK_UP = ToolCall("id1", "look_up", "{}")
GREETING = "Hello and welcome."  # 19 characters with the gaps: 950 ms


def look_up(seconds: float = 2.0) -> dict[str, Tool]:
    async def found(arguments: bytes) -> str:
        await asyncio.sleep(seconds)
        return "found"

    return {"look_up": Tool(ToolSpec("look_up", "Looks something up.", {}), found)}


@dataclass
class Desk:
    """A stage with an agent on it. `told`: what the call hears of it, and when."""

    stage: Stage
    told: list[tuple[str, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    left_ms: list[float] = field(default_factory=list)
    refuses: bool = False  # interrupts as soon as it is audible, as a floor that is not free does
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = Agent(self.stage.speaker(), self)
        self.stage.audible = self.agent.audible
        self.stage.wire.on_mark = self._on_mark

    def _on_mark(self, name: str) -> None:
        self.stage.playback.marked(name, clock_ms())
        self.agent.check()

    def agent_audible(self, utterance: Utterance) -> None:
        self._note("audible")
        if self.refuses:
            self.agent.interrupt()

    def agent_known(self, utterance: Utterance, left_ms: float) -> None:
        self._note("known")
        self.left_ms.append(left_ms)

    def agent_over(self, utterance: Utterance) -> None:
        self._note("over")

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        self._note("failed")
        self.errors.append(error)

    def agent_crashed(self, error: BaseException) -> None:
        self._note("crashed")
        self.errors.append(error)

    def _note(self, what: str) -> None:
        self.told.append((what, round(clock_ms())))


def turn() -> TurnClock:
    now = clock_ms()
    return TurnClock(now - 500, now - 100, now)


def said(stage: Stage) -> list[AgentSaid]:
    return [event for event in stage.events if isinstance(event, AgentSaid)]


def interrupted(stage: Stage, at_s: float) -> Desk:
    """The answer to turn 1 is interrupted at that time."""

    async def scenario() -> Desk:
        desk = Desk(stage)
        desk.agent.answer(1, turn())
        await asyncio.sleep(at_s)
        desk.agent.interrupt()
        assert not desk.agent.busy
        before = list(desk.told)
        await asyncio.sleep(10)
        assert desk.told == before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return desk

    return run_virtual(scenario())
