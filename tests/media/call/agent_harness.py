"""Runs an agent with fakes and records its notifications with their times."""

import asyncio
from dataclasses import dataclass, field

from media.call.agent import Agent
from media.call.answer_latency import TurnTimes
from media.call.utterance import Utterance
from media.providers.ports import ProviderError, ToolCall, ToolSpec
from media.tools.tool import Tool
from shared.events import AgentSaid
from tests.media.call.fakes import ReplyFakes
from tests.virtual_time import clock_ms, run_virtual

LOOK_UP = ToolCall("id1", "look_up", "{}")
GREETING = "Hello and welcome."  # 19 characters with the spaces: 950 ms


def look_up(seconds: float = 2.0) -> dict[str, Tool]:
    async def found(arguments: bytes, run_id: str) -> str:
        await asyncio.sleep(seconds)
        return "found"

    return {"look_up": Tool(ToolSpec("look_up", "Looks something up.", {}), found)}


@dataclass
class AgentHarness:
    """An agent with fakes. notifications: the listener methods that it called, each with its time in ms."""

    fakes: ReplyFakes
    notifications: list[tuple[str, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    left_ms: list[float] = field(default_factory=list)
    interrupts_when_audible: bool = False  # as the conversation does when the caller has the floor
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = Agent(self.fakes.reply_services(), self)
        self.fakes.media_stream.on_mark = self._on_mark

    def _on_mark(self, name: str) -> None:
        self.fakes.playback.on_mark(name, clock_ms())
        self.agent.check_finished()

    def agent_audible(self, utterance: Utterance) -> None:
        self._record("audible")
        if self.interrupts_when_audible:
            self.agent.interrupt()

    def agent_length_known(self, utterance: Utterance, left_ms: float) -> None:
        self._record("length_known")
        self.left_ms.append(left_ms)

    def agent_heard(self) -> None:
        pass

    def agent_finished(self, utterance: Utterance) -> None:
        self._record("finished")

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        self._record("failed")
        self.errors.append(error)

    def agent_crashed(self, error: BaseException) -> None:
        self._record("crashed")
        self.errors.append(error)

    def _record(self, what: str) -> None:
        self.notifications.append((what, round(clock_ms())))


def turn() -> TurnTimes:
    now = clock_ms()
    return TurnTimes(now - 500, now - 100, now)


def said(fakes: ReplyFakes) -> list[AgentSaid]:
    return [event for event in fakes.events if isinstance(event, AgentSaid)]


def answer_interrupted_at(fakes: ReplyFakes, at_s: float) -> AgentHarness:
    """Answers turn 1, interrupts the answer after `at_s` seconds, and checks that nothing follows."""

    async def scenario() -> AgentHarness:
        harness = AgentHarness(fakes)
        harness.agent.answer(1, turn())
        await asyncio.sleep(at_s)
        harness.agent.interrupt()
        assert not harness.agent.is_busy
        before = list(harness.notifications)
        await asyncio.sleep(10)
        assert harness.notifications == before
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return harness

    return run_virtual(scenario())
