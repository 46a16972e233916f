"""Consumers of events that leave or were killed, a Redis whose clock was set, and a process without memory."""

import asyncio
import time
from dataclasses import replace
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.calls.events.tasks import ConsumerPace, is_temporary
from shared.bus.events import GROUP, STREAM, EventStream, entry_fields
from shared.events import CallerSaid
from shared.ids import new_id
from tests.control.calls.call_platform import CallPlatform
from tests.control.calls.consumed_events import (
    FAST_PACE,
    admit_call,
    conversation_events,
    encoded_event,
    running_consumer,
    send,
    wait_until,
    wait_until_drained,
)


@pytest.fixture(autouse=True)
async def empty_redis(platform: CallPlatform) -> None:
    await platform.redis.flushall()


async def test_events_of_an_unknown_call_wait_also_if_redis_clock_is_an_hour_behind(platform: CallPlatform) -> None:
    """The ids of entries are Redis's time."""
    await EventStream(platform.redis).create_group()
    async with running_consumer(platform, ConsumerPace(100, 0.02, 0.05, 0.1, 60.0)) as counts:
        an_hour_ago = round((time.time() - 3_600) * 1000)
        line = encoded_event(early := UUID(new_id()), 1, CallerSaid(1, "a", 0, 1))
        await platform.redis.xadd(STREAM, entry_fields(line, b""), id=f"{an_hour_ago}-0")
        await wait_until_read(platform)
        _, call = await admit_call(platform)
        await platform.in_platform(lambda db: db.execute("UPDATE calls SET id = $2 WHERE id = $1", call.call_id, early))
        await wait_until_drained(platform)
    assert (counts.written, counts.unknown) == (1, 0)


async def test_events_that_follow_each_other_share_a_transaction(platform: CallPlatform) -> None:
    """The first event is stored at once; those that arrive within the gathering time after it are stored together."""
    _, call = await admit_call(platform)
    first, *others = conversation_events(call)
    async with running_consumer(platform, replace(FAST_PACE, gather_s=2.0)) as counts:
        await send(platform, [first])
        await wait_until(lambda: counts.written == 1)
        for event in others:
            await send(platform, [event])
        await wait_until_drained(platform)
    transactions = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT count(*) AS events FROM call_events WHERE call_id = $1 GROUP BY xmin::text ORDER BY 1", call.call_id
        )
    )
    assert [row["events"] for row in transactions] == [1, len(others)]


async def test_a_consumer_leaves_and_those_of_killed_processes_are_removed(platform: CallPlatform) -> None:
    stream = EventStream(platform.redis)
    await stream.create_group()
    await stream.read("killed", 1, 0.01)
    async with running_consumer(platform, replace(FAST_PACE, dead_s=60.0)):
        await wait_for_consumers(platform, 2)
    assert await consumer_names(platform) == ["killed"], "the other one has left"
    async with running_consumer(platform, replace(FAST_PACE, dead_s=0.0, wait_s=0.01)):
        async with asyncio.timeout(20):
            while "killed" in await consumer_names(platform):  # noqa: ASYNC110  # Redis sends no signal
                await asyncio.sleep(0.01)
    assert await consumer_names(platform) == []


async def test_a_killed_consumer_with_entries_stays_until_they_are_taken_over(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    await send(platform, conversation_events(call))
    stream = EventStream(platform.redis)
    await stream.create_group()
    await stream.read("killed", 100, 0.1)
    await stream.remove_dead_consumers(0.0)
    assert await consumer_names(platform) == ["killed"]
    async with running_consumer(platform, replace(FAST_PACE, dead_s=0.0)) as counts:
        await wait_until_drained(platform)
    assert counts.written == 6


async def consumer_names(platform: CallPlatform) -> list[str]:
    return [xinfo_consumer["name"].decode() for xinfo_consumer in await platform.redis.xinfo_consumers(STREAM, GROUP)]


async def wait_for_consumers(platform: CallPlatform, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await consumer_names(platform)) < count:  # noqa: ASYNC110  # Redis sends no signal
            await asyncio.sleep(0.01)


async def wait_until_read(platform: CallPlatform) -> None:
    """Waits until a consumer has taken the entry, and could not store it."""
    async with asyncio.timeout(20):
        while not (await platform.redis.xpending(STREAM, GROUP))["pending"]:  # noqa: ASYNC110  # Redis sends no signal
            await asyncio.sleep(0.01)


async def test_an_event_is_no_more_to_blame_for_a_lack_of_memory_than_for_a_lost_database(database_url: str) -> None:
    """asyncpg raises the same error for a value for which there was no memory as for one that no column takes."""
    connection = await asyncpg.connect(database_url)
    try:
        for raised, expected in ((MemoryError(), True), (TypeError("no JSON"), False)):

            def encode(value: object, raised: Exception = raised) -> str:
                raise raised

            await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=encode, decoder=str)
            with pytest.raises(asyncpg.DataError) as found:
                await connection.execute("SELECT $1::jsonb", {})
            assert is_temporary(found.value) is expected
    finally:
        await connection.close()
    assert is_temporary(MemoryError())
