"""Transfers that led back to the agent: the call goes on, and is charged as one."""

from collections.abc import Callable
from functools import partial, reduce
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from control.calls.carrier_reports import rules as carrier_reports_rules
from control.calls.carrier_reports.rules import CarrierStatus, undo_return
from control.calls.carrier_reports.service import apply_status
from control.calls.events.rules import NewEvent, apply_events
from control.calls.events.service import parse_event, write_events
from control.calls.records import state as records_state
from control.calls.records.details import Transfer, decode_details
from control.calls.transfers.rules import may_return, take_back
from control.calls.transfers.service import lead_back
from shared.events import SEQ_PER_LEG, CallEnded, CallUsage, Event, TransferReturned
from tests.control.calls.call_platform import NOW, CallPlatform, later
from tests.control.calls.consumed_events import encoded_event
from tests.control.calls.test_outbound import CALLEE
from tests.control.calls.test_transfers import report_end, transfer_call

LEDGER = """
    SELECT coalesce(sum(quantity), 0) AS seconds, coalesce(sum(price), 0) AS price FROM usage_records
    WHERE call_id = $1 AND resource_type = 'call_minutes'
"""


async def booked(platform: CallPlatform, call_id: UUID) -> Any:
    return await platform.in_platform(lambda db: db.fetchrow(LEDGER, call_id))


async def report(platform: CallPlatform, call_id: UUID, seq: int, event: Event, at: float) -> None:
    """Stores an event of media's."""
    line = encoded_event(call_id, seq, event, at)
    await platform.in_platform(partial(write_events, events=[parse_event("1-0", line)]))


async def test_call_that_goes_on_is_charged_as_one(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    name = "CA-returned"
    call_id = (await platform.admit(workspace, name)).call_id
    await platform.in_platform(lambda db: apply_status(db, CarrierStatus("twilio", name, "in_progress", NOW)))
    await report(platform, call_id, 9, CallEnded("completed", "transferred", "", 60_000, CallUsage(), CALLEE), 60)
    before = await booked(platform, call_id)
    assert before["seconds"] == 60
    took = await platform.in_platform(lambda db: lead_back(db, "twilio", name, "busy", later(530), target="CA-leg"))
    assert took is not None and (took.status, took.returned) == ("in_progress", "busy")
    between = await booked(platform, call_id)
    assert (between["seconds"], between["price"]) == (0, 0), "nothing is booked of a call that goes on"
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_reason"], row["ended_at"]) == ("in_progress", None, None)
    (returned,) = decode_details(row["details"]).returns
    assert (returned.number, returned.failure, returned.target) == (CALLEE, "busy", "CA-leg")

    await report(platform, call_id, SEQ_PER_LEG + 1, TransferReturned(530_000, "busy", 1, "MZ2"), 530)
    ended = CallEnded("completed", "caller_hangup", "", 600_000, CallUsage())
    await report(platform, call_id, SEQ_PER_LEG + 2, ended, 600)
    await report_end(platform, name, 600, duration_s=600)
    row = await platform.call_row(call_id)
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "caller_hangup", 600)
    after = await booked(platform, call_id)
    assert (after["seconds"], after["price"]) == (600, before["price"] * 10)


async def test_nothing_changes_for_a_call_whose_end_the_carrier_has_reported(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, "inbound")
    await report_end(platform, name, 520, duration_s=520)
    row = await platform.call_row(call_id)
    took = await platform.in_platform(lambda db: lead_back(db, "twilio", name, "busy", later(521)))
    assert took is not None and took.status == "completed"
    assert await platform.call_row(call_id) == row


async def test_repeated_report_changes_nothing(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id, name = await transfer_call(platform, workspace, "inbound")
    rows = []
    for _ in range(2):
        await platform.in_platform(lambda db: lead_back(db, "twilio", name, "no_answer", later(530), leg=0))
        rows.append(await platform.call_row(call_id))
    assert rows[0] == rows[1]
    assert may_return(records_state.CallState(
        id=call_id, workspace_id=workspace.workspace_id, created_at=NOW, is_test=False, direction="inbound",
        carrier="twilio", carrier_call_id=name, status="ringing",
    )), "media's first event may come later"  # fmt: skip


RINGING = records_state.CallState(
    id=UUID(int=1), workspace_id=UUID(int=2), created_at=NOW, is_test=False, direction="inbound", carrier="telnyx",
    carrier_call_id="v3:x", status="in_progress", answered_at=NOW,
)  # fmt: skip
Step = Callable[[records_state.CallState], records_state.CallState]


def media_ends(state: records_state.CallState) -> records_state.CallState:
    event = CallEnded("completed", "transferred", "asked", 60_000, CallUsage(), CALLEE)
    return apply_events(state, [], [NewEvent(9, later(60), event)])[0]


def caller_ends(at: float) -> Step:
    report = CarrierStatus("telnyx", "v3:x", "completed", later(at), end_reason="caller_hangup")
    return lambda state: carrier_reports_rules.apply_carrier_status(undo_return(state, report), report)


def leg_ends(at: float) -> Step:
    return lambda state: take_back(state, "failed", later(at), leg=0, target="leg") if may_return(state) else state


@pytest.mark.parametrize("leg_at", [79.6, 80.0, 80.4])
def test_caller_who_leaves_while_it_rings_was_transferred_in_any_order(leg_at: float) -> None:
    """The caller hangs up at 80 s. The carrier's times of both ends differ a little."""
    for order in permutations((media_ends, caller_ends(80.0), leg_ends(leg_at))):
        state = reduce(lambda current, step: step(current), order, RINGING)
        assert (state.status, state.end_reason, state.end_detail) == ("completed", "transferred", "asked")
        assert (state.ended_at, state.duration_seconds) == (later(80), 80)
        assert state.details.returns == ()
        assert state.details.transfer == Transfer(talked_s=60, until=None, number=CALLEE)


def test_caller_who_leaves_after_the_target_failed_was_with_the_agent() -> None:
    for first, second in permutations((media_ends, leg_ends(79.0))):
        state = caller_ends(80.0)(second(first(RINGING)))
        assert (state.end_reason, state.duration_seconds, state.details.transfer) == ("caller_hangup", 80, None)
        (returned,) = state.details.returns
        assert (returned.failure, returned.at, returned.number) == ("failed", later(79), CALLEE)
