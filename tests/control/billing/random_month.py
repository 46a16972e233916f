"""A workspace with random calls, changes of plan and status, numbers, credits and taxes, written into the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.money import round_money
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import ExchangeRate, TierPrice
from control.billing.prices.service import follow_tier_prices
from control.db.pool import Connection
from shared.ids import new_id

OPENED = datetime(2026, 9, 14, 15, 30, tzinfo=UTC)
# Three periods: of September a part, October with the end of summer time, November.
ENDS = datetime(2026, 12, 1, 12, tzinfo=UTC)
_MINUTES = int((ENDS - OPENED) / timedelta(minutes=1))
# VAT of Germany is added to the price here, that of Austria is contained.
RATES = (("DE", "VAT", 1900, False), ("AT", "VAT", 2000, True), ("CH", "VAT", 810, False), ("CH", "Levy", 33, True))

# By currency: US dollars for one unit, at first and from the second month on; monthly fees of starter, growth, trial.
PRICES = {
    "eur": (("1.08", "1.113"), ("45.90", "91.50", "0")), "jpy": (("0.0067", "0.0064"), ("7350", "14900", "0")),
    "kwd": (("3.25", "3.2712"), ("15.070", "30.500", "0")),
}  # fmt: skip
SECOND_MONTH = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of call minutes. price: None for a test call."""

    minute: int
    seconds: int
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class RandomMonth:
    """minute: of an event, since OPENED. late: rows that come after their period was closed."""

    timezone: str
    currency: str
    country: str | None
    usage: Sequence[Usage]
    late: Sequence[Usage]
    changes: Sequence[tuple[int, str, str]]
    numbers: Sequence[tuple[int, int | None, Decimal]]
    grants: Sequence[tuple[Decimal, str, int, int | None]]


_minutes = st.integers(0, _MINUTES - 1)
_prices = st.decimals(0, 40, places=9)
_usage = st.builds(Usage, _minutes, st.integers(1, 20_000), st.none() | _prices)
_late = st.builds(Usage, st.integers(0, _MINUTES // 2), st.integers(-500, 500), st.decimals(-5, 5, places=9))
months = st.builds(
    RandomMonth,
    timezone=st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")),
    currency=st.sampled_from(("usd", "usd", *PRICES)),
    country=st.sampled_from((None, "DE", "AT", "CH", "FR")),
    usage=st.lists(_usage, max_size=12),
    late=st.lists(_late, max_size=4),
    changes=st.lists(
        st.tuples(
            _minutes, st.sampled_from(("trial", "active", "suspended")), st.sampled_from(("starter", "growth", "trial"))
        ),
        max_size=4,
    ),
    numbers=st.lists(
        st.tuples(_minutes, st.none() | st.integers(1, _MINUTES), st.decimals(0, 9, places=2)), max_size=3
    ),
    grants=st.lists(
        st.tuples(
            st.decimals("0.01", 90, places=2), st.sampled_from(("usage", "all")), st.integers(0, 100),
            st.none() | st.integers(1, _MINUTES),
        ),
        max_size=3,
    ),
)  # fmt: skip


def moment(minute: int) -> datetime:
    """So many minutes after the account was opened."""
    return OPENED + timedelta(minutes=minute)


async def insert_currencies(db: Connection) -> None:
    """The exchange rates and the tiers' prices of all months."""
    for currency, (rates, fees) in PRICES.items():
        for usd, since in zip(rates, (OPENED, SECOND_MONTH), strict=True):
            await prices_queries.insert_exchange_rate(db, ExchangeRate(0, currency, Decimal(usd), since), OPENED)
        for tier, fee in zip(("starter", "growth", "trial"), fees, strict=True):
            price = TierPrice(tier, currency, Decimal(fee), Decimal("0.1"))
            await prices_queries.upsert_tier_price(db, price, OPENED)
    await follow_tier_prices(db, OPENED)


async def insert_rates(db: Connection) -> None:
    """The tax rates of all months."""
    await db.executemany(
        "INSERT INTO tax_rates (country, name, basis_points, is_inclusive, valid_from) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT DO NOTHING",
        [(*rate, OPENED) for rate in RATES],
    )


async def insert_month(db: Connection, month: RandomMonth) -> UUID:
    """Returns the new workspace's id. The account is left to the worker."""
    workspace_id = UUID(new_id())
    await db.execute(
        "INSERT INTO workspaces (id, name, timezone, status, tier_name, created_at) "
        "VALUES ($1, 'Acme', $2, 'active', 'starter', $3)",
        workspace_id, month.timezone, OPENED,
    )  # fmt: skip
    await db.executemany(
        "INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee) "
        "VALUES ($1, $2, $3, $4, $5, 0)",
        [
            (UUID(new_id()), workspace_id, at, status, tier)
            for at, status, tier in [
                (OPENED, "active", "starter"),
                *sorted((moment(minute), *state) for minute, *state in month.changes),
            ]
        ],
    )
    await db.executemany(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, carrier_number_id, status, "
        "monthly_price, created_at, released_at) VALUES ($1, $2, "
        "'+1415' || lpad((abs(hashtext($1::uuid::text)) % 10000000)::text, 7, '0'), "
        "'twilio', $1::text, 'released', $3, $4, $5)",
        [
            (UUID(new_id()), workspace_id, price, moment(since), moment(since + held) if held else None)
            for since, held, price in month.numbers
        ],
    )
    await db.executemany(
        "INSERT INTO credit_grants (id, workspace_id, amount, category, applies_to, priority, effective_at, "
        "expires_at, reason, currency) VALUES ($1, $2, $3, 'goodwill', $4, $5, $6, $7, 'x', $8)",
        [
            (
                UUID(new_id()),
                workspace_id,
                round_money(amount, month.currency) or Decimal(1),
                scope,
                priority,
                OPENED,
                moment(expires) if expires else None,
                month.currency,
            )
            for amount, scope, priority, expires in month.grants
        ],
    )
    await db.execute(
        "INSERT INTO billing_accounts (workspace_id, opened_at, country, currency) VALUES ($1, $2, $3, $4)",
        workspace_id, OPENED, month.country, month.currency,
    )  # fmt: skip
    await insert_usage(db, workspace_id, month.usage)
    return workspace_id


async def insert_usage(db: Connection, workspace_id: UUID, rows: Sequence[Usage]) -> None:
    """Adds rows to the ledger, and marks their days."""
    await db.executemany(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, quantity, unit, cost, price, "
        "price_version) VALUES ($1, $2, $1, $3, 'call_minutes', $4, 'second', 0, $5, $6)",
        [
            (UUID(new_id()), workspace_id, moment(row.minute), Decimal(row.seconds), row.price or Decimal(0),
             None if row.price is None else 1)
            for row in rows
        ],
    )  # fmt: skip
    await mark_days(db, [WorkspaceDay(workspace_id, moment(row.minute).date()) for row in rows])
