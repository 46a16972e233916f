"""Changes of calls and their consequences: `save_changes` is the way to change a call's row.

The functions in CHANGE_SUBSCRIBERS run in order, in the same transaction. Each function receives all changes at once,
compares the states before and after, and acts on what concerns it. To add a consequence, write such a function and add
it to CHANGE_SUBSCRIBERS. Consequences of an event of media that do not depend on the changed state are in
EVENT_SUBSCRIBERS (`control/calls/events/service.py`).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.ledger.rules import FinishedCall
from control.billing.ledger.service import record_minutes
from control.calls.analysis.service import enqueue_analyses
from control.calls.records import queries
from control.calls.records.callers import known_number
from control.calls.records.state import CallChange, CallState, accounting_day, was_refused_before_agent
from control.campaigns.outcomes import EndedCall
from control.campaigns.service import settle_attempts
from control.db.pool import Connection
from control.do_not_call.service import add_opted_out_callers
from control.outbound_webhooks.event_types import (
    CallEventData,
    EventType,
    OptOutEventData,
    RecordingEventData,
    RefusalEventData,
    TransferEventData,
)
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.events import TransferFailure

ChangeSubscriber = Callable[[Connection, Sequence[CallChange]], Awaitable[None]]


async def save_changes(db: Connection, changes: Iterable[CallChange]) -> None:
    """Writes the changed calls and runs the subscribers. The rows must be locked. Needs platform scope."""
    different = [(before, after) for before, after in changes if after != before]
    if different:
        await queries.update_states(db, [after for _, after in different])
        for follow in CHANGE_SUBSCRIBERS:
            await follow(db, different)


# --- Analytics ---------------------------------------------------------------------------------------------------


async def mark_changed_days(db: Connection, changes: Sequence[CallChange]) -> None:
    """Marks the days whose figures have changed, so that they are rolled up again."""
    days = [
        WorkspaceDay(after.workspace_id, accounting_day(after))
        for before, after in changes
        if _counted(after) != _counted(before)
    ]
    if days:
        await mark_days(db, days)


def _counted(state: CallState) -> tuple[object, ...]:
    """Returns the values of a call that the roll-ups count.

    Providers' quality counts only after the end of the call, because the end marks the day anyway.
    """
    quality = (state.details.failed_providers, state.details.latency) if state.is_final else ()
    return (state.status, state.duration_seconds, *quality)


# --- Billing -----------------------------------------------------------------------------------------------------


async def charge_changed_calls(db: Connection, changes: Sequence[CallChange]) -> None:
    """Charges the minutes of calls that are over, or corrects the charges."""
    await charge_calls(db, [after for before, after in changes if _charged(after) != _charged(before)])


async def charge_calls(db: Connection, calls: Sequence[CallState]) -> None:
    """Brings the ledger up to date with these calls, which are over and locked. Needs platform scope."""
    if calls:
        await queries.update_costs(db, await record_minutes(db, [_finished_call(call) for call in calls]))


def _charged(state: CallState) -> tuple[int, Decimal | None]:
    """Returns the values that determine the charge; empty values before the end of the call."""
    if not state.is_final:
        return 0, None
    return state.duration_seconds, state.details.carrier.total_cost


def _finished_call(state: CallState) -> FinishedCall:
    return FinishedCall(
        call_id=state.id,
        workspace_id=state.workspace_id,
        agent_id=state.agent_id,
        at=state.created_at,
        seconds=state.duration_seconds,
        is_test=state.is_test,
        carrier=state.carrier,
        direction=state.direction,
        carrier_cost=state.details.carrier.total_cost,
        has_estimated_cost=state.details.carrier.has_estimated_cost,
    )


# --- Customers' webhooks -----------------------------------------------------------------------------------------


async def report_changes(db: Connection, changes: Iterable[CallChange]) -> None:
    """Reports the changes to the customers' systems."""
    now = datetime.now(UTC)
    await report_facts(db, [fact for before, after in changes for fact in find_facts(before, after, now)])


def find_facts(before: CallState, after: CallState, now: datetime) -> Iterator[ReportedFact]:
    """Yields the facts, oldest first. If a failed transfer leads back to the agent, the call ends a second time
    later.
    """
    if before.answered_at is None and after.answered_at is not None:
        yield _call_fact("call.started", after, after.answered_at)
    for returned in after.details.returns[len(before.details.returns) :]:
        yield _transfer_fact("transfer.failed", after, returned.at, returned.failure)
    if before.details.transfer is None and after.details.transfer is not None:
        yield _transfer_fact("transfer.started", after, after.ended_at or now, None)
    if before.details.opted_out_at is None and after.details.opted_out_at is not None:
        yield ReportedFact(
            workspace_id=after.workspace_id,
            type="caller.opted_out",
            object_id=after.id,
            at=after.details.opted_out_at,
            data=OptOutEventData(after.id, after.agent_id, after.details.opted_out_by),
            call_id=after.id,
        )
    if before.details.refused is None and was_refused_before_agent(after):
        yield _refusal_fact(after)
    if after.is_final and not before.is_final:
        yield _call_fact("call.ended", after, after.ended_at or now)
    if before.recording_key is None and after.recording_key is not None:
        seconds = None if after.recording_seconds is None else float(after.recording_seconds)
        yield ReportedFact(
            workspace_id=after.workspace_id,
            type="recording.ready",
            object_id=after.id,
            at=now,
            data=RecordingEventData(after.id, after.agent_id, seconds),
            call_id=after.id,
        )


async def report_refused_at_once(db: Connection, call: CallState) -> None:
    """Reports a call whose row was inserted as refused. Subscribers do not receive it, because there was no change."""
    if was_refused_before_agent(call):
        await report_facts(db, [_refusal_fact(call)])


def _refusal_fact(call: CallState) -> ReportedFact:
    data = RefusalEventData(
        call_id=call.id,
        agent_id=call.agent_id,
        caller_number=known_number(call.caller_number) or None,
        reason=str(call.details.refused),
    )
    at = call.ended_at or call.created_at
    return ReportedFact(call.workspace_id, "call.refused", call.id, at, data, call_id=call.id)


def _call_fact(type_: EventType, call: CallState, at: datetime) -> ReportedFact:
    data = CallEventData(
        call_id=call.id,
        agent_id=call.agent_id,
        direction=call.direction,
        status=call.status,
        is_test=call.is_test,
        created_at=call.created_at,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        duration_seconds=call.duration_seconds,
        end_reason=call.end_reason,
    )
    return ReportedFact(call.workspace_id, type_, call.id, at, data, call_id=call.id)


def _transfer_fact(type_: EventType, call: CallState, at: datetime, failure: TransferFailure | None) -> ReportedFact:
    data = TransferEventData(call.id, call.agent_id, failure)
    return ReportedFact(call.workspace_id, type_, call.id, at, data, call_id=call.id)


# --- Campaigns ---------------------------------------------------------------------------------------------------


async def settle_ended_attempts(db: Connection, changes: Sequence[CallChange]) -> None:
    """Settles the campaign attempts whose calls have ended, or whose end has been corrected.

    Test calls belong to no campaign.
    """
    ended = [
        make_ended(after)
        for before, after in changes
        if after.direction == "outbound"
        and not after.is_test
        and after.is_final
        and _settled(before) != _settled(after)
    ]
    await settle_attempts(db, ended)


def make_ended(call: CallState) -> EndedCall:
    """Returns the values that a campaign needs of a call that is over."""
    details = call.details
    return EndedCall(
        call_id=call.id,
        workspace_id=call.workspace_id,
        at=call.ended_at or datetime.now(UTC),
        status=call.status,
        end_reason=call.end_reason,
        end_detail=call.end_detail,
        was_dialed=call.carrier_call_id is not None,
        left_message=details.leaves_message and details.answered_by != "fax",
        cause=details.carrier.cause or "",
        sip=details.carrier.sip or "",
        opted_out=details.opted_out_at is not None,
    )


def _settled(call: CallState) -> tuple[object, ...]:
    details = call.details
    carrier, opted_out = details.carrier, details.opted_out_at is not None
    return (
        call.status, call.end_reason, call.end_detail, carrier.cause, carrier.sip, details.answered_by, opted_out
    )  # fmt: skip


# --- Do-not-call lists -------------------------------------------------------------------------------------------


async def add_to_do_not_call_list(db: Connection, changes: Sequence[CallChange]) -> None:
    """Adds callers who asked not to be called again to their workspaces' do-not-call lists."""
    opted_out = {
        after.id: after.details.opted_out_by
        for before, after in changes
        if before.details.opted_out_at is None and after.details.opted_out_at is not None
    }
    if opted_out:
        await add_opted_out_callers(db, opted_out)


CHANGE_SUBSCRIBERS: Final[tuple[ChangeSubscriber, ...]] = (
    mark_changed_days,
    charge_changed_calls,
    enqueue_analyses,
    report_changes,
    settle_ended_attempts,
    add_to_do_not_call_list,
)
