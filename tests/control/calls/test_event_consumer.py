"""The consumer of media's events: each is stored once, in any order, through failures of PostgreSQL and Redis."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import pytest

from control.analytics.rollups.service import roll_up_days
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.service import parse_event, write_events
from control.calls.events.tasks import ASIDE, ConsumerPace, EventCounts, consume_events
from control.calls.live.service import HANG_UP, STREAM_ENDED, StreamEndedJob, record_media_node
from control.calls.live.tasks import make_hangup_job
from control.calls.recordings.service import JOIN_RECORDINGS, JoinRecordingsJob
from control.calls.records.running_calls import AdmittedCall
from control.carriers.rules import CarrierName
from control.carriers.service import Carriers
from shared.bus.client import bus_client
from shared.bus.events import STREAM, EventStream
from shared.events import (
    SEQ_PER_LEG,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallUsage,
    EndReason,
    EventEnvelope,
    RecordingReady,
    UsageRecorded,
    encode_event,
)
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, FakeCarrier, later
from tests.control.calls.consumed_events import (
    FAST_PACE,
    STARTED_AT,
    admit_call,
    check_stored,
    conversation_events,
    delete_marks,
    encoded_event,
    marked_days,
    running_consumer,
    send,
    stored_events,
    wait_until,
    wait_until_drained,
)


@pytest.fixture(autouse=True)
async def empty_redis(platform: CallPlatform) -> None:
    await platform.redis.flushall()


async def test_events_of_a_call_are_stored(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    async with running_consumer(platform) as counts:
        await send(platform, conversation_events(call))
        await wait_until_drained(platform)
    assert counts == EventCounts(written=6)
    await check_stored(platform, call)


async def test_late_usage_marks_its_own_day_and_that_of_the_call(platform: CallPlatform) -> None:
    """Money counts on the day of the record, a provider's figures on the day of the call."""
    _, call = await admit_call(platform)
    used = UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 5_000, "ms")
    late = encoded_event(call.call_id, 9, used, 86_400)
    for part in (conversation_events(call), [late]):
        await delete_marks(platform)
        events = [parse_event("1-0", line) for line in part]
        await platform.in_platform(partial(write_events, events=events))
    created = (await platform.call_row(call.call_id))["created_at"].date()
    days = {created, (STARTED_AT + timedelta(days=1)).date()}
    assert (len(days), await marked_days(platform, call.workspace_id)) == (2, days)


@pytest.mark.parametrize("seed", range(4))
async def test_events_in_any_order_and_repeated(platform: CallPlatform, seed: int) -> None:
    _, call = await admit_call(platform)
    lines = conversation_events(call) * 2
    random.Random(seed).shuffle(lines)
    async with running_consumer(platform, ConsumerPace(3, 0.02, 0.05, 0.2, 0.0)) as counts:
        await send(platform, lines)
        await wait_until_drained(platform)
    assert (counts.written, counts.repeated) == (6, 6)
    await check_stored(platform, call)


async def test_repeated_seq_with_another_time_is_stored_once(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    utterance = CallerSaid(1, "Hello?", 1_500, 2_500)
    async with running_consumer(platform) as counts:
        await send(
            platform,
            [encoded_event(call.call_id, 1, utterance, 0), encoded_event(call.call_id, 1, utterance, 40 * 86_400)],
        )
        await wait_until_drained(platform)
        await send(platform, [encoded_event(call.call_id, 1, utterance, 80 * 86_400)])
        await wait_until_drained(platform)
    assert counts.written == 1
    assert len(await stored_events(platform, call.call_id)) == 1


async def test_carrier_may_report_the_end_before_media(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    media_event = CarrierStatus("twilio", call.carrier_call_id, "completed", later(14), duration_s=14)
    await platform.in_platform(lambda db: apply_status(db, media_event))
    lines = conversation_events(call)
    lines[-1] = encoded_event(call.call_id, 6, CallEnded("completed", "silence", "", 12_000, CallUsage()), 12)
    async with running_consumer(platform):
        await send(platform, lines)
        await wait_until_drained(platform)
    row = await platform.call_row(call.call_id)
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "silence", 12)
    assert row["details"]["carrier"]["duration_s"] == 14


async def test_crash_between_commit_and_acknowledgement_is_harmless(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    await send(platform, conversation_events(call))
    stream = EventStream(platform.redis)
    await stream.create_group()
    # A consumer that stored them and died: they are pending for it until another one claims them.
    entries = await stream.read("dead", 100, 0.1)
    await platform.in_platform(lambda db: write_events(db, [parse_event(entry.id, entry.line) for entry in entries]))
    async with running_consumer(platform) as counts:
        await wait_until_drained(platform)
    assert (counts.written, counts.repeated) == (0, 6)
    await check_stored(platform, call)


async def test_events_are_stored_after_a_crash_before_the_commit(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    await send(platform, conversation_events(call))
    stream = EventStream(platform.redis)
    await stream.create_group()
    await stream.read("dead", 100, 0.1)
    async with running_consumer(platform) as counts:
        await wait_until_drained(platform)
    assert counts.written == 6
    await check_stored(platform, call)


async def test_unreadable_events_are_set_aside(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    unreadable = [
        b"no json", b'{"call_id": 1}', b'{"type": "call.ended"}',
        encoded_event("not-a-uuid", 1, CallerSaid(1, "a", 0, 1)),
        encoded_event(call.call_id, -1, CallerSaid(1, "a", 0, 1)),
        encoded_event(call.call_id, 2**31, CallerSaid(1, "a", 0, 1)),
        encoded_event(call.call_id, 50, CallerSaid(1, "a\0b", 0, 1)),  # PostgreSQL stores no NUL
        encoded_event(call.call_id, 51, CallEnded("completed", "silence", "", 10**16, CallUsage())),  # over the column
        encode_event(EventEnvelope(str(call.call_id), 52, "yesterday", CallerSaid(1, "a", 0, 1))),
        # An event of a later version: nodes are upgraded last.
        encoded_event(call.call_id, 53, CallerSaid(1, "a", 0, 1)).replace(b"caller.said", b"caller.sang"),
    ]  # fmt: skip
    readable = conversation_events(call)
    async with running_consumer(platform) as counts:
        await send(platform, [*unreadable[:4], *readable, *unreadable[4:]])
        await wait_until_drained(platform)
    assert (counts.written, counts.set_aside) == (6, len(unreadable))
    assert await platform.redis.xlen(ASIDE) == len(unreadable)
    await check_stored(platform, call)


async def test_events_of_an_unknown_call_wait_and_are_dropped(platform: CallPlatform) -> None:
    early = UUID(new_id())
    async with running_consumer(platform, ConsumerPace(100, 0.02, 0.05, 0.1, 60.0)) as counts:
        await send(platform, [encoded_event(early, 1, CallerSaid(1, "a", 0, 1))])
        await wait_until(lambda: counts.pauses == 0)
        _, call = await admit_call(platform)
        await platform.in_platform(lambda db: db.execute("UPDATE calls SET id = $2 WHERE id = $1", call.call_id, early))
        await wait_until_drained(platform)
        assert (counts.written, counts.unknown) == (1, 0)
    async with running_consumer(platform, ConsumerPace(100, 0.02, 0.05, 0.1, 0.0)) as counts:
        await send(platform, [encoded_event(UUID(new_id()), 1, CallerSaid(1, "a", 0, 1))])
        await wait_until_drained(platform)
    assert (counts.written, counts.unknown) == (0, 1)


async def test_unavailable_postgresql_is_waited_for(platform: CallPlatform, database_url: str) -> None:
    _, call = await admit_call(platform)
    async with running_consumer(platform) as counts:
        async with database_locked_out(database_url):
            await send(platform, conversation_events(call))
            await wait_until(lambda: counts.pauses > 2)
            assert counts.written == 0
        await wait_until_drained(platform)
    assert counts.written == 6
    await check_stored(platform, call)


@asynccontextmanager
async def database_locked_out(url: str) -> AsyncIterator[None]:
    """Ends all connections to the database and refuses new ones until the block ends."""
    name = urlsplit(url).path.removeprefix("/")
    owner = await asyncpg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")))
    try:
        await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await owner.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await owner.close()


async def test_unavailable_redis_is_waited_for(platform: CallPlatform) -> None:
    stop, counts = asyncio.Event(), EventCounts()
    unreachable_redis = bus_client("redis://127.0.0.1:9", 1.0)
    task = asyncio.create_task(
        consume_events(
            platform.pool,
            unreachable_redis,
            platform.media_assignment.forget_conversations,
            stop,
            counts=counts,
            pace=FAST_PACE,
        )
    )
    await wait_until(lambda: counts.pauses > 2)
    stop.set()
    await asyncio.wait_for(task, 10)
    await unreachable_redis.aclose()


async def test_emptied_redis_gets_a_new_group(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    async with running_consumer(platform) as counts:
        await send(platform, conversation_events(call)[:2])
        await wait_until_drained(platform)
        await platform.redis.delete(STREAM)
        await send(platform, conversation_events(call)[2:])
        await wait_until_drained(platform)
    assert counts.written == 6
    await check_stored(platform, call)


async def test_two_consumers_store_everything_once(platform: CallPlatform) -> None:
    calls = [(await admit_call(platform))[1] for _ in range(5)]
    lines = [event_line for call in calls for event_line in conversation_events(call) * 2]
    random.Random(1).shuffle(lines)
    async with (
        running_consumer(platform, ConsumerPace(7, 0.02, 0.05, 0.2, 0.0)) as first_counts,
        running_consumer(platform, ConsumerPace(7, 0.02, 0.05, 0.2, 0.0)) as second_counts,
    ):
        await send(platform, lines)
        await wait_until_drained(platform)
    assert first_counts.written + second_counts.written == 30
    assert first_counts.set_aside + second_counts.set_aside == 0
    for call in calls:
        await check_stored(platform, call)


async def test_recordings_of_several_streams_are_joined_later(platform: CallPlatform) -> None:
    _, call = await admit_call(platform)
    base = f"recordings/{call.workspace_id}/{call.call_id}"
    async with running_consumer(platform, ConsumerPace(1, 0.02, 0.05, 0.2, 0.0)):
        await send(platform, [encoded_event(call.call_id, 100_001, CallResumed(9_000, 4_000, 1, "MZ2"), 9)])
        await send(platform, [encoded_event(call.call_id, 100_002, RecordingReady(f"{base}-1.wav", 20_000, 1), 20)])
        await send(platform, [encoded_event(call.call_id, 99_000, RecordingReady(f"{base}-0.wav", 9_000, 0), 30)])
        await wait_until_drained(platform)
    row = await platform.call_row(call.call_id)
    assert [recording["leg"] for recording in row["details"]["recordings"]] == [0, 1]
    assert row["details"]["gaps"] == [{"leg": 1, "lost_ms": 4_000, "at_ms": 9_000}]
    assert row["recording_key"] == f"{base}-1.wav"
    jobs = [msgspec.json.decode(job, type=JoinRecordingsJob) for job in await platform.job_payloads(JOIN_RECORDINGS)]
    assert jobs.count(JoinRecordingsJob(call.call_id)) == 1


async def test_a_test_call_is_not_counted(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, "+12125550123", test=True)
    await platform.in_platform(lambda db: platform.admission.admit_answered(db, "twilio", "CA-test-call", call_id, NOW))
    async with running_consumer(platform):
        ended = CallEnded("completed", "agent_hangup", "", 5_000, CallUsage())
        await send(platform, [encoded_event(call_id, 1, ended, 5)])
        await wait_until_drained(platform)
    assert (await platform.call_row(call_id))["is_test"]
    await platform.in_platform(lambda db: roll_up_days(db, 1_000))
    counted = await platform.in_platform(
        lambda db: db.fetchval(
            "SELECT coalesce(sum(calls), 0) FROM workspace_daily WHERE workspace_id = $1", workspace.workspace_id
        )
    )
    assert counted == 0


@pytest.mark.parametrize(
    ("carrier", "reason", "hung_up"),
    [("telnyx", "agent_hangup", True), ("telnyx", "transferred", False), ("telnyx", "carrier_error", False),
     ("twilio", "agent_hangup", False), ("telnyx", "member", True)],
)  # fmt: skip
async def test_telnyx_call_is_hung_up_after_media_ended_it(
    platform: CallPlatform, carrier: CarrierName, reason: EndReason, hung_up: bool
) -> None:
    """The job hangs up if the webhook about the end of the stream is lost."""
    workspace = await platform.create_workspace(carrier=carrier)
    name = f"hang-up-{carrier}-{reason}"
    call = await platform.ring(workspace, name, carrier=carrier)
    assert isinstance(call, AdmittedCall)
    media_event = parse_event(
        "1-1", encoded_event(call.call_id, 9, CallEnded("completed", reason, "", 9_000, CallUsage()), 9)
    )
    for _ in range(2):
        await platform.in_platform(lambda db: write_events(db, [media_event]))
    lost = reason == "carrier_error"
    assert (await platform.call_row(call.call_id))["end_reason"] == (None if lost else reason)
    jobs = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT payload, execute_after > now() + interval '5 seconds' AS waits FROM pgqueuer WHERE entrypoint = $1",
            HANG_UP,
        )
    )
    own_jobs = [row for row in jobs if name.encode() in row["payload"]]
    assert [row["waits"] for row in own_jobs] == [True] * hung_up
    for row in own_jobs:
        gateway = FakeCarrier("telnyx")
        await make_hangup_job(platform.pool, Carriers({"telnyx": gateway}), platform.media_assignment)(row["payload"])
        assert gateway.hung_up == [name]


@pytest.mark.parametrize(
    ("reason", "leg", "acts"),
    [("agent_hangup", 0, True), ("transferred", 1, True), ("caller_hangup", 0, False), ("agent_hangup", 2, False)],
)
async def test_end_of_a_telnyx_stream_leads_to_its_next_step_at_once(
    platform: CallPlatform, reason: EndReason, leg: int, acts: bool
) -> None:
    """Of a stream whose id is not stored (leg 2), the webhook or the delayed hang-up follows."""
    workspace = await platform.create_workspace(carrier="telnyx")
    name = f"stream-end-{reason}-{leg}"
    call = await platform.ring(workspace, name, carrier="telnyx")
    assert isinstance(call, AdmittedCall)
    legs = [replace(call, leg=known) for known in (0, 1)]
    for one in legs:
        await platform.in_platform(
            lambda db, one=one: record_media_node(db, one, "m", f"stream:{one.leg}")  # type: ignore[misc]
        )
    ended = CallEnded("completed", reason, "", 9_000, CallUsage())
    event = parse_event("1-1", encoded_event(call.call_id, leg * SEQ_PER_LEG + 9, ended, 9))
    for _ in range(2):
        await platform.in_platform(lambda db: write_events(db, [event]))
    jobs = [msgspec.json.decode(job, type=StreamEndedJob) for job in await platform.job_payloads(STREAM_ENDED)]
    expected = StreamEndedJob(call.call_id, leg, name, f"stream:{leg}")
    assert [job for job in jobs if job.call_id == call.call_id] == [expected] * acts


async def test_hangup_is_skipped_after_the_carriers_own_report(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(carrier="telnyx")
    call = await platform.ring(workspace, "ended-meanwhile", carrier="telnyx")
    assert isinstance(call, AdmittedCall)
    media_event = parse_event(
        "1-1", encoded_event(call.call_id, 9, CallEnded("completed", "agent_hangup", "", 9_000, CallUsage()), 9)
    )
    await platform.in_platform(lambda db: write_events(db, [media_event]))
    (job,) = [job for job in await platform.job_payloads(HANG_UP) if b"ended-meanwhile" in job]
    carrier_event = CarrierStatus(
        "telnyx", "ended-meanwhile", "completed", later(9), facts={"cause": "normal_clearing"}
    )
    await platform.in_platform(lambda db: apply_status(db, carrier_event))
    gateway = FakeCarrier("telnyx")
    await make_hangup_job(platform.pool, Carriers({"telnyx": gateway}), platform.media_assignment)(job)
    assert gateway.hung_up == []


async def test_hangup_of_a_call_that_telnyx_ended_succeeds(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(carrier="telnyx")
    call = await platform.ring(workspace, "hung-up-already", carrier="telnyx")
    assert isinstance(call, AdmittedCall)
    carrier_event = CarrierStatus("telnyx", "hung-up-already", "completed", later(9))
    await platform.in_platform(lambda db: apply_status(db, carrier_event))
    media_event = parse_event(
        "1-1", encoded_event(call.call_id, 9, CallEnded("completed", "caller_hangup", "", 9_000, CallUsage()), 9)
    )
    await platform.in_platform(lambda db: write_events(db, [media_event]))
    assert not [job for job in await platform.job_payloads(HANG_UP) if b"hung-up-already" in job]
