"""Taxes by rate tables: once for each rate on the sum of an invoice; no SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from control.billing.money import round_money

WHOLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A version of a country's tax. basis_points: hundredths of a percent. is_inclusive: prices contain the tax."""

    id: int
    country: str
    name: str
    basis_points: int
    is_inclusive: bool
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class TaxAmount:
    """tax: what the tax authority gets. added: what the invoice's total grows by; 0 where prices contain the tax."""

    rate: TaxRate
    tax: Decimal
    added: Decimal


def find_rates(rates: Iterable[TaxRate], country: str | None, at: datetime) -> list[TaxRate]:
    """The versions that hold at that moment in this country, by name; none without a country. A tax that is no longer
    raised has a version of 0 basis points, and is left out."""
    newest: dict[str, TaxRate] = {}
    for rate in sorted(rates, key=lambda one: one.valid_from):
        if rate.country == country and rate.valid_from <= at:
            newest[rate.name] = rate
    return [rate for _, rate in sorted(newest.items()) if rate.basis_points]


def compute_taxes(taxable: Decimal, rates: Sequence[TaxRate], currency: str) -> list[TaxAmount]:
    """The tax of each rate on the sum of an invoice's lines after credits. Rates do not apply to one another; inclusive
    ones are taken out first, and the others apply to what is left, the net."""
    inclusive = sum(rate.basis_points for rate in rates if rate.is_inclusive)
    net = taxable * WHOLE / (WHOLE + inclusive)
    amounts = []
    for rate in rates:
        tax = round_money(net * rate.basis_points / WHOLE, currency)
        amounts.append(TaxAmount(rate, tax, round_money(Decimal(0), currency) if rate.is_inclusive else tax))
    return amounts
