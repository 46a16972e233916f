"""Taxes by rate tables, and how an invoice is put together."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from control.billing.invoices.rules import (
    GIVEN_UP,
    BilledLine,
    BilledPeriod,
    InvoiceDraft,
    TaxRate,
    compute_taxes,
    draft_invoice,
    find_rates,
)
from control.billing.periods.rules import BillingPeriod, Statement, StatementLine

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
PERIOD = BillingPeriod(START, END, START, END, "UTC")


def rate(points: int, *, inclusive: bool = False, id: int = 1, country: str = "DE", since: datetime = START) -> TaxRate:
    return TaxRate(id, country, f"VAT {id}", points, inclusive, since)


@pytest.mark.parametrize(
    ("taxable", "rates", "taxes"),
    [
        ("100.00", [rate(1_900)], [("19.00", "19.00")]),
        ("119.00", [rate(1_900, inclusive=True)], [("19.00", "0.00")]),
        ("0.03", [rate(1_900)], [("0.01", "0.01")]),
        ("-10.00", [rate(1_900)], [("-1.90", "-1.90")]),
        ("108.00", [rate(800, inclusive=True), rate(500, id=2)], [("8.00", "0.00"), ("5.00", "5.00")]),
    ],
)
def test_tax_is_computed_once_for_each_rate(taxable: str, rates: list[TaxRate], taxes: list[tuple[str, str]]) -> None:
    found = compute_taxes(Decimal(taxable), rates, "usd")
    assert [(one.tax, one.added) for one in found] == [(Decimal(tax), Decimal(added)) for tax, added in taxes]


def test_the_version_that_holds_at_the_time_counts() -> None:
    rates = [rate(1_600), rate(1_900, since=END), rate(700, id=2), rate(0, id=2, since=END), rate(5, country="FR")]
    assert [one.basis_points for one in find_rates(rates, "DE", START)] == [1_600, 700]
    assert [one.basis_points for one in find_rates(rates, "DE", END)] == [1_900]
    assert find_rates(rates, None, END) == []


def line(key: str, exact: str) -> StatementLine:
    return StatementLine(
        kind="minutes", key=key, since=START, until=END, quantity=Decimal(60), unit="second", exact=Decimal(exact)
    )


def draft(lines: list[StatementLine], *, earlier: BilledPeriod | None = None, rates: list[TaxRate] | None = None,
          currency: str = "usd") -> InvoiceDraft:  # fmt: skip
    statement = Statement(tuple(lines), Decimal(0), 0)
    return draft_invoice(
        UUID(int=1), PERIOD, statement, earlier=[earlier] if earlier else [], rates=rates or [], currency=currency
    )


def test_each_line_is_rounded_once_and_the_total_is_their_sum() -> None:
    found = draft([line("a", "0.005"), line("b", "0.005"), line("c", "-0.004")], rates=[rate(1_900)])
    assert [one.amount for one in found.lines] == [Decimal("0.01"), Decimal("0.01"), Decimal("0.00"), Decimal("0.00")]
    assert (found.subtotal, found.tax, found.total) == (Decimal("0.02"), Decimal("0.00"), Decimal("0.02"))
    assert draft([line("a", "1234.5")], currency="jpy").total == 1235


def test_what_came_late_becomes_a_correction_of_its_period() -> None:
    billed = {key: BilledLine(line(key, "10"), Decimal(10), Decimal(60)) for key in ("same", "more", "gone")}
    now = Statement((line("same", "10"), line("more", "12.5"), line("new", "1")), Decimal(0), 0)
    found = draft([line("same", "3")], earlier=BilledPeriod(UUID(int=9), PERIOD, now, billed))
    assert [(one.key, one.exact) for one in found.lines if one.is_adjustment] == [
        ("more", Decimal("2.5")), ("new", Decimal(1)), ("gone", Decimal(-10)),
    ]  # fmt: skip
    assert {one.period_id for one in found.lines if one.is_adjustment} == {UUID(int=9)}


@pytest.mark.parametrize(
    ("now", "given_up", "taken_back"),
    [("6", "10", ["4"]), ("6", "3", ["3"]), ("6", "0", []), ("12", "10", []), ("10", "10", [])],
)
def test_charges_that_a_void_invoice_gave_up_are_not_credited(now: str, given_up: str, taken_back: list[str]) -> None:
    billed = {"minutes": BilledLine(line("minutes", "10"), Decimal(10), Decimal(60))}
    statement = Statement((line("minutes", now),), Decimal(0), 0)
    found = draft([], earlier=BilledPeriod(UUID(int=9), PERIOD, statement, billed, Decimal(given_up)))
    credits = [one for one in found.lines if one.key == GIVEN_UP]
    assert [credit.exact for credit in credits] == [Decimal(amount) for amount in taken_back]
    assert found.carried_over == max(Decimal(10) - Decimal(now) - sum(credit.exact for credit in credits), Decimal(0))


def test_nobody_is_billed_less_than_nothing() -> None:
    found = draft([line("a", "-7.5")], rates=[rate(1_900)])
    assert (found.total, found.carried_over) == (Decimal(0), Decimal("7.50"))
