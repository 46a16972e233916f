"""Types of warm transfers, the number that a transfer shows, and the return of a caller whose transfer failed."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from control.calls.records.details import ReturnedTransfer
from control.calls.records.running_calls import OpenCall
from control.calls.records.state import CallState
from control.carriers.rules import CarrierName, is_valid
from shared.events import TransferFailure

WarmTransferStatus = Literal["calling", "asking", "accepted", "failed", "over"]
WAITING: Final = frozenset({"calling", "asking"})
# Ringing, the brief and the decision take less than the tool's 110 s. An older row has lost its webhooks.
LONGEST_WAIT: Final = timedelta(seconds=150)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmTransfer:
    """A call to the target of a warm transfer.

    Attributes:
        status: "calling" until it is answered, "asking" until the target has decided, "accepted" while the target waits
            in the conference or talks. "failed" (see `failure`) and "over" are final.
        leg_id, conference: None until the carrier has reported them, which may be after the acceptance.
        asked_at: When the target was asked for a decision, after the brief, at a carrier with commands. None before
            that.
        joined_at: When the caller was told to join the conference. None before that.
    """

    id: UUID
    workspace_id: UUID
    call_id: UUID
    run_id: str
    carrier: CarrierName
    number: str
    language: str
    brief: str
    created_at: datetime
    status: WarmTransferStatus = "calling"
    failure: TransferFailure | None = None
    leg_id: str | None = None
    conference: str | None = None
    asked_at: datetime | None = None
    joined_at: datetime | None = None

    def is_going_on(self, now: datetime) -> bool:
        """Returns whether the target rings, decides, or is about to meet the caller."""
        if self.status == "accepted":
            return self.joined_at is None
        return self.status in WAITING and now - self.created_at < LONGEST_WAIT


def transfer_caller_id(call: OpenCall, *, caller_allowed: bool) -> str:
    """Returns the number that a transfer shows: the caller's number if the carrier allows it and it is a number, else
    ours.

    A caller who withholds the number has "anonymous" or the word's letters on a keypad, such as +266696687.

    Args:
        caller_allowed: Twilio's callerId may be the inbound caller's number (docs: TwiML <Dial>). Telnyx shows only
            numbers of the account, unless a number was verified.
    """
    ours = call.called_number if call.direction == "inbound" else call.caller_number
    if caller_allowed and call.direction == "inbound" and is_valid(call.caller_number):
        return call.caller_number
    return ours


# After this many unanswered transfers, the agent no longer offers transfers and takes a message instead.
MOST_RETURNS: Final = 3


def may_return(state: CallState) -> bool:
    """Returns whether the caller may still be on the line.

    If the call counts as over, the carrier must not have reported its end: media's reports may arrive later than the
    carrier's report of the failed transfer.
    """
    if not state.is_final:
        return True
    transfer = state.details.transfer
    is_over = transfer is not None and transfer.until is None
    return state.end_reason == "transferred" and not is_over


def take_back(
    state: CallState, failure: TransferFailure, at: datetime, *, leg: int | None = None, target: str = ""
) -> CallState:
    """Returns the state of a call that continues with the agent. The call must satisfy `may_return`. Idempotent.

    The ledger has no entry for a running call, so its seconds are charged at its end, as one call.

    Args:
        leg: The media stream before the transfer; None for the latest.
        target: The carrier's id of the leg that was called.
    """
    details, leg = state.details, state.details.leg if leg is None else leg
    transfer = details.transfer
    is_known = any(target and earlier.target == target for earlier in details.returns)
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


def has_returned(state: CallState, leg: int) -> bool:
    """Returns whether the transfer after this media stream led back to the agent."""
    return any(returned.leg == leg for returned in state.details.returns)
