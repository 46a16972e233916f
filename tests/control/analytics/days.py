"""Workspaces, calls and usage to roll up, and a connection without row-level security."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]

from control.analytics.rollups.service import WorkspaceDay, mark_days, roll_up_days
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from tests.control.analytics.ledger import actual, day_of, expected

START = datetime(2026, 3, 1, tzinfo=UTC)
WORKSPACES = (UUID(int=1), UUID(int=2))
AGENTS = {workspace: (UUID(int=10 * workspace.int), UUID(int=10 * workspace.int + 1)) for workspace in WORKSPACES}
TIERS = ("starter", "growth")


@dataclass(frozen=True, slots=True)
class RollupPlatform:
    """pool: with the programs' role. owner: a connection without row-level security."""

    pool: Pool
    owner: asyncpg.Connection

    async def roll_up_all(self, most: int = 3) -> None:
        """Rolls up until no day is marked."""
        while await self.roll_up_once(most):
            pass

    async def roll_up_once(self, most: int = 3) -> int:
        """Rolls up once, like a worker."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            return await roll_up_days(db, most)

    async def wait_for_blocked_transaction(self) -> None:
        """Waits until a transaction waits for a lock."""
        waiting = 0
        while not waiting:
            waiting = await self.owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def check_figures(self) -> None:
        """The roll-ups equal the figures computed from the rows."""
        rows, expected_rows = await actual(self.owner), await expected(self.owner)
        for table in expected_rows:
            keys = rows[table].keys() | expected_rows[table].keys()
            pairs = {key: (rows[table].get(key), expected_rows[table].get(key)) for key in keys}
            different = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
            assert not different, f"{table}: {different}"
        assert await self.owner.fetchval("SELECT count(*) FROM rollup_dirty") == 0


@asynccontextmanager
async def open_rollup_platform(url: str, *, connections: int = 6, clean: bool = True) -> AsyncIterator[RollupPlatform]:
    """Two workspaces of different tiers, without calls. clean: False leaves everything as it is."""
    owner = await asyncpg.connect(url)
    for kind in ("json", "jsonb"):
        await owner.set_type_codec(kind, schema="pg_catalog", encoder=str, decoder=_decode)
    try:
        if clean:
            await _clean(owner)
        async with open_pool(url, size=connections) as pool:
            yield RollupPlatform(pool, owner)
    finally:
        await owner.close()


async def insert_call(db: Connection, workspace: UUID, **values: Any) -> tuple[UUID, WorkspaceDay]:
    """A call; returns its id and the day to mark. `at`: after START."""
    at = START + values.pop("at", timedelta())
    row = {
        "id": uuid4(), "workspace_id": workspace, "agent_id": AGENTS[workspace][0], "direction": "inbound",
        "carrier": "twilio", "status": "completed", "duration_seconds": 60, "is_test": False, "created_at": at,
    } | values  # fmt: skip
    await db.execute(
        f"INSERT INTO calls ({', '.join(row)}) VALUES ({', '.join(f'${place + 1}' for place in range(len(row)))})",
        *row.values(),
    )
    return row["id"], WorkspaceDay(workspace, day_of(at))


async def insert_usage(db: Connection, workspace: UUID, call: UUID | None, **values: Any) -> WorkspaceDay:
    """A usage record; returns the day to mark."""
    at = START + values.pop("at", timedelta())
    row = {
        "id": uuid4(), "workspace_id": workspace, "call_id": call, "at": at, "resource_type": "stt",
        "provider": "deepgram", "quantity": Decimal(1), "unit": "s", "cost": Decimal("0.01"), "price": Decimal("0.02"),
    } | values  # fmt: skip
    await db.execute(
        f"INSERT INTO usage_records ({', '.join(row)}) "
        f"VALUES ({', '.join(f'${place + 1}' for place in range(len(row)))})",
        *row.values(),
    )
    return WorkspaceDay(workspace, day_of(at))


async def bill_in(owner: asyncpg.Connection, workspace: UUID, currency: str, *rates: tuple[timedelta, str]) -> None:
    """Has the workspace billed in a currency. rates: after START, and US dollars for one unit from then on."""
    await owner.execute(
        "INSERT INTO billing_accounts (workspace_id, currency, opened_at) VALUES ($1, $2, $3)",
        workspace, currency, START,
    )  # fmt: skip
    for after, usd in rates:
        await owner.execute(
            "INSERT INTO exchange_rates (currency, usd, valid_from, created_at) VALUES ($1, $2, $3, $3)",
            currency, Decimal(usd), START + after,
        )  # fmt: skip


async def insert_marked_call(db: Connection, workspace: UUID, **values: Any) -> UUID:
    """A call inserted and marked in a transaction of its workspace."""
    await enter_workspace(db, workspace)
    call, day = await insert_call(db, workspace, **values)
    await mark_days(db, [day])
    return call


def _decode(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


async def _clean(owner: asyncpg.Connection) -> None:
    await owner.execute(
        "TRUNCATE calls, usage_records, rollup_dirty, workspace_daily, agent_daily, usage_daily, workspace_totals, "
        "agent_totals, platform_daily, call_intervals, usage_intervals, provider_daily, platform_provider_daily, "
        "workspace_monthly, workspaces, tiers, workspace_changes, providers, billing_accounts, exchange_rates CASCADE"
    )
    for position, (workspace, tier) in enumerate(zip(WORKSPACES, TIERS, strict=True)):
        await owner.execute(
            "INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, max_agents, "
            "max_members, max_phone_numbers, max_concurrent_calls) VALUES ($1, $1, $2, 0, 0, 9, 9, 9, 9)",
            tier,
            Decimal(49 + 50 * position),
        )
        await owner.execute(
            "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, $2, 'active', $2)", workspace, tier
        )
