"""Response models of campaigns (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.campaigns.calling_hours import CallingHours
from control.campaigns.rules import (
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
    RetryPolicy,
)
from control.http.fields import CallId, CreatedAt, Id, UpdatedAt
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign."""

    id: Id
    name: Annotated[str, Field(description="For people.", examples=["Recall December"])]
    status: Annotated[CampaignStatus, Field(description="draft, running, paused, completed or canceled.")]
    status_reason: Annotated[
        str | None,
        Field(
            description="Why the platform paused or ended it, or waits with further calls.",
            examples=["spend_limit_reached"],
        ),
    ]
    agent_id: Annotated[UUID, Field(description="Id of the agent that calls.")]
    agent_version: Annotated[
        int | None, Field(description="The version that calls; null: the current one at each call.", examples=[3])
    ]
    number_ids: Annotated[list[UUID], Field(description="Ids of the numbers to call from; empty: any.")]
    hours: Annotated[
        CallingHours | None,
        Field(description="When recipients may be called; null: usual hours of the number's country."),
    ]
    retries: Annotated[RetryPolicy, Field(description="How often a recipient is called.")]
    calls_per_minute: Annotated[
        int, Field(description="Calls that are placed within any minute, at most.", examples=[10])
    ]
    most_open_calls: Annotated[
        int, Field(description="Calls at the same time, those that ring included.", examples=[2])
    ]
    leaves_messages: Annotated[bool, Field(description="Whether a machine gets the agent's voicemail message.")]
    call_screening: Annotated[
        CallScreening | None, Field(description="What phones that ask who calls get; null for what the agent says.")
    ]
    starts_at: Annotated[datetime | None, Field(description="No call is placed before; null: none is held back.")]
    ends_at: Annotated[datetime | None, Field(description="No call is placed after; null: no end.")]
    created_at: CreatedAt
    updated_at: UpdatedAt
    started_at: Annotated[datetime | None, Field(description="When it was started first; null: it was not.")]
    finished_at: Annotated[
        datetime | None, Field(description="When it was completed or canceled; null: it is not over.")
    ]


@dataclass(frozen=True, slots=True)
class CampaignAnswer:
    """A campaign, and what keeps it from starting."""

    campaign: Annotated[CampaignView, Field(description="The campaign.")]
    warnings: Annotated[
        list[CampaignWarning], Field(description="What keeps the campaign from starting; empty: nothing is known.")
    ]


@dataclass(frozen=True, slots=True)
class CampaignList(ListAnswer):
    """A page of campaigns, newest first."""

    campaigns: Annotated[list[CampaignView], Field(description="The campaigns, newest first.")]


@dataclass(frozen=True, slots=True)
class CampaignProgressView:
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


@dataclass(frozen=True, slots=True)
class CampaignProgressAnswer:
    """How far a campaign is."""

    progress: Annotated[CampaignProgressView, Field(description="How far the campaign is.")]


@dataclass(frozen=True, slots=True)
class RecipientView:
    """A recipient of a campaign."""

    id: Id
    phone_number: Annotated[str, Field(description="E.164.", examples=["+14155550123"])]
    reference: Annotated[
        str | None, Field(description="Your own name of the recipient; null: none.", examples=["patient-4711"])
    ]
    variables: Annotated[
        Mapping[str, str],
        Field(description="Values for the agent's placeholders.", examples=[{"customer_name": "Ms Ito"}]),
    ]
    timezone: Annotated[
        str | None, Field(description="Where the phone is; null: the zones of the number.", examples=["Europe/Paris"])
    ]
    status: Annotated[RecipientStatus, Field(description="pending, calling or finished.")]
    outcome: Annotated[
        RecipientOutcome | None,
        Field(
            description="Of the last call: answered, voicemail_left, machine, busy, no_answer, "
            "failed_by_carrier, rejected, unreachable, opted_out or not_dialled; refused: the "
            "platform does not call this number; not_called: the campaign ended first; null: not "
            "called yet."
        ),
    ]
    detail: Annotated[
        str | None,
        Field(description="A code that explains the outcome; null: there is none.", examples=["number_is_own"]),
    ]
    attempts: Annotated[int, Field(description="Calls that the carrier had.", examples=[1])]
    next_attempt_at: Annotated[datetime | None, Field(description="No call before; null: it does not wait for one.")]
    created_at: CreatedAt
    finished_at: Annotated[datetime | None, Field(description="When it was finished; null: it is not.")]


@dataclass(frozen=True, slots=True)
class RecipientList(ListAnswer):
    """A page of recipients, in the order in which they were added."""

    recipients: Annotated[
        list[RecipientView], Field(description="The recipients, in the order in which they were added.")
    ]


@dataclass(frozen=True, slots=True)
class CampaignAttemptView:
    """A call to a recipient."""

    call_id: CallId
    started_at: Annotated[datetime, Field(description="When it was placed (UTC).")]
    finished_at: Annotated[datetime | None, Field(description="When it was over; null: it is not.")]
    outcome: Annotated[
        str | None, Field(description="What became of it; null: it is not over.", examples=["no_answer"])
    ]
    detail: Annotated[
        str | None, Field(description="A code that explains the outcome; null: there is none.", examples=["too_late"])
    ]


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """A recipient with the calls to it, the oldest first."""

    recipient: Annotated[RecipientView, Field(description="The recipient.")]
    calls: Annotated[list[CampaignAttemptView], Field(description="The calls to it, the oldest first.")]


@dataclass(frozen=True, slots=True)
class RowFaultView:
    """A row that was not stored."""

    row: Annotated[
        int,
        Field(description="The row's line in the file, or its place in the request; the first is 1.", examples=[17]),
    ]
    param: Annotated[
        str | None, Field(description="The field at fault; null: the whole row.", examples=["phone_number"])
    ]
    code: Annotated[str, Field(description="Stable, for programs.", examples=["number_invalid"])]
    message: Annotated[str, Field(description="What is wrong.", examples=["is no phone number of its country"])]


@dataclass(frozen=True, slots=True)
class RecipientImportAnswer:
    """What became of the rows: added ones were stored, and each of the others has a fault."""

    added: Annotated[int, Field(description="Rows that were stored.", examples=[498])]
    refused: Annotated[int, Field(description="Rows that were not.", examples=[2])]
    faults: Annotated[list[RowFaultView], Field(description="The rows that were not stored, in their order.")]
    ignored_columns: Annotated[
        list[str], Field(description="Headers of columns that nothing was read from.", examples=[["Notes"]])
    ]
    warnings: Annotated[
        list[CampaignWarning], Field(description="What keeps the campaign from starting; empty: nothing is known.")
    ]


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
