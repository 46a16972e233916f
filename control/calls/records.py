"""Reads calls for people: lists, one in full, its transcription and events."""

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from control.billing.charges import list_call_costs
from control.calls import read_calls
from control.calls.record_model import CallFilter, CallReport, CallSummary, EventLine
from control.calls.turns import make_turns
from control.db.pool import Connection
from shared.errors import Invalid, NotFound

# Rows that a list counts and reaches at most, because OFFSET reads the rows that it skips.
DEPTH: Final = 100_000
MOST_OPEN: Final = 1_000
MOST_EVENTS: Final = 100_000


class CallRecords:
    """Reads only, in the workspace's scope or the platform's. workspace_id: None for all workspaces, for the staff."""

    async def list_page(
        self, db: Connection, wanted: CallFilter, *, offset: int, limit: int
    ) -> tuple[list[CallSummary], int]:
        """A page, newest first, and the total, counted up to DEPTH. Raises Invalid (code too_deep)."""
        if offset + limit > DEPTH:
            raise Invalid(
                f"Pages reach {DEPTH} calls deep: narrow the list by from and to.", param="page", code="too_deep"
            )
        return await read_calls.select_calls(db, wanted, offset, limit), await read_calls.count_calls(db, wanted, DEPTH)

    async def get(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """A call with its turns and costs. Raises NotFound."""
        found = _require(await read_calls.select_call(db, workspace_id, call_id))
        events = await read_calls.select_events(db, call_id, read_calls.TURN_EVENTS, -1, MOST_EVENTS)
        costs = await list_call_costs(db, found.summary_line.workspace_id, call_id)
        return replace(found, turns=make_turns([event.event_data for event in events]), costs=costs)

    async def find(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """A call without its turns. Raises NotFound."""
        return _require(await read_calls.select_call(db, workspace_id, call_id))

    async def get_transcription(
        self, db: Connection, workspace_id: UUID, call_id: UUID
    ) -> tuple[str | None, list[dict[str, Any]]]:
        """The transcription, and each utterance. Raises NotFound."""
        found = await self.find(db, workspace_id, call_id)
        return found.transcription, await read_calls.select_utterances(db, call_id)

    async def list_events(
        self, db: Connection, workspace_id: UUID | None, call_id: UUID, *, after_seq: int, most: int
    ) -> list[EventLine]:
        """Up to `most` events behind number `after_seq`, in order. Raises NotFound."""
        await self.find(db, workspace_id, call_id)
        return await read_calls.select_events(db, call_id, None, after_seq, most)

    async def list_open(self, db: Connection, workspace_id: UUID | None) -> list[CallSummary]:
        """Calls that are not over, the longest first; up to MOST_OPEN."""
        return await read_calls.select_open(db, workspace_id, MOST_OPEN)


def _require(call: CallReport | None) -> CallReport:
    if call is None:
        raise NotFound("There is no such call.", code="call_not_found")
    return call
