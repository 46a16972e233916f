"""Reads the records of calls, for people and for carriers' requests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.billing.ledger.service import list_call_costs
from control.calls.records import queries
from control.calls.records.callers import known_number
from control.calls.records.queries import StoredCall
from control.calls.records.reports import CallFilter, CallReport, CallSummary, EventLine, make_turns
from control.calls.records.running_calls import OpenCall
from control.calls.records.state import CallState
from control.carriers.rules import CarrierName
from control.db.keyset import ListPage, PageRequest, cut_page
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.errors import Invalid, NotFound

# Maximum number of rows that a list counts and that its numbered pages reach. OFFSET reads all rows that it skips.
DEPTH: Final = 100_000
# Maximum depth of pages in a search by words. Search results are not counted, because a count would read all of them.
SEARCH_DEPTH: Final = 1_000
MOST_OPEN: Final = 1_000
MOST_EVENTS: Final = 100_000


# --- Calls, as people read them --------------------------------------------------------------------------------------


class CallRecords:
    """Reads calls, in the workspace's or platform scope.

    For the staff, `workspace_id` is None: all workspaces.
    """

    async def list_page(self, db: Connection, wanted: CallFilter, *, page: PageRequest) -> ListPage[CallSummary]:
        """Returns a page of calls, newest first. The total counts up to DEPTH calls, and is missing in a search by
        words.

        Raises:
            Invalid: Codes too_deep, cursor_unknown.
        """
        depth = DEPTH if wanted.text is None else SEARCH_DEPTH
        if page.offset + page.limit > depth:
            raise Invalid(
                f"Pages reach {depth} calls deep: narrow the list by from and to.", param="page", code="too_deep"
            )
        if wanted.text is not None:
            return await queries.search_calls(db, wanted, page)
        found = await queries.select_calls(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_calls(db, wanted, depth))

    async def get(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """Returns a call with its turns and costs. Raises NotFound."""
        found = _require(await queries.select_report(db, workspace_id, call_id))
        events = await queries.select_events(db, call_id, queries.TURN_EVENTS, -1, MOST_EVENTS)
        costs = await list_call_costs(db, found.summary_line.workspace_id, call_id)
        return replace(found, turns=make_turns([event.event_data for event in events]), costs=costs)

    async def find(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """Returns a call without its turns. Raises NotFound."""
        return _require(await queries.select_report(db, workspace_id, call_id))

    async def get_transcription(
        self, db: Connection, workspace_id: UUID, call_id: UUID
    ) -> tuple[str | None, list[dict[str, Any]]]:
        """Returns the transcript as text, and its utterances. Raises NotFound."""
        found = await self.find(db, workspace_id, call_id)
        return found.transcription, await queries.select_utterances(db, call_id)

    async def list_events(
        self, db: Connection, workspace_id: UUID | None, call_id: UUID, *, after_seq: int, most: int
    ) -> ListPage[EventLine]:
        """Returns up to `most` events after number `after_seq`, in order. Raises NotFound."""
        call = (await self.find(db, workspace_id, call_id)).summary_line
        events = await queries.select_events(db, call_id, None, after_seq, most + 1)
        return cut_page([_with_numbers(event, call) for event in events], PageRequest(most))

    async def list_open(self, db: Connection, workspace_id: UUID | None) -> ListPage[CallSummary]:
        """Returns up to MOST_OPEN calls that are not over, the longest first."""
        return cut_page(await queries.select_open(db, workspace_id, MOST_OPEN + 1), PageRequest(MOST_OPEN))


def _with_numbers(event: EventLine, call: CallSummary) -> EventLine:
    """Adds both numbers to call.started. Twilio's streams do not carry them, so media does not know them."""
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


# --- Calls, as carriers' requests ask for them -----------------------------------------------------------------------

# The carrier may ask for the next step after the call's end was stored. It gets an answer for this long.
JUST_OVER: Final = timedelta(seconds=60)


async def find_open(
    db: Connection,
    carrier: CarrierName,
    carrier_call_id: str,
    now: datetime,
    *,
    call_id: UUID | None = None,
    session_id: str = "",
) -> OpenCall | None:
    """Returns the call if it is not over, has been over for less than JUST_OVER, or its caller is being transferred.

    Args:
        call_id: Our id from the webhook. It does not match a row with another carrier id, unless the session is the
            same.
        session_id: The carrier's id that stays when its id of the call changes (Telnyx).
    """
    call = await queries.select_stored_call(db, carrier, carrier_call_id, call_id, session_id)
    return None if call is None or is_long_over(call.state, now) else make_open_call(call, carrier, carrier_call_id)


def make_open_call(call: StoredCall, carrier: CarrierName, carrier_call_id: str) -> OpenCall:
    """Returns a stored call as the open call that carriers' requests refer to.

    Args:
        carrier_call_id: The carrier's current id of the call.
    """
    current = call.state
    consent, reported = current.details.consent, current.details.carrier
    return OpenCall(
        call_id=current.id,
        workspace_id=current.workspace_id,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        leg=current.details.leg,
        caller_number=current.caller_number,
        called_number=call.called_number,
        direction=current.direction,
        status=current.status,
        carrier=carrier,
        carrier_call_id=carrier_call_id,
        media_node=current.media_node or "",
        created_at=current.created_at,
        answered_at=current.answered_at or current.started_at,
        end_reason=current.end_reason,
        stream_id=_stream_id(current),
        stored_id=current.carrier_call_id or "",
        was_answered=current.answered_at is not None,
        is_transferring=reported.transfer_called is not None,
        is_connected=reported.transfer_leg is not None,
        variables=call.variables,
        announced=consent.heard,
        recording_refused=consent.is_refused,
        is_test=current.is_test,
        call_screening=current.details.call_screening,
        last_stream=max((leg.leg for leg in current.details.legs), default=current.details.leg),
        transfer_failures={returned.leg: returned.failure for returned in current.details.returns},
    )


def is_long_over(current: CallState, now: datetime) -> bool:
    """Returns whether the call has been over for longer than JUST_OVER.

    A transferred caller is still on the line until the carrier reports the end or the transfer's time limit passes.
    """
    transfer = current.details.transfer
    if not current.is_final or (transfer is not None and transfer.until is not None and transfer.until > now):
        return False
    return now - (current.ended_at or now) > JUST_OVER


def _stream_id(current: CallState) -> str:
    """Returns the carrier's id of the current stream."""
    details = current.details
    return next((leg.stream for leg in reversed(details.legs) if leg.leg == details.leg), "")


async def load_state(pool: Pool, call_id: UUID) -> CallState | None:
    """Returns the state of a call, read in a separate transaction."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await queries.lock_one(db, call_id)
    return call.state if call is not None else None
