"""The port behind which a payment company issues invoices and takes money. Without one the platform issues its own.

Our records are the truth: a sink gets finished invoices, and reports what became of them. Each call carries our id,
from which the sink derives its idempotency key, so that a repeated call has no second effect. No transaction is open
meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID

SinkStatus = Literal["pending", "paid", "void", "uncollectible"]


class SinkError(Exception):
    """The sink refused for good; a repetition would be refused, too. The message is for staff."""


class PaymentDeclined(SinkError):
    """The customer's bank refused.

    Args:
        reason: The company's code, such as insufficient_funds; nothing personal.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PaymentMethodUnknown(SinkError):
    """There is no such payment method, or it belongs to another customer."""


class SinkUnavailable(Exception):
    """Nothing is known of the outcome: the same call may be repeated later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkCustomer:
    """Who pays.

    Attributes:
        customer_id: The sink's; None before the first call.
        email: Where invoices go.
    """

    workspace_id: UUID
    customer_id: str | None
    name: str
    email: str | None
    country: str | None
    tax_id: str


@dataclass(frozen=True, slots=True)
class SinkLine:
    """A line.

    Attributes:
        amount: Major units, rounded to the currency's smallest unit; may be negative.
    """

    id: UUID
    description: str
    amount: Decimal
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkInvoice:
    """A finished invoice.

    Attributes:
        total: The sum of its lines, taxes included.
    """

    id: UUID
    customer_id: str
    currency: str
    lines: Sequence[SinkLine]
    total: Decimal
    period_start: datetime
    period_end: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class SinkAmount:
    """Money of an invoice that the sink gave up or paid back.

    Attributes:
        reference: The sink's.
        amount: Positive.
        order_id: Of our order to pay back, if it was ours.
    """

    reference: str
    amount: Decimal
    reason: str
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SinkReceipt:
    """What a sink knows of an invoice.

    Attributes:
        external_id, number: The sink's.
        credited: What credit notes took from what was to be paid.
        refunded: All that was paid back; None: it was not asked.
    """

    external_id: str
    number: str
    status: SinkStatus
    due_at: datetime | None
    pdf_url: str | None
    credited: Sequence[SinkAmount] = ()
    refunded: Sequence[SinkAmount] | None = None


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """A payment method.

    Attributes:
        last4: Of its number; empty for what is no card.
        brand: Or the kind of what is no card.
    """

    id: str
    last4: str
    brand: str


@dataclass(frozen=True, slots=True)
class SetupSecret:
    """What a browser needs to add a payment method at the payment company.

    Attributes:
        secret: For the workspace's owner only.
    """

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsageReading:
    """The seconds of calls of a workspace's whole day (UTC).

    Attributes:
        revision: Counts how often the total changed.
    """

    workspace_id: UUID
    customer_id: str
    day: date
    seconds: int
    revision: int


class UsageSink(Protocol):
    """Gets usage by itself, beside the invoices."""

    async def record_usage(self, reading: UsageReading) -> None:
        """Replaces the day's reading. A repetition is no error. Raises SinkError, SinkUnavailable."""
        ...


class BillingSink(Protocol):
    """A payment company. All methods raise SinkError and SinkUnavailable, and have a timeout of their own.

    Attributes:
        usage_sink: None: it gets no usage.
    """

    name: str
    usage_sink: UsageSink | None

    async def ensure_customer(self, customer: SinkCustomer) -> str:
        """Creates or updates the customer; returns the sink's id."""
        ...

    async def issue_invoice(self, invoice: SinkInvoice) -> SinkReceipt:
        """Creates the invoice with exactly these lines and finalizes it. Idempotent by the invoice's id."""
        ...

    async def get_invoice(self, external_id: str) -> SinkReceipt:
        """What became of it, refunds included."""
        ...

    async def find_paid_invoice(self, payment_id: str) -> str | None:
        """The sink's id of the invoice that a charge paid."""
        ...

    async def pay_invoice(self, external_id: str, method_id: str, attempt: int) -> SinkReceipt:
        """Charges this payment method; does nothing if the invoice is paid. Raises PaymentDeclined.

        Args:
            attempt: A repetition with the same number and method charges once, and is declined once.
        """
        ...

    async def settle_invoice(self, external_id: str) -> SinkReceipt:
        """Marks it as paid elsewhere, such as by bank transfer."""
        ...

    async def void_invoice(self, external_id: str, reason: str) -> SinkReceipt:
        """Declares it void; does nothing if it is."""
        ...

    async def refund_invoice(self, external_id: str, refund_id: UUID, amount: Decimal, currency: str) -> str:
        """Pays back a part of a paid invoice; returns the sink's reference. Idempotent by our refund's id."""
        ...

    async def create_setup(self, customer_id: str) -> SetupSecret:
        """Begins the addition of a payment method, which the customer's browser finishes."""
        ...

    async def set_payment_method(self, customer_id: str, method_id: str) -> PaymentCard:
        """Makes it the one that pays. Raises PaymentDeclined for a card that cannot be used."""
        ...

    async def get_payment_method(self, customer_id: str) -> PaymentCard | None:
        """The one that pays."""
        ...

    async def remove_payment_method(self, method_id: str) -> None:
        """Charges it no more; does nothing if it was removed."""
        ...
