"""Conversations are deleted from Redis once the end of their calls is stored; their outcomes stay for a while."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.tasks import EventCounts, consume_events
from control.calls.lost.rules import (
    CLOCK_ERROR,
    FORGET_S,
    GRACE,
    LONGEST,
    LONGEST_QUEUED,
    LONGEST_RINGING,
    MOST_MISSING,
    CallWatch,
    next_state,
)
from control.calls.lost.service import reap_calls
from control.calls.records.details import Absence, CallDetails
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.state import CallState
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.client import BusUnavailable
from shared.events import CallEnded, CallStarted, CallStatus, CallUsage, EndReason
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, later, make_checkpoint
from tests.control.calls.consumed_events import (
    FAST_PACE,
    conversation_events,
    encoded_event,
    running_consumer,
    send,
    wait_until,
    wait_until_drained,
)

OUTCOME = StreamOutcome(0)


@pytest.fixture(autouse=True)
async def empty_redis(platform: CallPlatform) -> None:
    await platform.redis.flushall()


async def call_with_checkpoint(platform: CallPlatform) -> AdmittedCall:
    """A call with a conversation on the bus."""
    call = await platform.admit(await platform.create_workspace())
    checkpoint = make_checkpoint(call.call_id, "node-1", 0)
    await Checkpoints(platform.redis, SEALER).put(checkpoint)
    return call


async def has_checkpoint(platform: CallPlatform, call: AdmittedCall) -> bool:
    return await platform.media_assignment.get_checkpoint(call.call_id) is not None


async def test_conversation_is_deleted_when_the_end_of_the_call_is_stored(platform: CallPlatform) -> None:
    call, other = await call_with_checkpoint(platform), await call_with_checkpoint(platform)
    await Checkpoints(platform.redis, SEALER).put_outcome(str(call.call_id), OUTCOME)
    async with running_consumer(platform):
        await send(platform, conversation_events(call)[:-1])
        await wait_until_drained(platform)
        assert await has_checkpoint(platform, call)
        await send(platform, conversation_events(call)[-1:])
        await wait_until_drained(platform)
    assert not await has_checkpoint(platform, call)
    assert await has_checkpoint(platform, other)
    assert await platform.media_assignment.wait_for_outcome(call.call_id, None, 0.0) == OUTCOME


@pytest.mark.parametrize(("status", "is_kept"), [(None, True), ("completed", False)])
async def test_conversation_of_a_lost_stream_is_deleted_only_if_the_call_has_ended(
    platform: CallPlatform, status: CallStatus | None, is_kept: bool
) -> None:
    call = await call_with_checkpoint(platform)
    if status is not None:
        status_report = CarrierStatus("twilio", call.carrier_call_id, status, later(9))
        await platform.in_platform(lambda db: apply_status(db, status_report))
    reason: EndReason = "carrier_error"
    async with running_consumer(platform):
        await send(platform, [encoded_event(call.call_id, 5, CallEnded("failed", reason, "", 9_000, CallUsage()), 9)])
        await wait_until_drained(platform)
    assert await has_checkpoint(platform, call) == is_kept


async def test_deletion_is_repeated_after_a_crash_or_an_unavailable_bus(platform: CallPlatform) -> None:
    call = await call_with_checkpoint(platform)
    failures = [BusUnavailable("away"), BusUnavailable("away")]

    async def forget(call_ids: Sequence[UUID]) -> None:
        if failures:
            raise failures.pop()
        await platform.media_assignment.forget_conversations(call_ids)

    stop, counts = asyncio.Event(), EventCounts()
    task = asyncio.create_task(
        consume_events(platform.pool, platform.redis, forget, stop, counts=counts, pace=FAST_PACE)
    )
    await send(platform, conversation_events(call))
    await wait_until_drained(platform)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert (counts.written, counts.repeated, failures) == (6, 12, [])
    assert not await has_checkpoint(platform, call)


async def test_other_events_delete_no_conversation(platform: CallPlatform) -> None:
    call = await call_with_checkpoint(platform)
    forgotten: list[UUID] = []

    async def forget(call_ids: Sequence[UUID]) -> None:
        forgotten.extend(call_ids)

    stop, counts = asyncio.Event(), EventCounts()
    task = asyncio.create_task(
        consume_events(platform.pool, platform.redis, forget, stop, counts=counts, pace=FAST_PACE)
    )
    await send(platform, [encoded_event(call.call_id, 1, CallStarted("twilio", call.carrier_call_id, "MZ1", "Desk"))])
    await wait_until(lambda: counts.written == 1)
    await wait_until_drained(platform)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert forgotten == []


async def test_conversation_of_a_reaped_call_is_deleted(platform: CallPlatform) -> None:
    call, ringing = await call_with_checkpoint(platform), await call_with_checkpoint(platform)
    status_report = CarrierStatus("twilio", call.carrier_call_id, "in_progress", NOW)
    await platform.in_platform(lambda db: apply_status(db, status_report))
    now = NOW + timedelta(minutes=1)
    await reap_calls(platform.pool, platform.media_assignment, CallWatch(), now)
    assert await has_checkpoint(platform, call)
    await reap_calls(platform.pool, platform.media_assignment, CallWatch(), now + MOST_MISSING)
    assert (await platform.call_row(call.call_id))["end_reason"] == "media_lost"
    assert not await has_checkpoint(platform, call)
    assert await has_checkpoint(platform, ringing)


def open_call(status: CallStatus, *, answered: bool = False, missing: Absence | None = None) -> CallState:
    return CallState(
        id=UUID(int=1),
        workspace_id=UUID(int=2),
        created_at=NOW,
        is_test=False,
        direction="outbound",
        carrier="twilio",
        carrier_call_id="CA1",
        status=status,
        answered_at=NOW if answered else None,
        details=CallDetails(missing=missing),
    )


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("status", "bound"), [("ringing", LONGEST_RINGING), ("queued", LONGEST_QUEUED)])
def test_call_that_rings_or_waits_is_closed_only_if_it_was_seen_for_as_long(
    status: CallStatus, bound: timedelta
) -> None:
    """A clock that is set by an hour ends no call."""
    call = open_call(status)
    assert next_state(call, False, GRACE, NOW + HOUR) == call
    assert next_state(call, False, HOUR, NOW + GRACE) == call
    assert next_state(call, False, bound + timedelta(seconds=1), NOW + HOUR).is_final


def test_call_that_a_node_reports_outlives_a_clock_that_is_set_by_an_hour() -> None:
    call = open_call("in_progress", answered=True)
    assert next_state(call, True, HOUR, NOW + LONGEST + CLOCK_ERROR) == call
    assert next_state(call, True, HOUR, NOW + LONGEST + CLOCK_ERROR + timedelta(seconds=1)).is_final
    assert next_state(call, None, HOUR, NOW + LONGEST + timedelta(seconds=1)).is_final


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_call_that_is_missing_is_missed_anew_when_the_clock_was_set(set_by: timedelta) -> None:
    call = open_call("in_progress", answered=True, missing=Absence(since=NOW, at=NOW))
    now = NOW + set_by
    seen = next_state(call, False, HOUR, now)
    assert seen.details.missing == Absence(since=now, at=now)
    assert next_state(seen, False, HOUR, now + MOST_MISSING).end_reason == "media_lost"


def test_watch_counts_from_the_first_look_in_each_state() -> None:
    now = [100.0]
    watch, call = CallWatch(lambda: now[0]), open_call("queued")
    assert watch.seen(call) == GRACE
    now[0] += 40
    assert watch.seen(call) == GRACE + timedelta(seconds=40)
    assert watch.seen(open_call("ringing")) == GRACE
    now[0] += FORGET_S + 1
    assert watch.seen(call) == GRACE, "forgotten"
