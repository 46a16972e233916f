"""Media's events, written down: once each, in any order, through failures of either server."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import pytest

from control.analytics.rollup import roll_up
from control.calls.hanging import HANG_UP
from control.calls.model import Admitted, Progress
from control.calls.sink import ASIDE, Counts, Pace, consume
from control.calls.work import hang_up_by
from control.calls.writing import JOIN, Join, read, write
from control.carriers.book import Carriers
from control.carriers.model import CarrierName
from shared.bus.client import bus_client
from shared.bus.events import STREAM, EventStream
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallStarted,
    EndReason,
    Envelope,
    Event,
    RecordingReady,
    Usage,
    encode_event,
)
from shared.ids import new_id
from tests.control.calls.stage import NOW, Gateway, House, Shop, later

QUICK = Pace(batch=100, wait_s=0.02, pause_s=0.05, idle_s=0.2, unknown_s=0.0)
BEGAN = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)


def line(call_id: UUID | str, seq: int, event: Event, seconds: float = 0) -> bytes:
    return encode_event(Envelope(str(call_id), seq, (BEGAN + timedelta(seconds=seconds)).isoformat(), event))


def conversation(call: Admitted, *, ms: int = 12_000) -> list[bytes]:
    """A whole call."""
    key = f"recordings/{call.workspace_id}/{call.call_id}-0.wav"
    events: list[Event] = [
        CallStarted("twilio", call.carrier_call_id, "MZ1", "Desk"),
        AgentSaid(0, "Hello.", 100, 900),
        CallerSaid(1, "When do you open?", 1_500, 2_500),
        AgentSaid(1, "At nine.", 3_000, 4_000),
        RecordingReady(key, ms),
        CallEnded("completed", "caller_hangup", "", ms, Usage(call_ms=ms, tts_characters=14)),
    ]
    return [line(call.call_id, seq, event, 2 * seq) for seq, event in enumerate(events, 1)]


@asynccontextmanager
async def sinking(house: House, pace: Pace = QUICK) -> AsyncIterator[Counts]:
    """The consumer, until the block ends."""
    stop, counts = asyncio.Event(), Counts()
    task = asyncio.create_task(consume(house.pool, house.redis, house.handover.forget, stop, counts=counts, pace=pace))
    try:
        yield counts
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # counts tell nobody
            await asyncio.sleep(0.01)


async def drained(house: House) -> None:
    """Until nothing is left in the stream."""
    stream = EventStream(house.redis)
    async with asyncio.timeout(20):
        while await stream.length():  # noqa: ASYNC110  # Redis tells nobody
            await asyncio.sleep(0.01)


async def tell(house: House, lines: Sequence[bytes]) -> None:
    await EventStream(house.redis).append(lines)


async def events(house: House, call_id: UUID) -> list[Any]:
    return list(
        await house.staff(lambda db: db.fetch("SELECT * FROM call_events WHERE call_id = $1 ORDER BY seq", call_id))
    )


async def words(house: House, call_id: UUID) -> Any:
    return await house.staff(lambda db: db.fetchval("SELECT words FROM call_words WHERE call_id = $1", call_id))


@pytest.fixture(autouse=True)
async def empty(house: House) -> None:
    await house.redis.flushall()


async def a_call(house: House) -> tuple[Shop, Admitted]:
    shop = await house.shop()
    return shop, await house.admitted(shop)


async def check(house: House, call: Admitted) -> None:
    """The conversation is written down."""
    row = await house.row(call.call_id)
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "caller_hangup", 12)
    assert row["answered_at"] == BEGAN + timedelta(seconds=2)
    assert row["ended_at"] == BEGAN + timedelta(seconds=12)
    assert row["transcription"] == "Agent: Hello.\nCaller: When do you open?\nAgent: At nine."
    assert row["recording_key"] == f"recordings/{call.workspace_id}/{call.call_id}-0.wav"
    assert row["recording_seconds"] == 12
    assert row["details"]["usage"]["tts_characters"] == 14
    assert [one["seq"] for one in await events(house, call.call_id)] == [1, 2, 3, 4, 5, 6]
    assert [word["text"] for word in await words(house, call.call_id)] == ["Hello.", "When do you open?", "At nine."]
    marks = await house.staff(
        lambda db: db.fetchval("SELECT count(*) FROM rollup_dirty WHERE workspace_id = $1", call.workspace_id)
    )
    assert marks >= 1
    assert not await house.staff(lambda db: db.fetchval("SELECT count(*) FROM usage_records"))


async def test_a_call_is_written_down(house: House) -> None:
    _, call = await a_call(house)
    async with sinking(house) as counts:
        await tell(house, conversation(call))
        await drained(house)
    assert counts == Counts(written=6)
    await check(house, call)


@pytest.mark.parametrize("seed", range(4))
async def test_in_any_order_and_twice(house: House, seed: int) -> None:
    _, call = await a_call(house)
    lines = conversation(call) * 2
    random.Random(seed).shuffle(lines)
    async with sinking(house, Pace(3, 0.02, 0.05, 0.2, 0.0)) as counts:
        await tell(house, lines)
        await drained(house)
    assert (counts.written, counts.repeated) == (6, 6)
    await check(house, call)


async def test_a_number_that_comes_again_with_another_time_counts_once(house: House) -> None:
    _, call = await a_call(house)
    said = CallerSaid(1, "Hello?", 1_500, 2_500)
    async with sinking(house) as counts:
        await tell(house, [line(call.call_id, 1, said, 0), line(call.call_id, 1, said, 40 * 86_400)])
        await drained(house)
        await tell(house, [line(call.call_id, 1, said, 80 * 86_400)])
        await drained(house)
    assert counts.written == 1
    assert len(await events(house, call.call_id)) == 1


async def test_the_carriers_word_may_be_faster(house: House) -> None:
    _, call = await a_call(house)
    told = Progress("twilio", call.carrier_call_id, "completed", later(14), duration_s=14)
    await house.staff(lambda db: house.calls.progress(db, told))
    lines = conversation(call)
    lines[-1] = line(call.call_id, 6, CallEnded("completed", "silence", "", 12_000, Usage()), 12)
    async with sinking(house):
        await tell(house, lines)
        await drained(house)
    row = await house.row(call.call_id)
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "silence", 12)
    assert row["details"]["carrier"]["duration_s"] == 14


async def test_a_crash_between_commit_and_acknowledgement_is_harmless(house: House) -> None:
    _, call = await a_call(house)
    await tell(house, conversation(call))
    stream = EventStream(house.redis)
    await stream.prepare()
    # One that has written them, and died: they are its own until somebody takes over.
    taken = await stream.read("dead", 100, 0.1)
    await house.staff(lambda db: write(db, [read(one.id, one.line) for one in taken]))
    async with sinking(house) as counts:
        await drained(house)
    assert (counts.written, counts.repeated) == (0, 6)
    await check(house, call)


async def test_a_crash_before_the_commit_is_made_good(house: House) -> None:
    _, call = await a_call(house)
    await tell(house, conversation(call))
    stream = EventStream(house.redis)
    await stream.prepare()
    await stream.read("dead", 100, 0.1)
    async with sinking(house) as counts:
        await drained(house)
    assert counts.written == 6
    await check(house, call)


async def test_what_cannot_be_read_is_set_aside(house: House) -> None:
    _, call = await a_call(house)
    poison = [
        b"no json", b'{"call_id": 1}', b'{"type": "call.ended"}',
        line("not-a-uuid", 1, CallerSaid(1, "a", 0, 1)),
        line(call.call_id, -1, CallerSaid(1, "a", 0, 1)),
        line(call.call_id, 2**31, CallerSaid(1, "a", 0, 1)),
        line(call.call_id, 50, CallerSaid(1, "a\0b", 0, 1)),  # PostgreSQL takes no NUL
        line(call.call_id, 51, CallEnded("completed", "silence", "", 10**16, Usage())),  # too long for its column
        encode_event(Envelope(str(call.call_id), 52, "yesterday", CallerSaid(1, "a", 0, 1))),
    ]  # fmt: skip
    good = conversation(call)
    async with sinking(house) as counts:
        await tell(house, [*poison[:4], *good, *poison[4:]])
        await drained(house)
    assert (counts.written, counts.set_aside) == (6, len(poison))
    assert await house.redis.xlen(ASIDE) == len(poison)
    await check(house, call)


async def test_events_of_an_unknown_call_wait_for_it_and_are_then_given_up(house: House) -> None:
    early = UUID(new_id())
    async with sinking(house, Pace(100, 0.02, 0.05, 0.1, 60.0)) as counts:
        await tell(house, [line(early, 1, CallerSaid(1, "a", 0, 1))])
        await until(lambda: counts.pauses == 0)
        _, call = await a_call(house)
        await house.staff(lambda db: db.execute("UPDATE calls SET id = $2 WHERE id = $1", call.call_id, early))
        await drained(house)
        assert (counts.written, counts.unknown) == (1, 0)
    async with sinking(house, Pace(100, 0.02, 0.05, 0.1, 0.0)) as counts:
        await tell(house, [line(UUID(new_id()), 1, CallerSaid(1, "a", 0, 1))])
        await drained(house)
    assert (counts.written, counts.unknown) == (0, 1)


async def test_postgresql_away_is_waited_for(house: House, database_url: str) -> None:
    _, call = await a_call(house)
    async with sinking(house) as counts:
        async with locked_out(database_url):
            await tell(house, conversation(call))
            await until(lambda: counts.pauses > 2)
            assert counts.written == 0
        await drained(house)
    assert counts.written == 6
    await check(house, call)


@asynccontextmanager
async def locked_out(url: str) -> AsyncIterator[None]:
    """Whoever is connected to the database is thrown out, and nobody gets in until the block ends."""
    name = urlsplit(url).path.removeprefix("/")
    owner = await asyncpg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")))
    try:
        await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await owner.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await owner.close()


async def test_redis_away_is_waited_for(house: House) -> None:
    stop, counts = asyncio.Event(), Counts()
    gone = bus_client("redis://127.0.0.1:9", 1.0)
    task = asyncio.create_task(consume(house.pool, gone, house.handover.forget, stop, counts=counts, pace=QUICK))
    await until(lambda: counts.pauses > 2)
    stop.set()
    await asyncio.wait_for(task, 10)
    await gone.aclose()


async def test_a_redis_that_was_emptied(house: House) -> None:
    _, call = await a_call(house)
    async with sinking(house) as counts:
        await tell(house, conversation(call)[:2])
        await drained(house)
        await house.redis.delete(STREAM)
        await tell(house, conversation(call)[2:])
        await drained(house)
    assert counts.written == 6
    await check(house, call)


async def test_two_at_once_write_everything_once(house: House) -> None:
    calls = [(await a_call(house))[1] for _ in range(5)]
    lines = [one for call in calls for one in conversation(call) * 2]
    random.Random(1).shuffle(lines)
    async with (
        sinking(house, Pace(7, 0.02, 0.05, 0.2, 0.0)) as one,
        sinking(house, Pace(7, 0.02, 0.05, 0.2, 0.0)) as two,
    ):
        await tell(house, lines)
        await drained(house)
    assert one.written + two.written == 30
    assert one.set_aside + two.set_aside == 0
    for call in calls:
        await check(house, call)


async def test_several_streams_recordings_are_joined_later(house: House) -> None:
    _, call = await a_call(house)
    base = f"recordings/{call.workspace_id}/{call.call_id}"
    async with sinking(house, Pace(1, 0.02, 0.05, 0.2, 0.0)):
        await tell(house, [line(call.call_id, 100_001, CallResumed(9_000, 4_000, 1, "MZ2"), 9)])
        await tell(house, [line(call.call_id, 100_002, RecordingReady(f"{base}-1.wav", 20_000, 1), 20)])
        await tell(house, [line(call.call_id, 99_000, RecordingReady(f"{base}-0.wav", 9_000, 0), 30)])
        await drained(house)
    row = await house.row(call.call_id)
    assert [one["leg"] for one in row["details"]["recordings"]] == [0, 1]
    assert row["details"]["gaps"] == [{"leg": 1, "lost_ms": 4_000, "at_ms": 9_000}]
    assert row["recording_key"] == f"{base}-1.wav"
    jobs = [msgspec.json.decode(job, type=Join) for job in await house.jobs(JOIN)]
    assert jobs.count(Join(call.call_id)) == 1


async def test_a_test_call_is_not_counted(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, "+12125550123", test=True)
    await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-test-call", call_id, NOW))
    async with sinking(house):
        ended = CallEnded("completed", "agent_hangup", "", 5_000, Usage())
        await tell(house, [line(call_id, 1, ended, 5)])
        await drained(house)
    assert (await house.row(call_id))["is_test"]
    await house.staff(lambda db: roll_up(db, 1_000))
    counted = await house.staff(
        lambda db: db.fetchval(
            "SELECT coalesce(sum(calls), 0) FROM workspace_daily WHERE workspace_id = $1", shop.workspace_id
        )
    )
    assert counted == 0


@pytest.mark.parametrize(
    ("carrier", "reason", "hung_up"),
    [("telnyx", "agent_hangup", True), ("telnyx", "transferred", False), ("telnyx", "carrier_error", False),
     ("twilio", "agent_hangup", False)],
)  # fmt: skip
async def test_telnyx_is_told_to_hang_up_once_media_has_ended_a_call(
    house: House, carrier: CarrierName, reason: EndReason, hung_up: bool
) -> None:
    """Should the word that its stream is over get lost, nobody else would."""
    shop = await house.shop(carrier=carrier)
    name = f"hang-up-{carrier}-{reason}"
    made = await house.ring(shop, name, carrier=carrier)
    assert isinstance(made, Admitted)
    told = read("1-1", line(made.call_id, 9, CallEnded("completed", reason, "", 9_000, Usage()), 9))
    for _ in range(2):
        await house.staff(lambda db: write(db, [told]))
    jobs = await house.staff(
        lambda db: db.fetch(
            "SELECT payload, execute_after > now() + interval '5 seconds' AS waits FROM pgqueuer WHERE entrypoint = $1",
            HANG_UP,
        )
    )
    mine = [row for row in jobs if name.encode() in row["payload"]]
    assert [row["waits"] for row in mine] == [True] * hung_up
    for row in mine:
        gateway = Gateway("telnyx")
        await hang_up_by(house.pool, Carriers({"telnyx": gateway}), house.handover)(row["payload"])
        assert gateway.hung_up == [name]


async def test_the_carriers_own_word_in_between_saves_the_request(house: House) -> None:
    shop = await house.shop(carrier="telnyx")
    made = await house.ring(shop, "told-in-between", carrier="telnyx")
    assert isinstance(made, Admitted)
    told = read("1-1", line(made.call_id, 9, CallEnded("completed", "agent_hangup", "", 9_000, Usage()), 9))
    await house.staff(lambda db: write(db, [told]))
    (job,) = [job for job in await house.jobs(HANG_UP) if b"told-in-between" in job]
    over = Progress("telnyx", "told-in-between", "completed", later(9), details={"cause": "normal_clearing"})
    await house.staff(lambda db: house.calls.progress(db, over))
    gateway = Gateway("telnyx")
    await hang_up_by(house.pool, Carriers({"telnyx": gateway}), house.handover)(job)
    assert gateway.hung_up == []


async def test_a_call_that_telnyx_has_ended_need_not_be_hung_up(house: House) -> None:
    shop = await house.shop(carrier="telnyx")
    made = await house.ring(shop, "hung-up-already", carrier="telnyx")
    assert isinstance(made, Admitted)
    over = Progress("telnyx", "hung-up-already", "completed", later(9))
    await house.staff(lambda db: house.calls.progress(db, over))
    told = read("1-1", line(made.call_id, 9, CallEnded("completed", "caller_hangup", "", 9_000, Usage()), 9))
    await house.staff(lambda db: write(db, [told]))
    assert not [job for job in await house.jobs(HANG_UP) if b"hung-up-already" in job]
