"""A booking whose node is killed with SIGKILL while it runs: it is made once, and the model of the resumed call gets
its result. Nodes are processes, with real Valkey and PostgreSQL, and control's reader of requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace

from control.media_requests.handlers import HandlerContext, MediaRequestHandler
from shared.bus.checkpoints import Checkpoint
from shared.events import AgentSaid, ToolRan, ToolStarted
from shared.plan import CallPlan, ProviderPlan, ToolPlan
from tests.control.calls.call_platform import CallPlatform, open_call_platform
from tests.control.media_requests.ends import running_api_process
from tests.media.providers.sse_server import CHUNKED, DONE, delta, sse_server, usage
from tests.media.server.bus.mortal_node import running_mortal_node
from tests.media.server.bus.test_resume import next_leg
from tests.media.server.phone import Phone
from tests.platform.bus_node import SEALER, BusNode, running_bus_node, wait_until

END = [usage(7, 2), DONE, b""]
ARGUMENTS = '{"hour": 8}'
BOOK = ToolPlan("book", "Books a table.", remote=True)
CALL_BOOK = [
    delta(tool_calls=[{"index": 0, "id": "t1", "function": {"name": "book", "arguments": ARGUMENTS}}]),
    delta("tool_calls"),
    *END,
]
ANSWER = [delta(content="Your table is booked."), delta("stop"), *END]


@pytest.fixture
async def platform(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    """Control's services on the nodes' Valkey."""
    async with open_call_platform(database_url, redis_url, tmp_path / "objects") as opened:
        yield opened


class Booking:
    """A handler that control may run once. It ends when `gate` is set."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def answer(self, context: HandlerContext) -> str:
        self.runs.append((context.run_id, context.arguments))
        self.begun.set()
        await self.gate.wait()
        return "Booked for eight."


@pytest.mark.parametrize("is_done", [False, True], ids=["booking_runs", "booking_ended_meanwhile"])
@pytest.mark.parametrize("deaths", [1, 2])
async def test_booking_is_made_once(
    platform: CallPlatform, plan: CallPlan, speech: bytes, redis_url: str, tmp_path: Path, deaths: int, is_done: bool
) -> None:
    """deaths: how many nodes are killed one after another. is_done: the booking ends while no node has the call."""
    booking = Booking()
    admitted = await platform.admit(await platform.create_workspace())
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(sse_server((CHUNKED, CALL_BOOK), (CHUNKED, ANSWER)))
        handlers = {"tool.book": MediaRequestHandler(booking.answer, "once")}
        await stack.enter_async_context(running_api_process(platform, handlers, sealer=SEALER))
        last = await stack.enter_async_context(running_bus_node(redis_url, tmp_path / "last", node_id="last"))
        model = ProviderPlan("my-llama", {"base_url": server.url, "model": "m", "api_key": "k"}, "openai")
        leg = replace(admitted.plan, stt=plan.stt, llm=[model], tts=plan.tts, turn=plan.turn, tools=(BOOK,))
        for number in range(deaths):
            async with running_mortal_node(redis_url, tmp_path / f"{number}", f"node-{number}") as mortal:
                phone = await dial(last, last.session, mortal.url, leg)
                if number == 0:
                    await phone.speak(speech)
                async with phone.sending_silence():
                    await wait_until_started(last, number + 1)
                    await booking.begun.wait()
                    leg = next_leg(leg, await checkpoint_with_the_call(last, leg))
                await mortal.kill()
        if is_done:
            booking.gate.set()
        phone = await dial(last, last.session, last.url, leg)
        async with phone.sending_silence():
            await wait_until_started(last, deaths + 1)
            booking.gate.set()
            await wait_until_said(last, "Your table is booked.")
        await phone.hang_up()
        events = await last.events()
    ((run_id, arguments),) = booking.runs
    assert json.loads(arguments) == json.loads(ARGUMENTS)
    assert [event.run_id for event in events if isinstance(event, ToolStarted)] == [run_id] * (deaths + 1)
    (ran,) = [event for event in events if isinstance(event, ToolRan)]
    assert (ran.ok, ran.result, ran.run_id) == (True, "Booked for eight.", run_id)
    assert len(server.requests) == 2, "no killed node's request is repeated"
    messages = server.requests[-1].body["messages"]
    assert [message["content"] for message in messages if message["role"] == "tool"] == ["Booked for eight."]


async def test_booking_is_made_once_although_its_checkpoint_was_lost(
    platform: CallPlatform, plan: CallPlan, speech: bytes, redis_url: str, tmp_path: Path
) -> None:
    """The node is killed between the request to control and the checkpoint: the model calls the tool anew."""
    booking = Booking()
    admitted = await platform.admit(await platform.create_workspace())
    async with AsyncExitStack() as stack:
        scripts = [(CHUNKED, steps) for steps in (CALL_BOOK, CALL_BOOK, ANSWER)]
        server = await stack.enter_async_context(sse_server(*scripts))
        handlers = {"tool.book": MediaRequestHandler(booking.answer, "once")}
        await stack.enter_async_context(running_api_process(platform, handlers, sealer=SEALER))
        last = await stack.enter_async_context(running_bus_node(redis_url, tmp_path / "last", node_id="last"))
        model = ProviderPlan("my-llama", {"base_url": server.url, "model": "m", "api_key": "k"}, "openai")
        leg = replace(admitted.plan, stt=plan.stt, llm=[model], tts=plan.tts, turn=plan.turn, tools=(BOOK,))
        async with running_mortal_node(redis_url, tmp_path / "node", "node") as mortal:
            phone = await dial(last, last.session, mortal.url, leg)
            await phone.speak(speech)
            async with phone.sending_silence():
                await wait_until_started(last, 1)
                await booking.begun.wait()
                stored = await checkpoint_with_the_call(last, leg)
            await mortal.kill()
        before = [message for message in stored.messages if message.role == "user"]
        phone = await dial(last, last.session, last.url, next_leg(leg, replace(stored, messages=before)))
        async with phone.sending_silence():
            await wait_until_started(last, 2)
            booking.gate.set()
            await wait_until_said(last, "Your table is booked.")
        await phone.hang_up()
    assert len(booking.runs) == 1 and len(server.requests) == 3


async def dial(control: BusNode, session: ClientSession, url: str, leg: CallPlan) -> Phone:
    """Opens a stream of the call at a node, with a ticket."""
    token = await control.ticket(leg)
    return await Phone.dial(session, f"{url}/media/twilio", f"MZ{leg.leg}", token=token, returns_marks=True)


async def checkpoint_with_the_call(node: BusNode, leg: CallPlan) -> Checkpoint:
    """Waits for the checkpoint that this leg wrote when the tool began."""

    async def poll() -> Checkpoint | None:
        found = await node.checkpoint(leg.call_id)
        has_call = found is not None and any(message.calls for message in found.messages)
        return found if has_call and found is not None and found.leg == leg.leg else None

    found = await wait_until(poll)
    assert found is not None
    return found


async def wait_until_started(node: BusNode, times: int) -> None:
    """Waits for that many `tool.started` of all legs."""

    async def poll() -> bool:
        return sum(isinstance(event, ToolStarted) for event in await node.events()) >= times

    await wait_until(poll)


async def wait_until_said(node: BusNode, text: str) -> None:
    """Waits until the agent has said the text."""

    async def poll() -> bool:
        return any(isinstance(event, AgentSaid) and event.text.endswith(text) for event in await node.events())

    await wait_until(poll)
