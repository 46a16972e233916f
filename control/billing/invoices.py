"""Values of stored invoices, their lines and payments."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.billing.invoice_draft import LineKind

# draft: its period is closed, nobody was told. pending: issued. overdue: not paid by due_at.
InvoiceStatus = Literal["draft", "pending", "paid", "overdue", "void", "uncollectible"]
PaymentKind = Literal["payment", "refund"]
# pending: an invoice is to be paid; overdue: one of them is late; paid: none is open.
PaymentStatus = Literal["paid", "pending", "overdue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice. number: None before it is issued. sink: who issues it; "own": the platform. amount: the total; its
    parts are subtotal (without tax) and tax. customer_…, timezone: as they were when it was made."""

    id: UUID
    workspace_id: UUID
    billing_period_id: UUID | None
    number: str | None
    sink: str
    stripe_invoice_id: str | None
    status: InvoiceStatus
    currency: str
    subtotal: Decimal
    tax: Decimal
    amount: Decimal
    amount_paid: Decimal
    amount_refunded: Decimal
    period_start: datetime
    period_end: datetime
    timezone: str
    customer_name: str
    customer_country: str | None
    customer_tax_id: str
    invoice_pdf_url: str | None
    issued_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    voided_why: str | None
    created_at: datetime

    @property
    def amount_due(self) -> Decimal:
        """What is still to be paid."""
        is_open = self.status in ("pending", "overdue")
        return self.amount - self.amount_paid + self.amount_refunded if is_open else self.amount * 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """A stored line; see control.billing.invoice_draft.DraftLine. tax_rate: the id of the rate of a tax line."""

    id: UUID
    position: int
    kind: LineKind
    key: str
    is_adjustment: bool
    description: str
    billing_period_id: UUID | None
    since: datetime | None
    until: datetime | None
    tier_name: str | None
    plan_version: int | None
    phone_number_id: UUID | None
    grant_id: UUID | None
    tax_rate: int | None
    quantity: Decimal
    unit: str
    exact: Decimal
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceListing:
    """An invoice in the staff's list. workspace_name: as it is now; once the workspace is purged, that of the
    invoice."""

    invoice: Invoice
    workspace_name: str


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Selects invoices for the staff's list. status: all but drafts where None."""

    workspace_id: UUID | None = None
    status: InvoiceStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that moved. amount: negative for a refund. reference: what the bank or the sink calls it."""

    id: UUID
    workspace_id: UUID
    invoice_id: UUID
    kind: PaymentKind
    amount: Decimal
    currency: str
    method: str
    reference: str = ""
    reason: str = ""
    recorded_by: UUID | None = None
    at: datetime
