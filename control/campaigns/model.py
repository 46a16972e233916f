"""Records of campaigns, their recipients and the calls to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from control.campaigns.calling_hours import CallingHours
from control.campaigns.retry_policy import AttemptOutcome, RetryPolicy
from shared.errors import ErrorDetail

CampaignStatus = Literal["draft", "running", "paused", "completed", "canceled"]
RecipientStatus = Literal["pending", "calling", "finished"]
# not_dialled: the call ended before the carrier had it; that is no attempt.
CallOutcome = Literal[AttemptOutcome, "not_dialled"]
# refused: the platform's rules forbid the call. not_called: the campaign ended first.
RecipientOutcome = Literal[CallOutcome, "refused", "not_called"]
# What a phone that asks who calls gets.
CallScreening = Literal["answer", "end"]
# Statuses that nothing leaves.
OVER: Final = ("completed", "canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSettings:
    """What a member chooses. agent_version: None for the agent's current one when a call is placed. number_ids: numbers
    to call from; empty: as other outbound calls choose. hours: None for default_hours of each number. calls_per_minute,
    most_open_calls: the pace. leaves_messages: whether a machine gets the agent's voicemail message. call_screening:
    what phones that ask who calls get; None: as the agent says. starts_at, ends_at: no call is placed before and
    after."""

    name: str
    agent_id: UUID
    agent_version: int | None = None
    number_ids: Sequence[UUID] = ()
    hours: CallingHours | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    calls_per_minute: int = 10
    most_open_calls: int = 2
    leaves_messages: bool = False
    call_screening: CallScreening | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


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
        """Whether it calls nobody any more."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class CampaignWarning:
    """A condition that does not prevent a change of the campaign, but will prevent its start."""

    code: Annotated[str, Field(description="Stable, for programs.", examples=["outbound_not_in_tier"])]
    message: Annotated[str, Field(description="For people.", examples=["This workspace's tier has no outbound calls."])]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """A number to call. place: of the row that named it, in the request or the file. timezone: None for the zones of
    the number. reference: the customer's own."""

    place: int
    phone_number: str
    variables: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecipient:
    """A number of a campaign. outcome: of the last attempt, or why there was none; detail: a code that explains it.
    attempts: calls that the carrier had. next_attempt_at: no call before, while it is pending."""

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


@dataclass(frozen=True, slots=True)
class CampaignAttempt:
    """A call to a recipient. finished_at, outcome: None while it is not over."""

    call_id: UUID
    started_at: datetime
    finished_at: datetime | None
    outcome: CallOutcome | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was not stored. place: its line in the file, or its place in the request. fault: names the field."""

    place: int
    fault: ErrorDetail


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of rows. added: stored recipients. faults: all other rows, in their order. ignored_columns: of the
    file."""

    added: int
    faults: Sequence[RowFault]
    ignored_columns: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """Counts of recipients by status and outcome. calls_last_hour: placed within the last hour. open_calls: now.
    next_call_at: when the next recipient may be called; None without one. remaining_seconds: the least time that the
    first calls to all pending recipients take at the pace; None without any."""

    by_status: Mapping[str, int]
    by_outcome: Mapping[str, int]
    calls: int
    calls_last_hour: int
    open_calls: int
    next_call_at: datetime | None
    remaining_seconds: int | None
