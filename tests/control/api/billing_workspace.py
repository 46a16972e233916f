"""A workspace whose last month was closed and billed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from control.billing.invoices import service as invoices_service
from control.billing.invoices.service import issue_own
from control.billing.periods import queries as periods_queries
from control.billing.periods import service as periods_service
from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from shared.ids import new_id
from tests.platform.api import Api
from tests.platform.clients import Reply, User

# One of the tier starter: 49.00 for the month, 300 minutes included, 0.12 a minute beyond.
FEE = 49.0


@dataclass(frozen=True, slots=True)
class BillingWorkspace:
    """Its owner, and the invoice of last month."""

    api: Api
    owner: User
    workspace_id: str
    invoice_id: str

    @property
    def path(self) -> str:
        """Of its billing."""
        return f"/workspaces/{self.workspace_id}/billing"

    async def get(self, path: str) -> Reply:
        """As the owner."""
        return await self.owner.get(f"{self.path}{path}")

    async def insert_minutes(self, at: datetime, minutes: int) -> None:
        """A call of so many minutes, at the tier's price."""
        await insert_minutes(self.api.owner, self.workspace_id, at, minutes)


async def insert_minutes(db: Connection, workspace_id: str, at: datetime, minutes: int) -> None:
    """A row of the ledger."""
    await db.execute(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, quantity, unit, cost, price, "
        "price_version) VALUES ($1, $2, $1, $3, 'call_minutes', $4, 'second', 0, $5, 1)",
        UUID(new_id()), UUID(workspace_id), at, Decimal(60 * minutes), minutes * Decimal("0.12"),
    )  # fmt: skip


@asynccontextmanager
async def platform_transaction(database_url: str) -> AsyncIterator[Connection]:
    """A transaction of the worker."""
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        yield db


async def make_billing_workspace(api: Api, database_url: str, *, minutes: int = 400) -> BillingWorkspace:
    """minutes: of last month."""
    owner = await api.sign_up()
    workspace_id = await owner.workspace()
    start = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    await api.owner.execute(
        "UPDATE workspace_changes SET at = $2, status = 'active', tier_name = 'starter' WHERE workspace_id = $1",
        UUID(workspace_id), start,
    )  # fmt: skip
    await api.owner.execute(
        "UPDATE workspaces SET tier_name = 'starter', status = 'active' WHERE id = $1", UUID(workspace_id)
    )
    await api.owner.execute(
        "INSERT INTO billing_accounts (workspace_id, opened_at) VALUES ($1, $2)", UUID(workspace_id), start
    )
    await insert_minutes(api.owner, workspace_id, start + timedelta(days=3), minutes)
    async with platform_transaction(database_url) as db:
        now = datetime.now(UTC)
        while (await periods_service.open_periods(db, now, 50)).opened:
            pass
        first = (await periods_queries.select_open(db, UUID(workspace_id)))[0]
        closed = await invoices_service.close_period(db, first.id, now)
        assert closed is not None and closed.invoice_id is not None
        await issue_own(db, closed.invoice_id, now, 14)
    return BillingWorkspace(api, owner, workspace_id, str(closed.invoice_id))
