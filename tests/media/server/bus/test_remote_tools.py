"""A call whose agent has the tool `call_context`, from its plan to the answer: control makes the plan, the model calls
the tool, the node asks control, and the model reads the result."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from control.agents.call_tools.table import agents_request_handlers
from control.media_requests.handlers import HandlerContext, MediaRequestHandler
from shared.bus.checkpoints import Checkpoint
from shared.events import AgentSaid, CallResumed, ToolRan, ToolStarted
from shared.plan import CallPlan, ProviderPlan, ToolPlan
from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.media_requests.ends import running_api_process
from tests.media.providers.sse_server import CHUNKED, DONE, delta, sse_server, usage
from tests.media.server.bus.test_resume import abort_socket, next_leg
from tests.platform.bus_node import SEALER, BusNode, running_bus_node, wait_until

END = [usage(7, 2), DONE, b""]
CALL_TOOL = [
    delta(tool_calls=[{"index": 0, "id": "t1", "function": {"name": "call_context", "arguments": "{}"}}]),
    delta("tool_calls"),
]
ANSWER = [delta(content="Today is Thursday."), delta("stop")]


@pytest.fixture
async def platform(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """Control's services on the node's Valkey."""
    async with open_call_platform(database_url, redis_url, tmp_path / "objects") as opened:
        yield opened


async def test_model_reads_what_control_answers(
    platform: CallPlatform, bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    workspace = await platform.create_workspace(tools=["call_context"], greeting="", prompt="Be kind.")
    admitted = await platform.admit(workspace)
    scripts = [(CHUNKED, [*steps, *END]) for steps in (CALL_TOOL, ANSWER)]
    async with (
        sse_server(*scripts) as server,
        running_api_process(platform, agents_request_handlers(), sealer=SEALER) as api,
    ):
        model = ProviderPlan("my-llama", {"base_url": server.url, "model": "m", "api_key": "k"}, "openai")
        phone = await bus_node.dial(
            replace(admitted.plan, stt=plan.stt, llm=[model], tts=plan.tts, turn=plan.turn), returns_marks=True
        )
        await phone.speak(speech)
        async with phone.sending_silence():
            said = await bus_node.wait_for_event(AgentSaid)
        await phone.hang_up()
        ran, started = await bus_node.wait_for_event(ToolRan), await bus_node.wait_for_event(ToolStarted)
    assert said.text == "Today is Thursday."
    assert (ran.name, ran.ok, ran.run_id) == ("call_context", True, started.run_id)
    result = server.requests[1].body["messages"][-1]
    assert result["role"] == "tool" and json.loads(result["content"])["caller_number"] == "+14155550100"
    assert server.requests[0].body["tools"][0]["function"]["name"] == "call_context"
    assert api.count("requests", name="tool.call_context", outcome="answered") == 1
    assert bus_node.metric("vocalized_media_requests_total", outcome="answered") == 1


BOOK = ToolPlan("book", "Books a table.", remote=True)
CALL_BOOK = [
    delta(tool_calls=[{"index": 0, "id": "t1", "function": {"name": "book", "arguments": '{"hour": 8}'}}]),
    delta("tool_calls"),
]


async def test_booking_of_a_lost_node_is_made_once_and_reported_by_the_next_node(
    platform: CallPlatform, bus_node: BusNode, plan: CallPlan, speech: bytes, redis_url: str, tmp_path: Path
) -> None:
    runs: list[str] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def book(context: HandlerContext) -> str:
        runs.append(context.arguments)
        begun.set()
        await gate.wait()
        return "Booked for eight."

    admitted = await platform.admit(await platform.create_workspace())
    handlers = {"tool.book": MediaRequestHandler(book, "once")}
    scripts = [(CHUNKED, [*steps, *END]) for steps in (CALL_BOOK, ANSWER)]
    async with (
        sse_server(*scripts) as server,
        running_api_process(platform, handlers, sealer=SEALER),
        running_bus_node(redis_url, tmp_path / "second", node_id="node-2") as second,
    ):
        model = ProviderPlan("my-llama", {"base_url": server.url, "model": "m", "api_key": "k"}, "openai")
        its_plan = replace(admitted.plan, stt=plan.stt, llm=[model], tts=plan.tts, turn=plan.turn, tools=(BOOK,))
        phone = await bus_node.dial(its_plan, returns_marks=True)
        await phone.speak(speech)
        async with phone.sending_silence():
            await begun.wait()

            async def checkpoint_has_the_call() -> Checkpoint | None:
                found = await bus_node.checkpoint(its_plan.call_id)
                return found if found and any(message.calls for message in found.messages) else None

            checkpoint = await wait_until(checkpoint_has_the_call)
        assert checkpoint is not None
        abort_socket(phone)
        again = await second.dial(next_leg(its_plan, checkpoint), "MZagain", returns_marks=True)
        async with again.sending_silence():
            await second.wait_for_event(CallResumed)
            gate.set()

            async def is_told() -> bool:
                said = [event.text for event in await second.events() if isinstance(event, AgentSaid)]
                return "Today is Thursday." in said

            await wait_until(is_told)
        await again.hang_up()
    assert runs == ['{"hour": 8}']
    results = [message["content"] for message in server.requests[-1].body["messages"] if message["role"] == "tool"]
    assert results == ["Booked for eight."]
