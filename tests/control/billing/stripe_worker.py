"""A worker with a simulated Stripe as its billing provider: its clock is set, and it can be killed between any
two steps.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.accounts.emails.service import EmailQueue
from control.billing.accounts.service import BillingMail
from control.billing.invoices.service import Invoices
from control.billing.limits.service import SpendGuard
from control.billing.payments import queries as payments_queries
from control.billing.payments.service import Payments, save_payment_method
from control.billing.stripe.client import HttpxTransport, StripeOptions
from control.billing.stripe.provider import StripeProvider
from control.billing.tasks import billing_tasks
from control.calls.transfers.service import enqueue_transfer_end
from control.db.duties import WorkerTasks
from control.db.jobs import JobFailed
from control.db.pool import Connection
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from simulator.stripe.account import StripeAccount, StripeObject
from simulator.stripe.customers import attach_payment_method
from simulator.stripe.server import SimulatedStripe, running_stripe
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, LiveWorkspace, open_call_platform

# After the month of NOW and the time in which late usage still counts.
METER = "call_seconds"
NEXT_MONTH = datetime(2026, 12, 2, 1, tzinfo=UTC)


class WorkerKilled(BaseException):
    """The process ends here."""


class KillableTransport(HttpxTransport):
    """Counts a step before each request and one after it; kills the worker at `kill_at`. after: called with method and
    URL before an answer is returned."""

    def __init__(self) -> None:
        super().__init__(timeout_s=5)
        self.steps = 0
        self.kill_at: int | None = None
        self.after: Callable[[str, str], Awaitable[None]] | None = None

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        self._step()
        answer = await super().request_async(method, url, headers, post_data)
        if self.after is not None:
            await self.after(method, url)
        self._step()
        return answer

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            raise WorkerKilled


@dataclass(slots=True)
class StripeWorker:
    """The platform, a worker and its Stripe. now: of the worker; Stripe's clock follows."""

    platform: CallPlatform
    stripe: SimulatedStripe
    transport: KillableTransport
    provider: StripeProvider
    invoicing: Invoices
    payments: Payments
    now: datetime = NOW
    failures: list[str] = field(default_factory=list)

    @property
    def account(self) -> StripeAccount:
        return self.stripe.account

    @property
    def tasks(self) -> WorkerTasks:
        guard = self.platform.services[SpendGuard]
        return billing_tasks(
            self.platform.pool,
            self.platform.services[Workspaces],
            self.invoicing,
            self.payments,
            guard,
            lambda found: None,
            enqueue_transfer_end,
            lambda: self.now,
        )

    def move_to(self, now: datetime) -> None:
        """Sets both clocks."""
        self.now = now
        self.account.now = now.timestamp()

    async def run(self) -> None:
        """Runs every duty once, then jobs until none is left but those that failed for now."""
        for duty in self.tasks.duties:
            await duty.run_once(self.platform.pool, self.now)
        await self.run_jobs()

    async def run_jobs(self) -> None:
        failed: set[int] = set()
        while jobs := [one for one in await self.jobs() if one["id"] not in failed]:
            for job in jobs:
                try:
                    await self.tasks.handlers[job["entrypoint"]](job["payload"])
                except JobFailed as error:
                    self.failures.append(error.reason)
                    if not error.is_permanent:
                        failed.add(job["id"])
                        continue
                await self._remove(job["id"])

    async def jobs(self) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.platform.in_platform(
            lambda db: db.fetch("SELECT * FROM pgqueuer WHERE entrypoint LIKE 'billing.%' ORDER BY id")
        )
        return found

    async def _remove(self, job_id: int) -> None:
        await self.platform.in_platform(lambda db: db.execute("DELETE FROM pgqueuer WHERE id = $1", job_id))

    async def create_workspace(self, *, status: str = "active") -> UUID:
        """With this status since NOW, and an open period."""
        made = await self.platform.create_workspace()
        await self.platform.in_platform(lambda db: _begin(db, made, status))
        return made.workspace_id

    async def add_card(self, workspace_id: UUID, card: str = "pm_card_visa") -> str:
        """As the owner's browser and the API do; returns the payment method's id."""
        customer = await self.platform.in_platform(lambda db: self.payments.make_customer(db, workspace_id, "Acme"))
        customer_id = await self.provider.ensure_customer(customer)
        method = attach_payment_method(self.account, {"customer": customer_id}, card)
        stored = await self.provider.set_payment_method(customer_id, method["id"])

        async def save(db: Connection) -> None:
            await payments_queries.insert_account(db, workspace_id, customer_id)
            await save_payment_method(db, workspace_id, stored, self.now)

        await self.platform.in_platform(save)
        return stored.id

    async def invoices(self, workspace_id: UUID) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.platform.in_platform(
            lambda db: db.fetch("SELECT * FROM invoices WHERE workspace_id = $1 ORDER BY period_start", workspace_id)
        )
        return found

    async def paid(self, workspace_id: UUID) -> Decimal:
        """The sum of the workspace's payments and refunds."""
        total: Decimal = await self.platform.in_platform(
            lambda db: db.fetchval(
                "SELECT coalesce(sum(amount), 0) FROM payments WHERE workspace_id = $1", workspace_id
            )
        )
        return total

    def charged(self) -> int:
        """What cards paid in all, less what was paid back, in cents."""
        return sum(one["amount_received"] - one["amount_refunded"] for one in self.account.all("payment_intent"))

    def invoices_at_stripe(self, invoice_id: UUID) -> list[StripeObject]:
        return [one for one in self.account.all("invoice") if one["metadata"]["invoice_id"] == str(invoice_id)]


async def _begin(db: Connection, made: LiveWorkspace, status: str) -> None:
    await db.execute("UPDATE workspaces SET status = $2, created_at = $3 WHERE id = $1", made.workspace_id, status, NOW)
    await db.execute("UPDATE workspace_changes SET status = $2 WHERE workspace_id = $1", made.workspace_id, status)
    await db.execute(
        "INSERT INTO billing_accounts (workspace_id, opened_at) VALUES ($1, $2) ON CONFLICT (workspace_id) "
        "DO UPDATE SET opened_at = $2",
        made.workspace_id,
        NOW,
    )


@asynccontextmanager
async def open_stripe_worker(database_url: str, valkey_url: str, folder: Path) -> AsyncIterator[StripeWorker]:
    """The worker at NOW."""
    async with (
        open_call_platform(database_url, valkey_url, folder) as platform,
        running_stripe(StripeAccount(NOW.timestamp())) as stripe,
    ):
        transport = KillableTransport()
        provider = StripeProvider(StripeOptions(stripe.account.key, stripe.url, meter_event=METER), transport)
        mail = BillingMail(platform.services[Workspaces], EmailQueue(SEALER, "https://portal.example"))
        invoicing = Invoices(platform.services[Platform], mail, ("Vocalized",))
        yield StripeWorker(platform, stripe, transport, provider, invoicing, Payments(provider, mail))
        await provider.close()


def hours_later(moment: datetime, hours: float) -> datetime:
    return moment + timedelta(hours=hours)
