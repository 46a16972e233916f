"""Calls as people read them: lists, one in full, its words and events."""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from control.calls import store_records as store
from control.calls.listed import Call, CallLine, EventLine, Filter
from control.calls.turns import turns_of
from control.db.pool import Connection
from shared.errors import Invalid, Missing

# Rows that a list counts and reaches: OFFSET reads what it passes over.
DEPTH: Final = 100_000
MOST_LIVE: Final = 1_000
MOST_EVENTS: Final = 100_000


class Records:
    """Reads only, in the workspace's scope or the platform's. workspace_id: None for all of them, for the staff."""

    async def page(self, db: Connection, wanted: Filter, *, offset: int, limit: int) -> tuple[list[CallLine], int]:
        """Newest first, and how many there are, of which DEPTH are counted. Raises Invalid (code too_deep)."""
        if offset + limit > DEPTH:
            raise Invalid(
                f"Pages reach {DEPTH} calls deep: narrow the list by from and to.", param="page", code="too_deep"
            )
        return await store.select_calls(db, wanted, offset, limit), await store.count_calls(db, wanted, DEPTH)

    async def get(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> Call:
        """With its turns. Raises Missing."""
        found = _found(await store.select_call(db, workspace_id, call_id))
        events = await store.select_events(db, call_id, store.TURN_EVENTS, -1, MOST_EVENTS)
        return replace(found, turns=turns_of([event.event_data for event in events]))

    async def find(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> Call:
        """Without its turns. Raises Missing."""
        return _found(await store.select_call(db, workspace_id, call_id))

    async def words(self, db: Connection, workspace_id: UUID, call_id: UUID) -> tuple[str | None, list[dict[str, Any]]]:
        """The transcription and each utterance as heard. Raises Missing."""
        found = await self.find(db, workspace_id, call_id)
        return found.transcription, await store.select_words(db, call_id)

    async def events(
        self, db: Connection, workspace_id: UUID, call_id: UUID, *, after_seq: int, most: int
    ) -> list[EventLine]:
        """In their order, those behind `after_seq`. Raises Missing."""
        await self.find(db, workspace_id, call_id)
        return await store.select_events(db, call_id, None, after_seq, most)

    async def live(self, db: Connection, workspace_id: UUID | None) -> list[CallLine]:
        """Those that are not over, the longest first; up to MOST_LIVE."""
        return await store.select_open(db, workspace_id, MOST_LIVE)


def _found(call: Call | None) -> Call:
    if call is None:
        raise Missing("There is no such call.", code="call_not_found")
    return call
