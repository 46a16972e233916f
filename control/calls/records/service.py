"""The records of calls: changed states are written with all that follows from them, and people read them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing.charges import list_call_costs, record_minutes
from control.billing.ledger import FinishedCall
from control.calls.analysis.service import enqueue_analyses
from control.calls.records import queries
from control.calls.records.queries import StoredCall
from control.calls.records.rules import (
    CallFilter,
    CallReport,
    CallState,
    CallSummary,
    EventLine,
    OpenCall,
    known_number,
    make_turns,
)
from control.campaigns.rules import EndedCall
from control.campaigns.service import settle_attempts
from control.carriers.rules import Carrier, CarrierName
from control.db.jobs import JobFailed
from control.db.keyset import ListPage, PageRequest, cut_page
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.do_not_call.service import list_callers
from control.outbound_webhooks.event_types import (
    CallEventData,
    EventType,
    OptOutEventData,
    RecordingEventData,
    TransferEventData,
)
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.errors import Invalid, NotFound
from shared.events import TransferFailure


def find_ended(changed: Iterable[tuple[CallState, CallState]]) -> list[EndedCall]:
    """Outbound calls that these changes, (before, after), end, and those that were over and of which more is known now.
    Test calls are of no campaign."""
    pairs = [(before, after) for before, after in changed if after.direction == "outbound" and not after.is_test]
    return [make_ended(after) for before, after in pairs if after.is_final and _facts(before) != _facts(after)]


def make_ended(call: CallState) -> EndedCall:
    """What a campaign has to know of a call that is over."""
    details = call.details
    return EndedCall(
        call_id=call.id,
        workspace_id=call.workspace_id,
        at=call.ended_at or datetime.now(UTC),
        status=call.status,
        end_reason=call.end_reason,
        end_detail=call.end_detail,
        was_dialled=call.carrier_call_id is not None,
        left_message=details.leaves_message and details.answered_by != "fax",
        cause=details.carrier.cause or "",
        sip=details.carrier.sip or "",
        opted_out=details.opted_out_at is not None,
    )


def _facts(call: CallState) -> tuple[object, ...]:
    details = call.details
    carrier, opted_out = details.carrier, details.opted_out_at is not None
    return (
        call.status, call.end_reason, call.end_detail, carrier.cause, carrier.sip, details.answered_by, opted_out
    )  # fmt: skip


Changes = Iterable[tuple[CallState, CallState]]


async def report_changes(db: Connection, changed: Changes) -> None:
    """Stores the events of these changes, (before, after), in the transaction that makes them."""
    now = datetime.now(UTC)
    await report_facts(db, [fact for before, after in changed for fact in find_facts(before, after, now)])


def find_facts(before: CallState, after: CallState, now: datetime) -> Iterator[ReportedFact]:
    """In the order in which they happened. A call that a failed transfer leads back to its agent ends again later."""
    if before.answered_at is None and after.answered_at is not None:
        yield _call_fact("call.started", after, after.answered_at)
    for one in after.details.returns[len(before.details.returns) :]:
        yield _transfer_fact("transfer.failed", after, one.at, one.failure)
    if before.details.transfer is None and after.details.transfer is not None:
        yield _transfer_fact("transfer.started", after, after.ended_at or now, None)
    if before.details.opted_out_at is None and after.details.opted_out_at is not None:
        yield ReportedFact(
            workspace_id=after.workspace_id,
            type="caller.opted_out",
            object_id=after.id,
            at=after.details.opted_out_at,
            data=OptOutEventData(after.id, after.agent_id, after.details.opted_out_by),
            call_id=after.id,
        )
    if after.is_final and not before.is_final:
        yield _call_fact("call.ended", after, after.ended_at or now)
    if before.recording_key is None and after.recording_key is not None:
        seconds = None if after.recording_seconds is None else float(after.recording_seconds)
        yield ReportedFact(
            workspace_id=after.workspace_id,
            type="recording.ready",
            object_id=after.id,
            at=now,
            data=RecordingEventData(after.id, after.agent_id, seconds),
            call_id=after.id,
        )


def _call_fact(type_: EventType, call: CallState, at: datetime) -> ReportedFact:
    data = CallEventData(
        call_id=call.id,
        agent_id=call.agent_id,
        direction=call.direction,
        status=call.status,
        is_test=call.is_test,
        created_at=call.created_at,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        duration_seconds=call.duration_seconds,
        end_reason=call.end_reason,
    )
    return ReportedFact(call.workspace_id, type_, call.id, at, data, call_id=call.id)


def _transfer_fact(type_: EventType, call: CallState, at: datetime, failure: TransferFailure | None) -> ReportedFact:
    data = TransferEventData(call.id, call.agent_id, failure)
    return ReportedFact(call.workspace_id, type_, call.id, at, data, call_id=call.id)


async def save_changes(db: Connection, changed: Iterable[tuple[CallState, CallState]]) -> None:
    """Writes the changed ones of (before, after); their rows must be locked. Needs platform scope."""
    different = [(before, after) for before, after in changed if after != before]
    await queries.update_states(db, [after for _, after in different])
    days = [
        WorkspaceDay(after.workspace_id, accounting_day(after))
        for before, after in different
        if _counted(after) != _counted(before)
    ]
    if days:
        await mark_days(db, days)
    await charge_calls(db, [after for before, after in different if _charged(after) != _charged(before)])
    await enqueue_analyses(db, different)
    await report_changes(db, different)
    await settle_attempts(db, find_ended(different))


async def charge_calls(db: Connection, calls: Sequence[CallState]) -> None:
    """Brings the ledger up to date with these calls, which are over and locked. Needs platform scope."""
    if calls:
        await queries.update_costs(db, await record_minutes(db, [_finished_call(call) for call in calls]))


def accounting_day(state: CallState) -> date:
    """The day (UTC) whose figures count the call: that of its creation."""
    return state.created_at.astimezone(UTC).date()


def _counted(state: CallState) -> tuple[object, ...]:
    """What the roll-ups take from the call; of how its providers did, only once it is over, because its end marks the
    day anyway."""
    quality = (state.details.failed_providers, state.details.latency) if state.is_final else ()
    return (state.status, state.duration_seconds, *quality)


def _charged(state: CallState) -> tuple[int, Decimal | None]:
    """What the call's minutes are computed from; nothing before the call is over."""
    if not state.is_final:
        return 0, None
    return state.duration_seconds, state.details.carrier.total_cost


def _finished_call(state: CallState) -> FinishedCall:
    return FinishedCall(
        call_id=state.id,
        workspace_id=state.workspace_id,
        agent_id=state.agent_id,
        at=state.created_at,
        seconds=state.duration_seconds,
        is_test=state.is_test,
        carrier=state.carrier,
        direction=state.direction,
        carrier_cost=state.details.carrier.total_cost,
        has_estimated_cost=state.details.carrier.has_estimated_cost,
    )


async def list_opted_out(db: Connection, changed: Changes) -> None:
    """Lists the people who asked for it in these changes, (before, after), in the transaction that makes them. Needs
    platform scope."""
    new = {
        after.id: after.details.opted_out_by
        for before, after in changed
        if before.details.opted_out_at is None and after.details.opted_out_at is not None
    }
    if new:
        await list_callers(db, new)


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
            return await queries.search_calls(db, wanted, page)
        found = await queries.select_calls(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_calls(db, wanted, depth))

    async def get(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """A call with its turns and costs. Raises NotFound."""
        found = _require(await queries.select_report(db, workspace_id, call_id))
        events = await queries.select_events(db, call_id, queries.TURN_EVENTS, -1, MOST_EVENTS)
        costs = await list_call_costs(db, found.summary_line.workspace_id, call_id)
        return replace(found, turns=make_turns([event.event_data for event in events]), costs=costs)

    async def find(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport:
        """A call without its turns. Raises NotFound."""
        return _require(await queries.select_report(db, workspace_id, call_id))

    async def get_transcription(
        self, db: Connection, workspace_id: UUID, call_id: UUID
    ) -> tuple[str | None, list[dict[str, Any]]]:
        """The transcription, and each utterance. Raises NotFound."""
        found = await self.find(db, workspace_id, call_id)
        return found.transcription, await queries.select_utterances(db, call_id)

    async def list_events(
        self, db: Connection, workspace_id: UUID | None, call_id: UUID, *, after_seq: int, most: int
    ) -> ListPage[EventLine]:
        """Up to `most` events behind number `after_seq`, in order. Raises NotFound."""
        call = (await self.find(db, workspace_id, call_id)).summary_line
        events = await queries.select_events(db, call_id, None, after_seq, most + 1)
        return cut_page([_with_numbers(event, call) for event in events], PageRequest(most))

    async def list_open(self, db: Connection, workspace_id: UUID | None) -> ListPage[CallSummary]:
        """Calls that are not over, the longest first; up to MOST_OPEN."""
        return cut_page(await queries.select_open(db, workspace_id, MOST_OPEN + 1), PageRequest(MOST_OPEN))


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


# The carrier may ask what comes next after the call's end was stored: for this long it gets an answer.
JUST_OVER: Final = timedelta(seconds=60)


def make_open_call(call: StoredCall, carrier: CarrierName, carrier_call_id: str) -> OpenCall:
    """carrier_call_id: as the carrier names the call now."""
    current = call.state
    consent, reported = current.details.consent, current.details.carrier
    return OpenCall(
        call_id=current.id,
        workspace_id=current.workspace_id,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        leg=current.details.leg,
        caller=call.caller,
        called=call.called,
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
        last_stream=max((one.leg for one in current.details.legs), default=current.details.leg),
        transfer_failures={one.leg: one.failure for one in current.details.returns},
    )


def is_long_over(current: CallState, now: datetime) -> bool:
    """A transferred caller is still on the line, until the carrier reports the end or the transfer's bound passes."""
    transfer = current.details.transfer
    if not current.is_final or (transfer is not None and transfer.until is not None and transfer.until > now):
        return False
    return now - (current.ended_at or now) > JUST_OVER


def _stream_id(current: CallState) -> str:
    """The carrier's id of the current leg's stream."""
    details = current.details
    return next((one.stream for one in reversed(details.legs) if one.leg == details.leg), "")


J = TypeVar("J")


class Gateways(Protocol):
    """The configured carriers."""

    def get(self, name: str) -> Carrier:
        """Raises CarrierRefused."""


def decode_payload(payload: bytes, kind: type[J]) -> J:
    """Raises JobFailed, permanently: another try reads the same."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None


async def load_state(pool: Pool, call_id: UUID) -> CallState | None:
    """The call's state, in a transaction of its own."""
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await queries.lock_one(db, call_id)
    return call.state if call is not None else None


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)
