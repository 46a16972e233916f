"""Opens the periods of all accounts, and closes those that are over.

Closing is one transaction: the statement by the ledger, the invoice with its lines as a draft, and the ledger's rows
of what is not usage (fee, numbers, included minutes, credits). After a crash nothing of it has happened, and a
repetition finds the period closed. With these rows, the sum of a period's rows in the ledger is that of all lines that
invoices have of it, taxes aside, to the last digit.

What reaches the ledger later (`RECHECKED` periods back) becomes adjusting lines of the next invoice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing import (
    read_billed_workspaces,
    store_accounts,
    store_charges,
    store_credits,
    store_currencies,
    store_invoices,
    store_periods,
    store_plans,
)
from control.billing.accounts import BillingAccount, StoredPeriod
from control.billing.credits import CreditGrant
from control.billing.descriptions import describe_line
from control.billing.exchange_rates import RateHistory
from control.billing.invoice_draft import CARRIED_OVER, BilledPeriod, DraftLine, InvoiceDraft, draft_invoice
from control.billing.invoices import Invoice, InvoiceLine
from control.billing.model import PeriodCharge
from control.billing.periods import BillingPeriod, first_period, next_period
from control.billing.plans import WorkspaceState
from control.billing.sinks import OWN
from control.billing.statement import RESOURCE_TYPES, Statement
from control.billing.statements import load_statement
from control.billing.taxes import TaxRate, find_rates
from control.db.pool import Connection
from shared.ids import new_id
from shared.logs import error_fields

# Closed periods that are computed again when the next one closes. The ledger takes no row of a call that is older than
# 40 days, so that two would do; the third covers a worker that stood still.
RECHECKED: Final = 3
_INSTANT: Final = timedelta(microseconds=1)
# What one workspace's data may cause. A lost connection is none of them: it ends the whole run.
_FAULTS: Final = (asyncpg.PostgresError, ArithmeticError, LookupError, ValueError)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """invoice_id: None if nothing was to be billed."""

    workspace_id: UUID
    invoice_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Computation:
    """What closing a period computes. starts: when the periods that its lines bill began, by their ids."""

    draft: InvoiceDraft
    statement: Statement
    starts: Mapping[UUID, datetime]


@dataclass(frozen=True, slots=True)
class OpenedPeriods:
    """opened: number of periods. failed: accounts whose next period could not be opened."""

    opened: int
    failed: int


async def open_accounts(db: Connection, most: int) -> int:
    """Opens accounts of workspaces that have none; returns how many. Needs platform scope."""
    new = await read_billed_workspaces.select_without_account(db, most)
    for workspace_id, created_at in new:
        await store_accounts.insert_account(db, BillingAccount(workspace_id=workspace_id, opened_at=created_at))
    return len(new)


async def open_periods(db: Connection, now: datetime, most: int, *, looked_at: int = 0) -> OpenedPeriods:
    """Opens the next period of accounts whose last one is over. looked_at: accounts that are tried for `most` periods;
    at least as many as these. Each is opened in a savepoint: one that fails is logged, and keeps no other from being
    opened. Needs platform scope."""
    opened = failed = 0
    for workspace_id in await read_billed_workspaces.select_without_period(db, now, max(most, looked_at)):
        if opened >= most:
            break
        try:
            async with db.transaction():
                opened += await _lock_and_open(db, workspace_id)
        except _FAULTS as error:
            failed += 1
            log.error("billing_period.open_failed", workspace_id=str(workspace_id), **error_fields(error))
    return OpenedPeriods(opened, failed)


async def find_period(db: Connection, workspace_id: UUID, now: datetime) -> StoredPeriod:
    """The period that goes on now; computed if the worker has not opened it yet. The workspace must exist."""
    stored = await store_periods.select_at(db, workspace_id, now)
    if stored is not None:
        return stored
    account = await load_account(db, workspace_id)
    last = await store_periods.select_last(db, workspace_id)
    period = await _next(db, account, last)
    while period.end <= now:
        period = next_period(period.end, period.timezone, account.anchor_day)
    return StoredPeriod(UUID(int=0), workspace_id, period, account.currency, "open", Decimal(0))


async def load_account(db: Connection, workspace_id: UUID) -> BillingAccount:
    """The account; the one that the worker will open if there is none yet. The workspace must exist."""
    account = await store_accounts.select_account(db, workspace_id)
    if account is not None:
        return account
    facts = await read_billed_workspaces.select_facts(db, workspace_id)
    opened_at = facts.created_at if facts else datetime.now(UTC)
    return BillingAccount(workspace_id=workspace_id, opened_at=opened_at)


async def close_period(db: Connection, period_id: UUID, now: datetime) -> ClosedPeriod | None:
    """Closes a period that is over. None: it is closed already, or an earlier one of the workspace is not. Needs
    platform scope."""
    stored = await store_periods.lock_open(db, period_id)
    if stored is None or stored.period.end > now:
        return None
    account = await store_accounts.select_account(db, stored.workspace_id, lock=True)
    if account is None or await store_periods.has_open_before(db, stored.workspace_id, stored.period.start):
        return None
    computed = await _compute(db, stored, account)
    invoice_id = await _store(db, stored, account, computed, now) if computed.draft.lines else None
    await store_periods.close(
        db,
        stored.id,
        status="pending" if invoice_id else "paid",
        fee=computed.statement.fee,
        usage=computed.statement.usage,
        total=computed.draft.total,
        unpriced=computed.statement.unpriced,
        now=now,
    )
    return ClosedPeriod(stored.workspace_id, invoice_id)


async def _compute(db: Connection, stored: StoredPeriod, account: BillingAccount) -> _Computation:
    workspace_id, period = stored.workspace_id, stored.period
    statement = await load_statement(db, workspace_id, period, stored.currency)
    grants = [one for one in await store_credits.lock_grants(db, workspace_id) if one.currency == stored.currency]
    earlier = await _earlier(db, stored)
    draft = draft_invoice(
        stored.id,
        period,
        statement,
        earlier=earlier,
        grants=grants,
        rates=await _rates(db, account, period.end),
        currency=stored.currency,
    )
    return _Computation(draft, statement, {stored.id: period.start} | {one.id: one.period.start for one in earlier})


async def _earlier(db: Connection, stored: StoredPeriod) -> list[BilledPeriod]:
    closed = await store_periods.select_closed_before(db, stored.workspace_id, stored.period.start, RECHECKED)
    return [
        BilledPeriod(
            one.id,
            one.period,
            await load_statement(db, one.workspace_id, one.period, one.currency),
            await store_invoices.select_billed(db, one.id),
            await store_invoices.select_given_up(db, one.id),
        )
        for one in closed
    ]


async def _rates(db: Connection, account: BillingAccount, at: datetime) -> list[TaxRate]:
    if account.country is None or account.is_tax_exempt:
        return []
    return find_rates(await store_plans.select_rates(db, account.country), account.country, at)


async def _store(
    db: Connection, stored: StoredPeriod, account: BillingAccount, computed: _Computation, now: datetime
) -> UUID:
    """Stores invoice, lines, the ledger's rows and what is carried over."""
    draft, rates = computed.draft, await store_currencies.load_history(db, stored.currency)
    facts = await read_billed_workspaces.select_facts(db, stored.workspace_id)
    name = account.legal_name or (facts.name if facts else "")
    invoice = _make_invoice(stored, account, draft, name, now)
    lines = [_make_line(number, line, draft, stored.period) for number, line in enumerate(draft.lines, 1)]
    await store_invoices.insert_invoice(db, invoice, lines)
    charges = [
        _make_charge(line, stored.period, _cost_of(line, rates, computed.starts))
        for line in lines
        if line.kind in RESOURCE_TYPES and line.kind != "minutes"
    ]
    await store_charges.insert_charges(db, stored.workspace_id, charges)
    await mark_days(db, [WorkspaceDay(stored.workspace_id, one.at.astimezone(UTC).date()) for one in charges])
    if draft.carried_over:
        await store_credits.insert_grant(db, _carried_over(stored, draft, now))
    return invoice.id


def _make_invoice(
    stored: StoredPeriod, account: BillingAccount, draft: InvoiceDraft, name: str, now: datetime
) -> Invoice:
    return Invoice(
        id=UUID(new_id()),
        workspace_id=stored.workspace_id,
        billing_period_id=stored.id,
        number=None,
        sink=OWN,
        stripe_invoice_id=None,
        status="draft",
        currency=draft.currency,
        subtotal=draft.subtotal,
        tax=draft.tax,
        amount=draft.total,
        amount_paid=Decimal(0),
        amount_refunded=Decimal(0),
        period_start=stored.period.start,
        period_end=stored.period.end,
        timezone=stored.period.timezone,
        customer_name=name,
        customer_country=account.country,
        customer_tax_id=account.tax_id,
        invoice_pdf_url=None,
        issued_at=None,
        due_at=None,
        paid_at=None,
        voided_at=None,
        voided_why=None,
        created_at=now,
    )


def _make_line(position: int, line: DraftLine, draft: InvoiceDraft, period: BillingPeriod) -> InvoiceLine:
    return InvoiceLine(
        id=UUID(new_id()),
        position=position,
        kind=line.kind,
        key=line.key,
        is_adjustment=line.is_adjustment,
        description=describe_line(line, period.timezone),
        billing_period_id=line.period_id,
        since=line.since,
        until=line.until,
        tier_name=line.tier_name,
        plan_version=line.plan_version,
        phone_number_id=line.phone_number_id,
        grant_id=line.grant_id,
        tax_rate=line.tax_rate.id if line.tax_rate else None,
        quantity=line.quantity,
        unit=line.unit,
        exact=line.exact,
        amount=line.amount,
        tax=line.tax,
    )


def _cost_of(line: InvoiceLine, rates: RateHistory, starts: Mapping[UUID, datetime]) -> Decimal:
    """A number costs us what the customer pays for it, in US dollars; the rest nothing."""
    if line.kind != "number" or line.billing_period_id is None:
        return Decimal(0)
    return rates.to_usd(line.exact, starts[line.billing_period_id])


def _make_charge(line: InvoiceLine, period: BillingPeriod, cost: Decimal) -> PeriodCharge:
    """At the last moment of what the line is for, which lies in the period of the ledger that it bills."""
    return PeriodCharge(
        at=(line.until or period.end) - _INSTANT,
        resource_type=RESOURCE_TYPES[line.kind],
        quantity=line.quantity,
        unit=line.unit,
        cost=cost,
        price=line.exact,
        is_adjustment=line.is_adjustment,
        line_id=line.id,
    )


def _carried_over(stored: StoredPeriod, draft: InvoiceDraft, now: datetime) -> CreditGrant:
    return CreditGrant(
        id=UUID(new_id()),
        workspace_id=stored.workspace_id,
        amount=draft.carried_over,
        currency=draft.currency,
        category="prepaid",
        applies_to="all",
        priority=0,
        effective_at=stored.period.end,
        expires_at=None,
        reason=CARRIED_OVER,
        created_at=now,
    )


async def _lock_and_open(db: Connection, workspace_id: UUID) -> int:
    account = await store_accounts.select_account(db, workspace_id, lock=True)
    return 0 if account is None else await _open_next(db, account)


async def _open_next(db: Connection, account: BillingAccount) -> int:
    last = await store_periods.select_last(db, account.workspace_id)
    period = await _next(db, account, last)
    states = await read_billed_workspaces.select_states(db, account.workspace_id, period.start, period.end)
    stored = StoredPeriod(UUID(new_id()), account.workspace_id, period, account.currency, "open", Decimal(0))
    return int(await store_periods.insert_period(db, stored, _first_tier(states)))


def _first_tier(states: Sequence[WorkspaceState]) -> str:
    return states[0].tier_name if states else ""


async def _next(db: Connection, account: BillingAccount, last: StoredPeriod | None) -> BillingPeriod:
    facts = await read_billed_workspaces.select_facts(db, account.workspace_id)
    if last is None:
        return first_period(account.opened_at, facts.timezone if facts else "UTC", account.anchor_day)
    return next_period(last.period.end, facts.timezone if facts else last.period.timezone, account.anchor_day)
