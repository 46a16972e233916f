"""What customers and the staff are told of invoices and credits alike."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from control.billing.credits import CreditCategory, CreditScope
from control.billing.invoices import InvoiceStatus
from control.http.body import Currency, Money

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice. amount: with tax."""

    id: UUID
    number: str | None
    amount: Money
    amount_paid: Money
    amount_refunded: Money
    currency: Currency
    status: InvoiceStatus
    period_start: datetime
    period_end: datetime
    issued_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """A credit. balance: what is left. priority: the lowest is used first."""

    id: UUID
    category: CreditCategory
    applies_to: CreditScope
    amount: Money
    balance: Money
    currency: Currency
    priority: int
    effective_at: datetime
    expires_at: datetime | None


def copy_fields(view: type[T], source: object, **others: Any) -> T:
    """A view with the source's values under the view's names. others: values that the source does not have."""
    names = (field.name for field in fields(view) if field.name not in others)  # type: ignore[arg-type]
    return view(**{name: getattr(source, name) for name in names}, **others)
