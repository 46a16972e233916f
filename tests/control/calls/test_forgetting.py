"""Conversations leave Redis when their calls' ends are written down; the word that they were over stays a while."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from control.calls.model import Admitted, Progress
from control.calls.reaper import UNTOLD, reap
from control.calls.sink import Counts, consume
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.client import BusAway
from shared.events import CallEnded, CallStarted, EndReason, Status, Usage
from tests.control.calls.stage import NOW, SEALER, House, later
from tests.control.calls.test_sink import QUICK, conversation, drained, line, sinking, tell, until

OVER = Over(0)


@pytest.fixture(autouse=True)
async def empty(house: House) -> None:
    await house.redis.flushall()


async def talking(house: House) -> Admitted:
    """A call with a conversation on the bus."""
    call = await house.admitted(await house.shop())
    kept = Checkpoint(str(call.call_id), "node-1", 0, [], 0, Usage(), 1, 2)
    await Checkpoints(house.redis, SEALER).put(kept)
    return call


async def is_kept(house: House, call: Admitted) -> bool:
    return await house.handover.checkpoint(call.call_id) is not None


async def test_with_the_end_of_the_call(house: House) -> None:
    call, other = await talking(house), await talking(house)
    await Checkpoints(house.redis, SEALER).end(str(call.call_id), OVER)
    async with sinking(house):
        await tell(house, conversation(call)[:-1])
        await drained(house)
        assert await is_kept(house, call)
        await tell(house, conversation(call)[-1:])
        await drained(house)
    assert not await is_kept(house, call)
    assert await is_kept(house, other)
    assert await house.handover.decide(call.call_id, None, 0.0) == OVER


@pytest.mark.parametrize(("status", "kept"), [(None, True), ("completed", False)])
async def test_a_stream_that_was_lost_is_not_the_end_unless_it_is(
    house: House, status: Status | None, kept: bool
) -> None:
    call = await talking(house)
    if status is not None:
        told = Progress("twilio", call.carrier_call_id, status, later(9))
        await house.staff(lambda db: house.calls.progress(db, told))
    reason: EndReason = "carrier_error"
    async with sinking(house):
        await tell(house, [line(call.call_id, 5, CallEnded("failed", reason, "", 9_000, Usage()), 9)])
        await drained(house)
    assert await is_kept(house, call) == kept


async def test_a_crash_after_the_commit_and_a_bus_that_was_away_are_made_good(house: House) -> None:
    call = await talking(house)
    failures = [BusAway("away"), BusAway("away")]

    async def forget(call_ids: Sequence[UUID]) -> None:
        if failures:
            raise failures.pop()
        await house.handover.forget(call_ids)

    stop, counts = asyncio.Event(), Counts()
    task = asyncio.create_task(consume(house.pool, house.redis, forget, stop, counts=counts, pace=QUICK))
    await tell(house, conversation(call))
    await drained(house)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert (counts.written, counts.repeated, failures) == (6, 12, [])
    assert not await is_kept(house, call)


async def test_nothing_is_asked_for_events_in_between(house: House) -> None:
    call = await talking(house)
    asked: list[UUID] = []

    async def forget(call_ids: Sequence[UUID]) -> None:
        asked.extend(call_ids)

    stop, counts = asyncio.Event(), Counts()
    task = asyncio.create_task(consume(house.pool, house.redis, forget, stop, counts=counts, pace=QUICK))
    await tell(house, [line(call.call_id, 1, CallStarted("twilio", call.carrier_call_id, "MZ1", "Desk"))])
    await until(lambda: counts.written == 1)
    await drained(house)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert asked == []


async def test_with_a_call_that_nobody_held_any_more(house: House) -> None:
    call, ringing = await talking(house), await talking(house)
    told = Progress("twilio", call.carrier_call_id, "in_progress", NOW)
    await house.staff(lambda db: house.calls.progress(db, told))
    now = NOW + timedelta(minutes=1)
    await reap(house.pool, house.handover, now)
    assert await is_kept(house, call)
    await reap(house.pool, house.handover, now + UNTOLD)
    assert (await house.row(call.call_id))["end_reason"] == "media_lost"
    assert not await is_kept(house, call)
    assert await is_kept(house, ringing)
