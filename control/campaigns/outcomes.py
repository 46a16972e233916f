"""Consequences of a refused call and of an ended call for the campaign and its recipient.

Pure functions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from control.campaigns.recipients import CallOutcome
from control.do_not_call.rules import LISTED
from shared.errors import Problem
from shared.events import CallStatus, EndReason

# finish: the recipient is never called. defer: another recipient is called first, this one later. wait: no recipient is
# called for now. pause: someone must change something first.
Consequence = Literal["finish", "defer", "wait", "pause"]
# Codes of OutboundCalls.place that concern only this number, permanently. variable_missing is different: each recipient
# had the agent's variables when it was added. So the agent has changed, and the calls to all other recipients would be
# refused, too.
_LASTING: Final = frozenset(
    {
        LISTED, "number_invalid", "number_refused", "number_is_own", "country_not_allowed", "number_unverified",
        "too_long",
    }
)  # fmt: skip
# Waits before a refused call may be placed again. A limit per day or hour covers the last 24 hours or 60 minutes, so
# capacity returns gradually.
_DEFERRED: Final = {"outbound_repeat_limit": timedelta(hours=1)}
_WAITS: Final = {
    "call_limit": timedelta(seconds=5),
    "outbound_rate": timedelta(seconds=5),
    "outbound_hourly_limit": timedelta(minutes=2),
    "platform_limit": timedelta(minutes=5),
    "outbound_daily_limit": timedelta(minutes=15),
    "outbound_minutes_limit": timedelta(minutes=15),
}


@dataclass(frozen=True, slots=True)
class PlacementRefusal:
    """The consequence of a refused call.

    Attributes:
        delay: Wait before the next attempt; zero for finish and pause.
    """

    consequence: Consequence
    code: str
    delay: timedelta = timedelta(0)


def judge_refusal(problem: Problem) -> PlacementRefusal:
    """Return the consequence of a problem, by its code.

    An unknown code pauses the campaign, because its cause may last.
    """
    code = problem.code
    if code in _LASTING:
        return PlacementRefusal("finish", code)
    if code in _DEFERRED:
        return PlacementRefusal("defer", code, _DEFERRED[code])
    if code in _WAITS:
        return PlacementRefusal("wait", code, _WAITS[code])
    return PlacementRefusal("pause", code)


# The end_detail of a queued call that control ends because of its campaign. The recipient is called later.
CAMPAIGN_NOT_RUNNING: Final = "campaign_not_running"
OUTSIDE_HOURS: Final = "outside_calling_hours"
# Details that pause the campaign, because its next call would end in the same way.
PAUSING_DETAILS: Final = frozenset({"agent_not_live", "suspended", "spend_limit"})
_NOT_DIALED: Final = PAUSING_DETAILS | {CAMPAIGN_NOT_RUNNING, OUTSIDE_HOURS, "too_late", "platform_limit"}
# The recipient declined. Telnyx reports it as hangup_cause of call.hangup
# (https://developers.telnyx.com/docs/voice/programmable-voice/receiving-webhooks). Twilio reports it as busy
# (https://www.twilio.com/docs/voice/api/call-resource#call-status-values).
_DECLINED: Final = frozenset({"call_rejected"})
# SIP status codes of the end: 603 declined (RFC 3261, section 21.6.2), 607 unwanted (RFC 8197), 608 rejected by a call
# filter (RFC 8688).
_DECLINED_SIP: Final = frozenset({"603", "607", "608"})
# No call will ever reach the number. Twilio's errors (https://www.twilio.com/docs/api/errors): 13224 invalid number,
# 21211 invalid To, 21214 not reachable, 21217 not valid; 13227, 21215 and 32205: the account may not call the country.
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
    """A call that has ended.

    Attributes:
        was_dialed: Whether the call reached the carrier.
        left_message: Whether the agent left its message on a machine.
        cause: The carrier's reason for the end of the call; empty if the carrier gave none.
        sip: The SIP status code of the end; empty if there was none.
        opted_out: Whether the recipient asked not to be called again.
    """

    call_id: UUID
    workspace_id: UUID
    at: datetime
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    was_dialed: bool
    left_message: bool
    cause: str = ""
    sip: str = ""
    opted_out: bool = False


def find_outcome(call: EndedCall) -> CallOutcome:
    """Return the outcome of an ended call."""
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
    if not call.was_dialed:
        return _find_undialed(call)
    if call.status == "canceled":
        return "no_answer"
    return _find_failed(call)


def find_detail(call: EndedCall, outcome: CallOutcome) -> str | None:
    """Return the code that explains the outcome: our code, or else the carrier's code for a call that reached
    nobody.
    """
    if call.end_detail is None and outcome in ("rejected", "unreachable", "failed_by_carrier"):
        return call.cause or call.sip or None
    return call.end_detail


def _find_failed(call: EndedCall) -> CallOutcome:
    if call.cause in _DEAD or call.sip in _DEAD_SIP:
        return "unreachable"
    return "rejected" if call.cause in _DECLINED or call.sip in _DECLINED_SIP else "failed_by_carrier"


def _find_undialed(call: EndedCall) -> CallOutcome:
    if call.status == "canceled" or call.end_detail in _NOT_DIALED:
        return "not_dialled"
    return "unreachable" if call.end_detail in _DEAD else "failed_by_carrier"
