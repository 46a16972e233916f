"""An outage of Redis during calls: callers do not notice it, and no event is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from shared.bus.client import BusClient, bus_client
from shared.bus.events import STREAM as EVENTS
from shared.events import CallEnded, CallerSaid, CallStarted, EventEnvelope, decode_event
from shared.plan import CallPlan
from tests.media.server.phone import WAIT_LIMIT_S, Phone
from tests.platform.bus_node import BusNode, envelopes, running_bus_node, wait_until
from vocalized.services.valkey import running_valkey


@pytest.fixture
def valkey_folder() -> Iterator[Path]:
    """A short path, so that Valkey's socket has the same path after every start."""
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    yield folder
    rmtree(folder)


@asynccontextmanager
async def redis_at(url: str) -> AsyncIterator[BusClient]:
    """A Redis client, closed at the end."""
    redis = bus_client(url, 5.0)
    yield redis
    await redis.aclose()


async def take_turn(phone: Phone, speech: bytes) -> None:
    """The caller asks and gets an answer."""
    before = len(phone.audio)
    await phone.speak(speech)
    async with asyncio.timeout(WAIT_LIMIT_S), phone.sending_silence():
        while len(phone.audio) < before + 600 * 8:  # noqa: ASYNC110  # the phone receives in its own task
            await asyncio.sleep(0.01)


def is_complete(found: list[EventEnvelope]) -> bool:
    """Whether no event of the call is missing, doubled or out of order."""
    return [envelope.seq for envelope in found] == list(range(1, len(found) + 1))


async def test_events_wait_on_disk_and_arrive_once_in_order(
    valkey_folder: Path, tmp_path: Path, plan: CallPlan, speech: bytes
) -> None:
    async with AsyncExitStack() as stack:
        valkey_stack = AsyncExitStack()
        valkey = await valkey_stack.enter_async_context(running_valkey(valkey_folder, durable=True))
        bus_node = await stack.enter_async_context(running_bus_node(valkey.url, tmp_path))
        phone = await bus_node.dial(plan, returns_marks=True)
        await take_turn(phone, speech)
        await bus_node.wait_for_event(CallerSaid)
        before = await bus_node.envelopes()
        await valkey_stack.aclose()
        await take_turn(phone, speech)
        await take_turn(phone, speech)
        assert await wait_until(lambda: turns_on_disk(tmp_path)) >= 2
        await asyncio.wait_for(wait_until(lambda: reports_no_bus(bus_node)), WAIT_LIMIT_S)
        async with running_valkey(valkey_folder, durable=True):
            await take_turn(phone, speech)
            await phone.hang_up()
            await bus_node.wait_for_event(CallEnded)
            # Events that Redis stored without answering were sent again; their identity makes that harmless.
            found = list(dict.fromkeys(await bus_node.envelopes()))
            assert found[: len(before)] == before
            assert is_complete(found)
            assert sum(isinstance(envelope.event, CallerSaid) for envelope in found) == 4
            ended = found[-1].event
            assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"
            assert bus_node.metric("vocalized_media_events_lost_total") == 0
            assert bus_node.metric("vocalized_media_events_spooled_total") > 0
            assert not list((tmp_path / "spool").glob("*/events.jsonl"))
            await stack.aclose()


async def turns_on_disk(state: Path) -> int:
    lines = [line for path in (state / "spool").glob("*/events.jsonl") for line in path.read_bytes().splitlines()]
    said = sum(isinstance(decode_event(line).event, CallerSaid) for line in lines)
    return said if said >= 2 else 0


async def reports_no_bus(bus_node: BusNode) -> bool:
    async with bus_node.session.get(bus_node.url + "/readyz") as response:
        return response.status == 503 and (await response.json())["status"] == "no_bus"


async def test_hanging_redis_does_not_disturb_calls(
    valkey_folder: Path, tmp_path: Path, plan: CallPlan, speech: bytes
) -> None:
    """Events that it may have stored without answering are sent again; their identity makes that harmless."""
    async with (
        running_valkey(valkey_folder, durable=False) as valkey,
        running_bus_node(valkey.url, tmp_path, timeout_s=0.3) as bus_node,
    ):
        phone = await bus_node.dial(plan, returns_marks=True)
        await take_turn(phone, speech)
        await bus_node.wait_for_event(CallerSaid)
        valkey.process.send_signal(signal.SIGSTOP)
        try:
            await take_turn(phone, speech)
            await phone.hang_up()
            async with asyncio.timeout(WAIT_LIMIT_S):
                while bus_node.worker.connections:  # noqa: ASYNC110  # there is no event to wait for
                    await asyncio.sleep(0.01)
        finally:
            valkey.process.send_signal(signal.SIGCONT)
        await bus_node.wait_for_event(CallEnded)
        found = list(dict.fromkeys(await bus_node.envelopes()))
        assert is_complete(found)


async def test_stream_is_refused_as_retryable_without_redis(
    valkey_folder: Path, tmp_path: Path, plan: CallPlan
) -> None:
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(running_valkey(valkey_folder, durable=False))
        async with running_bus_node(valkey.url, tmp_path) as bus_node:
            token = await bus_node.ticket(plan)
            await stack.aclose()
            phone = await bus_node.dial_with_token(token)
            await phone.wait_for("closed")
            assert phone.close_code == 1013
            assert bus_node.metric("vocalized_media_refused_total", reason="bus_away") == 1


async def test_node_started_before_redis_becomes_ready(valkey_folder: Path, tmp_path: Path, plan: CallPlan) -> None:
    url = f"unix://{valkey_folder}/run/valkey.sock"
    async with running_bus_node(url, tmp_path) as bus_node:
        assert await reports_no_bus(bus_node)
        async with running_valkey(valkey_folder, durable=False) as valkey:
            assert valkey.url == url

            async def ready() -> bool:
                async with bus_node.session.get(bus_node.url + "/readyz") as response:
                    return response.status == 200

            await wait_until(ready)
            assert bus_node.metric("vocalized_media_bus_up") == 1
            phone = await bus_node.dial(plan)
            await bus_node.wait_for_event(CallStarted)
            await phone.hang_up()
            await bus_node.wait_for_event(CallEnded)


async def test_events_unsent_at_shutdown_are_sent_by_the_next_process(
    valkey_folder: Path, tmp_path: Path, plan: CallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.server.bus.node.FLUSH_S", 0.2)
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(running_valkey(valkey_folder, durable=False))
        async with running_bus_node(valkey.url, tmp_path) as bus_node:
            phone = await bus_node.dial(plan)
            await bus_node.wait_for_event(CallStarted)
            await stack.aclose()
            await phone.hang_up()
    (unsent,) = (tmp_path / "spool").glob("*/events.jsonl")
    assert isinstance(decode_event(unsent.read_bytes().splitlines()[-1]).event, CallEnded)
    async with running_valkey(valkey_folder, durable=False) as valkey:
        async with running_bus_node(valkey.url, tmp_path, node_id="node-2"), redis_at(valkey.url) as redis:

            async def arrived() -> list[EventEnvelope]:
                return await envelopes(redis) if await redis.exists(EVENTS) else []

            found = await wait_until(arrived)
            assert isinstance(found[-1].event, CallEnded) and found[-1].call_id == plan.call_id
            assert (await redis.xlen(EVENTS)) == len(found)
        assert not unsent.parent.exists()
