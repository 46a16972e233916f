"""Routes of billing, for the members of a workspace."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.accounts.addresses import Address
from control.api.client.billing_views import (
    BillingNow,
    BillingSettingsView,
    CreditList,
    InvoiceDetails,
    InvoiceList,
    PeriodList,
    to_credit,
    to_details,
    to_invoice,
    to_now,
    to_period,
    to_settings,
)
from control.billing.invoice_pdf import PDF_TYPE, InvoiceDocument, make_pdf
from control.http.access import member
from control.http.body import ONE_LINE, ChangeBody
from control.http.context import MemberContext
from control.http.file_response import FileResponse
from control.http.json_or_pdf import JsonOrPdf
from control.http.pagination import ListQuery, page_fields
from control.http.route import Route

BILLING = "/workspaces/{workspaceId}/billing"
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
Limit = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=2)]


class BillingChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    usage_limit_monthly: Limit | None = Field(
        None, description="Most money of usage in a period, without the fee, in major units; null removes the limit."
    )
    alert_threshold_percentage: int = Field(80, ge=1, le=100, description="Percent of the limit at which to warn.")
    auto_pause_on_limit: bool = Field(
        False, description="Whether calls end at the limit; otherwise reaching it only warns."
    )
    billing_email: Address | None = Field(
        None, description="Where invoices are sent; null: to the owner with the oldest membership."
    )
    legal_name: ShortText = Field("", description="The name on invoices; empty: the workspace's name.")
    country: Country | None = Field(None, description="ISO 3166; its taxes are on invoices. null removes it.")
    tax_id: ShortText = Field("", description="The customer's tax number, for invoices.")


async def get_current_period(context: MemberContext) -> BillingNow:
    """The running period: what was used so far, the fee, and how near the limit is."""
    return to_now(await context.services.billing.get_running(context.db, context.workspace_id, context.now))


async def list_billing_periods(context: MemberContext, query: ListQuery) -> PeriodList:
    """Closed billing periods, newest first."""
    found = await context.services.billing.list_periods(context.db, context.workspace_id, page=query.request())
    return PeriodList([to_period(one) for one in found.rows], **page_fields(query, found))


async def list_invoices(context: MemberContext, query: ListQuery) -> InvoiceList:
    """Invoices, newest first."""
    found = await context.services.billing.list_invoices(context.db, context.workspace_id, page=query.request())
    invoices = [to_invoice(one, _url(context, one.id)) for one in found.rows]
    return InvoiceList(invoices, **page_fields(query, found))


async def get_invoice(context: MemberContext, invoice_id: UUID) -> JsonOrPdf[InvoiceDetails]:
    """An invoice with its lines; as a PDF if the Accept header prefers application/pdf."""
    record = await context.services.billing.get_invoice(context.db, context.workspace_id, invoice_id)
    issuer = context.services.billing.issuer
    document = InvoiceDocument(issuer, record.invoice, record.lines, record.payments)
    return JsonOrPdf(to_details(record, _url(context, invoice_id)), lambda: _make_file(document))


async def list_credits(context: MemberContext) -> CreditList:
    """Credits that invoices of the workspace use up."""
    found = await context.services.billing.list_credits(context.db, context.workspace_id)
    return CreditList([to_credit(one) for one in found], has_more=False)


async def get_billing_settings(context: MemberContext) -> BillingSettingsView:
    """The workspace's limit, and what invoices say about it."""
    return to_settings(*await context.services.billing.get_settings(context.db, context.workspace_id))


async def change_billing_settings(context: MemberContext, body: BillingChange) -> BillingSettingsView:
    """Changes the limit, or what invoices say about the workspace."""
    values = body.model_dump(exclude_unset=True)
    changed = await context.services.billing.change_settings(context.db, context.actor, context.workspace_id, values)
    return to_settings(*changed)


async def _make_file(document: InvoiceDocument) -> FileResponse:
    """In a thread: a PDF takes about 0.1 s of a core."""
    content = await asyncio.to_thread(make_pdf, document)

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        yield content[start : start + length]

    return FileResponse(f"invoice-{document.invoice.number}.pdf", PDF_TYPE, len(content), read)


def _url(context: MemberContext, invoice_id: UUID) -> str:
    """The invoice's path at this API."""
    return f"{BILLING.replace('{workspaceId}', str(context.workspace_id))}/invoices/{invoice_id}"


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/current", get_current_period, member("viewer")),
    Route("GET", f"{BILLING}/history", list_billing_periods, member("admin")),
    Route("GET", f"{BILLING}/invoices", list_invoices, member("admin")),
    Route("GET", f"{BILLING}/invoices/{{invoiceId}}", get_invoice, member("admin"), is_heavy=True),
    Route("GET", f"{BILLING}/credits", list_credits, member("admin"), beyond_spec=True),
    Route("GET", f"{BILLING}/settings", get_billing_settings, member("admin")),
    Route("PUT", f"{BILLING}/settings", change_billing_settings, member("owner")),
)
