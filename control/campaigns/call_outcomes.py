"""What an ended call means for its recipient. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.campaigns.model import CallOutcome
from control.do_not_call.rules import LISTED
from shared.events import CallStatus, EndReason

# Why control ends a queued call, by its end_detail, for a reason that concerns the campaign and not the recipient: the
# recipient is called later.
CAMPAIGN_NOT_RUNNING: Final = "campaign_not_running"
OUTSIDE_HOURS: Final = "outside_calling_hours"
# Those for which the campaign pauses, because its next call would end in the same way.
PAUSING_DETAILS: Final = frozenset({"agent_not_live", "suspended", "spend_limit"})
_NOT_DIALLED: Final = PAUSING_DETAILS | {CAMPAIGN_NOT_RUNNING, OUTSIDE_HOURS, "too_late", "platform_limit"}
# The recipient declined. Telnyx: hangup_cause of call.hangup,
# https://developers.telnyx.com/docs/voice/programmable-voice/receiving-webhooks. Twilio reports it as busy:
# https://www.twilio.com/docs/voice/api/call-resource#call-status-values.
_DECLINED: Final = frozenset({"call_rejected"})
# SIP status codes of the end: 603 declined (RFC 3261, section 21.6.2), 607 unwanted (RFC 8197), 608 rejected by a call
# filter (RFC 8688).
_DECLINED_SIP: Final = frozenset({"603", "607", "608"})
# No call will ever reach the number. Twilio's errors, https://www.twilio.com/docs/api/errors: 13224 invalid number,
# 21211 invalid To, 21214 not reachable, 21217 not valid; the account may not call the country: 13227, 21215, 32205.
# Telnyx's hangup_cause: not_found, unallocated_number; its refusals: D11 invalid, D12 and D13 not allowed.
_DEAD: Final = frozenset(
    {
        "13224",
        "21211",
        "21214",
        "21217",
        "13227",
        "21215",
        "32205",
        "not_found",
        "unallocated_number",
        "D11",
        "D12",
        "D13",
    }
)
# SIP status codes (RFC 3261, section 21): 404 not found, 410 gone, 484 address incomplete, 604 does not exist anywhere.
_DEAD_SIP: Final = frozenset({"404", "410", "484", "604"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """A call that is over. was_dialled: the carrier had it. left_message: the agent left its message with a machine.
    cause: the carrier's word for why it ended; sip: its SIP status code; both empty if it gave none. opted_out: the
    recipient asked not to be called again."""

    call_id: UUID
    workspace_id: UUID
    at: datetime
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    was_dialled: bool
    left_message: bool
    cause: str = ""
    sip: str = ""
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
    return _find_failed(call)


def find_detail(call: EndedCall, outcome: CallOutcome) -> str | None:
    """Return the code that explains the outcome: ours, else the carrier's for a call that reached nobody."""
    if call.end_detail is None and outcome in ("rejected", "unreachable", "failed_by_carrier"):
        return call.cause or call.sip or None
    return call.end_detail


def _find_failed(call: EndedCall) -> CallOutcome:
    if call.cause in _DEAD or call.sip in _DEAD_SIP:
        return "unreachable"
    return "rejected" if call.cause in _DECLINED or call.sip in _DECLINED_SIP else "failed_by_carrier"


def _find_undialled(call: EndedCall) -> CallOutcome:
    if call.status == "canceled" or call.end_detail in _NOT_DIALLED:
        return "not_dialled"
    return "unreachable" if call.end_detail in _DEAD else "failed_by_carrier"
