"""Streams of running calls. Each stream reads the database once a second, with the rights of its client."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.calls.feed import queries
from control.calls.feed.rules import (
    SHOWN_TYPES,
    Follower,
    LiveStreamLimits,
    ShownCall,
    StreamPlaces,
    encode_message,
    live_event,
    read_floor,
)
from control.calls.live.service import MediaAssignment
from control.calls.records.reports import CallSummary, EventLine
from control.calls.records.service import CallRecords
from control.db.pool import Connection
from control.http.context import Context
from control.http.responses.live_response import Reauthorized
from control.workspaces.service import find_redaction
from shared.bus.client import BusUnavailable
from shared.bus.live import Floor
from shared.errors import Forbidden, NotFound, TooManyRequests, Unauthorized

POLL_S: Final = 1.0
BEAT_S: Final = 10.0
# A stream ends after this time, and its client connects again.
LONGEST_S: Final = 3_600.0
MOST_CALL_EVENTS: Final = 500
# Calls whose floor is remembered; more than run at once.
MOST_FLOORS: Final = 10_000
LIST_FIELDS: Final = (
    "id",
    "agent_id",
    "agent_name",
    "caller_number",
    "caller_withheld",
    "called_number",
    "direction",
    "status",
    "is_test",
    "started_at",
)


@dataclass(slots=True)
class _Reading:
    """What one transaction has found.

    Attributes:
        redacts: What the opened call holds.
        is_staff: Words are withheld, because the staff read them with a reason only.
    """

    calls: Sequence[CallSummary]
    has_more: bool
    listeners: dict[UUID, int]
    ended: list[dict[str, Any]]
    events: list[EventLine]
    redacts: bool
    is_staff: bool
    now: datetime


@dataclass(slots=True)
class _Stream:
    """What the client of one stream has received.

    Attributes:
        sent: The last message of each call.
        opened: The call whose events the client gets.
    """

    opened: UUID | None
    shown: dict[UUID, ShownCall] = field(default_factory=dict)
    sent: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    opened_seq: int = -1
    messages: int = 0

    def message(self, event: str, data: object) -> bytes:
        """Return the next message."""
        self.messages += 1
        return encode_message(event, data, self.messages)


class LiveFeed:
    """The streams of one process."""

    def __init__(self, records: CallRecords, media: MediaAssignment, limits: LiveStreamLimits) -> None:
        self._records, self._media = records, media
        self._places = StreamPlaces(limits)
        self._floors: dict[UUID, tuple[float, Floor | None]] = {}  # by call: when it was read, and who had it
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all streams. A server that stops would otherwise wait for them until its drain time is over."""
        self._stopping.set()

    def require_room(self, follower: Follower) -> None:
        """Raises TooManyRequests (code too_many_streams)."""
        if limit := self._places.find_limit(follower):
            raise TooManyRequests(limit, retry_after_s=10, code="too_many_streams")

    async def stream(
        self, follower: Follower, opened: UUID | None, reauthorized: Reauthorized
    ) -> AsyncGenerator[bytes]:
        """Yields messages until the rights are gone or LONGEST_S have passed. Requests that came at once may all have
        passed `require_room`: those without a place are closed."""
        state = _Stream(opened)
        if not self._places.take(follower):
            yield state.message("closed", {"reason": "too_many_streams"})
            return
        try:
            async with aclosing(self._follow(follower, state, reauthorized)) as messages:
                async for message in messages:
                    yield message
        finally:
            self._places.release(follower)

    async def _follow(self, follower: Follower, state: _Stream, reauthorized: Reauthorized) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        until, quiet_since = loop.time() + LONGEST_S, loop.time()
        while loop.time() < until and not self._stopping.is_set():
            try:
                found = await reauthorized(partial(self._read, follower.workspace_id, state))
            except (Unauthorized, Forbidden, NotFound):
                yield state.message("closed", {"reason": "revoked"})
                return
            if messages := b"".join(_messages(state, found, await self.find_floors(found.calls))):
                quiet_since = loop.time()
                yield messages
            elif loop.time() - quiet_since >= BEAT_S:
                quiet_since = loop.time()
                yield b": beat\n\n"
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._stopping.wait()
        yield state.message("closed", {"reason": "ending"})

    async def find_floors(self, calls: Sequence[CallSummary]) -> dict[UUID, Floor]:
        """Returns who has the floor, by call, as the calls' nodes report it; empty while Redis is unavailable. Readers
        share what was read just now."""
        now, floors = asyncio.get_running_loop().time(), self._floors
        wanted = [call.id for call in calls if call.status == "in_progress"]
        due = [call_id for call_id in wanted if call_id not in floors or now - floors[call_id][0] >= POLL_S / 2]
        if len(floors) > MOST_FLOORS:
            floors.clear()
            due = wanted
        try:
            live = await self._media.find_live(due) if due else {}
        except BusUnavailable:
            return {}
        floors.update({call_id: (now, read_floor(live[call_id].floor) if call_id in live else None) for call_id in due})
        found = {call_id: floors[call_id][1] for call_id in wanted if call_id in floors}
        return {call_id: floor for call_id, floor in found.items() if floor is not None}

    async def _read(self, workspace_id: UUID | None, state: _Stream, context: Context) -> _Reading:
        db = context.db
        found = await self._records.list_open(db, workspace_id)
        ids = [call.id for call in found.rows]
        workspaces = {call.id: call.workspace_id for call in found.rows}
        shown_workspaces = {*workspaces.values(), *([workspace_id] if workspace_id else [])}
        redacting = {each for each, kinds in (await find_redaction(db, shown_workspaces)).items() if kinds}
        known = {call_id: state.shown[call_id].seq if call_id in state.shown else -1 for call_id in ids}
        for event in await queries.select_new(db, workspace_id, known, SHOWN_TYPES):
            shown = state.shown.setdefault(event.call_id, ShownCall())
            redacts = workspaces[event.call_id] in redacting
            shown.take(event.seq, event.at, event.event_data, redacts=redacts)
        gone = sorted(state.sent.keys() - set(ids))
        return _Reading(
            found.rows,
            found.has_more,
            await queries.count_listeners(db, workspace_id, ids),
            await queries.select_ended(db, workspace_id, gone) if gone else [],
            await self._read_opened(db, state, workspace_id),
            workspace_id in redacting,
            workspace_id is None,
            context.now,
        )

    async def _read_opened(self, db: Connection, state: _Stream, workspace_id: UUID | None) -> list[EventLine]:
        if state.opened is None:
            return []
        found = await self._records.list_events(
            db, workspace_id, state.opened, after_seq=state.opened_seq, most=MOST_CALL_EVENTS
        )
        return list(found.rows)


def _messages(state: _Stream, found: _Reading, floors: Mapping[UUID, Floor]) -> list[bytes]:
    calls = {call.id: _describe(call, state, found, floors) for call in found.calls}
    if not state.messages:
        messages = [state.message("snapshot", {"calls": list(calls.values()), "has_more": found.has_more})]
    else:
        changed = [call for call_id, call in calls.items() if _differs(state.sent.get(call_id), call)]
        messages = [state.message("call", call) for call in changed]
    for ended in found.ended:
        state.shown.pop(ended["id"], None)
        messages.append(state.message("ended", ended))
    state.sent = calls
    for event in found.events:
        state.opened_seq = max(state.opened_seq, event.seq)
        data = live_event(event.event_data, redacts=found.redacts)
        line = {"seq": event.seq, "event_type": event.event_type, "event_data": data, "timestamp": event.timestamp}
        messages.append(state.message("call_event", line))
    return messages


def _describe(call: CallSummary, state: _Stream, found: _Reading, floors: Mapping[UUID, Floor]) -> dict[str, Any]:
    seconds = max(0, int((found.now - call.answered_at).total_seconds())) if call.answered_at else 0
    shown = (state.shown.get(call.id) or ShownCall()).describe()
    if found.is_staff:
        workspace = {"workspace_id": call.workspace_id, "workspace_name": call.workspace_name}
        shown |= {"last_words": None, **workspace}
    return {
        **{name: getattr(call, name) for name in LIST_FIELDS},
        "duration_so_far": seconds,
        "floor": floors.get(call.id),
        **shown,
        "supervisors": found.listeners.get(call.id, 0),
    }


def _differs(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    """Returns whether anything but the duration has changed."""
    return before is None or {**before, "duration_so_far": 0} != {**after, "duration_so_far": 0}
