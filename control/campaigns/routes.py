"""Routes of campaigns and their recipients, for the members of their workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.agents.variables import LONGEST_NAME, MOST_VARIABLES
from control.campaigns.recipients import (
    CampaignProgress,
    CampaignRecipient,
    ImportResult,
    NewRecipient,
    RecipientOutcome,
    RecipientStatus,
)
from control.campaigns.recipients_csv import ColumnMap, parse_variable_columns
from control.campaigns.service import CampaignRecipients, Campaigns
from control.campaigns.settings import Campaign, CampaignFilter, CampaignSettings, CampaignStatus, CampaignWarning
from control.http.access import member
from control.http.body import ANSWER, ONE_LINE, Body
from control.http.context import MemberContext
from control.http.fields import CallId, CampaignId, CreatedAt, Id, UpdatedAt, copy_fields
from control.http.pagination import ListAnswer, ListQuery, Query, page_fields
from control.http.responses.streamed_file import StreamedFile
from control.http.route import RateLimit, Route
from control.validation import bounded_map

CAMPAIGNS: Final = "/workspaces/{workspaceId}/campaigns"
CAMPAIGN: Final = f"{CAMPAIGNS}/{{campaignId}}"
RECIPIENTS: Final = f"{CAMPAIGN}/recipients"


# -- Campaigns --


class CampaignsQuery(CampaignFilter, ListQuery):
    """Filters of the list."""


class CampaignView(CampaignSettings):
    """A campaign."""

    model_config = ANSWER

    id: Id
    status: Annotated[CampaignStatus, Field(description="draft, running, paused, completed or canceled.")]
    status_reason: Annotated[
        str | None,
        Field(
            description="Why the platform paused or ended it, or waits with further calls.",
            examples=["spend_limit_reached"],
        ),
    ]
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
class CampaignProgressAnswer:
    """How far a campaign is."""

    progress: Annotated[CampaignProgress, Field(description="How far the campaign is.")]


async def list_campaigns(context: MemberContext, query: CampaignsQuery) -> CampaignList:
    """The workspace's campaigns, newest first."""
    found = await context.services[Campaigns].list_page(context.db, context.workspace_id, query, query.request())
    return CampaignList([to_campaign_view(campaign) for campaign in found.rows], **page_fields(query, found))


async def create_campaign(context: MemberContext, body: CampaignSettings) -> CampaignAnswer:
    """Create a campaign as a draft. Add recipients, then start it. `warnings` says what
    will keep it from starting."""
    made = await context.services[Campaigns].create(context.db, context.workspace_id, context.actor, body, context.now)
    return await _to_answer(context, made)


async def get_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """A campaign."""
    found = await context.services[Campaigns].get(context.db, context.workspace_id, campaign_id)
    return await _to_answer(context, found)


async def replace_campaign(context: MemberContext, campaign_id: CampaignId, body: CampaignSettings) -> CampaignAnswer:
    """Replace a campaign's settings. They hold from the next call on."""
    changed = await context.services[Campaigns].update(
        context.db, context.workspace_id, context.actor, campaign_id, body, context.now
    )
    return await _to_answer(context, changed)


async def delete_campaign(context: MemberContext, campaign_id: CampaignId) -> None:
    """Delete a campaign with its recipients. Its calls stay."""
    await context.services[Campaigns].delete(context.db, context.workspace_id, context.actor, campaign_id)


async def start_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Start a draft, or a paused campaign again."""
    started = await context.services[Campaigns].start(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, started)


async def pause_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Pause a campaign. Calls that wait to be dialed are not dialed; those that run go on."""
    paused = await context.services[Campaigns].pause(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, paused)


async def cancel_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """End a campaign for good. Calls that run go on."""
    canceled = await context.services[Campaigns].cancel(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, canceled)


async def get_campaign_progress(context: MemberContext, campaign_id: CampaignId) -> CampaignProgressAnswer:
    """How many recipients were called, with which outcome, and how long the rest takes at the pace."""
    found = await context.services[Campaigns].get_progress(context.db, context.workspace_id, campaign_id, context.now)
    return CampaignProgressAnswer(found)


async def _to_answer(context: MemberContext, campaign: Campaign) -> CampaignAnswer:
    warnings = await context.services[Campaigns].list_warnings(context.db, context.workspace_id)
    return CampaignAnswer(to_campaign_view(campaign), warnings)


def to_campaign_view(campaign: Campaign) -> CampaignView:
    return copy_fields(CampaignView, campaign, campaign.settings)


# -- Recipients --

# With one variable each, a body has about as many names as bodies may (control/http/inputs.py).
MOST_IN_BODY: Final = 500
MOST_FILE_BYTES: Final = 5_000_000
# Of the results' file: a client that takes nothing for this long, and the whole.
STALL_S: Final = 30.0
LONGEST_S: Final = 600.0
# Looser than what is stored: a wrong value is the fault of its row, and not of the request.
RowText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
RowVariables = Annotated[dict[str, str], Field(max_length=MOST_VARIABLES), bounded_map(MOST_VARIABLES, LONGEST_NAME)]
Column = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
VariableColumns = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=ONE_LINE)]


class NewRecipientRow(Body):
    """A number to call."""

    phone_number: RowText = Field(description="E.164.", examples=["+14155550123"])
    variables: RowVariables = Field(
        {}, description="Values for the agent's placeholders in calls to it.", examples=[{"customer_name": "Ms Ito"}]
    )
    timezone: RowText | None = Field(
        None, description="Where the phone is (IANA name); null: the zones of the number.", examples=["Europe/Paris"]
    )
    reference: RowText | None = Field(
        None, description="Your own name of it, up to 200 characters; null: none.", examples=["patient-4711"]
    )


class NewRecipients(Body):
    """Numbers to call."""

    recipients: list[NewRecipientRow] = Field(
        min_length=1, max_length=MOST_IN_BODY, description="Up to 500; upload longer lists as a file."
    )


class RecipientUploadQuery(Query):
    """Which column of the file holds what, by the header."""

    phone_number_column: Column = Field("phone_number", description="Numbers in E.164.")
    timezone_column: Column = Field("timezone", description="Time zones; the file may be without.")
    reference_column: Column = Field("reference", description="Your own names; the file may be without.")
    variable_columns: VariableColumns | None = Field(
        None,
        description="Variables with the headers of their columns; null: each other column is a variable under its own "
        "header, in lower case with _ for other characters.",
        examples=["customer_name=Full name;city=Town"],
    )


class RecipientsQuery(ListQuery):
    """Filters of the list."""

    status: RecipientStatus | None = Field(None, description="Only recipients with this status.")
    outcome: RecipientOutcome | None = Field(None, description="Only recipients with this outcome.")
    phone_number: str | None = Field(None, max_length=20, description="Only this number.", examples=["+14155550123"])


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


async def add_recipients(context: MemberContext, campaign_id: CampaignId, body: NewRecipients) -> RecipientImportAnswer:
    """Add recipients row by row: those that can be called are stored, each of the others has a fault in the answer."""
    rows = [
        NewRecipient(
            place=place,
            phone_number=row.phone_number,
            variables=row.variables,
            timezone=row.timezone,
            reference=row.reference,
        )
        for place, row in enumerate(body.recipients, 1)
    ]
    result = await context.services[CampaignRecipients].add(
        context.db, context.workspace_id, context.actor, campaign_id, rows, context.now
    )
    return await _to_import_answer(context, result)


async def upload_recipients(
    context: MemberContext, campaign_id: CampaignId, query: RecipientUploadQuery, upload: bytes
) -> RecipientImportAnswer:
    """Add the rows of a CSV file, which is the body: UTF-8 with a header, up to 10,000 rows. Rows that can be called
    are stored, the others come back with their faults. Each column beside the named ones is a variable under its
    header, unless variable_columns names them."""
    columns = ColumnMap(
        query.phone_number_column,
        query.timezone_column,
        query.reference_column,
        None if query.variable_columns is None else parse_variable_columns(query.variable_columns),
    )
    result = await context.services[CampaignRecipients].add_file(
        context.db, context.workspace_id, context.actor, campaign_id, upload, columns, context.now
    )
    return await _to_import_answer(context, result)


async def list_recipients(context: MemberContext, campaign_id: CampaignId, query: RecipientsQuery) -> RecipientList:
    """A campaign's recipients, in the order in which they were added."""
    found = await context.services[CampaignRecipients].list_page(
        context.db,
        context.workspace_id,
        campaign_id,
        status=query.status,
        outcome=query.outcome,
        number=query.phone_number,
        page=query.request(),
    )
    return RecipientList([to_recipient_view(recipient) for recipient in found.rows], **page_fields(query, found))


async def get_recipient(
    context: MemberContext,
    campaign_id: CampaignId,
    recipient_id: Annotated[UUID, Field(description="Id of the recipient.")],
) -> RecipientAnswer:
    """A recipient with the calls to it."""
    found, calls = await context.services[CampaignRecipients].get(
        context.db, context.workspace_id, campaign_id, recipient_id
    )
    return RecipientAnswer(to_recipient_view(found), [copy_fields(CampaignAttemptView, call) for call in calls])


async def export_campaign_results(context: MemberContext, campaign_id: CampaignId) -> StreamedFile:
    """What became of each recipient, as a CSV file."""
    campaign = await context.services[Campaigns].get(context.db, context.workspace_id, campaign_id)
    results = context.services[CampaignRecipients].make_results
    return StreamedFile(
        name=f"campaign-{campaign.id}.csv",
        content_type="text/csv; charset=utf-8",
        open=partial(results, campaign),
        stall_s=STALL_S,
        longest_s=LONGEST_S,
    )


async def _to_import_answer(context: MemberContext, result: ImportResult) -> RecipientImportAnswer:
    return to_import_answer(result, await context.services[Campaigns].list_warnings(context.db, context.workspace_id))


def to_import_answer(result: ImportResult, warnings: list[CampaignWarning]) -> RecipientImportAnswer:
    faults = [RowFaultView(row.place, row.fault.param, row.fault.code, row.fault.message) for row in result.faults]
    return RecipientImportAnswer(result.added, len(faults), faults, list(result.ignored_columns), warnings)


def to_recipient_view(recipient: CampaignRecipient) -> RecipientView:
    next_at = recipient.next_attempt_at if recipient.status == "pending" else None
    return copy_fields(RecipientView, recipient, next_attempt_at=next_at)


# -- Routes --

_READ: Final = member("viewer", "campaigns:read")
_WRITE: Final = member("member", "campaigns:write")
_LIMIT: Final = RateLimit("campaign-recipients", 60, 60, per_user=True)
# Errors that several operations can answer with.
_CAMPAIGN_SETTINGS_ERRORS: Final = (
    "404 agent_not_found",
    "404 tier_not_found",
    "409 workspace_suspended",
    "422 agent_version_unknown",
    "422 number_not_found",
    "422 dates_invalid",
    "422 too_many_attempts",
)
_NEW_RECIPIENTS_ERRORS: Final = (
    "404 campaign_not_found",
    "404 agent_not_found",
    "404 tier_not_found",
    "409 campaign_over",
    "422 agent_version_unknown",
)

ROUTES: tuple[Route, ...] = (
    Route("GET", CAMPAIGNS, list_campaigns, _READ, beyond_spec=True),
    Route(
        "POST",
        CAMPAIGNS,
        create_campaign,
        _WRITE,
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=(*_CAMPAIGN_SETTINGS_ERRORS, "409 campaign_limit"),
    ),
    Route("GET", CAMPAIGN, get_campaign, _READ, beyond_spec=True, errors=("404 campaign_not_found",)),
    Route(
        "PUT",
        CAMPAIGN,
        replace_campaign,
        _WRITE,
        beyond_spec=True,
        errors=("404 campaign_not_found", *_CAMPAIGN_SETTINGS_ERRORS, "409 campaign_over"),
    ),
    Route(
        "DELETE",
        CAMPAIGN,
        delete_campaign,
        _WRITE,
        beyond_spec=True,
        errors=("404 campaign_not_found", "409 campaign_running"),
    ),
    Route(
        "POST",
        f"{CAMPAIGN}/start",
        start_campaign,
        _WRITE,
        beyond_spec=True,
        errors=(
            "404 campaign_not_found",
            "404 agent_not_found",
            "404 tier_not_found",
            "409 campaign_status",
            "409 campaign_empty",
            "409 campaign_ended",
            "409 running_campaign_limit",
            "409 agent_not_live",
            "409 outbound_not_in_tier",
            "409 workspace_suspended",
            "409 owner_unverified",
            "422 agent_version_unknown",
        ),
    ),
    Route(
        "POST",
        f"{CAMPAIGN}/pause",
        pause_campaign,
        _WRITE,
        beyond_spec=True,
        errors=("404 campaign_not_found", "409 campaign_status"),
    ),
    Route(
        "POST",
        f"{CAMPAIGN}/cancel",
        cancel_campaign,
        _WRITE,
        beyond_spec=True,
        errors=("404 campaign_not_found", "409 campaign_over"),
    ),
    Route(
        "GET",
        f"{CAMPAIGN}/progress",
        get_campaign_progress,
        _READ,
        beyond_spec=True,
        errors=("404 campaign_not_found",),
    ),
    Route("GET", RECIPIENTS, list_recipients, _READ, beyond_spec=True, errors=("404 campaign_not_found",)),
    Route(
        "POST",
        RECIPIENTS,
        add_recipients,
        _WRITE,
        limit=_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        errors=_NEW_RECIPIENTS_ERRORS,
    ),
    Route(
        "POST",
        f"{RECIPIENTS}/upload",
        upload_recipients,
        _WRITE,
        limit=_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        upload_bytes=MOST_FILE_BYTES,
        errors=(
            *_NEW_RECIPIENTS_ERRORS,
            "422 file_unknown",
            "422 file_empty",
            "422 column_missing",
            "422 columns_invalid",
            "422 too_many_rows",
        ),
    ),
    Route(
        "GET",
        f"{RECIPIENTS}/{{recipientId}}",
        get_recipient,
        _READ,
        beyond_spec=True,
        errors=("404 campaign_not_found", "404 recipient_not_found"),
    ),
    Route(
        "GET",
        f"{CAMPAIGN}/results",
        export_campaign_results,
        member("admin", "campaigns:read"),
        beyond_spec=True,
        errors=("404 campaign_not_found",),
    ),
)
