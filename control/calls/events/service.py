"""Stores a batch of media's events in one transaction. A repeated event changes nothing.

The functions in EVENT_SUBSCRIBERS run in order, in the same transaction. Each function receives the whole batch. To add
a consequence, write such a function and add it to EVENT_SUBSCRIBERS. Consequences of a call's changed state, whoever
reports it, are in CHANGE_SUBSCRIBERS (`control/calls/changes/service.py`).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.audit.service import Actor, Change, mask_number, record_change
from control.billing.ledger.rules import UsageEvent
from control.billing.ledger.service import record_usage
from control.calls.analysis.queries import delete_findings
from control.calls.changes.service import save_changes
from control.calls.events import queries
from control.calls.events.queries import EventRow
from control.calls.events.rules import (
    EventBatch,
    IncomingEvent,
    NewEvent,
    RedactedText,
    SaidInCall,
    apply_events,
    redact_event,
    redact_utterances,
    with_redacted_texts,
    with_redaction,
)
from control.calls.live.service import enqueue_hangup, enqueue_stream_ended
from control.calls.recordings.service import (
    enqueue_joins,
    enqueue_recording_deletions,
    enqueue_recording_starts,
    enqueue_redactions,
)
from control.calls.records.queries import lock_states
from control.calls.records.state import CallChange, CallState, accounting_day
from control.calls.supervision.service import follow_session
from control.db.pool import Connection
from control.workspaces.service import find_redaction
from shared.events import (
    SEQ_PER_LEG,
    AgentSaid,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    PersonSaid,
    RecordingReady,
    UsageRecorded,
    decode_event,
)

_MOST_SEQ: Final = 2**31 - 1
# If the time of an event is further from the call's creation than any call lasts, its node has a wrong clock.
# Partitions exist for this many days ahead. A later row would go to the default partition. Then the partition for its
# month could never be created, because rows of the ledger cannot be removed.
FURTHEST: Final = timedelta(days=40)
# Retention keeps the data of calls for at least a day, so younger calls are complete.
_KEPT: Final = timedelta(days=1)
_WORDS: Final = frozenset({"transcript", "event"})


class EventUnreadable(ValueError):
    """The line is not an event, or the event cannot be stored. The message contains none of its content."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a batch.

    Attributes:
        stored: Number of new events.
        unknown: Entries of calls that do not exist.
        ended: Calls in a final state whose end media reported in this batch.
    """

    stored: int
    unknown: Sequence[str]
    ended: Sequence[UUID] = ()


def parse_event(entry: str, line: bytes) -> IncomingEvent:
    """Reads an entry of the stream.

    Raises:
        EventUnreadable: The line is not an event, or one of its values cannot be stored.
    """
    try:
        envelope = decode_event(line)
        at = datetime.fromisoformat(envelope.at)
        call_id = UUID(envelope.call_id)
    except (msgspec.DecodeError, ValueError) as error:
        raise EventUnreadable(type(error).__name__) from None
    if not 0 <= envelope.seq <= _MOST_SEQ:
        raise EventUnreadable("seq")
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if not 2000 <= at.year <= 9000:
        raise EventUnreadable("at")
    if isinstance(envelope.event, UsageRecorded) and envelope.event.quantity < 0:
        raise EventUnreadable("quantity")
    return IncomingEvent(entry, line, call_id, envelope.seq, at, envelope)


async def write_events(db: Connection, events: Sequence[IncomingEvent]) -> BatchResult:
    """Stores new events, applies them to their calls, and runs the subscribers. Needs platform scope.

    Locks the calls' rows first, so that two transactions with the same event run one after the other.
    """
    locked = await lock_states(db, {event.call_id for event in events})
    before, silenced = await _apply_retention(db, locked)
    events = [_with_plausible_time(event, before.get(event.call_id)) for event in events]
    wanted = [event for event in events if _is_stored(event, before.get(event.call_id), silenced)]
    known = {(event.call_id, event.seq): event for event in reversed(wanted)}
    unknown = [event.entry for event in events if event.call_id not in before]
    if not known:
        return BatchResult(0, unknown)
    redaction = await _find_redaction(db, before)
    known = {key: _redacted(event, redaction[event.call_id]) for key, event in known.items()}
    rows = [_row(event, before[event.call_id].workspace_id) for event in known.values()]
    new = [known[key] for key in await queries.insert_events(db, rows)]
    after = before
    if new:
        batch = await _apply(db, before, new, redaction)
        for follow in EVENT_SUBSCRIBERS:
            await follow(db, batch)
        after = batch.after
    return BatchResult(len(new), unknown, _ended_calls(known.values(), after))


def _ended_calls(events: Iterable[IncomingEvent], after: Mapping[UUID, CallState]) -> Sequence[UUID]:
    """Returns the calls that have ended, except transferred calls, whose conversations may continue.

    Those conversations expire (shared/bus/checkpoints.py).
    """
    ended = {event.call_id for event in events if isinstance(event.envelope.event, CallEnded)}
    return [call_id for call_id in ended if after[call_id].is_final and after[call_id].details.transfer is None]


async def _apply(
    db: Connection,
    before: Mapping[UUID, CallState],
    events: Sequence[IncomingEvent],
    redaction: Mapping[UUID, tuple[str, ...]],
) -> EventBatch:
    """Applies the events to the states and the utterances of their calls, in memory.

    Args:
        redaction: The kinds of data to redact, by call.
    """
    by_call: dict[UUID, list[IncomingEvent]] = defaultdict(list)
    for event in events:
        by_call[event.call_id].append(event)
    speaking = [call_id for call_id, of_call in by_call.items() if any(map(_is_speech, of_call))]
    stored = await queries.select_utterances(db, speaking) if speaking else {}
    after = dict(before)
    changes: list[CallChange] = []
    said_now: list[SaidInCall] = []
    redacted: list[RedactedText] = []
    for call_id, of_call in by_call.items():
        old, said, kinds = before[call_id], stored.get(call_id, []), redaction[call_id]
        new_events = [NewEvent(event.seq, event.at, event.envelope.event) for event in of_call]
        new, now_said = apply_events(with_redaction(old, kinds), said, new_events)
        if now_said is not said:
            read_before = said if old.details.redaction.kinds else ()
            now_said, texts = redact_utterances(call_id, read_before, now_said, kinds)
            new = with_redacted_texts(new, now_said) if texts else new
            redacted += texts
            said_now.append(SaidInCall(call_id, old.workspace_id, now_said))
        if new != old:
            after[call_id] = new
            changes.append((old, new))
    return EventBatch(events, before, after, changes, said_now, redacted)


async def _find_redaction(db: Connection, calls: Mapping[UUID, CallState]) -> Mapping[UUID, tuple[str, ...]]:
    """Returns the kinds of data to redact, by call: the workspace's current kinds, and the kinds of earlier events of
    the call.
    """
    chosen = await find_redaction(db, {call.workspace_id for call in calls.values()})
    return {
        call_id: tuple(sorted({*call.details.redaction.kinds, *chosen.get(call.workspace_id, ())}))
        for call_id, call in calls.items()
    }


def _redacted(event: IncomingEvent, kinds: tuple[str, ...]) -> IncomingEvent:
    if not kinds:
        return event
    redacted = redact_event(event.envelope.event, kinds)
    return replace(event, envelope=msgspec.structs.replace(event.envelope, event=redacted))


def _with_plausible_time(event: IncomingEvent, call: CallState | None) -> IncomingEvent:
    """Returns the event. If its time is implausible, it gets the time of the call's creation."""
    if call is None or abs(event.at - call.created_at) <= FURTHEST:
        return event
    return replace(event, at=call.created_at)


async def _apply_retention(
    db: Connection, calls: Mapping[UUID, CallState]
) -> tuple[Mapping[UUID, CallState], Collection[UUID]]:
    """Applies retention to calls that it has already processed, because it does not return to them.

    If the recordings of a call were due, recordings that arrive late are deleted, too.

    Returns:
        The calls, and the ids of the calls whose words were deleted.
    """
    now = datetime.now(UTC)
    old = [call.id for call in calls.values() if now - call.created_at > _KEPT]
    deleted = await queries.select_deleted_kinds(db, old) if old else {}
    due = {call_id: calls[call_id] for call_id, kinds in deleted.items() if "recording" in kinds}
    deleting = {
        call_id: replace(call, details=replace(call.details, recordings_deleted_at=now))
        for call_id, call in due.items()
        if call.details.recordings_deleted_at is None
    }
    return {**calls, **deleting}, {call_id for call_id, kinds in deleted.items() if kinds & _WORDS}


def _is_stored(event: IncomingEvent, call: CallState | None, silenced: Collection[UUID]) -> bool:
    """Returns whether the event is stored.

    After the deletion of a call's words by retention or on the caller's request (`silenced`), only these events are
    stored: usage that costs money, opt-outs, and recordings, which are deleted when they are due. A node that could not
    reach the bus may send other events days later.
    """
    if call is None:
        return False
    if call.details.contents_deleted_at is None and call.id not in silenced:
        return True
    return isinstance(event.envelope.event, UsageRecorded | RecordingReady | CallerOptedOut)


def _row(event: IncomingEvent, workspace_id: UUID) -> EventRow:
    """Returns the row without the times of words, which are stored with the utterances."""
    data = msgspec.to_builtins(event.envelope.event)
    data.pop("word_ms", None)
    return EventRow(event.call_id, event.seq, workspace_id, event.at, data["type"], data)


def _is_speech(event: IncomingEvent) -> bool:
    return isinstance(event.envelope.event, CallerSaid | AgentSaid | PersonSaid)


# --- What follows from new events ------------------------------------------------------------------------------------

BatchSubscriber = Callable[[Connection, EventBatch], Awaitable[None]]

# Telnyx keeps a call up when its stream ends. If neither its webhook nor media's report leads to a hang-up, a job ends
# the call this long after media reported the end.
HANG_UP_AFTER_S: Final = 30.0


async def charge_usage(db: Connection, batch: EventBatch) -> None:
    """Prices the usage of the calls."""
    await record_usage(db, _list_usage(batch))


async def store_utterances(db: Connection, batch: EventBatch) -> None:
    """Stores the utterances. Redacts stored events whose text is sensitive only together with a later text."""
    await queries.upsert_utterances(db, batch.said)
    await queries.update_texts(db, batch.redacted)


async def delete_outdated_findings(db: Connection, batch: EventBatch) -> None:
    """Deletes results of analyses that were derived from words that are now redacted."""
    await delete_findings(db, batch.redacted_calls)


async def change_calls(db: Connection, batch: EventBatch) -> None:
    """Writes the changed states and their consequences."""
    await save_changes(db, batch.changes)


async def join_recordings(db: Connection, batch: EventBatch) -> None:
    """Enqueues joining the recordings of several media streams."""
    await enqueue_joins(db, batch.changes)


async def hang_up_lines(db: Connection, batch: EventBatch) -> None:
    """Enqueues hang-ups of calls that Telnyx keeps up, except transferred calls, whose callers are still on the
    line.
    """
    for before, after in batch.changes:
        is_over = after.is_final and not before.is_final and after.end_reason != "transferred"
        if is_over and after.carrier == "telnyx":
            await enqueue_hangup(db, after, None, delay_s=HANG_UP_AFTER_S)


async def delete_recordings(db: Connection, batch: EventBatch) -> None:
    """Enqueues deletions of recordings that callers refused or that are no longer kept."""
    await enqueue_recording_deletions(db, batch.changes)


async def redact_recordings(db: Connection, batch: EventBatch) -> None:
    """Enqueues redactions of recordings."""
    await enqueue_redactions(db, batch.changes, batch.redacted_calls)


async def start_recordings(db: Connection, batch: EventBatch) -> None:
    """Enqueues the carriers' recordings of calls whose callers have heard that they are recorded."""
    await enqueue_recording_starts(db, batch.changes)


async def continue_after_streams(db: Connection, batch: EventBatch) -> None:
    """Enqueues the next step after each media stream that ended, unless the caller hung up."""
    for event in batch.events:
        ended = event.envelope.event
        if isinstance(ended, CallEnded) and ended.end_reason != "caller_hangup":
            await enqueue_stream_ended(db, batch.after[event.call_id], event.seq // SEQ_PER_LEG)


async def audit_transfers(db: Connection, batch: EventBatch) -> None:
    """Records where callers were transferred to, whether an agent, a rule or a member decided it.

    The request of a member has a separate entry ("call.transfer").
    """
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


async def follow_supervision(db: Connection, batch: EventBatch) -> None:
    """Records what supervisors of calls did."""
    for event in sorted(batch.events, key=lambda event: event.seq):
        await follow_session(db, batch.after[event.call_id].workspace_id, event.call_id, event.at, event.envelope.event)


async def mark_days_of_usage(db: Connection, batch: EventBatch) -> None:
    """Marks the days that late usage changes, so that they are rolled up again at once.

    The days of a running call are marked at its end. Otherwise each event would recompute a whole day, only for our own
    cost. Until then, the duty `running_calls` marks these days. Providers' figures count on the day of the call.
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


EVENT_SUBSCRIBERS: Final[tuple[BatchSubscriber, ...]] = (
    charge_usage,
    store_utterances,
    delete_outdated_findings,
    change_calls,
    join_recordings,
    hang_up_lines,
    delete_recordings,
    redact_recordings,
    start_recordings,
    continue_after_streams,
    audit_transfers,
    follow_supervision,
    mark_days_of_usage,
)
