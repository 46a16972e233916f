"""The do-not-call list before every outbound call: when it is placed, while it waits, when it is dialed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from uuid import UUID

import msgspec
import pytest

from control.calls.changes.service import add_to_do_not_call_list
from control.calls.deletion.rules import CallerNumber
from control.calls.deletion.service import delete_mentions
from control.calls.events.rules import NewEvent, apply_events
from control.calls.events.service import parse_event, write_events
from control.calls.outbound.service import PlaceCallJob, cancel_listed
from control.calls.outbound.tasks import DialQueue, make_dial_job
from control.calls.records.details import CallDetails
from control.calls.records.queries import lock_one
from control.calls.records.state import CallState
from control.calls.verified_numbers.service import CodeRequest, PhoneCodes
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.keyset import PageRequest
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.do_not_call.rules import LISTED, DoNotCallNumber, NewListing
from control.do_not_call.service import DoNotCallList
from control.privacy.service import Privacy
from shared.errors import Invalid, Problem
from shared.events import CallerOptedOut, CallStarted
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later
from tests.control.calls.consumed_events import encoded_event
from tests.platform.bus_node import wait_until

CALLEE = "+12125550123"
OPTED_OUT = CallerOptedOut(9_000, "words")


async def add(platform: CallPlatform, workspace: LiveWorkspace, *numbers: str) -> int:
    rows = [NewListing(row, number, "A note") for row, number in enumerate(numbers, 1)]
    listing = platform.services[DoNotCallList]
    added = await platform.in_workspace(
        workspace, lambda db: listing.add(db, workspace.workspace_id, workspace.actor, rows, "member", NOW)
    )
    assert not added.errors
    return added.added


async def entries(platform: CallPlatform, workspace: LiveWorkspace) -> Sequence[DoNotCallNumber]:
    listing = platform.services[DoNotCallList]
    page = await platform.in_workspace(
        workspace, lambda db: listing.list_page(db, workspace.workspace_id, None, None, PageRequest(100))
    )
    return page.rows


async def dial(platform: CallPlatform, call_id: UUID) -> None:
    queue = DialQueue(platform.pool, platform.services[CallPacer])
    run = make_dial_job(platform.pool, platform.placement, platform.services[Carriers], queue)
    await run(msgspec.json.encode(PlaceCallJob(call_id)))


async def report(platform: CallPlatform, call_id: UUID, *seqs: int) -> None:
    lines = [parse_event(str(seq), encoded_event(call_id, seq, OPTED_OUT)) for seq in seqs]
    await platform.in_platform(lambda db: write_events(db, lines))


@pytest.mark.parametrize("test", [False, True])
async def test_a_listed_number_is_not_called(platform: CallPlatform, test: bool) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    assert await add(platform, workspace, CALLEE) == 1
    with pytest.raises(Invalid) as refused:
        await platform.place(workspace, CALLEE, test=test)
    assert (refused.value.code, refused.value.param) == (LISTED, "phone_number_to_call")
    assert not await platform.call_rows(workspace)
    assert await platform.place(other, CALLEE, test=test)  # each workspace has its own list


async def test_a_listed_phone_is_not_called_with_a_code(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await add(platform, workspace, CALLEE)
    assert workspace.actor.id is not None
    request = CodeRequest(workspace.workspace_id, workspace.actor.id, CALLEE, "en")
    with pytest.raises(Problem) as refused:
        await platform.in_workspace(
            workspace, lambda db: platform.services[PhoneCodes].request(db, workspace.actor, request, NOW)
        )
    assert (refused.value.code, refused.value.param) == (LISTED, "phone_number")


async def test_a_number_listed_meanwhile_is_not_dialed(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE, at=datetime.now(UTC))
    await add(platform, workspace, CALLEE)
    dialed = len(platform.gateway.dialed)
    await dial(platform, call_id)
    assert len(platform.gateway.dialed) == dialed
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_detail"], row["end_reason"]) == ("canceled", LISTED, None)


async def test_waiting_calls_are_canceled_and_tried_ones_are_not(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    waiting = await platform.place(workspace, CALLEE)
    tried = await platform.place(workspace, CALLEE, at=later(61))
    not_listed = [await platform.place(workspace, "+12125550124", at=later(122)), await platform.place(other, CALLEE)]
    await platform.in_platform(lambda db: platform.placement.start(db, tried, later(62)))
    await add(platform, workspace, CALLEE)
    assert await platform.in_platform(lambda db: cancel_listed(db, later(130))) == 1
    assert await platform.in_platform(lambda db: cancel_listed(db, later(131))) == 0
    row = await platform.call_row(waiting)
    assert (row["status"], row["end_detail"]) == ("canceled", LISTED)
    for call_id in (tried, *not_listed):
        assert (await platform.call_row(call_id))["status"] == "queued"


async def test_a_call_whose_dialing_begins_meanwhile_is_not_canceled(platform: CallPlatform) -> None:
    """Listed, found to be waiting, and being dialed before its row could be locked: the carrier may have it."""
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        assert await platform.placement.start(db, call_id, later(1)) is not None
        await add(platform, workspace, CALLEE)
        canceling = asyncio.create_task(platform.in_platform(lambda other: cancel_listed(other, later(2))))
        await wait_until(partial(platform.in_platform, is_waiting_for_a_lock))
    assert await canceling == 0
    assert (await platform.call_row(call_id))["status"] == "queued"


async def is_waiting_for_a_lock(db: Connection) -> bool:
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid())"
    )
    return found


async def test_a_callee_who_opts_out_is_listed_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    await report(platform, call_id, 1)
    await report(platform, call_id, 1, 2)
    (entry,) = await entries(platform, workspace)
    assert (entry.number, entry.source, entry.call_id, entry.added_by) == (CALLEE, "caller_words", call_id, None)
    call = await platform.in_platform(lambda db: lock_one(db, call_id))
    assert (
        call is not None and call.state.details.opted_out_at is not None and call.state.details.opted_out_by == "words"
    )
    logged = await platform.in_platform(
        lambda db: db.fetch("SELECT actor, details FROM audit_log WHERE action = 'do_not_call.opt_out' "
                            "AND resource_id = $1", str(call_id))
    )  # fmt: skip
    assert [(row["actor"], row["details"]) for row in logged] == [("system", {})]
    # Who takes the number off the list has decided so: a late repetition does not list it again.
    listing = platform.services[DoNotCallList]
    await platform.in_workspace(
        workspace, lambda db: listing.remove(db, workspace.workspace_id, workspace.actor, entry.id, "asked to")
    )
    await report(platform, call_id, 3)
    assert not await entries(platform, workspace)
    assert await platform.place(workspace, CALLEE, at=later(61))


async def test_a_caller_who_opts_out_is_listed_by_the_number_that_called(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace)
    await report(platform, UUID(str(call.call_id)), 1)
    assert [entry.number for entry in await entries(platform, workspace)] == ["+14155550100"]


async def test_a_withheld_number_is_not_listed(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace)
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET caller_number = 'anonymous' WHERE id = $1", UUID(str(call.call_id)))
    )
    await report(platform, UUID(str(call.call_id)), 1)
    assert not await entries(platform, workspace)


async def test_the_listing_survives_the_deletion_of_the_caller(platform: CallPlatform) -> None:
    """By a pseudonym, without the note; also where the number was listed twice, before and after a deletion."""
    workspace = await platform.create_workspace()
    pseudonym = platform.services[Privacy].deletions.pseudonyms.make(workspace.workspace_id, CALLEE)
    caller = CallerNumber(workspace.workspace_id, CALLEE, pseudonym)
    for times in (1, 2):
        assert await add(platform, workspace, CALLEE) == 1, times
        counts = await platform.in_platform(lambda db: delete_mentions(db, caller))
        assert counts["do_not_call"] == 1
        (entry,) = await entries(platform, workspace)
        assert (entry.number, entry.note) == (pseudonym, "")
    with pytest.raises(Invalid, match="do-not-call"):
        await platform.place(workspace, CALLEE)
    # Removing the later entry of the number removes that of the pseudonym with it.
    await add(platform, workspace, CALLEE)
    listing = platform.services[DoNotCallList]
    assert len(await entries(platform, workspace)) == 2
    by_number = next(one for one in await entries(platform, workspace) if one.number == CALLEE)
    await platform.in_workspace(
        workspace, lambda db: listing.remove(db, workspace.workspace_id, workspace.actor, by_number.id, "asked to")
    )
    assert await platform.place(workspace, CALLEE)


async def test_an_opt_out_of_a_deleted_call_is_listed_all_the_same(platform: CallPlatform) -> None:
    """A node that could not reach the bus may report it after the caller's data was deleted."""
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    pseudonym = platform.services[Privacy].deletions.pseudonyms.make(workspace.workspace_id, CALLEE)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET called_number = $2, details = details || '{\"contents_deleted_at\": "
            "\"2026-11-25T12:00:00+00:00\"}' WHERE id = $1", call_id, pseudonym,
        )
    )  # fmt: skip
    await report(platform, call_id, 1)
    assert [entry.number for entry in await entries(platform, workspace)] == [pseudonym]
    with pytest.raises(Invalid, match="do-not-call"):
        await platform.place(workspace, CALLEE, at=later(61))


def test_the_earliest_opt_out_counts_in_any_order() -> None:
    state = CallState(
        id=UUID(int=1), workspace_id=UUID(int=2), agent_id=UUID(int=3), carrier="twilio", carrier_call_id="CA1",
        direction="outbound", is_test=False, status="ringing", created_at=NOW, details=CallDetails(),
    )  # fmt: skip
    events = [
        NewEvent(1, NOW, CallStarted("twilio", "CA1", "MZ1", "Desk")),
        NewEvent(2, NOW + timedelta(seconds=5), CallerOptedOut(5_000, "key")),
        NewEvent(3, NOW + timedelta(seconds=9), CallerOptedOut(9_000, "words")),
    ]
    for order in permutations(events):
        after = state
        for one in order:
            after, _ = apply_events(after, [], [one])
        assert (after.details.opted_out_at, after.details.opted_out_by) == (NOW + timedelta(seconds=5), "key")


async def test_nothing_is_listed_without_an_opt_out(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    call = await platform.in_platform(lambda db: lock_one(db, call_id))
    assert call is not None
    await platform.in_platform(lambda db: add_to_do_not_call_list(db, [(call.state, call.state)]))
    assert not await entries(platform, workspace)
