"""A transfer whose target was not reached leads back to the agent: how the call's state changes. Pure."""

from dataclasses import replace
from datetime import datetime

from control.calls.details import ReturnedTransfer
from control.calls.state import CallState, has_returned
from shared.events import TransferFailure


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
    is_known = any(target and one.target == target for one in details.returns)
    if is_known or has_returned(state, leg):
        return state
    number = details.transfer.number if details.transfer is not None else ""
    returned = ReturnedTransfer(leg=leg, failure=failure, at=at, number=number, target=target)
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
