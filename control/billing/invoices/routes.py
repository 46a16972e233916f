"""Routes of invoices for members of a workspace, and of invoices and tax rates for staff."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.billing.fields import ADMIN_BILLING, BILLING, READERS, WRITERS
from control.billing.invoices import queries, service
from control.billing.invoices.links import InvoiceLinks
from control.billing.invoices.rules import (
    PDF_TYPE,
    Invoice,
    InvoiceDocument,
    InvoiceFilter,
    InvoiceLine,
    InvoiceListing,
    InvoiceRecord,
    InvoiceStatus,
    LineKind,
    Payment,
    PaymentKind,
    TaxRate,
)
from control.billing.invoices.service import Invoices
from control.db.scope import enter_workspace
from control.http.access import OPEN, member
from control.http.body import ONE_LINE, Body, Currency, Money
from control.http.context import AdminContext, Context, MemberContext
from control.http.fields import Id, InvoiceId, WorkspaceId, copy_fields
from control.http.pagination import ListAnswer, ListQuery, UtcDatetime, page_fields
from control.http.responses.after_commit import AfterCommit
from control.http.responses.file_response import FileResponse
from control.http.responses.json_or_pdf import JsonOrPdf
from control.http.route import RateLimit, Route

# --- For members ---------------------------------------------------------------------------------------------------
LINK_LIMIT = RateLimit("invoice-links", 60, 60)


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice. `amount` includes tax."""

    id: Id
    number: Annotated[
        str | None,
        Field(description="Number of the invoice; null before the invoice is issued.", examples=["2026-000001"]),
    ]
    amount: Annotated[Money, Field(description="Total including tax, in major units.", examples=[120.79])]
    amount_paid: Annotated[Money, Field(description="Amount paid, in major units.", examples=[20.0])]
    amount_refunded: Annotated[Money, Field(description="Amount refunded, in major units.", examples=[0.0])]
    currency: Currency
    status: Annotated[InvoiceStatus, Field(description="Status of the invoice.")]
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    period_end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    issued_at: Annotated[datetime | None, Field(description="When the invoice was issued (UTC); null before.")]
    due_at: Annotated[
        datetime | None, Field(description="When payment is due (UTC); null before the invoice is issued.")
    ]
    paid_at: Annotated[datetime | None, Field(description="When the invoice was fully paid (UTC); null before.")]


@dataclass(frozen=True, slots=True)
class InvoiceView(InvoiceFacts):
    """An invoice of the workspace."""

    subtotal: Annotated[Money, Field(description="Amount without tax, in major units.", examples=[101.5])]
    tax: Annotated[
        Money, Field(description="Tax, in major units, including tax that prices already contain.", examples=[19.29])
    ]
    amount_due: Annotated[Money, Field(description="Amount still to be paid, in major units.", examples=[100.79])]
    invoice_pdf_url: Annotated[
        str | None,
        Field(
            description="Path of the invoice's PDF, for a browser. It requires no sign-in and is valid for one "
            "to two hours.",
            examples=["/billing/invoices/eyJhbGci…"],
        ),
    ]
    number: Annotated[
        str | None,
        Field(
            description="Number of the invoice; null until the billing provider has numbered it.",
            examples=["2026-000001"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class InvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: Annotated[list[InvoiceView], Field(description="The invoices.")]


@dataclass(frozen=True, slots=True)
class InvoiceLineView:
    """A line of an invoice."""

    id: Id
    kind: Annotated[LineKind, Field(description="Kind of the line.")]
    description: Annotated[
        str, Field(description="Description for people.", examples=["Calls on plan Starter, 1 Nov 2026 to 30 Nov 2026"])
    ]
    quantity: Annotated[float, Field(description="Quantity in `unit`.", examples=[93_100])]
    unit: Annotated[str, Field(description="Unit of the quantity; empty for a credit or a tax.", examples=["second"])]
    since: Annotated[datetime | None, Field(description="Start of the billed time (UTC); null for a tax.")]
    until: Annotated[datetime | None, Field(description="End of the billed time (UTC); null for a tax.")]
    exact_amount: Annotated[Money, Field(description="Exact amount, before rounding to `amount`.", examples=[24.0035])]
    amount: Annotated[
        Money,
        Field(
            description="Rounded amount, in major units. The amounts of all lines add up to the invoice's amount.",
            examples=[24.0],
        ),
    ]
    tax: Annotated[
        Money, Field(description="Tax, in major units, including tax that prices already contain.", examples=[19.29])
    ]
    currency: Currency
    is_adjustment: Annotated[bool, Field(description="Whether the line corrects a period that was billed before.")]


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment, or a refund (negative)."""

    kind: Annotated[PaymentKind, Field(description="Whether this is a payment or a refund.")]
    amount: Annotated[Money, Field(description="Amount in major units; negative for a refund.", examples=[20.0])]
    currency: Currency
    method: Annotated[str, Field(description="Payment method.", examples=["bank_transfer"])]
    at: Annotated[datetime, Field(description="Time of the payment or refund (UTC).")]


@dataclass(frozen=True, slots=True)
class InvoiceDetails:
    """An invoice with its lines, whose amounts add up to the invoice's amount."""

    invoice: Annotated[InvoiceView, Field(description="The invoice.")]
    lines: list[InvoiceLineView]
    payments: list[PaymentView]


async def list_invoices(context: MemberContext, query: ListQuery) -> InvoiceList:
    """List the workspace's invoices, newest first."""
    found = await service.list_invoices(context.db, context.workspace_id, page=query.request())
    invoices = [to_invoice(invoice, _url(context, invoice.id)) for invoice in found.rows]
    return InvoiceList(invoices, **page_fields(query, found))


async def get_invoice(context: MemberContext, invoice_id: InvoiceId) -> JsonOrPdf[InvoiceDetails]:
    """Return an invoice with its lines, or as a PDF if the `Accept` header prefers `application/pdf`."""
    record = await service.load_invoice(context.db, context.workspace_id, invoice_id)
    make = partial(_make_file, context.services[Invoices].make_document(record))
    return JsonOrPdf(to_details(record, _url(context, invoice_id)), make)


async def open_invoice_link(
    context: Context,
    link: Annotated[str, Field(description="The token of an `invoice_pdf_url`.", examples=["eyJhbGci…"])],
) -> AfterCommit[FileResponse]:
    """Return the PDF of an invoice by its `invoice_pdf_url`, which requires no sign-in and is valid for one to two
    hours.
    """
    workspace_id, invoice_id = context.services[InvoiceLinks].read(link, context.now)
    await enter_workspace(context.db, workspace_id)
    record = await service.load_invoice(context.db, workspace_id, invoice_id)
    return AfterCommit(partial(_make_file, context.services[Invoices].make_document(record)))


def to_invoice(invoice: Invoice, url: str) -> InvoiceView:
    """Convert an invoice to its API representation.

    Args:
        url: Path of the invoice's PDF.
    """
    return copy_fields(InvoiceView, invoice, invoice_pdf_url=invoice.invoice_pdf_url or url)


def to_details(record: InvoiceRecord, url: str) -> InvoiceDetails:
    """Convert an invoice with its lines to its API representation.

    Args:
        url: Path of the invoice's PDF.
    """
    currency = record.invoice.currency
    return InvoiceDetails(
        to_invoice(record.invoice, url),
        [_to_line(line, currency) for line in record.lines],
        [_to_payment(payment) for payment in record.payments],
    )


def _to_line(line: InvoiceLine, currency: str) -> InvoiceLineView:
    return InvoiceLineView(
        id=line.id,
        kind=line.kind,
        description=line.description,
        quantity=float(line.quantity),
        unit=line.unit,
        since=line.since,
        until=line.until,
        exact_amount=Decimal(line.exact),
        amount=line.amount,
        tax=line.tax,
        currency=currency,
        is_adjustment=line.is_adjustment,
    )


def _to_payment(payment: Payment) -> PaymentView:
    return PaymentView(payment.kind, payment.amount, payment.currency, payment.method, payment.at)


def _url(context: MemberContext, invoice_id: UUID) -> str:
    """Return the path of the invoice's PDF at this API."""
    return f"/billing/invoices/{context.services[InvoiceLinks].sign(context.workspace_id, invoice_id, context.now)}"


async def _make_file(document: InvoiceDocument) -> FileResponse:
    """Render the PDF in a thread: it takes about 0.1 s of CPU, and the first PDF loads the libraries."""
    content = await asyncio.to_thread(_make_pdf, document)

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        yield content[start : start + length]

    return FileResponse(f"invoice-{document.invoice.number}.pdf", PDF_TYPE, len(content), read)


def _make_pdf(document: InvoiceDocument) -> bytes:
    # Imported with the first invoice, because fpdf, fontTools and PIL are a fifth of the modules that control would
    # load.
    from control.billing.invoices.pdf import make_pdf

    return make_pdf(document)


# --- For the staff -------------------------------------------------------------------------------------------------
class AdminInvoicesQuery(ListQuery):
    """Filters for the list of invoices."""

    workspace_id: UUID | None = Field(None, description="Return only invoices of this workspace.")
    status: InvoiceStatus | None = Field(
        None,
        description="Return only invoices with this status. Drafts, which are not issued yet, are listed "
        "only with this filter.",
    )


@dataclass(frozen=True, slots=True)
class AdminInvoiceView(InvoiceFacts):
    """An invoice, as staff see it."""

    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    voided_at: Annotated[datetime | None, Field(description="When the invoice was voided (UTC); null if it was not.")]
    voided_why: Annotated[
        str | None,
        Field(description="Why the invoice was voided; null if it was not.", examples=["Billed to the wrong company"]),
    ]


@dataclass(frozen=True, slots=True)
class AdminInvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: Annotated[list[AdminInvoiceView], Field(description="The invoices.")]


@dataclass(frozen=True, slots=True)
class AdminInvoiceAnswer:
    """An invoice, as staff see it."""

    invoice: Annotated[AdminInvoiceView, Field(description="The invoice.")]


async def admin_list_invoices(context: AdminContext, query: AdminInvoicesQuery) -> AdminInvoiceList:
    """List the invoices of all workspaces, newest first."""
    wanted = InvoiceFilter(query.workspace_id, query.status)
    found = await service.list_all_invoices(context.db, wanted, page=query.request())
    return AdminInvoiceList([to_listing(listing) for listing in found.rows], **page_fields(query, found))


def to_listing(listing: InvoiceListing) -> AdminInvoiceView:
    return to_admin_invoice(listing.invoice, listing.workspace_name)


def to_admin_invoice(invoice: Invoice, workspace_name: str = "") -> AdminInvoiceView:
    return copy_fields(AdminInvoiceView, invoice, workspace_name=workspace_name or invoice.customer_name)


class TaxRateBody(Body):
    """A tax rate that takes effect at a given time. 0 basis points end a tax."""

    country: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Z]{2}$"),
        Field(description="Country where the tax applies: ISO 3166.", examples=["DE"]),
    ]
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=ONE_LINE),
        Field(description="Name of the tax on invoices.", examples=["VAT"]),
    ]
    basis_points: int = Field(
        ge=0, le=10_000, description="Rate in hundredths of a percent: 1900 is 19 %.", examples=[1900]
    )
    is_inclusive: bool = Field(False, description="Whether prices contain the tax.")
    valid_from: Annotated[UtcDatetime, Field(description="When the rate takes effect (UTC).")]


@dataclass(frozen=True, slots=True)
class TaxRateView:
    """A version of a tax rate."""

    id: Annotated[int, Field(description="Number of the version.", examples=[7])]
    country: Annotated[str, Field(description="Country where the tax applies: ISO 3166.", examples=["DE"])]
    name: Annotated[str, Field(description="Name of the tax on invoices.", examples=["VAT"])]
    basis_points: Annotated[int, Field(description="Rate in hundredths of a percent.", examples=[1900])]
    is_inclusive: Annotated[bool, Field(description="Whether prices contain the tax.")]
    valid_from: Annotated[datetime, Field(description="When the rate takes effect (UTC).")]


@dataclass(frozen=True, slots=True)
class TaxRateList:
    """All versions of tax rates, by country and name."""

    tax_rates: Annotated[list[TaxRateView], Field(description="The tax rates.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


@dataclass(frozen=True, slots=True)
class TaxRateAnswer:
    """A version of a tax rate."""

    tax_rate: Annotated[TaxRateView, Field(description="The tax rate.")]


async def list_tax_rates(context: AdminContext) -> TaxRateList:
    """List all versions of tax rates."""
    rates = await queries.select_tax_rates(context.db)
    return TaxRateList([_to_tax_rate(rate) for rate in rates], has_more=False)


async def add_tax_rate(context: AdminContext, body: TaxRateBody) -> TaxRateAnswer:
    """Add a version of a tax rate. It applies to invoices of periods that end after it takes effect."""
    rate = TaxRate(0, body.country, body.name, body.basis_points, body.is_inclusive, body.valid_from)
    return TaxRateAnswer(_to_tax_rate(await service.add_tax_rate(context.db, context.actor, rate, context.now)))


def _to_tax_rate(rate: TaxRate) -> TaxRateView:
    return copy_fields(TaxRateView, rate)


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/invoices", list_invoices, member("admin", "billing:read")),
    Route(
        "GET",
        f"{BILLING}/invoices/{{invoiceId}}",
        get_invoice,
        member("admin", "billing:read"),
        is_heavy=True,
        errors=("404 invoice_not_found",),
    ),
    Route(
        "GET",
        "/billing/invoices/{link}",
        open_invoice_link,
        OPEN,
        limit=LINK_LIMIT,
        is_heavy=True,
        beyond_spec=True,
        errors=("404 invoice_not_found",),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ADMIN_BILLING}/invoices", admin_list_invoices, READERS),
    Route("GET", f"{ADMIN_BILLING}/tax-rates", list_tax_rates, READERS, beyond_spec=True),
    Route(
        "POST",
        f"{ADMIN_BILLING}/tax-rates",
        add_tax_rate,
        WRITERS,
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=("409 tax_rate_exists",),
    ),
)
