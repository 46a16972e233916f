"""Stores a batch of media's events in one transaction. An event that comes again changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing.charges import record_usage
from control.billing.ledger import UsageEvent
from control.calls.analysis.queries import delete_findings
from control.calls.events import queries
from control.calls.events.queries import EventRow
from control.calls.events.rules import (
    NewEvent,
    RedactedText,
    apply_events,
    redact_event,
    redact_utterances,
    with_redacted_texts,
    with_redaction,
)
from control.calls.live.service import enqueue_hangup, enqueue_stream_ended
from control.calls.recordings.service import (
    _enqueue_joins,
    enqueue_discards,
    enqueue_recording_starts,
    enqueue_redactions,
)
from control.calls.records import queries as records_queries
from control.calls.records.rules import CallState
from control.calls.records.service import accounting_day, list_opted_out, save_changes
from control.db.pool import Connection
from control.platform.audit import Actor, Change, mask_number, record_change
from control.workspaces.redaction import find_redaction
from shared.events import (
    SEQ_PER_LEG,
    AgentSaid,
    CallEnded,
    CallerOptedOut,
    CallerSaid,
    EventEnvelope,
    RecordingReady,
    UsageRecorded,
    decode_event,
)

# Telnyx keeps a call up when its stream ends. Should neither its webhook about that nor media's report lead to a
# hang-up, a job ends the call this long after media reported the end.
HANG_UP_AFTER_S: Final = 30.0
_MOST_SEQ: Final = 2**31 - 1
# An event whose time is further from the call's creation than any call takes is of a node with a wrong clock. The
# partitions of so many days ahead exist: a row of a later time would go to the default partition, and the partition of
# its month could never be made, because none of the ledger's rows can be removed.
FURTHEST: Final = timedelta(days=40)
# What calls hold is kept for a day at least, so nothing was deleted of those that are younger.
_KEPT: Final = timedelta(days=1)
_WORDS: Final = frozenset({"transcript", "event"})


class EventUnreadable(ValueError):
    """Not an event, or one that cannot be stored. The message holds none of its content."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as read from the stream. entry: its id there. line: its bytes. proof: as EventEntry has it."""

    entry: str
    line: bytes
    call_id: UUID
    seq: int
    at: datetime
    envelope: EventEnvelope
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """stored: number of events that were new. unknown: entries of calls that do not exist. ended: calls in a final
    state whose media reported the end in this batch."""

    stored: int
    unknown: Sequence[str]
    ended: Sequence[UUID] = ()


def parse_event(entry: str, line: bytes) -> IncomingEvent:
    """Raises EventUnreadable."""
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
    """Stores new events, prices their usage, and applies them to their calls. Needs platform scope. Locks the calls'
    rows first, so that two transactions with the same event run one after the other."""
    locked = await records_queries.lock_states(db, {one.call_id for one in events})
    before, silenced = await _apply_retention(db, locked)
    events = [_with_plausible_time(one, before.get(one.call_id)) for one in events]
    wanted = [one for one in events if _is_stored(one, before.get(one.call_id), silenced)]
    known = {(one.call_id, one.seq): one for one in reversed(wanted)}
    unknown = [one.entry for one in events if one.call_id not in before]
    if not known:
        return BatchResult(0, unknown)
    redaction = await _find_redaction(db, before)
    known = {key: _redacted(one, redaction[one.call_id]) for key, one in known.items()}
    rows = [_row(one, before[one.call_id].workspace_id) for one in known.values()]
    new = [known[key] for key in await queries.insert_events(db, rows)]
    usage = _usage_events(new, before)
    await record_usage(db, usage)
    after = await _apply(db, before, new, redaction) if new else before
    await _audit_transfers(db, new, after)
    await mark_days(db, _usage_days(usage, after))
    return BatchResult(len(new), unknown, _ended_calls(known.values(), after))


async def _audit_transfers(db: Connection, events: Iterable[IncomingEvent], calls: Mapping[UUID, CallState]) -> None:
    """Records where callers were transferred to, whoever decided it: agent, rule, or a member, whose request has an
    entry of its own ("call.transfer")."""
    for one in events:
        ended = one.envelope.event
        if isinstance(ended, CallEnded) and ended.transfer_to:
            after, workspace_id = {"number": mask_number(ended.transfer_to)}, calls[one.call_id].workspace_id
            reason = ended.detail or None
            change = Change("call.transferred", "call", str(one.call_id), workspace_id, after=after, reason=reason)
            await record_change(db, Actor("system"), change)


def _ended_calls(events: Iterable[IncomingEvent], after: Mapping[UUID, CallState]) -> Sequence[UUID]:
    """Without transferred ones, whose conversations may go on (they expire, see shared/bus/checkpoints.py)."""
    ended = {one.call_id for one in events if isinstance(one.envelope.event, CallEnded)}
    return [call_id for call_id in ended if after[call_id].is_final and after[call_id].details.transfer is None]


async def _apply(
    db: Connection,
    before: Mapping[UUID, CallState],
    events: Sequence[IncomingEvent],
    redaction: Mapping[UUID, tuple[str, ...]],
) -> Mapping[UUID, CallState]:
    """All the calls' states afterwards. redaction: by call, the kinds that are left out."""
    by_call: dict[UUID, list[IncomingEvent]] = defaultdict(list)
    for one in events:
        by_call[one.call_id].append(one)
    speaking = [call_id for call_id, mine in by_call.items() if any(map(_is_speech, mine))]
    stored = await queries.select_utterances(db, speaking) if speaking else {}
    changed, spoken = [], []
    redacted: list[RedactedText] = []
    for call_id, mine in by_call.items():
        old, said, kinds = before[call_id], stored.get(call_id, []), redaction[call_id]
        new_events = [NewEvent(one.seq, one.at, one.envelope.event) for one in mine]
        new, now_said = apply_events(with_redaction(old, kinds), said, new_events)
        if now_said is not said:
            read_before = said if old.details.redaction.kinds else ()
            now_said, texts = redact_utterances(call_id, read_before, now_said, kinds)
            new = with_redacted_texts(new, now_said) if texts else new
            redacted += texts
            spoken.append((call_id, old.workspace_id, now_said))
        if new != old:
            changed.append((old, new))
    await queries.upsert_utterances(db, spoken)
    await queries.update_texts(db, redacted)
    await delete_findings(db, {one.call_id for one in redacted})
    await save_changes(db, changed)
    await _enqueue_joins(db, changed)
    await _enqueue_hangups(db, changed)
    await enqueue_discards(db, changed)
    await enqueue_redactions(db, changed, {one.call_id for one in redacted})
    await enqueue_recording_starts(db, changed)
    await list_opted_out(db, changed)
    after = {**before, **{new.id: new for _, new in changed}}
    for one in events:
        # After a hang-up of the caller nothing is left to do.
        if isinstance(one.envelope.event, CallEnded) and one.envelope.event.end_reason != "caller_hangup":
            await enqueue_stream_ended(db, after[one.call_id], one.seq // SEQ_PER_LEG)
    return after


async def _enqueue_hangups(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Not for transferred calls: their callers are still on the line."""
    for old, new in changed:
        is_over = new.is_final and not old.is_final and new.end_reason != "transferred"
        if is_over and new.carrier == "telnyx":
            await enqueue_hangup(db, new, None, delay_s=HANG_UP_AFTER_S)


async def _find_redaction(db: Connection, calls: Mapping[UUID, CallState]) -> Mapping[UUID, tuple[str, ...]]:
    """By call, the kinds that are left out: those of its workspace now, and those that were when it had events
    before."""
    chosen = await find_redaction(db, {call.workspace_id for call in calls.values()})
    return {
        call_id: tuple(sorted({*call.details.redaction.kinds, *chosen.get(call.workspace_id, ())}))
        for call_id, call in calls.items()
    }


def _redacted(one: IncomingEvent, kinds: tuple[str, ...]) -> IncomingEvent:
    if not kinds:
        return one
    event = redact_event(one.envelope.event, kinds)
    return replace(one, envelope=msgspec.structs.replace(one.envelope, event=event))


def _with_plausible_time(one: IncomingEvent, call: CallState | None) -> IncomingEvent:
    """The event; with the time of the call's creation, if its own cannot be right."""
    if call is None or abs(one.at - call.created_at) <= FURTHEST:
        return one
    return replace(one, at=call.created_at)


async def _apply_retention(
    db: Connection, calls: Mapping[UUID, CallState]
) -> tuple[Mapping[UUID, CallState], Collection[UUID]]:
    """The calls as they are after retention, which does not come back to them: those whose recordings were due discard
    what is stored late. And those whose words were deleted."""
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


def _is_stored(one: IncomingEvent, call: CallState | None, silenced: Collection[UUID]) -> bool:
    """Of a call whose words were deleted, on its caller's request or by retention (silenced), only what costs money,
    the request not to be called again, and recordings, which are deleted, too, when they are due. A node that could
    not reach the bus may send the rest of it days later."""
    if call is None:
        return False
    if call.details.contents_deleted_at is None and call.id not in silenced:
        return True
    return isinstance(one.envelope.event, UsageRecorded | RecordingReady | CallerOptedOut)


def _row(one: IncomingEvent, workspace_id: UUID) -> EventRow:
    """Without the times of words, which are kept with the utterances."""
    data = msgspec.to_builtins(one.envelope.event)
    data.pop("word_ms", None)
    return EventRow(one.call_id, one.seq, workspace_id, one.at, data["type"], data)


def _usage_events(events: Iterable[IncomingEvent], calls: Mapping[UUID, CallState]) -> list[UsageEvent]:
    return [
        UsageEvent(one.call_id, call.workspace_id, call.agent_id, one.seq, one.at, one.envelope.event)
        for one in events
        if isinstance(one.envelope.event, UsageRecorded) and one.envelope.event.quantity
        for call in (calls[one.call_id],)
    ]


def _usage_days(usage: Iterable[UsageEvent], after: Mapping[UUID, CallState]) -> Iterator[WorkspaceDay]:
    """The days to be rolled up again at once: not those of running calls, which are marked at their end. Each event
    would have the whole day computed again, for our cost only; meanwhile the duty `running_calls` marks them. Figures
    of providers count on the day of the call."""
    for event in usage:
        assert event.call_id is not None, "media's events are of calls"
        call, day = after[event.call_id], event.at.astimezone(UTC).date()
        if call.is_final or day != accounting_day(call):
            yield WorkspaceDay(event.workspace_id, day)
        if call.is_final:
            yield WorkspaceDay(event.workspace_id, accounting_day(call))


def _is_speech(one: IncomingEvent) -> bool:
    return isinstance(one.envelope.event, CallerSaid | AgentSaid)
