"""What customers' systems are told of a call: events that follow from two states of it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from control.calls.state import CallState
from control.db.pool import Connection
from control.outbound_webhooks.event_types import (
    CallEventData,
    EventType,
    OptOutEventData,
    RecordingEventData,
    TransferEventData,
)
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.events import TransferFailure

Changes = Iterable[tuple[CallState, CallState]]


async def report_changes(db: Connection, changed: Changes) -> None:
    """Stores the events of these changes, (before, after), in the transaction that makes them."""
    now = datetime.now(UTC)
    await report_facts(db, [fact for before, after in changed for fact in find_facts(before, after, now)])


def find_facts(before: CallState, after: CallState, now: datetime) -> Iterator[ReportedFact]:
    """In the order in which they happened. A call that a failed transfer leads back to its agent ends again later."""
    if before.answered_at is None and after.answered_at is not None:
        yield _call_fact("call.started", after, after.answered_at)
    for one in after.details.returns[len(before.details.returns) :]:
        yield _transfer_fact("transfer.failed", after, one.at, one.failure)
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
