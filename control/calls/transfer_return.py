"""A transfer whose target was not reached leads back to the agent: how the call's state changes. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from control.calls.details import ReturnedTransfer, Transfer
from control.calls.model import FINAL, CarrierStatus
from control.calls.state import CallState, has_returned
from shared.events import TransferFailure

# A caller who hangs up while the target's phone rings ends both legs; Telnyx's times of the two differ by the moment in
# which it ends the second one. Nobody has heard the agent again after so short a time.
SAME_MOMENT: Final = timedelta(seconds=0.5)


def may_return(state: CallState) -> bool:
    """Whether the caller may still be on the line. Of a call that is over the carrier must not have reported the end;
    media's reports may come later than the carrier's of the failure."""
    if not state.is_final:
        return True
    transfer = state.details.transfer
    is_over = transfer is not None and transfer.until is None
    return state.end_reason == "transferred" and not is_over


def take_back(
    state: CallState, failure: TransferFailure, at: datetime, *, leg: int | None = None, target: str = ""
) -> CallState:
    """The call goes on with the agent; only for one that `may_return`. Repeated, it changes nothing.

    leg: the media stream before the transfer, None for the latest. target: the carrier's id of the leg that was called.
    The ledger has nothing of a call that goes on, so its seconds are charged when it is over, as one call.
    """
    details, leg = state.details, state.details.leg if leg is None else leg
    transfer = details.transfer
    is_known = any(target and one.target == target for one in details.returns)
    if is_known or has_returned(state, leg):
        return state
    returned = ReturnedTransfer(
        leg=leg,
        failure=failure,
        at=at,
        number=transfer.number if transfer is not None else "",
        target=target,
        talked_s=transfer.talked_s if transfer is not None else None,
        detail=state.end_detail,
    )
    return replace(
        state,
        status="in_progress",
        end_reason=None,
        end_detail=None,
        ended_at=None,
        duration_seconds=0,
        details=replace(
            details,
            returns=(*details.returns, returned),
            transfer=None,
            ended_by=None,
            carrier=replace(details.carrier, transfer_called=None, transfer_leg=None),
        ),
    )


def undo_return(state: CallState, report: CarrierStatus) -> CallState:
    """The state before the last return, where the report says that the caller had gone when the transfer failed: the
    target was not reached because the caller hung up, whichever of the two ends is reported first
    (docs/decisions/0102-callers-who-leave-a-transfer.md)."""
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
