"""What an ended call means for its recipient. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.campaigns.model import CallOutcome
from control.do_not_call.model import LISTED
from shared.events import CallStatus, EndReason

# Why control ends a queued call, by its end_detail, for a reason that concerns the campaign and not the recipient: the
# recipient is called later.
CAMPAIGN_NOT_RUNNING: Final = "campaign_not_running"
OUTSIDE_HOURS: Final = "outside_calling_hours"
# Those for which the campaign pauses, because its next call would end in the same way.
PAUSING_DETAILS: Final = frozenset({"agent_not_live", "suspended", "spend_limit"})
_NOT_DIALLED: Final = PAUSING_DETAILS | {CAMPAIGN_NOT_RUNNING, OUTSIDE_HOURS, "too_late", "platform_limit"}
# Carriers' words for a recipient who declined. Telnyx: hangup_cause of call.hangup,
# https://developers.telnyx.com/docs/voice/programmable-voice/receiving-webhooks. Twilio reports it as busy:
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values.
_DECLINED: Final = ("call_rejected",)
# Twilio's errors for a number that does not exist or may not be called, https://www.twilio.com/docs/api/errors: 13224
# invalid number, 21211 invalid To, 21214 not reachable, 21217 not valid. Telnyx: unallocated_number.
_IMPOSSIBLE: Final = ("13224", "21211", "21214", "21217", "unallocated_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that is over. was_dialled: the carrier had it. left_message: the agent left its message with a machine.
    cause: the carrier's word for why it ended; empty if it gave none. opted_out: the recipient asked not to be called
    again."""

    call_id: UUID
    workspace_id: UUID
    at: datetime
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    was_dialled: bool
    left_message: bool
    cause: str = ""
    opted_out: bool = False


def find_outcome(call: EndedCall) -> CallOutcome:
    """The outcome of a call that is over."""
    if call.opted_out or call.end_detail == LISTED:
        return "opted_out"
    if call.end_reason == "voicemail":
        return "voicemail_left" if call.left_message else "machine"
    match call.status:
        case "completed":
            return "answered"
        case "busy":
            return "busy"
        case "no_answer":
            return "no_answer"
    if not call.was_dialled:
        return _find_undialled(call)
    if call.status == "canceled":
        return "no_answer"
    declined = call.cause in _DECLINED
    return "rejected" if declined or call.cause in _IMPOSSIBLE else "failed_by_carrier"


def _find_undialled(call: EndedCall) -> CallOutcome:
    if call.status == "canceled" or call.end_detail in _NOT_DIALLED:
        return "not_dialled"
    return "rejected" if call.end_detail in _IMPOSSIBLE else "failed_by_carrier"
