"""Stores a batch of media's events in one transaction. An event that comes again changes nothing.

What follows from new events is in `subscribers.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

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
from control.calls.events.subscribers import SUBSCRIBERS
from control.calls.records.queries import lock_states
from control.calls.records.rules import CallChange, CallState
from control.db.pool import Connection
from control.workspaces.service import find_redaction
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    RecordingReady,
    UsageRecorded,
    decode_event,
)

_MOST_SEQ: Final = 2**31 - 1
# An event whose time is further from the call's creation than any call takes is of a node with a wrong clock. The
# partitions of so many days ahead exist: a row of a later time would go to the default partition, and the partition of
# its month could never be made, because none of the ledger's rows can be removed.
FURTHEST: Final = timedelta(days=40)
# Retention keeps the data of calls for a day at least, so younger calls are complete.
_KEPT: Final = timedelta(days=1)
_WORDS: Final = frozenset({"transcript", "event"})


class EventUnreadable(ValueError):
    """The line is not an event, or the event cannot be stored. The message holds none of its content."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch.

    stored: number of events that were new. unknown: entries of calls that do not exist. ended: calls in a final state
    whose media reported the end in this batch.
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
    """Stores new events, applies them to their calls, and does what follows. Needs platform scope.

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
        for follow in SUBSCRIBERS:
            await follow(db, batch)
        after = batch.after
    return BatchResult(len(new), unknown, _ended_calls(known.values(), after))


def _ended_calls(events: Iterable[IncomingEvent], after: Mapping[UUID, CallState]) -> Sequence[UUID]:
    """Returns the calls that have ended, except transferred ones, whose conversations may go on (they expire, see
    shared/bus/checkpoints.py)."""
    ended = {event.call_id for event in events if isinstance(event.envelope.event, CallEnded)}
    return [call_id for call_id in ended if after[call_id].is_final and after[call_id].details.transfer is None]


async def _apply(
    db: Connection,
    before: Mapping[UUID, CallState],
    events: Sequence[IncomingEvent],
    redaction: Mapping[UUID, tuple[str, ...]],
) -> EventBatch:
    """Applies the events to the states and the utterances of their calls, in memory. redaction: by call, the kinds that
    are left out."""
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
    """Returns by call the kinds that are left out: those of its workspace now, and those that were when it had events
    before."""
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
    """Returns the event; with the time of the call's creation, if its own cannot be right."""
    if call is None or abs(event.at - call.created_at) <= FURTHEST:
        return event
    return replace(event, at=call.created_at)


async def _apply_retention(
    db: Connection, calls: Mapping[UUID, CallState]
) -> tuple[Mapping[UUID, CallState], Collection[UUID]]:
    """Applies retention to calls that it has passed, because it does not come back to them.

    Returns the calls, of which those whose recordings were due discard what is stored late; and the calls whose words
    were deleted.
    """
    now = datetime.now(UTC)
    old = [call.id for call in calls.values() if now - call.created_at > _KEPT]
    deleted = await queries.select_deleted_kinds(db, old) if old else {}
    due = {call_id: calls[call_id] for call_id, kinds in deleted.items() if "recording" in kinds}
    discarding = {
        call_id: replace(call, details=replace(call.details, recordings_deleted_at=now))
        for call_id, call in due.items()
        if call.details.recordings_deleted_at is None
    }
    return {**calls, **discarding}, {call_id for call_id, kinds in deleted.items() if kinds & _WORDS}


def _is_stored(event: IncomingEvent, call: CallState | None, silenced: Collection[UUID]) -> bool:
    """Returns whether the event is stored.

    If a call's words were deleted, on its caller's request or by retention (silenced), only these events of it are
    stored: what costs money, the request not to be called again, and recordings, which are deleted, too, when they are
    due. A node that could not reach the bus may send the others days later.
    """
    if call is None:
        return False
    if call.details.contents_deleted_at is None and call.id not in silenced:
        return True
    return isinstance(event.envelope.event, UsageRecorded | RecordingReady | CallerOptedOut)


def _row(event: IncomingEvent, workspace_id: UUID) -> EventRow:
    """Returns the row without the times of words, which are kept with the utterances."""
    data = msgspec.to_builtins(event.envelope.event)
    data.pop("word_ms", None)
    return EventRow(event.call_id, event.seq, workspace_id, event.at, data["type"], data)


def _is_speech(event: IncomingEvent) -> bool:
    return isinstance(event.envelope.event, CallerSaid | AgentSaid)
