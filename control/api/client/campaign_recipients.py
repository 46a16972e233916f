"""Routes of a campaign's recipients, for the members of its workspace."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.agents.variables import LONGEST_NAME, MOST_VARIABLES
from control.api.client.campaigns import CAMPAIGN
from control.api.client.campaigns_views import (
    RecipientAnswer,
    RecipientImportAnswer,
    RecipientList,
    to_attempt_view,
    to_import_answer,
    to_recipient_view,
)
from control.campaigns.recipients_csv import ColumnMap, parse_variable_columns
from control.campaigns.rules import ImportResult, NewRecipient, RecipientOutcome, RecipientStatus
from control.campaigns.service import CampaignRecipients, Campaigns
from control.http.access import member
from control.http.body import ONE_LINE, Body
from control.http.context import MemberContext
from control.http.fields import CampaignId
from control.http.pagination import ListQuery, Query, page_fields
from control.http.route import RateLimit, Route
from control.http.streamed_file import StreamedFile
from control.platform.string_maps import bounded_map

RECIPIENTS: Final = f"{CAMPAIGN}/recipients"
# With one variable each, a body has about as many names as bodies may (control/http/inputs.py).
MOST_IN_BODY: Final = 500
MOST_FILE_BYTES: Final = 5_000_000
# Of the results' file: a client that takes nothing for so long, and the whole.
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


async def add_recipients(context: MemberContext, campaign_id: CampaignId, body: NewRecipients) -> RecipientImportAnswer:
    """Adds recipients row by row: those that can be called are stored, each of the others has a fault in the answer."""
    rows = [
        NewRecipient(
            place=place,
            phone_number=one.phone_number,
            variables=one.variables,
            timezone=one.timezone,
            reference=one.reference,
        )
        for place, one in enumerate(body.recipients, 1)
    ]
    result = await context.services[CampaignRecipients].add(
        context.db, context.workspace_id, context.actor, campaign_id, rows, context.now
    )
    return await _to_answer(context, result)


async def upload_recipients(
    context: MemberContext, campaign_id: CampaignId, query: RecipientUploadQuery, upload: bytes
) -> RecipientImportAnswer:
    """Adds the rows of a CSV file, which is the body: UTF-8 with a header, up to 10,000 rows. Rows that can be called
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
    return await _to_answer(context, result)


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
    return RecipientList([to_recipient_view(one) for one in found.rows], **page_fields(query, found))


async def get_recipient(
    context: MemberContext,
    campaign_id: CampaignId,
    recipient_id: Annotated[UUID, Field(description="Id of the recipient.")],
) -> RecipientAnswer:
    """A recipient with the calls to it."""
    found, calls = await context.services[CampaignRecipients].get(
        context.db, context.workspace_id, campaign_id, recipient_id
    )
    return RecipientAnswer(to_recipient_view(found), [to_attempt_view(one) for one in calls])


async def export_campaign_results(context: MemberContext, campaign_id: CampaignId) -> StreamedFile:
    """What became of each recipient, as a CSV file."""
    campaign = await context.services[Campaigns].get(context.db, context.workspace_id, campaign_id)
    results = context.services[CampaignRecipients].make_results
    return StreamedFile(
        name=f"campaign-{campaign.id}.csv",
        content_type="text/csv; charset=utf-8",
        open=partial(results, context.workspace_id, campaign_id),
        stall_s=STALL_S,
        longest_s=LONGEST_S,
    )


async def _to_answer(context: MemberContext, result: ImportResult) -> RecipientImportAnswer:
    return to_import_answer(result, await context.services[Campaigns].list_warnings(context.db, context.workspace_id))


_READ: Final = member("viewer", "campaigns:read")
_WRITE: Final = member("member", "campaigns:write")
_LIMIT: Final = RateLimit("campaign-recipients", 60, 60, per_user=True)

ROUTES: tuple[Route, ...] = (
    Route("GET", RECIPIENTS, list_recipients, _READ, beyond_spec=True),
    Route("POST", RECIPIENTS, add_recipients, _WRITE, limit=_LIMIT, is_heavy=True, beyond_spec=True),
    Route(
        "POST",
        f"{RECIPIENTS}/upload",
        upload_recipients,
        _WRITE,
        limit=_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        upload_bytes=MOST_FILE_BYTES,
    ),
    Route("GET", f"{RECIPIENTS}/{{recipientId}}", get_recipient, _READ, beyond_spec=True),
    Route("GET", f"{CAMPAIGN}/results", export_campaign_results, member("admin", "campaigns:read"), beyond_spec=True),
)
