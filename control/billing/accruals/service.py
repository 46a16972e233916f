"""Computes the accruals of all billing periods, which each day adds to the bill, from the statement of the period."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from control.analytics.rollups.service import WorkspaceDay
from control.billing.accounts import queries as accounts_queries
from control.billing.accruals import queries
from control.billing.accruals.rules import Accrual, Slice, compute_accruals, cut_slices
from control.billing.ledger import queries as ledger_queries
from control.billing.ledger.rules import SegmentUsage
from control.billing.money import round_money
from control.billing.periods.rules import RESOURCE_TYPES, BillingPeriod, Statement, StoredPeriod
from control.billing.periods.service import find_period, load_daily_charges, load_running_statement, load_segments
from control.billing.prices import queries as prices_queries
from control.db.pool import Connection

_ZERO: Final = Decimal(0)


# --- Accruals of periods -------------------------------------------------------------------------------------------
def make_accrue(clock: Callable[[], datetime]) -> Callable[..., Awaitable[list[WorkspaceDay]]]:
    """Return an `accrue_days` function for `roll_up_days` that uses the time of this clock."""
    return lambda db, days: accrue_days(db, days, clock())


async def accrue_days(db: Connection, days: Sequence[WorkspaceDay], now: datetime) -> list[WorkspaceDay]:
    """Compute the accruals of the periods that contain these UTC days. Return the days whose accruals changed.

    The usage of the days must be rolled up. Needs platform scope.
    """
    workspaces = [marked.workspace_id for marked in days]
    changed: dict[WorkspaceDay, None] = {}
    for stored in await queries.select_periods(db, workspaces, [marked.day for marked in days]):
        found = await _accrue_period(db, stored, now)
        changed |= {WorkspaceDay(stored.workspace_id, day): None for day in sorted(found)}
    return list(changed)


async def _accrue_period(db: Connection, stored: StoredPeriod, now: datetime) -> set[date]:
    """Store the accruals of a period, up to `now` if it is open. Return the days whose accruals changed."""
    moment = now if stored.status == "open" else stored.period.end
    slices, _, accruals = await _load(db, stored, moment)
    before = {
        (accrual.at, accrual.resource_type): accrual
        for accrual in await queries.select_accruals(db, stored.workspace_id, stored.id)
    }
    after = {(accrual.at, accrual.resource_type): accrual for accrual in accruals}
    gone = [accrual for key, accrual in before.items() if after.get(key) != accrual]
    new = [accrual for key, accrual in after.items() if before.get(key) != accrual]
    if gone or new:
        await queries.replace_accruals(db, stored.workspace_id, stored.id, gone, new)
    until = next((part.since for part in slices if part.since > moment), stored.period.end)
    first = await queries.mark_accrued(db, stored.workspace_id, stored.id, until, now)
    days = {accrual.at.astimezone(UTC).date() for accrual in (*gone, *new)}
    if first and stored.status != "open":  # The rows that closed the period no longer count.
        days |= {part.since.astimezone(UTC).date() for part in slices}
    return days


async def _load(
    db: Connection, stored: StoredPeriod, now: datetime
) -> tuple[list[Slice], list[SegmentUsage], list[Accrual]]:
    workspace_id, period = stored.workspace_id, stored.period
    segments = await load_segments(db, workspace_id, period, stored.currency)
    slices = cut_slices(period, segments)
    begun = [part for part in slices if part.since <= now]
    usage = await ledger_queries.sum_slices(db, workspace_id, [(part.since, part.until) for part in begun])
    usage += [SegmentUsage()] * (len(slices) - len(begun))
    rates = await prices_queries.load_rates(db, stored.currency)
    daily = await load_daily_charges(db, workspace_id, period, segments, rates)
    accruals = compute_accruals(
        period, segments, slices, usage, daily, lambda amount: rates.to_usd(amount, period.start), now
    )
    return slices, usage, accruals


# --- The running period --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AccruedBill:
    """The exact cost of a period up to now, without tax and credits.

    Attributes:
        list_price: List price of the minutes, before included and trial minutes are deducted.
    """

    list_price: Decimal
    usage: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        """Return the sum of usage and fees."""
        return self.usage + self.fees


@dataclass(frozen=True, slots=True)
class RunningPeriod:
    """The running period without tax and credits, assuming that plan and numbers stay unchanged until its end.

    Attributes:
        accrued: The cost up to now.
        is_trial: Whether the workspace is on trial, or was on trial until it was suspended.
    """

    period: BillingPeriod
    currency: str
    statement: Statement
    usage_limit: Decimal | None
    accrued: AccruedBill
    is_trial: bool

    @property
    def usage(self) -> Decimal:
        """Return the price of usage so far, rounded to the currency's smallest unit."""
        return round_money(self.statement.usage, self.currency)

    @property
    def fee(self) -> Decimal:
        """Return the fee of the whole period."""
        return round_money(self.statement.fee, self.currency)

    @property
    def percentage_of_limit(self) -> float | None:
        """Return usage as a percentage of the limit, or None without a limit."""
        if self.usage_limit is None:
            return None
        if self.usage_limit == 0:
            return 100.0
        return float((self.usage * 100 / self.usage_limit).quantize(Decimal("0.1"), ROUND_HALF_UP))

    def by_resource(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Return quantity and exact price by resource type, in the order of the lines."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for line in self.statement.lines:
            quantity, price = sums.get(RESOURCE_TYPES[line.kind], (Decimal(0), Decimal(0)))
            sums[RESOURCE_TYPES[line.kind]] = (quantity + line.quantity, price + line.exact)
        return sums


async def load_running_period(db: Connection, workspace_id: UUID, now: datetime) -> RunningPeriod:
    """Return the running period. Its roll-ups are seconds old."""
    stored = await find_period(db, workspace_id, now)
    statement = await load_running_statement(db, workspace_id, stored.period, stored.currency)
    chosen = await accounts_queries.select_settings(db, workspace_id)
    accrued = await load_accrued_bill(db, stored, now)
    states = await accounts_queries.select_states(db, workspace_id, now, now)
    is_trial = bool(states) and states[-1].status == "trial"
    return RunningPeriod(stored.period, stored.currency, statement, chosen.usage_limit_monthly, accrued, is_trial)


async def load_accrued_bill(db: Connection, stored: StoredPeriod, now: datetime) -> AccruedBill:
    """Return the figures of a running period, which equal the figures of the analytics."""
    _, usage, accruals = await _load(db, stored, now)
    listed = sum((minutes.price for minutes in usage), _ZERO)
    fees = sum((accrual.price for accrual in accruals if accrual.resource_type == "subscription"), _ZERO)
    others = sum((accrual.price for accrual in accruals if accrual.resource_type != "subscription"), _ZERO)
    return AccruedBill(listed, listed + others, fees)
