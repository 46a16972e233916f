"""Reads calls for people: lists, one in full, its transcription and events."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from control.billing.charges import list_call_costs
from control.calls import read_calls, read_found_calls
from control.calls.caller_identity import known_number
from control.calls.record_model import CallFilter, CallReport, CallSummary, EventLine
from control.calls.turns import make_turns
from control.db.keyset import ListPage, PageRequest, cut_page
from control.db.pool import Connection
from shared.errors import Invalid, NotFound

# Rows that a list counts, and that its counted pages reach at most, because OFFSET reads the rows that it skips.
DEPTH: Final = 100_000
# How deep pages of calls reach that are found by their words. They are not counted: that reads all that are found.
SEARCH_DEPTH: Final = 1_000
MOST_OPEN: Final = 1_000
MOST_EVENTS: Final = 100_000


class CallRecords:
    """Reads only, in the workspace's scope or the platform's. workspace_id: None for all workspaces, for the staff."""

    async def list_page(self, db: Connection, wanted: CallFilter, *, page: PageRequest) -> ListPage[CallSummary]:
        """Newest first; the total is counted up to DEPTH, and not with a text. Raises Invalid (codes too_deep,
        cursor_unknown)."""
        depth = DEPTH if wanted.text is None else SEARCH_DEPTH
        if page.offset + page.limit > depth:
            raise Invalid(
                f"Pages reach {depth} calls deep: narrow the list by from and to.", param="page", code="too_deep"
            )
        if wanted.text is not None:
            return await read_found_calls.select_calls(db, wanted, page)
        found = await read_calls.select_calls(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await read_calls.count_calls(db, wanted, depth))

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
    ) -> ListPage[EventLine]:
        """Up to `most` events behind number `after_seq`, in order. Raises NotFound."""
        call = (await self.find(db, workspace_id, call_id)).summary_line
        events = await read_calls.select_events(db, call_id, None, after_seq, most + 1)
        return cut_page([_with_numbers(event, call) for event in events], PageRequest(most))

    async def list_open(self, db: Connection, workspace_id: UUID | None) -> ListPage[CallSummary]:
        """Calls that are not over, the longest first; up to MOST_OPEN."""
        return cut_page(await read_calls.select_open(db, workspace_id, MOST_OPEN + 1), PageRequest(MOST_OPEN))


def _with_numbers(event: EventLine, call: CallSummary) -> EventLine:
    """call.started with both numbers: Twilio's streams do not carry them, so media does not know them."""
    if event.event_type != "call.started":
        return event
    data: Mapping[str, Any] = event.event_data
    caller = call.caller_number or known_number(data.get("caller") or "")
    called = data.get("called") or call.called_number or ""
    return replace(event, event_data={**data, "caller": caller, "called": called})


def _require(call: CallReport | None) -> CallReport:
    if call is None:
        raise NotFound("There is no such call.", code="call_not_found")
    return call
