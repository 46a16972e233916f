"""What customers and the staff are told of invoices and credits alike."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field

from control.billing.credits.rules import CreditCategory, CreditScope
from control.billing.invoices.rules import InvoiceStatus
from control.http.body import Currency, Money
from control.http.fields import Id

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice. amount: with tax."""

    id: Id
    number: Annotated[
        str | None, Field(description="Number of the invoice; null before it is issued.", examples=["2026-000001"])
    ]
    amount: Annotated[Money, Field(description="The total with tax, in major units.", examples=[120.79])]
    amount_paid: Annotated[Money, Field(description="What was paid, in major units.", examples=[20.0])]
    amount_refunded: Annotated[Money, Field(description="What was paid back, in major units.", examples=[0.0])]
    currency: Currency
    status: Annotated[InvoiceStatus, Field(description="Present status.")]
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    period_end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    issued_at: Annotated[datetime | None, Field(description="When it was issued (UTC); null before.")]
    due_at: Annotated[datetime | None, Field(description="When it is to be paid (UTC); null before it is issued.")]
    paid_at: Annotated[datetime | None, Field(description="When all of it was paid (UTC); null before.")]


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """A credit. balance: what is left. priority: the lowest is used first."""

    id: Id
    category: Annotated[
        CreditCategory,
        Field(description="Whether the credit was given away (promotional, goodwill) or paid for (prepaid)."),
    ]
    applies_to: Annotated[CreditScope, Field(description="What it pays: usage only, or the fee, too.")]
    amount: Annotated[Money, Field(description="At first, in major units.", examples=[50.0])]
    balance: Annotated[Money, Field(description="What is left.", examples=[12.5])]
    currency: Currency
    priority: Annotated[int, Field(description="0 to 100; the lowest is used first.", examples=[50])]
    effective_at: Annotated[datetime, Field(description="From when on it holds (UTC).")]
    expires_at: Annotated[datetime | None, Field(description="When the link becomes invalid (UTC).")]


def copy_fields(view: type[T], source: object, **others: Any) -> T:
    """A view with the source's values under the view's names. others: values that the source does not have."""
    names = (field.name for field in fields(view) if field.name not in others)  # type: ignore[arg-type]
    return view(**{name: getattr(source, name) for name in names}, **others)
