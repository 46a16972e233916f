"""Control as a call asks it to run tools, and checks of the conversation that the model gets."""

import asyncio
from collections.abc import Sequence

from media.providers.ports import ChatRequest, Message, TextDelta, ToolCall
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError
from shared.events import AgentSaid, ToolRan, ToolStarted
from shared.plan import ToolPlan
from tests.calls.scripted_call import ScriptedCall
from vendors.openai.wire import make_messages

BOOK_PLAN = ToolPlan("book", "Books a table.", filler="I'm booking it, one moment.", remote=True)
BOOKED = "booked: table 4"
FILLER = "I'm booking it, one moment."


def book(arguments: str = '{"day": "sunday"}', call_id: str = "call_0") -> ToolCall:
    """A call of the tool `book`; its id is the same each time, as those of models that count from 0."""
    return ToolCall(call_id, "book", arguments)


def say_and_book(words: str = "") -> list[TextDelta | ToolCall]:
    """An answer that calls `book` after the words."""
    return [TextDelta(words), book()] if words else [book()]


class ScriptedControl:
    """A RemoteTools that runs each run id once, for `seconds`, and keeps its outcome, as control does.

    asked: every request. runs: the ids that were run.
    """

    def __init__(self, seconds: float = 6.0, error: str = "") -> None:
        self.seconds, self._error = seconds, error
        self.asked: list[ToolRequest] = []
        self.runs: dict[str, asyncio.Task[str]] = {}

    async def run(self, call: ToolRequest) -> str:
        self.asked.append(call)
        if call.run_id not in self.runs:
            self.runs[call.run_id] = asyncio.create_task(self._run())
        return await asyncio.shield(self.runs[call.run_id])

    async def _run(self) -> str:
        await asyncio.sleep(self.seconds)
        if self._error:
            raise ToolError(self._error)
        return BOOKED


def assert_valid(request: ChatRequest) -> None:
    """Asserts what OpenAI's API demands: each tool call has exactly one result, directly after its message, and the
    last message is one to answer."""
    messages = list(request.messages)
    assert not messages or messages[-1].role != "assistant" or messages[-1].tool_calls
    _assert_results_follow(messages)
    wire = make_messages(request)
    results = {message["tool_call_id"]: message["content"] for message in wire if message["role"] == "tool"}
    assert results == {message.tool_call_id: message.text for message in messages if message.role == "tool"}


def _assert_results_follow(messages: Sequence[Message]) -> None:
    at, ids = 0, []
    while at < len(messages):
        assert messages[at].role != "tool", f"a result without its call: {messages}"
        calls = [call.id for call in messages[at].tool_calls]
        following = messages[at + 1 : at + 1 + len(calls)]
        assert [(message.role, message.tool_call_id) for message in following] == [("tool", call) for call in calls]
        ids += calls
        at += 1 + len(calls)
    assert len(set(ids)) == len(ids)


def results_of(request: ChatRequest) -> list[str]:
    """The results of tools, as the model gets them."""
    return [message.text for message in request.messages if message.role == "tool"]


def said(scripted: ScriptedCall) -> list[str]:
    return [event.text for event in scripted.events_of(AgentSaid)]


def assert_ran_once(scripted: ScriptedCall, control: ScriptedControl) -> ToolRan:
    (started,) = scripted.events_of(ToolStarted)
    (ran,) = scripted.events_of(ToolRan)
    assert [call.run_id for call in control.asked] == [started.run_id] == [ran.run_id]
    for request in scripted.model.requests:
        assert_valid(request)
    return ran
