"""Response models of campaigns (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.campaigns.calling_hours import CallingHours
from control.campaigns.model import (
    CallScreening,
    Campaign,
    CampaignAttempt,
    CampaignProgress,
    CampaignRecipient,
    CampaignStatus,
    CampaignWarning,
    ImportResult,
    RecipientOutcome,
    RecipientStatus,
)
from control.campaigns.retry_policy import RetryPolicy
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign. status_reason: why the platform paused or ended it, or waits with further calls."""

    id: UUID
    name: str
    status: CampaignStatus
    status_reason: str | None
    agent_id: UUID
    agent_version: int | None
    number_ids: list[UUID]
    hours: CallingHours | None
    retries: RetryPolicy
    calls_per_minute: int
    most_open_calls: int
    leaves_messages: bool
    call_screening: CallScreening | None
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class CampaignAnswer:
    """A campaign, and what keeps it from starting."""

    campaign: CampaignView
    warnings: list[CampaignWarning]


@dataclass(frozen=True, slots=True)
class CampaignList(ListAnswer):
    """A page of campaigns, newest first."""

    campaigns: list[CampaignView]


@dataclass(frozen=True, slots=True)
class CampaignProgressView:
    """How far a campaign is. Figures are counted when they are asked for."""

    by_status: Mapping[RecipientStatus, int]
    by_outcome: Mapping[RecipientOutcome, int]
    calls: int
    calls_last_hour: int
    open_calls: int
    next_call_at: datetime | None
    remaining_seconds: int | None


@dataclass(frozen=True, slots=True)
class CampaignProgressAnswer:
    """How far a campaign is."""

    progress: CampaignProgressView


@dataclass(frozen=True, slots=True)
class RecipientView:
    """A recipient of a campaign."""

    id: UUID
    phone_number: str
    reference: str | None
    variables: Mapping[str, str]
    timezone: str | None
    status: RecipientStatus
    outcome: RecipientOutcome | None
    detail: str | None
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecipientList(ListAnswer):
    """A page of recipients, in the order in which they were added."""

    recipients: list[RecipientView]


@dataclass(frozen=True, slots=True)
class CampaignAttemptView:
    """A call to a recipient."""

    call_id: UUID
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """A recipient with the calls to it, the oldest first."""

    recipient: RecipientView
    calls: list[CampaignAttemptView]


@dataclass(frozen=True, slots=True)
class RowFaultView:
    """A row that was not stored. row: its line in the file, or its place in the request; the first is 1."""

    row: int
    param: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RecipientImportAnswer:
    """What became of the rows: added ones were stored, and each of the others has a fault."""

    added: int
    refused: int
    faults: list[RowFaultView]
    ignored_columns: list[str]
    warnings: list[CampaignWarning]


def to_campaign_view(one: Campaign) -> CampaignView:
    chosen = one.settings
    return CampaignView(
        id=one.id,
        name=chosen.name,
        status=one.status,
        status_reason=one.status_reason,
        agent_id=chosen.agent_id,
        agent_version=chosen.agent_version,
        number_ids=list(chosen.number_ids),
        hours=chosen.hours,
        retries=chosen.retries,
        calls_per_minute=chosen.calls_per_minute,
        most_open_calls=chosen.most_open_calls,
        leaves_messages=chosen.leaves_messages,
        call_screening=chosen.call_screening,
        starts_at=chosen.starts_at,
        ends_at=chosen.ends_at,
        created_at=one.created_at,
        updated_at=one.updated_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


def to_progress_view(one: CampaignProgress) -> CampaignProgressView:
    return CampaignProgressView(
        by_status=one.by_status,  # type: ignore[arg-type]
        by_outcome=one.by_outcome,  # type: ignore[arg-type]
        calls=one.calls,
        calls_last_hour=one.calls_last_hour,
        open_calls=one.open_calls,
        next_call_at=one.next_call_at,
        remaining_seconds=one.remaining_seconds,
    )


def to_recipient_view(one: CampaignRecipient) -> RecipientView:
    return RecipientView(
        id=one.id,
        phone_number=one.phone_number,
        reference=one.reference,
        variables=one.variables,
        timezone=one.timezone,
        status=one.status,
        outcome=one.outcome,
        detail=one.detail,
        attempts=one.attempts,
        next_attempt_at=one.next_attempt_at if one.status == "pending" else None,
        created_at=one.created_at,
        finished_at=one.finished_at,
    )


def to_attempt_view(one: CampaignAttempt) -> CampaignAttemptView:
    return CampaignAttemptView(one.call_id, one.started_at, one.finished_at, one.outcome, one.detail)


def to_import_answer(result: ImportResult, warnings: list[CampaignWarning]) -> RecipientImportAnswer:
    faults = [RowFaultView(one.place, one.fault.param, one.fault.code, one.fault.message) for one in result.faults]
    return RecipientImportAnswer(result.added, len(faults), faults, list(result.ignored_columns), warnings)
