"""Applies carriers' reports to the state of a call. Pure functions; see `control/calls/records/state.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from control.calls.records.details import Transfer
from control.calls.records.state import (
    FINAL,
    CallState,
    close,
    earliest,
    lost_reason,
    mark_answered,
    order_times,
    store_transfer,
)
from control.carriers.rules import CarrierName
from shared.events import CallStatus, EndReason


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """A carrier's report about a call.

    Attributes:
        status: None if the status does not change.
        call_id: Our id, if the webhook carries it.
        sequence: The carrier's number of the report, if it numbers reports.
        duration_s: Connected seconds.
        answered_by: Result of answering-machine detection; empty without a result.
        greeting_ended: The machine's greeting is over, and it records from now on.
        facts: Further values under the carrier's names.
        session_id: The id that stays when carrier_call_id changes (Telnyx).
    """

    carrier: CarrierName
    carrier_call_id: str
    status: CallStatus | None
    at: datetime
    call_id: UUID | None = None
    end_reason: EndReason | None = None
    duration_s: int | None = None
    sequence: int | None = None
    answered_by: Literal["", "human", "machine", "fax", "unknown"] = ""
    greeting_ended: bool = False
    facts: Mapping[str, Any] | None = None
    session_id: str = ""


_RANK: Final[dict[CallStatus, int]] = {"queued": 0, "ringing": 1, "in_progress": 2}


def apply_carrier_status(state: CallState, report: CarrierStatus) -> CallState:
    """Returns the state after a carrier's report."""
    after = _store_facts(state, report)
    if report.answered_by:
        after = replace(after, details=replace(after.details, answered_by=report.answered_by))
    if report.status is None:
        return after
    if report.status == "in_progress":
        return mark_answered(after, report.at)
    if report.status in FINAL:
        return _apply_carrier_end(after, report)
    if not after.is_final and _RANK[report.status] > _RANK[after.status]:
        after = replace(after, status=report.status)
    if report.status == "ringing":
        after = order_times(replace(after, started_at=earliest(after.started_at, report.at)))
    return after


def _apply_carrier_end(state: CallState, report: CarrierStatus) -> CallState:
    status = report.status or "completed"
    if state.is_final:
        if state.details.transfer is not None:
            return _end_transfer(state, state.details.transfer, report)
        if report.duration_s is not None and state.details.ended_by == "carrier":
            return replace(state, duration_seconds=report.duration_s)
        return state
    reason = _end_reason(state, report)
    if status == "completed" and state.answered_at is None and _may_be_unanswered(report):
        # There was no conversation: the caller gave up, or the called party did not answer.
        status = "canceled" if state.direction == "inbound" else "no_answer"
        state = replace(state, details=replace(state.details, unanswered=True))
    ended = close(state, status, reason, None, report.at, "carrier")
    return ended if report.duration_s is None else replace(ended, duration_seconds=report.duration_s)


def _may_be_unanswered(report: CarrierStatus) -> bool:
    """Returns whether a call without a reported answer may have been unanswered.

    Telnyx reports no duration, and ends unanswered calls with the cause normal_clearing, too. Twilio reports 0 seconds,
    also for a call that was answered for less than one second.
    """
    return report.duration_s == 0 or (report.carrier == "telnyx" and report.duration_s is None)


def _end_reason(state: CallState, report: CarrierStatus) -> EndReason | None:
    """Returns why the call ended, as far as the carrier knows. A report of media corrects the reason."""
    if report.end_reason is not None:
        return report.end_reason
    if report.status == "failed":
        return "carrier_error"
    if report.status != "completed":
        return None
    return state.details.meant_end or lost_reason(state) or "caller_hangup"


def _end_transfer(state: CallState, transfer: Transfer, report: CarrierStatus) -> CallState:
    """Applies a carrier's report that a transferred call has ended. Telnyx does not report the duration."""
    if transfer.until is None:  # reported before
        return replace(state, duration_seconds=max(report.duration_s or 0, state.duration_seconds))
    since = state.answered_at or report.at
    seconds = report.duration_s if report.duration_s is not None else round((report.at - since).total_seconds())
    ended_at = max(state.ended_at or report.at, report.at)
    after = replace(state, ended_at=ended_at, duration_seconds=max(seconds, state.duration_seconds))
    return store_transfer(after, transfer.talked_s, None, transfer.number)


def _store_facts(state: CallState, report: CarrierStatus) -> CallState:
    facts: dict[str, Any] = dict(report.facts or {})
    if any(returned.target and returned.target == facts.get("transfer_called") for returned in state.details.returns):
        # A late event of a leg that the caller has left.
        facts = {name: value for name, value in facts.items() if name not in ("transfer_called", "transfer_leg")}
    if report.duration_s is not None:
        facts["duration_s"] = report.duration_s
    if report.sequence is not None:
        facts["sequence"] = report.sequence
    if not facts:
        return state
    return replace(state, details=replace(state.details, carrier=state.details.carrier.merge(facts)))


# A caller who hangs up while the target's phone rings ends both legs. Telnyx's times of the two ends differ by the
# moment in which it ends the second leg. Within so short a time, the caller cannot have heard the agent again.
SAME_MOMENT: Final = timedelta(seconds=0.5)


def undo_return(state: CallState, report: CarrierStatus) -> CallState:
    """Returns the state before the last return, if the report shows that the caller had left when the transfer failed.

    In this case the target was not reached because the caller hung up, in whichever order the two ends are reported
    (docs/decisions/0009).
    """
    if state.is_final or report.status not in FINAL or not state.details.returns:
        return state
    *others, last = state.details.returns
    if report.at > last.at + SAME_MOMENT:
        return state
    details = replace(state.details, returns=tuple(others))
    if last.talked_s is None:  # media's report of the transfer comes later
        return replace(state, details=details)
    transfer = Transfer(talked_s=last.talked_s, until=last.at, number=last.number)
    return replace(
        state,
        status="completed",
        end_reason="transferred",
        end_detail=last.detail,
        ended_at=min(last.at, report.at),
        duration_seconds=last.talked_s,
        details=replace(details, transfer=transfer, ended_by="media"),
    )
