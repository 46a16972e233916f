"""Records of campaigns and the decisions about them. Pure.

A decision is about one of four questions: which rows may be added, what follows from a refused call, what an ended call
means for its recipient, and when the recipient is called again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from control.agents.config_parts import ConfigPart
from control.agents.destinations import parse_destination
from control.agents.variables import CallVariables
from control.campaigns.calling_hours import CallingHours, default_hours, next_allowed, time_zones_of
from control.do_not_call.rules import LISTED
from control.http.body import ONE_LINE, Body, Name
from control.http.pagination import MAX_VERSION, UtcDatetime
from control.validation import list_faults
from control.workspaces.rules import timezone_names
from shared.errors import ErrorDetail, Invalid, Problem
from shared.events import CallStatus, EndReason

# -- Campaigns --

CampaignStatus = Literal["draft", "running", "paused", "completed", "canceled"]
# Final statuses.
OVER: Final = ("completed", "canceled")
# What a call does when the phone asks who is calling.
CallScreening = Literal["answer", "end"]
LONGEST_REFERENCE: Final = 200
ExternalRef = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE, pattern=ONE_LINE)
]
MOST_NUMBERS: Final = 20
NumberIds = Annotated[list[UUID], Field(max_length=MOST_NUMBERS)]
MOST_ATTEMPTS: Final = 10
MOST_A_DAY: Final = 5
LONGEST_DELAY_MINUTES: Final = 14 * 24 * 60


class RetryRule(ConfigPart):
    """How often a recipient is phoned again after one outcome, and how soon."""

    most: int = Field(
        ge=0, le=MOST_ATTEMPTS - 1, description="Further calls after this outcome; 0: none.", examples=[2]
    )
    delay_minutes: int = Field(
        default=60,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes from the end of the attempt to the next one, at least; up to 20160, two weeks.",
    )


class RetryPolicy(ConfigPart):
    """How often a recipient of a campaign is phoned. After `answered`, `unreachable` and `opted_out` nobody is phoned
    again."""

    most_attempts: int = Field(
        default=3, ge=1, le=MOST_ATTEMPTS, description="Attempts for each recipient in all, from 1 to 10."
    )
    # Florida allows three calls in 24 hours on the same subject (Florida Statutes 501.616(6)(b)); other laws, such as
    # France's four a month, are kept by most_attempts.
    most_a_day: int = Field(
        default=2, ge=1, le=MOST_A_DAY, description="Attempts for each recipient within any 24 hours, from 1 to 5."
    )
    gap_minutes: int = Field(
        default=30,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes between two attempts for a recipient, at least, whatever their outcome.",
    )
    busy: RetryRule = Field(default=RetryRule(most=2, delay_minutes=30), description="The line was busy.")
    no_answer: RetryRule = Field(default=RetryRule(most=2, delay_minutes=240), description="Nobody took the call.")
    machine: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=240), description="A machine answered, and no message was left."
    )
    failed_by_carrier: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=60), description="The carrier could not place the call."
    )
    rejected: RetryRule = Field(default=RetryRule(most=0), description="The recipient declined the call.")
    voicemail_left: RetryRule = Field(default=RetryRule(most=0), description="The message was left on a machine.")


# The only list of the settings. The API's requests and answers, the columns of the table `campaigns`, and the entries
# of the audit log follow from it: their fields have these names. A new setting needs a column in a migration. The file
# of results has those settings that `control/campaigns/service.py` (`_EXPORTED_SETTINGS`) lists.
class CampaignSettings(Body):
    """A campaign's settings."""

    name: Name = Field(description="For people.", examples=["Recall December"])
    agent_id: UUID = Field(description="The agent that calls.")
    agent_version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_VERSION,
        description="The version that calls; null: the current one at each call.",
        examples=[3],
    )
    number_ids: NumberIds = Field(
        default=[], description="Numbers to call from, up to 20; empty: the agent's own, else any of the workspace."
    )
    hours: CallingHours | None = Field(
        default=None,
        description="When recipients may be called, by the clock where each of them is; null: hours that are usual in "
        "the number's country. Who calls answers for the law of the place.",
    )
    retries: RetryPolicy = Field(default=RetryPolicy(), description="How often a recipient is called.")
    calls_per_minute: int = Field(
        default=10, ge=1, le=600, description="Calls that are placed within any minute, at most.", examples=[10]
    )
    most_open_calls: int = Field(
        default=2, ge=1, le=500, description="Calls at the same time, those that ring included.", examples=[2]
    )
    leaves_messages: bool = Field(
        default=False, description="Whether a machine gets the agent's voicemail message; else the call is ended."
    )
    call_screening: CallScreening | None = Field(
        default=None, description="What phones that ask who calls get; null for what the agent says."
    )
    starts_at: UtcDatetime | None = Field(
        default=None,
        description="No call is placed before; null: none is held back.",
        examples=["2026-12-01T08:00:00Z"],
    )
    ends_at: UtcDatetime | None = Field(
        default=None, description="No call is placed after; null: no end.", examples=["2026-12-20T20:00:00Z"]
    )
    external_ref: ExternalRef | None = Field(
        default=None,
        description="Your own text for the campaign, such as its id in your system: one line of up to 200 characters; "
        "several campaigns may have the same; null: none.",
        examples=["recall-2026-12"],
    )


class CampaignFilter(BaseModel):
    """What a list of campaigns is narrowed to: columns, which hold text, with the value that they must have."""

    status: CampaignStatus | None = Field(default=None, description="Only campaigns with this status.")
    external_ref: ExternalRef | None = Field(
        default=None, description="Only campaigns with exactly this `external_ref`.", examples=["recall-2026-12"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign. status_reason: why the platform paused it or waits with further calls; None: it does not."""

    id: UUID
    workspace_id: UUID
    settings: CampaignSettings
    status: CampaignStatus
    status_reason: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_dispatch_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether the campaign places no further calls."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class CampaignWarning:
    """A condition that does not prevent a change of the campaign, but will prevent its start."""

    code: Annotated[str, Field(description="Stable, for programs.", examples=["outbound_not_in_tier"])]
    message: Annotated[str, Field(description="For people.", examples=["This workspace's tier has no outbound calls."])]


# -- Recipients and the calls to them --

AttemptOutcome = Literal[
    "answered", "voicemail_left", "machine", "busy", "no_answer", "failed_by_carrier", "rejected", "unreachable",
    "opted_out",
]  # fmt: skip
# not_dialled: the call ended before the carrier had it; that is no attempt.
CallOutcome = Literal[AttemptOutcome, "not_dialled"]
RecipientStatus = Literal["pending", "calling", "finished"]
# refused: the platform's rules forbid the call. not_called: the campaign ended first.
RecipientOutcome = Literal[CallOutcome, "refused", "not_called"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecipient:
    """A number of a campaign.

    Attributes:
        outcome: Of the last attempt, or why there was none.
        detail: A code that explains the outcome.
        attempts: Calls that the carrier had.
        next_attempt_at: No call is placed before, while the recipient is pending.
    """

    id: UUID
    workspace_id: UUID
    campaign_id: UUID
    phone_number: str
    variables: Mapping[str, str]
    timezone: str | None
    reference: str | None
    status: RecipientStatus
    outcome: RecipientOutcome | None
    detail: str | None
    attempts: int
    next_attempt_at: datetime
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCall:
    """A call to place. number_ids: numbers to call from, the preferred one first; empty: any."""

    workspace_id: UUID
    agent_id: UUID
    agent_version: int | None
    number_ids: Sequence[UUID]
    phone_number: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CampaignAttempt:
    """A call to a recipient. finished_at, outcome: None while it is not over."""

    call_id: UUID
    started_at: datetime
    finished_at: datetime | None
    outcome: CallOutcome | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """How far a campaign is. Figures are counted when they are asked for."""

    by_status: Annotated[
        Mapping[RecipientStatus, int],
        Field(description="Recipients by status.", examples=[{"pending": 380, "calling": 2, "finished": 118}]),
    ]
    by_outcome: Annotated[
        Mapping[RecipientOutcome, int],
        Field(
            description="Finished recipients by outcome.", examples=[{"answered": 90, "voicemail_left": 20, "busy": 8}]
        ),
    ]
    calls: Annotated[int, Field(description="Calls so far.", examples=[164])]
    calls_last_hour: Annotated[int, Field(description="Calls that were placed within the last hour.", examples=[120])]
    open_calls: Annotated[int, Field(description="Calls that are not over.", examples=[2])]
    next_call_at: Annotated[
        datetime | None, Field(description="When the next recipient may be called; null: nobody waits.")
    ]
    remaining_seconds: Annotated[
        int | None,
        Field(
            description="How long the next calls to all waiting recipients take at the pace, at least; null: "
            "nobody waits.",
            examples=[2280],
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """A number to call. place: of the row in the request or the file. timezone: None for the zones of the number.
    reference: the customer's own name of it."""

    place: int
    phone_number: str
    variables: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was not stored. place: its line in the file, or its place in the request. fault: names the field."""

    place: int
    fault: ErrorDetail


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The outcome of an import. added: stored recipients. faults: all other rows, in order. ignored_columns: of the
    file."""

    added: int
    faults: Sequence[RowFault]
    ignored_columns: Sequence[str] = ()


# -- Which rows can be added --

_CHECKED_VARIABLES: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(CallVariables)
_CHECKED_NUMBER: Final = "phone_number"
# Returns the names of the agent's placeholders that a row leaves without a value.
FindMissing = Callable[[NewRecipient], Sequence[str]]


def check_rows(rows: Iterable[NewRecipient], find_missing: FindMissing) -> tuple[list[NewRecipient], list[RowFault]]:
    """Divides rows into those that can be called, each number once, and faults: one for each other row, in order."""
    good: dict[str, NewRecipient] = {}
    faults: list[RowFault] = []
    for row in rows:
        fault = _find_row_fault(row, find_missing)
        if fault is None and (first := good.get(row.phone_number)) is not None:
            fault = ErrorDetail(_CHECKED_NUMBER, "duplicate", f"is that of row {first.place}, too")
        if fault is None:
            good[row.phone_number] = row
        else:
            faults.append(RowFault(row.place, fault))
    return list(good.values()), faults


def _find_row_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        parse_destination(row.phone_number, _CHECKED_NUMBER)
    except Invalid as fault:
        return ErrorDetail(
            _CHECKED_NUMBER, fault.code, fault.message.removeprefix(f"{_CHECKED_NUMBER} ").removesuffix(".")
        )
    if row.timezone is None and not time_zones_of(row.phone_number):
        text = "is needed: the number does not tell where its phone is"
        return ErrorDetail("timezone", "timezone_missing", text)
    if row.timezone is not None and row.timezone not in timezone_names():
        return ErrorDetail("timezone", "timezone_unknown", "must be a name of the IANA database")
    if row.reference is not None and (len(row.reference) > LONGEST_REFERENCE or not row.reference.isprintable()):
        text = f"must be one line of at most {LONGEST_REFERENCE} characters"
        return ErrorDetail("reference", "reference_invalid", text)
    return _find_variable_fault(row, find_missing)


def _find_variable_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        _CHECKED_VARIABLES.validate_python(dict(row.variables))
    except ValidationError as error:
        return list_faults(error, "variables")[0]
    missing = find_missing(row)
    if missing:
        return ErrorDetail(f"variables.{missing[0]}", "variable_missing", "is needed by the agent's texts")
    return None


# -- What follows when a call may not be placed --

# finish: the recipient is never called. defer: another recipient first, this one later. wait: no recipient for now.
# pause: somebody has to change something first.
Consequence = Literal["finish", "defer", "wait", "pause"]
# Codes of OutboundCalls.place that concern only this number, permanently. variable_missing is a different case: each
# recipient had the agent's variables when it was added. So the agent has changed, and the calls to all other recipients
# would be refused, too.
_LASTING: Final = frozenset(
    {
        LISTED, "number_invalid", "number_refused", "number_is_own", "country_not_allowed", "number_unverified",
        "too_long",
    }
)  # fmt: skip
# Waits before the same call may be placed again. A limit per day or hour covers the last 24 hours or 60 minutes, so
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
class Refusal:
    """What follows from a refused call. delay: wait before the next attempt; zero for finish and pause."""

    consequence: Consequence
    code: str
    delay: timedelta = timedelta(0)


def judge_refusal(problem: Problem) -> Refusal:
    """Decides by the code of the problem. An unknown code pauses the campaign, because its cause may last."""
    code = problem.code
    if code in _LASTING:
        return Refusal("finish", code)
    if code in _DEFERRED:
        return Refusal("defer", code, _DEFERRED[code])
    if code in _WAITS:
        return Refusal("wait", code, _WAITS[code])
    return Refusal("pause", code)


# -- What an ended call means for its recipient --

# Details with which control ends a queued call for a reason of the campaign. The recipient is called later.
CAMPAIGN_NOT_RUNNING: Final = "campaign_not_running"
OUTSIDE_HOURS: Final = "outside_calling_hours"
# Details that pause the campaign, because its next call would end in the same way.
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
    """A call that is over.

    Attributes:
        was_dialled: Whether the carrier had the call.
        left_message: Whether the agent left its message with a machine.
        cause: The carrier's word for why the call ended; empty if it gave none.
        sip: The SIP status code of the end; empty if there was none.
        opted_out: Whether the recipient asked not to be called again.
    """

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
    """Returns the outcome of a call that is over."""
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


# -- Whether and when a recipient is called again --

# Wait before an undialled call is placed again.
UNDIALLED_DELAY: Final = timedelta(minutes=5)
# After this many undialled calls in a row, the recipient is finished, because the cause evidently lasts.
MOST_UNDIALLED: Final = 10
NO_HOURS: Final = "no_calling_hours"
DAY: Final = timedelta(hours=24)
# Outcomes after which a recipient is never called again, whatever the policy says.
_ALWAYS_FINAL: Final = frozenset({"answered", "unreachable", "opted_out"})
LastAttemptReason = Literal["outcome", "outcome_limit", "attempt_limit"]


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """One attempt for a recipient that is over. ended_at: with a zone."""

    outcome: AttemptOutcome
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class NoMoreAttempts:
    """The recipient is not phoned again.

    Attributes:
        reason: `outcome`: the last outcome is final; `outcome_limit`: the rule of this outcome allows no more attempts;
            `attempt_limit`: the policy allows no more attempts in all.
    """

    reason: LastAttemptReason


def apply_attempts(
    recipient: CampaignRecipient, settings: CampaignSettings, attempts: Sequence[CampaignAttempt], now: datetime
) -> CampaignRecipient:
    """Returns the recipient after these calls (oldest first): called again later, finished, or, while a call is open,
    being called."""
    if any(attempt.finished_at is None for attempt in attempts):
        return replace(recipient, status="calling")
    last = attempts[-1]
    ended = [_to_ended(attempt) for attempt in attempts if attempt.outcome != "not_dialled"]
    # A number that was listed while its call waited ends the recipient, but the carrier never had that call.
    dialled = sum(attempt.outcome != "not_dialled" and attempt.detail != LISTED for attempt in attempts)
    counted = replace(recipient, outcome=last.outcome, detail=last.detail, attempts=dialled)
    if last.outcome == "not_dialled":
        if _count_undialled_at_end(attempts) >= MOST_UNDIALLED:
            return finish_recipient(counted, now)
        return _call_again(counted, settings, now + UNDIALLED_DELAY, now)
    following = next_attempt(settings.retries, ended, now)
    if isinstance(following, NoMoreAttempts):
        return finish_recipient(counted, now)
    return _call_again(counted, settings, following, now)


def finish_recipient(recipient: CampaignRecipient, now: datetime) -> CampaignRecipient:
    """Returns the recipient as finished: it gets no further call."""
    return replace(recipient, status="finished", finished_at=now)


def _call_again(
    recipient: CampaignRecipient, settings: CampaignSettings, at: datetime, now: datetime
) -> CampaignRecipient:
    allowed = find_call_time(recipient, settings.hours, at)
    if allowed is None:
        return finish_recipient(replace(recipient, detail=NO_HOURS), now)
    return replace(recipient, status="pending", next_attempt_at=allowed, finished_at=None)


def find_call_time(recipient: CampaignRecipient, hours: CallingHours | None, now: datetime) -> datetime | None:
    """Returns the first time from `now` on (possibly `now`) within the calling hours; None if there is none."""
    zones = (recipient.timezone,) if recipient.timezone else time_zones_of(recipient.phone_number)
    try:
        return next_allowed(now, zones, hours or default_hours(recipient.phone_number))
    except ValueError:  # this machine no longer knows the zone; ends of calls must be stored nevertheless
        return None


def _to_ended(attempt: CampaignAttempt) -> EndedAttempt:
    assert attempt.finished_at is not None and attempt.outcome is not None and attempt.outcome != "not_dialled"
    return EndedAttempt(attempt.outcome, attempt.finished_at)


def _count_undialled_at_end(attempts: Sequence[CampaignAttempt]) -> int:
    return len(list(takewhile(lambda attempt: attempt.outcome == "not_dialled", reversed(attempts))))


def next_attempt(policy: RetryPolicy, attempts: Sequence[EndedAttempt], now: datetime) -> datetime | NoMoreAttempts:
    """Returns when the recipient may be phoned next, before calling hours are considered.

    Args:
        policy: The campaign's rules.
        attempts: All attempts so far, in any order.
        now: The earliest possible answer, and the answer without attempts.
    """
    if not attempts:
        return now
    ordered = sorted(attempts, key=lambda attempt: attempt.ended_at)
    reason = _find_end(policy, ordered)
    if reason is not None:
        return NoMoreAttempts(reason)
    last = ordered[-1]
    delay = max(_rule_of(policy, last.outcome).delay_minutes, policy.gap_minutes)
    earliest = [now, last.ended_at + timedelta(minutes=delay)]
    if len(ordered) >= policy.most_a_day:
        earliest.append(ordered[-policy.most_a_day].ended_at + DAY)
    return max(earliest)


def _find_end(policy: RetryPolicy, ordered: Sequence[EndedAttempt]) -> LastAttemptReason | None:
    outcome = ordered[-1].outcome
    if any(attempt.outcome in _ALWAYS_FINAL for attempt in ordered):
        return "outcome"
    most = _rule_of(policy, outcome).most
    if most == 0:
        return "outcome"
    if len(ordered) >= policy.most_attempts:
        return "attempt_limit"
    return "outcome_limit" if sum(attempt.outcome == outcome for attempt in ordered) > most else None


def _rule_of(policy: RetryPolicy, outcome: AttemptOutcome) -> RetryRule:
    """The rule of an outcome that is not final by itself."""
    rule: RetryRule = getattr(policy, outcome)
    return rule
