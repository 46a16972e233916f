"""What follows from changes of calls and from batches of media's events: in order, once, and all or nothing."""

from collections.abc import Sequence

import pytest

from control.calls.changes import service as changes
from control.calls.changes.service import ChangeSubscriber
from control.calls.events import service as batches
from control.calls.events.rules import EventBatch
from control.calls.events.service import BatchSubscriber, parse_event, write_events
from control.calls.records.queries import lock_one
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from shared.events import (
    SEQ_PER_LEG,
    AgentSaid,
    AnnouncementHeard,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    CallResumed,
    CallStarted,
    CallUsage,
    Event,
    RecordingReady,
    UsageRecorded,
)
from tests.control.calls.call_platform import CallPlatform
from tests.control.calls.consumed_events import encoded_event


class Undone(Exception):
    """Ends a transaction without its commit."""


def full_conversation(call: AdmittedCall) -> list[bytes]:
    """Events with an effect in every subscriber that Twilio's calls have: two recorded streams, an opt-out, and a
    transfer."""
    key = f"recordings/{call.workspace_id}/{call.call_id}"
    events: Sequence[tuple[int, Event]] = [
        (1, CallStarted("twilio", call.carrier_call_id, "MZ1", "Desk")),
        (2, AnnouncementHeard(900, "recording")),
        (3, UsageRecorded("stt", "deepgram", "deepgram", "nova-3", 5_000, "ms")),
        (4, CallerSaid(1, "Never call me again.", 1_500, 2_500)),
        (5, CallerOptedOut(2_500, "words")),
        (6, RecordingReady(f"{key}-0.wav", 4_000)),
        (SEQ_PER_LEG + 1, CallResumed(4_500, 4_000, 1, "MZ2")),
        (SEQ_PER_LEG + 2, AgentSaid(2, "I will put you through.", 5_000, 6_000)),
        (SEQ_PER_LEG + 3, RecordingReady(f"{key}-1.wav", 8_000, leg=1)),
        (SEQ_PER_LEG + 4, CallEnded("completed", "transferred", "", 8_000, CallUsage(), transfer_to="+14155550188")),
    ]
    return [encoded_event(call.call_id, seq, event, place) for place, (seq, event) in enumerate(events)]


async def snapshot(db: Connection) -> dict[str, str]:
    """A digest of the rows of each table that the program may read."""
    tables = await db.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1"
    )
    digest = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{}\" t"
    return {row["relname"]: await db.fetchval(digest.format(row["relname"])) for row in tables}


async def jobs(platform: CallPlatform) -> list[str]:
    rows = await platform.in_platform(lambda db: db.fetch("SELECT entrypoint FROM pgqueuer ORDER BY id"))
    return [row["entrypoint"] for row in rows]


async def test_batch_has_all_its_effects(platform: CallPlatform) -> None:
    """Analyses are enqueued only for calls whose transcript is written, so the rows are written before."""
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace)
    events = [parse_event(f"{place}-0", line) for place, line in enumerate(full_conversation(call), 1)]
    assert (await platform.in_platform(lambda db: write_events(db, events))).stored == len(events)
    enqueued = await jobs(platform)
    assert {"calls.analyse", "calls.join_recordings"} <= set(enqueued)
    listed = await platform.in_platform(
        lambda db: db.fetchval("SELECT number FROM do_not_call_numbers WHERE workspace_id = $1", workspace.workspace_id)
    )
    usage = await platform.in_platform(
        lambda db: db.fetchval("SELECT count(*) FROM usage_records WHERE call_id = $1", call.call_id)
    )
    reported = await platform.in_platform(
        lambda db: db.fetchval("SELECT count(*) FROM audit_log WHERE action = 'call.transferred'")
    )
    assert (listed, reported) == ("+14155550100", 1) and usage >= 2, "usage of media, and minutes"


async def test_repeated_batch_changes_nothing(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    events = [parse_event(f"{place}-0", line) for place, line in enumerate(full_conversation(call), 1)]
    await platform.in_platform(lambda db: write_events(db, events))
    before = await platform.in_platform(snapshot)
    assert (await platform.in_platform(lambda db: write_events(db, events[::-1]))).stored == 0
    assert await platform.in_platform(snapshot) == before


async def test_batch_that_fails_leaves_nothing(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    events = [parse_event(f"{place}-0", line) for place, line in enumerate(full_conversation(call), 1)]
    before = await platform.in_platform(snapshot)

    async def fail(db: Connection) -> None:
        await write_events(db, events)
        raise Undone

    with pytest.raises(Undone):
        await platform.in_platform(fail)
    assert await platform.in_platform(snapshot) == before


@pytest.mark.parametrize("follow", changes.CHANGE_SUBSCRIBERS, ids=lambda follow: follow.__name__)
async def test_unchanged_call_has_no_effect(platform: CallPlatform, follow: ChangeSubscriber) -> None:
    call = await platform.admit(await platform.create_workspace())
    before = await platform.in_platform(snapshot)

    async def run(db: Connection) -> None:
        stored = await lock_one(db, call.call_id)
        assert stored is not None
        await follow(db, [(stored.state, stored.state)])

    await platform.in_platform(run)
    assert await platform.in_platform(snapshot) == before


@pytest.mark.parametrize("follow", batches.EVENT_SUBSCRIBERS, ids=lambda follow: follow.__name__)
async def test_batch_without_events_has_no_effect(platform: CallPlatform, follow: BatchSubscriber) -> None:
    call = await platform.admit(await platform.create_workspace())
    before = await platform.in_platform(snapshot)

    async def run(db: Connection) -> None:
        stored = await lock_one(db, call.call_id)
        assert stored is not None
        states = {call.call_id: stored.state}
        await follow(db, EventBatch((), states, states, (), (), ()))

    await platform.in_platform(run)
    assert await platform.in_platform(snapshot) == before
