"""A warm transfer as a value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from control.calls.records.rules import OpenCall
from control.carriers.rules import CarrierName, is_valid
from shared.events import TransferFailure

WarmTransferStatus = Literal["calling", "asking", "accepted", "failed", "over"]
WAITING: Final = frozenset({"calling", "asking"})
# Ringing, the brief and the decision are over after the tool's 110 s. A row that says otherwise lost its webhooks.
LONGEST_WAIT: Final = timedelta(seconds=150)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmTransfer:
    """A call to the target of a warm transfer. status: "calling" until it is answered, "asking" until the target has
    decided, "accepted" while the target waits in the conference or talks; "failed" (`failure` says why) and "over" are
    final. leg_id, conference: None until the carrier has given them, which may be after the acceptance. asked_at: when
    the target was asked for a decision, after the brief, at a carrier with commands. joined_at: when the caller was
    told to join the conference. Both are None before that."""

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
        """Whether the target rings, decides, or is to meet the caller."""
        if self.status == "accepted":
            return self.joined_at is None
        return self.status in WAITING and now - self.created_at < LONGEST_WAIT


def transfer_caller_id(call: OpenCall, *, caller_allowed: bool) -> str:
    """Returns the number that a transfer shows: the caller's own where the carrier allows it and it is a number, else
    ours. A caller who withholds it comes as "anonymous" or as the letters of that on a keypad, such as +266696687.

    caller_allowed: Twilio's callerId may be the inbound caller's number (docs: TwiML <Dial>); Telnyx shows numbers of
    the account only, unless a number was verified."""
    ours = call.called_number if call.direction == "inbound" else call.caller_number
    if caller_allowed and call.direction == "inbound" and is_valid(call.caller_number):
        return call.caller_number
    return ours
