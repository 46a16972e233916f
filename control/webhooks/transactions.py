"""Transactions of webhooks: they see all workspaces, because a webhook names a call and no workspace."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from control.db.errors import map_database_error
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform_for_calls
from control.db.transaction import in_transaction
from control.webhooks.metrics import WebhookMetrics
from shared.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlatformTransactions:
    """Runs work in the platform's scope; a collision is counted and retried once."""

    pool: Pool
    metrics: WebhookMetrics

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Commits and returns what `work` returns. Raises Unavailable without a database."""

        async def scoped(db: Connection) -> T:
            await enter_platform_for_calls(db)
            return await work(db)

        return await in_transaction(self.pool, scoped, self.metrics.repeats.inc)


def is_database_unavailable(error: Exception) -> bool:
    """A connection that is lost during a statement raises PostgreSQL's own error instead of Unavailable."""
    return isinstance(error, Unavailable) or isinstance(map_database_error(error), Unavailable)
