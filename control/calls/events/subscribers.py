"""What follows from a batch of media's new events, in the transaction that stores them.

Each function of SUBSCRIBERS gets the whole batch, in this order. To let something new follow, write such a function and
add it to SUBSCRIBERS. What follows from the changed state of a call, whoever reports it, is in
`control/calls/changes/service.py`.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.audit.service import Actor, Change, mask_number, record_change
from control.billing.ledger.rules import UsageEvent
from control.billing.ledger.service import record_usage
from control.calls.analysis.queries import delete_findings
from control.calls.changes.service import save_changes
from control.calls.events import queries
from control.calls.events.rules import EventBatch
from control.calls.live.service import enqueue_hangup, enqueue_stream_ended
from control.calls.recordings.service import (
    enqueue_discards,
    enqueue_joins,
    enqueue_recording_starts,
    enqueue_redactions,
)
from control.calls.records.rules import accounting_day
from control.db.pool import Connection
from shared.events import SEQ_PER_LEG, CallEnded, UsageRecorded

BatchSubscriber = Callable[[Connection, EventBatch], Awaitable[None]]

# Telnyx keeps a call up when its stream ends. Should neither its webhook about that nor media's report lead to a
# hang-up, a job ends the call this long after media reported the end.
HANG_UP_AFTER_S: Final = 30.0


async def charge_usage(db: Connection, batch: EventBatch) -> None:
    """Prices what the calls consumed."""
    await record_usage(db, _list_usage(batch))


async def store_utterances(db: Connection, batch: EventBatch) -> None:
    """Stores what was said, and redacts stored events whose text gives something away together with a later one."""
    await queries.upsert_utterances(db, batch.said)
    await queries.update_texts(db, batch.redacted)


async def delete_outdated_findings(db: Connection, batch: EventBatch) -> None:
    """Deletes what analyses found in words that are redacted now."""
    await delete_findings(db, batch.redacted_calls)


async def change_calls(db: Connection, batch: EventBatch) -> None:
    """Writes the changed states, with all that follows from them."""
    await save_changes(db, batch.changes)


async def join_recordings(db: Connection, batch: EventBatch) -> None:
    """Has the recordings of several media streams joined."""
    await enqueue_joins(db, batch.changes)


async def hang_up_lines(db: Connection, batch: EventBatch) -> None:
    """Has calls hung up that Telnyx keeps up; except transferred calls, whose callers are still on the line."""
    for before, after in batch.changes:
        is_over = after.is_final and not before.is_final and after.end_reason != "transferred"
        if is_over and after.carrier == "telnyx":
            await enqueue_hangup(db, after, None, delay_s=HANG_UP_AFTER_S)


async def discard_recordings(db: Connection, batch: EventBatch) -> None:
    """Has recordings deleted that callers refused, or that are kept no longer."""
    await enqueue_discards(db, batch.changes)


async def redact_recordings(db: Connection, batch: EventBatch) -> None:
    """Has recordings redacted."""
    await enqueue_redactions(db, batch.changes, batch.redacted_calls)


async def start_recordings(db: Connection, batch: EventBatch) -> None:
    """Has carriers record calls whose callers have heard that they are recorded."""
    await enqueue_recording_starts(db, batch.changes)


async def continue_after_streams(db: Connection, batch: EventBatch) -> None:
    """Has a job carry out what comes after each media stream that ended, except after a hang-up of the caller."""
    for event in batch.events:
        ended = event.envelope.event
        if isinstance(ended, CallEnded) and ended.end_reason != "caller_hangup":
            await enqueue_stream_ended(db, batch.after[event.call_id], event.seq // SEQ_PER_LEG)


async def audit_transfers(db: Connection, batch: EventBatch) -> None:
    """Records where callers were transferred to, whoever decided it: agent, rule, or a member, whose request has an
    entry of its own ("call.transfer")."""
    for event in batch.events:
        ended = event.envelope.event
        if isinstance(ended, CallEnded) and ended.transfer_to:
            workspace_id, number = batch.after[event.call_id].workspace_id, mask_number(ended.transfer_to)
            change = Change(
                action="call.transferred",
                resource_type="call",
                resource_id=str(event.call_id),
                workspace_id=workspace_id,
                after={"number": number},
                reason=ended.detail or None,
            )
            await record_change(db, Actor("system"), change)


async def mark_days_of_usage(db: Connection, batch: EventBatch) -> None:
    """Has the days rolled up again at once that late usage changes.

    The days of a running call are marked at its end. Otherwise each event would have the whole day computed again, for
    our cost only; meanwhile the duty `running_calls` marks them. Figures of providers count on the day of the call.
    """
    days = []
    for event in _list_usage(batch):
        assert event.call_id is not None, "media's events are of calls"
        call, day = batch.after[event.call_id], event.at.astimezone(UTC).date()
        if call.is_final or day != accounting_day(call):
            days.append(WorkspaceDay(event.workspace_id, day))
        if call.is_final:
            days.append(WorkspaceDay(event.workspace_id, accounting_day(call)))
    await mark_days(db, days)


def _list_usage(batch: EventBatch) -> list[UsageEvent]:
    return [
        UsageEvent(event.call_id, call.workspace_id, call.agent_id, event.seq, event.at, event.envelope.event)
        for event in batch.events
        if isinstance(event.envelope.event, UsageRecorded) and event.envelope.event.quantity
        for call in (batch.before[event.call_id],)
    ]


SUBSCRIBERS: Final[tuple[BatchSubscriber, ...]] = (
    charge_usage,
    store_utterances,
    delete_outdated_findings,
    change_calls,
    join_recordings,
    hang_up_lines,
    discard_recordings,
    redact_recordings,
    start_recordings,
    continue_after_streams,
    audit_transfers,
    mark_days_of_usage,
)
