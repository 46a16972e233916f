"""Puts an invoice together: a period's statement, what changed in periods billed before, credits and taxes; no SQL.

Every line is rounded once. The total is the sum of the lines' amounts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.billing.credits import CreditGrant, use_credits
from control.billing.money import round_money
from control.billing.periods import BillingPeriod
from control.billing.statement import Statement, StatementLine
from control.billing.taxes import TaxRate, compute_taxes

LineKind = Literal["fee", "minutes", "included", "trial", "number", "credit", "tax"]
USAGE_KINDS: Final = ("minutes", "included", "trial", "number")
# The line that carries a total below zero over into a credit grant.
CARRIED_OVER: Final = "credit/carried-over"
# The line that takes back what late rows would credit of charges that a void invoice gave up.
GIVEN_UP: Final = "credit/given-up"
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A line. period_id: of the period whose rows of the ledger it bills; None for taxes. is_adjustment: that period
    was billed before. exact: as the ledger has it, nine places; amount: rounded to the currency's smallest unit. tax:
    of a tax line, also where prices contain it and its amount is 0."""

    kind: LineKind
    key: str
    period_id: UUID | None = None
    is_adjustment: bool = False
    since: datetime | None = None
    until: datetime | None = None
    quantity: Decimal = Decimal(1)
    unit: str = ""
    exact: Decimal
    amount: Decimal
    tax: Decimal = _ZERO
    tier_name: str | None = None
    plan_version: int | None = None
    phone_number_id: UUID | None = None
    phone_number: str = ""
    grant_id: UUID | None = None
    tax_rate: TaxRate | None = None


@dataclass(frozen=True, slots=True)
class BilledLine:
    """What invoices billed so far under one key of a period."""

    line: StatementLine
    exact: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """A period that an earlier invoice billed. now: its statement by today's ledger; billed: by key. given_up: the part
    of what was billed that void invoices gave up, and that no later line took back."""

    id: UUID
    period: BillingPeriod
    now: Statement
    billed: Mapping[str, BilledLine]
    given_up: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """subtotal: without tax. total: the sum of all amounts. carried_over: what is to be granted as a credit, because
    the lines without it are below zero."""

    lines: tuple[DraftLine, ...]
    currency: str
    subtotal: Decimal
    tax: Decimal
    total: Decimal
    carried_over: Decimal


def draft_invoice(
    period_id: UUID,
    period: BillingPeriod,
    statement: Statement,
    *,
    earlier: Iterable[BilledPeriod] = (),
    grants: Iterable[CreditGrant] = (),
    rates: Sequence[TaxRate] = (),
    currency: str,
) -> InvoiceDraft:
    """The invoice of a period that ended. earlier: periods billed before; grants: of the workspace, in this currency;
    rates: that hold for the customer."""
    charges = [_charge(period_id, line, currency) for line in statement.lines]
    for one in earlier:
        charges += _adjustments(one, currency)
    credits = list(_credit_lines(period_id, period, charges, grants))
    lines, carried = _carry_over(period_id, period, [*charges, *credits], currency)
    taxable = _sum(lines)
    taxes = [
        DraftLine(
            kind="tax",
            key=f"tax/{one.rate.id}",
            exact=one.added,
            amount=one.added,
            tax=one.tax,
            tax_rate=one.rate,
        )
        for one in compute_taxes(taxable, rates, currency)
    ]
    tax = sum((line.tax for line in taxes), _ZERO)
    total = taxable + _sum(taxes)
    return InvoiceDraft((*lines, *taxes), currency, total - tax, tax, total, carried)


def _charge(period_id: UUID, line: StatementLine, currency: str, *, is_adjustment: bool = False) -> DraftLine:
    return DraftLine(
        kind=line.kind,
        key=line.key,
        period_id=period_id,
        is_adjustment=is_adjustment,
        since=line.since,
        until=line.until,
        quantity=line.quantity,
        unit=line.unit,
        exact=line.exact,
        amount=round_money(line.exact, currency),
        tier_name=line.tier_name,
        plan_version=line.plan_version,
        phone_number_id=line.phone_number_id,
        phone_number=line.phone_number,
    )


def _adjustments(period: BilledPeriod, currency: str) -> list[DraftLine]:
    """Nobody is credited for charges that a void invoice gave up: these only become less."""
    lines = [_charge(period.id, line, currency, is_adjustment=True) for line in _differences(period)]
    taken_back = min(-sum((line.exact for line in lines), _ZERO), period.given_up)
    if taken_back > 0:
        lines.append(
            DraftLine(
                kind="credit",
                key=GIVEN_UP,
                period_id=period.id,
                is_adjustment=True,
                since=period.period.start,
                until=period.period.end,
                exact=taken_back,
                amount=round_money(taken_back, currency),
            )
        )
    return lines


def _differences(period: BilledPeriod) -> Iterator[StatementLine]:
    """What the statement has more than was billed, and, negative, what was billed but is not in it any more."""
    now = {line.key: line for line in period.now.lines}
    for key in dict.fromkeys((*now, *period.billed)):
        billed = period.billed.get(key)
        line = now[key] if key in now else replace(period.billed[key].line, exact=_ZERO, quantity=_ZERO)
        if billed is not None:
            line = replace(line, exact=line.exact - billed.exact, quantity=line.quantity - billed.quantity)
        if line.exact or (line.quantity and line.kind in ("minutes", "included")):
            yield line


def _credit_lines(
    period_id: UUID, period: BillingPeriod, charges: Sequence[DraftLine], grants: Iterable[CreditGrant]
) -> Iterator[DraftLine]:
    usage = _sum(line for line in charges if line.kind in USAGE_KINDS)
    for use in use_credits(grants, usage, _sum(charges), period.start, period.end):
        yield DraftLine(
            kind="credit",
            key=f"credit/{use.grant.id}",
            period_id=period_id,
            since=period.start,
            until=period.end,
            exact=-use.amount,
            amount=-use.amount,
            grant_id=use.grant.id,
        )


def _carry_over(
    period_id: UUID, period: BillingPeriod, lines: Sequence[DraftLine], currency: str
) -> tuple[list[DraftLine], Decimal]:
    """Nobody is billed less than nothing: what is missing to zero becomes a credit for the next invoices."""
    missing = -_sum(lines)
    if missing <= 0:
        return list(lines), round_money(_ZERO, currency)
    carried = DraftLine(
        kind="credit",
        key=CARRIED_OVER,
        period_id=period_id,
        since=period.start,
        until=period.end,
        exact=missing,
        amount=missing,
    )
    return [*lines, carried], missing


def _sum(lines: Iterable[DraftLine]) -> Decimal:
    return sum((line.amount for line in lines), _ZERO)
