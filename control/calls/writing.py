"""A batch of media's events written down in one transaction: each event once, whatever comes twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from control.calls import store, store_events
from control.calls.applying import Fresh, applied
from control.calls.hanging import hang_up
from control.calls.putting import put
from control.calls.state import State
from control.calls.store_events import EventRow
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.events import AgentSaid, CallEnded, CallerSaid, Envelope, decode_event

JOIN: Final = "calls.join_recordings"
# Recordings of several streams come one after the other: they are joined when no more are likely to come.
JOIN_AFTER_S: Final = 5.0
# Telnyx keeps a call up when its stream ends, until we are told of that and hang up. Should that word be lost, the call
# is ended all the same, so long after media's.
HANG_UP_AFTER_S: Final = 10.0
_MOST_SEQ: Final = 2**31 - 1


class Unreadable(ValueError):
    """No event, or one that cannot be kept; the message holds none of it."""


class Join(msgspec.Struct, frozen=True):
    """The payload of a job that makes one recording of several."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it came. entry: its place in the stream."""

    entry: str
    line: bytes
    call_id: UUID
    seq: int
    at: datetime
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Written:
    """fresh: events that were new. unknown: entries of calls that there are not. over: calls whose media has told its
    last, and that have a final state, now or since before."""

    fresh: int
    unknown: Sequence[str]
    over: Sequence[UUID] = ()


def read(entry: str, line: bytes) -> Told:
    """Raises Unreadable."""
    try:
        envelope = decode_event(line)
        at = datetime.fromisoformat(envelope.at)
        call_id = UUID(envelope.call_id)
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None
    if not 0 <= envelope.seq <= _MOST_SEQ:
        raise Unreadable("seq")
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if not 2000 <= at.year <= 9000:
        raise Unreadable("at")
    return Told(entry, line, call_id, envelope.seq, at, envelope)


async def write(db: Connection, told: Sequence[Told]) -> Written:
    """In platform scope. The calls' rows are held first, so that two who write the same take turns."""
    before = await store.lock_states(db, {one.call_id for one in told})
    known = {(one.call_id, one.seq): one for one in reversed(told) if one.call_id in before}
    unknown = [one.entry for one in told if one.call_id not in before]
    if not known:
        return Written(0, unknown)
    rows = [_row(one, before[one.call_id].workspace_id) for one in known.values()]
    fresh = [known[key] for key in await store_events.insert_events(db, rows)]
    after = await _apply(db, before, fresh) if fresh else before
    return Written(len(fresh), unknown, _over(known.values(), after))


def _over(told: Iterable[Told], after: Mapping[UUID, State]) -> Sequence[UUID]:
    ended = {one.call_id for one in told if isinstance(one.envelope.event, CallEnded)}
    return [call_id for call_id in ended if after[call_id].is_final]


async def _apply(db: Connection, before: Mapping[UUID, State], fresh: Iterable[Told]) -> Mapping[UUID, State]:
    """The calls afterwards."""
    by_call: dict[UUID, list[Told]] = defaultdict(list)
    for one in fresh:
        by_call[one.call_id].append(one)
    speaking = [call_id for call_id, its in by_call.items() if any(map(_is_speech, its))]
    words = await store_events.select_words(db, speaking) if speaking else {}
    changed, spoken = [], []
    for call_id, its in by_call.items():
        old, said = before[call_id], words.get(call_id, [])
        new, heard = applied(old, said, [Fresh(one.seq, one.at, one.envelope.event) for one in its])
        if heard is not said:
            spoken.append((call_id, old.workspace_id, heard))
        if new != old:
            changed.append((old, new))
    await store_events.upsert_words(db, spoken)
    await put(db, changed)
    await _have_joined(db, changed)
    await _have_hung_up(db, changed)
    return {**before, **{new.id: new for _, new in changed}}


async def _have_joined(db: Connection, changed: Iterable[tuple[State, State]]) -> None:
    for old, new in changed:
        recordings = new.details.get("recordings", ())
        if len(recordings) > 1 and recordings != old.details.get("recordings"):
            await enqueue(db, JOIN, msgspec.json.encode(Join(new.id)), delay_s=JOIN_AFTER_S)


async def _have_hung_up(db: Connection, changed: Iterable[tuple[State, State]]) -> None:
    """Not those whose caller was put through: they are on the line still."""
    for old, new in changed:
        over = new.is_final and not old.is_final and new.end_reason != "transferred"
        if over and new.carrier == "telnyx":
            await hang_up(db, new, None, delay_s=HANG_UP_AFTER_S)


def _row(one: Told, workspace_id: UUID) -> EventRow:
    data = msgspec.to_builtins(one.envelope.event)
    return EventRow(one.call_id, one.seq, workspace_id, one.at, data["type"], data)


def _is_speech(one: Told) -> bool:
    return isinstance(one.envelope.event, CallerSaid | AgentSaid)
