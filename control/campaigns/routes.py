"""Routes for members to manage their workspace's campaigns and recipients."""

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
    """Filters for the list of campaigns."""


class CampaignView(CampaignSettings):
    """A campaign with its settings and status."""

    model_config = ANSWER

    id: Id
    status: Annotated[
        CampaignStatus,
        Field(description="Status of the campaign: `draft`, `running`, `paused`, `completed` or `canceled`."),
    ]
    status_reason: Annotated[
        str | None,
        Field(
            description="Why the platform paused or ended the campaign, or delays further calls.",
            examples=["spend_limit_reached"],
        ),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt
    started_at: Annotated[
        datetime | None, Field(description="When the campaign was first started (UTC); null if it was not started.")
    ]
    finished_at: Annotated[
        datetime | None, Field(description="When the campaign was completed or canceled (UTC); null before.")
    ]


@dataclass(frozen=True, slots=True)
class CampaignAnswer:
    """A campaign, with conditions that prevent its start."""

    campaign: Annotated[CampaignView, Field(description="The campaign.")]
    warnings: Annotated[
        list[CampaignWarning],
        Field(description="Conditions that prevent the campaign from starting; empty if none are known."),
    ]


@dataclass(frozen=True, slots=True)
class CampaignList(ListAnswer):
    """A page of campaigns, newest first."""

    campaigns: Annotated[list[CampaignView], Field(description="The campaigns, newest first.")]


@dataclass(frozen=True, slots=True)
class CampaignProgressAnswer:
    """The progress of a campaign."""

    progress: Annotated[CampaignProgress, Field(description="The progress of the campaign.")]


async def list_campaigns(context: MemberContext, query: CampaignsQuery) -> CampaignList:
    """List the workspace's campaigns, newest first."""
    found = await context.services[Campaigns].list_page(context.db, context.workspace_id, query, query.request())
    return CampaignList([to_campaign_view(campaign) for campaign in found.rows], **page_fields(query, found))


async def create_campaign(context: MemberContext, body: CampaignSettings) -> CampaignAnswer:
    """Create a campaign as a draft.

    Add recipients, then start it. `warnings` lists conditions that will prevent its start.
    """
    made = await context.services[Campaigns].create(context.db, context.workspace_id, context.actor, body, context.now)
    return await _to_answer(context, made)


async def get_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Return a campaign with its settings and status."""
    found = await context.services[Campaigns].get(context.db, context.workspace_id, campaign_id)
    return await _to_answer(context, found)


async def replace_campaign(context: MemberContext, campaign_id: CampaignId, body: CampaignSettings) -> CampaignAnswer:
    """Replace a campaign's settings. They apply from the next call on."""
    changed = await context.services[Campaigns].update(
        context.db, context.workspace_id, context.actor, campaign_id, body, context.now
    )
    return await _to_answer(context, changed)


async def delete_campaign(context: MemberContext, campaign_id: CampaignId) -> None:
    """Delete a campaign with its recipients. Its calls are kept."""
    await context.services[Campaigns].delete(context.db, context.workspace_id, context.actor, campaign_id)


async def start_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Start a draft or resume a paused campaign."""
    started = await context.services[Campaigns].start(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, started)


async def pause_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Pause a campaign. Calls that wait to be dialed are not dialed; running calls continue."""
    paused = await context.services[Campaigns].pause(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, paused)


async def cancel_campaign(context: MemberContext, campaign_id: CampaignId) -> CampaignAnswer:
    """Cancel a campaign permanently. Running calls continue."""
    canceled = await context.services[Campaigns].cancel(
        context.db, context.workspace_id, context.actor, campaign_id, context.now
    )
    return await _to_answer(context, canceled)


async def get_campaign_progress(context: MemberContext, campaign_id: CampaignId) -> CampaignProgressAnswer:
    """Return how many recipients were called, by outcome, and how long the remaining calls take at the
    campaign's pace.
    """
    found = await context.services[Campaigns].get_progress(context.db, context.workspace_id, campaign_id, context.now)
    return CampaignProgressAnswer(found)


async def _to_answer(context: MemberContext, campaign: Campaign) -> CampaignAnswer:
    warnings = await context.services[Campaigns].list_warnings(context.db, context.workspace_id)
    return CampaignAnswer(to_campaign_view(campaign), warnings)


def to_campaign_view(campaign: Campaign) -> CampaignView:
    return copy_fields(CampaignView, campaign, campaign.settings)


# -- Recipients --

# With one variable each, a body contains about the maximum number of names (control/http/inputs.py).
MOST_IN_BODY: Final = 500
MOST_FILE_BYTES: Final = 5_000_000
# Timeouts of the results file, in seconds: for a client that reads nothing, and for the whole download.
STALL_S: Final = 30.0
LONGEST_S: Final = 600.0
# Less strict than the stored format, so that a wrong value is a fault of its row, not of the request.
RowText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
RowVariables = Annotated[dict[str, str], Field(max_length=MOST_VARIABLES), bounded_map(MOST_VARIABLES, LONGEST_NAME)]
Column = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
VariableColumns = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=ONE_LINE)]


class NewRecipientRow(Body):
    """A number to add to a campaign."""

    phone_number: RowText = Field(description="E.164.", examples=["+14155550123"])
    variables: RowVariables = Field(
        {},
        description="Values of the agent's placeholders in calls to this recipient.",
        examples=[{"customer_name": "Ms Ito"}],
    )
    timezone: RowText | None = Field(
        None,
        description="Time zone of the phone (IANA name); null for the zones of the number.",
        examples=["Europe/Paris"],
    )
    reference: RowText | None = Field(
        None,
        description="Your own reference for the recipient, up to 200 characters; null for none.",
        examples=["patient-4711"],
    )


class NewRecipients(Body):
    """Numbers to add to a campaign."""

    recipients: list[NewRecipientRow] = Field(
        min_length=1, max_length=MOST_IN_BODY, description="Up to 500 recipients. Upload longer lists as a file."
    )


class RecipientUploadQuery(Query):
    """Headers of the file's columns."""

    phone_number_column: Column = Field("phone_number", description="Header of the column with numbers in E.164.")
    timezone_column: Column = Field(
        "timezone", description="Header of the column with time zones; the column is optional."
    )
    reference_column: Column = Field(
        "reference", description="Header of the column with your own references; the column is optional."
    )
    variable_columns: VariableColumns | None = Field(
        None,
        description="Variables with the headers of their columns. If null, each other column is a variable, "
        "named by its header in lower case with _ for other characters.",
        examples=["customer_name=Full name;city=Town"],
    )


class RecipientsQuery(ListQuery):
    """Filters for the list of recipients."""

    status: RecipientStatus | None = Field(None, description="Return only recipients with this status.")
    outcome: RecipientOutcome | None = Field(None, description="Return only recipients with this outcome.")
    phone_number: str | None = Field(
        None, max_length=20, description="Return only the recipient with this number.", examples=["+14155550123"]
    )


@dataclass(frozen=True, slots=True)
class RecipientView:
    """A recipient of a campaign."""

    id: Id
    phone_number: Annotated[str, Field(description="E.164.", examples=["+14155550123"])]
    reference: Annotated[
        str | None,
        Field(description="Your own reference for the recipient; null if there is none.", examples=["patient-4711"]),
    ]
    variables: Annotated[
        Mapping[str, str],
        Field(description="Values of the agent's placeholders.", examples=[{"customer_name": "Ms Ito"}]),
    ]
    timezone: Annotated[
        str | None,
        Field(description="Time zone of the phone; null for the zones of the number.", examples=["Europe/Paris"]),
    ]
    status: Annotated[
        RecipientStatus, Field(description="Status of the recipient: `pending`, `calling` or `finished`.")
    ]
    outcome: Annotated[
        RecipientOutcome | None,
        Field(
            description="Outcome of the last call: `answered`, `voicemail_left`, `machine`, `busy`, "
            "`no_answer`, `failed_by_carrier`, `rejected`, `unreachable`, `opted_out` or "
            "`not_dialled`. `refused`: the platform does not call this number. `not_called`: the "
            "campaign ended first. Null if the recipient was not called yet."
        ),
    ]
    detail: Annotated[
        str | None,
        Field(
            description="A code that explains the outcome; null if there is no explanation.", examples=["number_is_own"]
        ),
    ]
    attempts: Annotated[int, Field(description="Number of calls that reached the carrier.", examples=[1])]
    next_attempt_at: Annotated[
        datetime | None,
        Field(description="No call is placed before this time (UTC); null if the recipient does not wait for a time."),
    ]
    created_at: CreatedAt
    finished_at: Annotated[datetime | None, Field(description="When the recipient was finished (UTC); null before.")]


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
    finished_at: Annotated[datetime | None, Field(description="When the call ended (UTC); null before.")]
    outcome: Annotated[
        str | None, Field(description="Outcome of the call; null until the call has ended.", examples=["no_answer"])
    ]
    detail: Annotated[
        str | None,
        Field(description="A code that explains the outcome; null if there is no explanation.", examples=["too_late"]),
    ]


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """A recipient with the calls to it, oldest first."""

    recipient: Annotated[RecipientView, Field(description="The recipient.")]
    calls: Annotated[list[CampaignAttemptView], Field(description="The calls to the recipient, oldest first.")]


@dataclass(frozen=True, slots=True)
class RowFaultView:
    """A row that was not stored, with its fault."""

    row: Annotated[
        int,
        Field(description="Line in the file, or position in the request, counted from 1.", examples=[17]),
    ]
    param: Annotated[
        str | None, Field(description="The field at fault; null for the whole row.", examples=["phone_number"])
    ]
    code: Annotated[str, Field(description="Stable code, for programs.", examples=["number_invalid"])]
    message: Annotated[
        str, Field(description="Description of the fault.", examples=["is not a phone number of its country"])
    ]


@dataclass(frozen=True, slots=True)
class RecipientImportAnswer:
    """The result of adding rows: valid rows were stored, and each other row has a fault."""

    added: Annotated[int, Field(description="Number of rows that were stored.", examples=[498])]
    refused: Annotated[int, Field(description="Number of rows that were not stored.", examples=[2])]
    faults: Annotated[list[RowFaultView], Field(description="The rows that were not stored, in order.")]
    ignored_columns: Annotated[
        list[str], Field(description="Headers of columns that were not read.", examples=[["Notes"]])
    ]
    warnings: Annotated[
        list[CampaignWarning],
        Field(description="Conditions that prevent the campaign from starting; empty if none are known."),
    ]


async def add_recipients(context: MemberContext, campaign_id: CampaignId, body: NewRecipients) -> RecipientImportAnswer:
    """Add recipients. Rows with valid numbers are stored, and each other row has a fault in the answer."""
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
    """Add the rows of a CSV file, which is the request's body: UTF-8 with a header, up to 10,000 rows.

    Valid rows are stored, and each other row has a fault in the answer. Columns that the query does not name are
    variables under their headers, unless `variable_columns` names the variables.
    """
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
    """List a campaign's recipients, in the order in which they were added."""
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
    """Return a recipient with the calls to it."""
    found, calls = await context.services[CampaignRecipients].get(
        context.db, context.workspace_id, campaign_id, recipient_id
    )
    return RecipientAnswer(to_recipient_view(found), [copy_fields(CampaignAttemptView, call) for call in calls])


async def export_campaign_results(context: MemberContext, campaign_id: CampaignId) -> StreamedFile:
    """Download the outcome of each recipient as a CSV file."""
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
# Errors that several operations return.
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
