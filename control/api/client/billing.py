"""Routes of billing, for the members of a workspace."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
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
    SetupView,
    SpendAlertList,
    to_alert,
    to_credit,
    to_details,
    to_invoice,
    to_now,
    to_period,
    to_settings,
)
from control.billing.invoices.links import InvoiceLinks
from control.billing.invoices.rules import PDF_TYPE, InvoiceDocument
from control.billing.limits.rules import MOST_ALERTS
from control.billing.payments.service import (
    AddedMethod,
    StartedSetup,
    add_payment_method,
    find_payment_method,
    remove_payment_method,
    require_sink,
    save_added,
    save_customer,
    save_removed,
    sink_customer,
    start_setup,
)
from control.billing.service import Billing, InvoiceRecord
from control.db.scope import enter_workspace
from control.http.access import OPEN, member
from control.http.after_commit import AfterCommit, CheckedChange
from control.http.body import ONE_LINE, Body, ChangeBody
from control.http.context import Context, MemberContext
from control.http.fields import InvoiceId
from control.http.file_response import FileResponse
from control.http.json_or_pdf import JsonOrPdf
from control.http.pagination import ListQuery, page_fields
from control.http.route import RateLimit, Route

BILLING = "/workspaces/{workspaceId}/billing"
METHOD = f"{BILLING}/payment-method"
LINK_LIMIT = RateLimit("invoice-links", 60, 60)
# Each request asks Stripe; thieves try stolen cards by the hundred.
METHOD_LIMIT = RateLimit("payment-methods", 20, 3_600)
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
# Some currencies have units that are worth 0.00004 US dollars; reservations count micros, up to nine billion units.
Limit = Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=3)]


class BillingChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    usage_limit_monthly: Limit | None = Field(
        None,
        description="Most money of usage in a period, without the fee, in major units; null removes the limit.",
        examples=[200.0],
    )
    alert_threshold_percentage: int = Field(
        80, ge=1, le=100, description="Percent of the limit at which to warn.", examples=[80]
    )
    auto_pause_on_limit: bool = Field(
        False, description="Whether calls end at the limit; otherwise reaching it only warns."
    )
    billing_email: Address | None = Field(
        None, description="Where invoices are sent; null: to the owner with the oldest membership."
    )
    legal_name: ShortText = Field(
        "", description="The name on invoices; empty: the workspace's name.", examples=["Riverside Dental GmbH"]
    )
    country: Country | None = Field(
        None, description="Country whose taxes are on invoices; null removes it.", examples=["DE"]
    )
    tax_id: ShortText = Field("", description="The customer's tax number, for invoices.", examples=["DE123456789"])


class PaymentMethodBody(Body):
    """A payment method that a browser has given to Stripe."""

    stripe_payment_method_id: Annotated[
        str,
        StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,200}$"),
        Field(description="Id of the payment method at Stripe.", examples=["pm_1Pq2Rs3Tu4Vw5Xy6"]),
    ]


async def get_current_period(context: MemberContext) -> BillingNow:
    """The running period: what was used so far, the fee, and how near the limit is."""
    return to_now(await context.services[Billing].get_running(context.db, context.workspace_id, context.now))


async def list_billing_periods(context: MemberContext, query: ListQuery) -> PeriodList:
    """Closed billing periods, newest first."""
    found = await context.services[Billing].list_periods(context.db, context.workspace_id, page=query.request())
    return PeriodList([to_period(one) for one in found.rows], **page_fields(query, found))


async def list_invoices(context: MemberContext, query: ListQuery) -> InvoiceList:
    """Invoices, newest first."""
    found = await context.services[Billing].list_invoices(context.db, context.workspace_id, page=query.request())
    invoices = [to_invoice(one, _url(context, one.id)) for one in found.rows]
    return InvoiceList(invoices, **page_fields(query, found))


async def get_invoice(context: MemberContext, invoice_id: InvoiceId) -> JsonOrPdf[InvoiceDetails]:
    """An invoice with its lines; as a PDF if the Accept header prefers application/pdf."""
    billing = context.services[Billing]
    record = await billing.get_invoice(context.db, context.workspace_id, invoice_id)
    make = partial(_make_file, _document(billing, record))
    return JsonOrPdf(to_details(record, _url(context, invoice_id)), make)


async def open_invoice_link(
    context: Context,
    link: Annotated[str, Field(description="The token of an invoice_pdf_url.", examples=["eyJhbGci…"])],
) -> AfterCommit[FileResponse]:
    """The PDF of an invoice, by its invoice_pdf_url, which needs no sign-in and is valid for one to two hours."""
    workspace_id, invoice_id = context.services[InvoiceLinks].read(link, context.now)
    await enter_workspace(context.db, workspace_id)
    billing = context.services[Billing]
    record = await billing.get_invoice(context.db, workspace_id, invoice_id)
    return AfterCommit(partial(_make_file, _document(billing, record)))


def _document(billing: Billing, record: InvoiceRecord) -> InvoiceDocument:
    return InvoiceDocument(billing.issuer, record.invoice, record.lines, record.payments, billing.fonts)


async def list_credits(context: MemberContext) -> CreditList:
    """Credits that invoices of the workspace use up."""
    found = await context.services[Billing].list_credits(context.db, context.workspace_id)
    return CreditList([to_credit(one) for one in found], has_more=False)


async def list_spend_alerts(context: MemberContext) -> SpendAlertList:
    """When the workspace came near its spending limit and reached it; the same is sent by e-mail."""
    found, currency = await context.services[Billing].list_alerts(context.db, context.workspace_id)
    return SpendAlertList([to_alert(one, currency) for one in found], has_more=len(found) == MOST_ALERTS)


async def get_billing_settings(context: MemberContext) -> BillingSettingsView:
    """The workspace's limit, and what invoices say about it."""
    return to_settings(*await context.services[Billing].get_settings(context.db, context.workspace_id))


async def change_billing_settings(context: MemberContext, body: BillingChange) -> BillingSettingsView:
    """Changes the limit, or what invoices say about the workspace."""
    values = body.model_dump(exclude_unset=True)
    changed = await context.services[Billing].change_settings(context.db, context.actor, context.workspace_id, values)
    return to_settings(*changed)


async def start_payment_setup(context: MemberContext) -> CheckedChange[SetupView]:
    """Begins the addition of a card: the browser gives it to Stripe with this secret, then sends its id to
    …/payment-method."""
    billing = context.services[Billing]
    sink, customer = require_sink(billing), await sink_customer(context.db, billing, context.workspace_id)
    started: list[StartedSetup] = []

    async def ask() -> None:
        started.append(await start_setup(sink, customer))

    async def save(again: MemberContext) -> SetupView:
        await save_customer(again.db, customer, started[-1].customer_id)
        return SetupView(started[-1].secret.id, started[-1].secret.secret)

    return CheckedChange(ask, save)


async def set_payment_method(context: MemberContext, body: PaymentMethodBody) -> CheckedChange[BillingSettingsView]:
    """Has this payment method pay invoices from now on; what is open is charged to it."""
    billing, workspace_id = context.services[Billing], context.workspace_id
    sink, customer = require_sink(billing), await sink_customer(context.db, billing, workspace_id)
    added: list[AddedMethod] = []

    async def ask() -> None:
        added.append(await add_payment_method(sink, customer, body.stripe_payment_method_id))

    async def save(again: MemberContext) -> BillingSettingsView:
        await save_added(again.db, again.actor, customer, added[-1], again.now)
        return to_settings(*await billing.get_settings(again.db, workspace_id))

    return CheckedChange(ask, save)


async def delete_payment_method(context: MemberContext) -> CheckedChange[None]:
    """Removes the payment method; invoices then wait for another one, and become overdue."""
    sink = require_sink(context.services[Billing])
    method_id = await find_payment_method(context.db, context.workspace_id)

    async def save(again: MemberContext) -> None:
        if method_id is not None:
            await save_removed(again.db, again.actor, again.workspace_id, method_id, again.now)

    return CheckedChange(partial(remove_payment_method, sink, method_id), save)


def _make_pdf(document: InvoiceDocument) -> bytes:
    # Loaded with the first invoice: fpdf, fontTools and PIL are a fifth of what a program of control loads.
    from control.billing.invoices.pdf import make_pdf

    return make_pdf(document)


async def _make_file(document: InvoiceDocument) -> FileResponse:
    """In a thread: a PDF takes about 0.1 s of a core, and the first one loads the libraries."""
    content = await asyncio.to_thread(_make_pdf, document)

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        yield content[start : start + length]

    return FileResponse(f"invoice-{document.invoice.number}.pdf", PDF_TYPE, len(content), read)


def _url(context: MemberContext, invoice_id: UUID) -> str:
    """Return the path of the PDF at this API."""
    return f"/billing/invoices/{context.services[InvoiceLinks].sign(context.workspace_id, invoice_id, context.now)}"


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/current", get_current_period, member("viewer", "billing:read")),
    Route("GET", f"{BILLING}/history", list_billing_periods, member("admin", "billing:read")),
    Route("GET", f"{BILLING}/invoices", list_invoices, member("admin", "billing:read")),
    Route("GET", f"{BILLING}/invoices/{{invoiceId}}", get_invoice, member("admin", "billing:read"), is_heavy=True),
    Route(
        "GET", "/billing/invoices/{link}", open_invoice_link, OPEN, limit=LINK_LIMIT, is_heavy=True, beyond_spec=True
    ),
    Route("GET", f"{BILLING}/credits", list_credits, member("admin", "billing:read"), beyond_spec=True),
    Route("GET", f"{BILLING}/alerts", list_spend_alerts, member("admin", "billing:read"), beyond_spec=True),
    Route("GET", f"{BILLING}/settings", get_billing_settings, member("admin", "billing:read")),
    Route("POST", METHOD, set_payment_method, member("owner"), check_limit=METHOD_LIMIT, needs_recent_sign_in=True),
    Route(
        "POST",
        f"{METHOD}/setup",
        start_payment_setup,
        member("owner"),
        check_limit=METHOD_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
    ),
    Route(
        "DELETE",
        METHOD,
        delete_payment_method,
        member("owner"),
        check_limit=METHOD_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
    ),
    Route("PUT", f"{BILLING}/settings", change_billing_settings, member("owner")),
)
