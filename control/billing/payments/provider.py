"""The interface to a billing provider: a payment company that issues invoices and collects money.

Without a billing provider, the platform issues its own invoices. Our records are authoritative: a provider receives
finished invoices and reports their state. Each request contains our id, from which the provider derives its idempotency
key, so a repeated request has no second effect. No transaction is open during a request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID

ReceiptStatus = Literal["pending", "paid", "void", "uncollectible"]


class BillingProviderError(Exception):
    """The provider refused permanently; a retry would be refused, too. The message is for staff."""


class PaymentDeclined(BillingProviderError):
    """The customer's bank refused the charge.

    Attributes:
        reason: The company's code, such as insufficient_funds. It contains no personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PaymentMethodUnknown(BillingProviderError):
    """The payment method does not exist or belongs to another customer."""


class BillingProviderUnavailable(Exception):
    """The outcome of a request is unknown. The request can be repeated later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingCustomer:
    """A customer at the billing provider.

    Attributes:
        customer_id: The provider's id; None before the first request.
        email: Address that receives invoices.
    """

    workspace_id: UUID
    customer_id: str | None
    name: str
    email: str | None
    country: str | None
    tax_id: str


@dataclass(frozen=True, slots=True)
class ProviderInvoiceLine:
    """A line of an invoice at the billing provider.

    Attributes:
        amount: Major units, rounded to the currency's smallest unit. It may be negative.
    """

    id: UUID
    description: str
    amount: Decimal
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInvoice:
    """A finished invoice for the billing provider to issue.

    Attributes:
        total: Sum of its lines, including taxes.
    """

    id: UUID
    customer_id: str
    currency: str
    lines: Sequence[ProviderInvoiceLine]
    total: Decimal
    period_start: datetime
    period_end: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderAmount:
    """An amount of an invoice that the provider credited or refunded.

    Attributes:
        reference: The provider's reference.
        amount: Positive.
        order_id: Id of our refund order, if we ordered the refund.
    """

    reference: str
    amount: Decimal
    reason: str
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class InvoiceReceipt:
    """The provider's state of an invoice.

    Attributes:
        external_id: The provider's id.
        number: The provider's number.
        credited: Amounts that credit notes deducted from the amount due.
        refunded: All refunded amounts; None if they were not requested.
    """

    external_id: str
    number: str
    status: ReceiptStatus
    due_at: datetime | None
    pdf_url: str | None
    credited: Sequence[ProviderAmount] = ()
    refunded: Sequence[ProviderAmount] | None = None


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """A payment method of a customer.

    Attributes:
        last4: Last four digits of the card's number; empty for other payment methods.
        brand: Brand of the card, or the kind of another payment method.
    """

    id: str
    last4: str
    brand: str


@dataclass(frozen=True, slots=True)
class SetupSecret:
    """The data that a browser needs to add a payment method at the payment company.

    Attributes:
        secret: Only for the workspace's owner.
    """

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsageReading:
    """The seconds of calls of a workspace on a whole UTC day.

    Attributes:
        revision: Counts the changes of the total.
    """

    workspace_id: UUID
    customer_id: str
    day: date
    seconds: int
    revision: int


class UsageReceiver(Protocol):
    """Receives usage separately from the invoices."""

    async def record_usage(self, reading: UsageReading) -> None:
        """Replace the day's reading.

        A repeated request is accepted. Raises BillingProviderError and BillingProviderUnavailable.
        """
        ...


class BillingProvider(Protocol):
    """A payment company.

    All methods have timeouts, and raise BillingProviderError and BillingProviderUnavailable.

    Attributes:
        usage_receiver: None if the provider does not receive usage.
    """

    name: str
    usage_receiver: UsageReceiver | None

    async def ensure_customer(self, customer: BillingCustomer) -> str:
        """Create or update the customer. Return the provider's id."""
        ...

    async def issue_invoice(self, invoice: ProviderInvoice) -> InvoiceReceipt:
        """Create the invoice with exactly these lines, and finalize it. Idempotent by the invoice's id."""
        ...

    async def get_invoice(self, external_id: str) -> InvoiceReceipt:
        """Return the state of an invoice, including refunds."""
        ...

    async def find_paid_invoice(self, payment_id: str) -> str | None:
        """Return the provider's id of the invoice that a charge paid, or None."""
        ...

    async def pay_invoice(self, external_id: str, method_id: str, attempt: int) -> InvoiceReceipt:
        """Charge this payment method. Does nothing if the invoice is paid. Raises PaymentDeclined.

        Args:
            attempt: Number of the attempt. A repeated request with an equal number and method charges only once, and is
                declined only once.
        """
        ...

    async def settle_invoice(self, external_id: str) -> InvoiceReceipt:
        """Mark an invoice as paid outside the provider, for example by bank transfer."""
        ...

    async def void_invoice(self, external_id: str, reason: str) -> InvoiceReceipt:
        """Void an invoice. Does nothing if it is already void."""
        ...

    async def refund_invoice(self, external_id: str, refund_id: UUID, amount: Decimal, currency: str) -> str:
        """Refund a part of a paid invoice. Return the provider's reference. Idempotent by our refund's id."""
        ...

    async def create_setup(self, customer_id: str) -> SetupSecret:
        """Start adding a payment method. The customer's browser completes it."""
        ...

    async def set_payment_method(self, customer_id: str, method_id: str) -> PaymentCard:
        """Make a payment method the customer's default. Raises PaymentDeclined for an unusable card."""
        ...

    async def get_payment_method(self, customer_id: str) -> PaymentCard | None:
        """Return the customer's default payment method, or None."""
        ...

    async def remove_payment_method(self, method_id: str) -> None:
        """Remove a payment method, so that it is no longer charged. Does nothing if it was already removed."""
        ...
