"""Records of the collection of invoices by a payment company: customers, charge attempts, refund orders and jobs."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

# Waits after the first, second and third declined charge. After the fourth, the customer must act. Card schemes allow
# at most 15 attempts in 30 days (docs.stripe.com/declines/network-decline-codes).
RETRY_WAITS: Final = (timedelta(days=3), timedelta(days=3), timedelta(days=4))


@dataclass(frozen=True, slots=True)
class BillingProviderAccount:
    """A workspace's customer at the payment company.

    Attributes:
        payment_method_id: Id of the payment method that pays.
        revision: Counts the changes of this row.
    """

    workspace_id: UUID
    customer_id: str
    payment_method_id: str | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """The state of collecting an invoice.

    Attributes:
        attempts: Number of declined charges.
        next_attempt_at: None if no charge is planned.
        last_error: Why the payment company refused the invoice permanently, for staff.
    """

    invoice_id: UUID
    workspace_id: UUID
    attempts: int
    next_attempt_at: datetime | None
    checked_at: datetime
    last_error: str | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether a charge is due."""
        return self.next_attempt_at is not None and self.next_attempt_at <= now


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A refund that the payment company has not made yet.

    Attributes:
        amount: Positive.
    """

    id: UUID
    workspace_id: UUID
    invoice_id: UUID
    amount: Decimal
    reason: str
    ordered_by: UUID | None


def after_decline(collection: Collection, now: datetime, *, is_replaced: bool = False) -> Collection:
    """Return the collection after a declined charge.

    Args:
        is_replaced: Whether another payment method was set, which is charged next.
    """
    waits = RETRY_WAITS[collection.attempts : collection.attempts + 1]
    next_at = now if is_replaced else now + waits[0] if waits else None
    return replace(collection, attempts=collection.attempts + 1, next_attempt_at=next_at, checked_at=now)


# --- Jobs ----------------------------------------------------------------------------------------------------------
CHARGE_INVOICE: Final = "billing.charge_invoice"
CHECK_INVOICE: Final = "billing.check_invoice"
CHECK_CUSTOMER: Final = "billing.check_customer"
CHECK_PAYMENT: Final = "billing.check_payment"
REFUND: Final = "billing.refund"


class ChargeInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job that charges an invoice."""

    invoice_id: UUID


class CheckInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job that checks an invoice.

    Attributes:
        external_id: The provider's id.
    """

    external_id: str


class CheckPaymentJob(msgspec.Struct, frozen=True):
    """Payload of the job that checks a payment.

    Attributes:
        payment_id: The provider's id of a charge.
    """

    payment_id: str


class CheckCustomerJob(msgspec.Struct, frozen=True):
    """Payload of the job that checks a customer.

    Attributes:
        customer_id: The provider's id.
    """

    customer_id: str


class RefundJob(msgspec.Struct, frozen=True):
    """Payload of the job that makes an ordered refund."""

    order_id: UUID
