"""Redis goes and comes back while people talk: they don't notice, and nothing that was told is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from redis.asyncio import Redis

from shared.bus.client import bus_client
from shared.bus.events import STREAM as EVENTS
from shared.events import CallEnded, CallerSaid, CallStarted, Envelope, decode_event
from shared.plan import CallPlan
from tests.media.server.bus.station import Station, envelopes, running_station, until
from tests.media.server.phone import PATIENCE_S, Phone
from vocalized.services.valkey import running_valkey


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path, so that the server's socket lies there after every start."""
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    yield folder
    rmtree(folder)


@asynccontextmanager
async def redis_at(url: str) -> AsyncIterator[Redis]:
    """A connection, closed again."""
    redis = bus_client(url, 5.0)
    yield redis
    await redis.aclose()


async def turn(phone: Phone, speech: bytes) -> None:
    """The caller asks, and hears an answer."""
    before = len(phone.audio)
    await phone.speak(speech)
    async with asyncio.timeout(PATIENCE_S), phone.going_on():
        while len(phone.audio) < before + 600 * 8:  # noqa: ASYNC110  # the phone hears by itself
            await asyncio.sleep(0.01)


def whole(found: list[Envelope]) -> bool:
    """All events of the one call, each once, in their order."""
    return [envelope.seq for envelope in found] == list(range(1, len(found) + 1))


async def test_events_wait_on_disk_and_arrive_once_in_order(
    place: Path, tmp_path: Path, plan: CallPlan, speech: bytes
) -> None:
    async with AsyncExitStack() as stack:
        first = AsyncExitStack()
        valkey = await first.enter_async_context(running_valkey(place, durable=True))
        station = await stack.enter_async_context(running_station(valkey.url, tmp_path))
        phone = await station.dial(plan, returns_marks=True)
        await turn(phone, speech)
        await station.until_event(CallerSaid)
        before = await station.envelopes()
        await first.aclose()
        await turn(phone, speech)
        await turn(phone, speech)
        assert await until(lambda: said_on_disk(tmp_path)) >= 2
        await asyncio.wait_for(until(lambda: away(station)), PATIENCE_S)
        async with running_valkey(place, durable=True):
            await turn(phone, speech)
            await phone.hang_up()
            await station.until_event(CallEnded)
            # What Redis took without saying so was sent again: the identity of an event makes that harmless.
            found = list(dict.fromkeys(await station.envelopes()))
            assert found[: len(before)] == before
            assert whole(found)
            assert sum(isinstance(envelope.event, CallerSaid) for envelope in found) == 4
            ended = found[-1].event
            assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"
            assert station.count("vocalized_media_events_lost_total") == 0
            assert station.count("vocalized_media_events_spooled_total") > 0
            assert not list((tmp_path / "spool").glob("*/events.jsonl"))
            await stack.aclose()


async def said_on_disk(state: Path) -> int:
    lines = [line for path in (state / "spool").glob("*/events.jsonl") for line in path.read_bytes().splitlines()]
    said = sum(isinstance(decode_event(line).event, CallerSaid) for line in lines)
    return said if said >= 2 else 0


async def away(station: Station) -> bool:
    async with station.session.get(station.url + "/readyz") as response:
        return response.status == 503 and (await response.json())["status"] == "no_bus"


async def test_a_redis_that_hangs_disturbs_no_call(place: Path, tmp_path: Path, plan: CallPlan, speech: bytes) -> None:
    """What it may have taken without saying so is sent again: the identity of an event makes that harmless."""
    async with (
        running_valkey(place, durable=False) as valkey,
        running_station(valkey.url, tmp_path, timeout_s=0.3) as station,
    ):
        phone = await station.dial(plan, returns_marks=True)
        await turn(phone, speech)
        await station.until_event(CallerSaid)
        valkey.process.send_signal(signal.SIGSTOP)
        try:
            await turn(phone, speech)
            await phone.hang_up()
            async with asyncio.timeout(PATIENCE_S):
                while station.worker.connections:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.01)
        finally:
            valkey.process.send_signal(signal.SIGCONT)
        await station.until_event(CallEnded)
        found = list(dict.fromkeys(await station.envelopes()))
        assert whole(found)


async def test_without_redis_a_stream_is_asked_to_come_again(place: Path, tmp_path: Path, plan: CallPlan) -> None:
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(running_valkey(place, durable=False))
        async with running_station(valkey.url, tmp_path) as station:
            token = await station.ticket(plan)
            await stack.aclose()
            phone = await station.knock(token)
            await phone.until("closed")
            assert phone.close_code == 1013
            assert station.count("vocalized_media_refused_total", reason="bus_away") == 1


async def test_a_node_that_starts_before_redis_is_ready_once_it_is_there(
    place: Path, tmp_path: Path, plan: CallPlan
) -> None:
    url = f"unix://{place}/run/valkey.sock"
    async with running_station(url, tmp_path) as station:
        assert await away(station)
        async with running_valkey(place, durable=False) as valkey:
            assert valkey.url == url

            async def ready() -> bool:
                async with station.session.get(station.url + "/readyz") as response:
                    return response.status == 200

            await until(ready)
            assert station.count("vocalized_media_bus_up") == 1
            phone = await station.dial(plan)
            await station.until_event(CallStarted)
            await phone.hang_up()
            await station.until_event(CallEnded)


async def test_what_cannot_be_sent_in_time_stays_for_the_next_start(
    place: Path, tmp_path: Path, plan: CallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.server.bus.node.FLUSH_S", 0.2)
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(running_valkey(place, durable=False))
        async with running_station(valkey.url, tmp_path) as station:
            phone = await station.dial(plan)
            await station.until_event(CallStarted)
            await stack.aclose()
            await phone.hang_up()
    (left,) = (tmp_path / "spool").glob("*/events.jsonl")
    assert isinstance(decode_event(left.read_bytes().splitlines()[-1]).event, CallEnded)
    async with running_valkey(place, durable=False) as valkey:
        async with running_station(valkey.url, tmp_path, node_id="node-2"), redis_at(valkey.url) as redis:

            async def arrived() -> list[Envelope]:
                return await envelopes(redis) if await redis.exists(EVENTS) else []

            found = await until(arrived)
            assert isinstance(found[-1].event, CallEnded) and found[-1].call_id == plan.call_id
            assert (await redis.xlen(EVENTS)) == len(found)
        assert not left.parent.exists()
