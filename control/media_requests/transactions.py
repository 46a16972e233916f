"""Transactions of handlers: in the scope of one workspace, and few at once, so that the API keeps its connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.db.transaction import in_transaction

T = TypeVar("T")


class TenantTransactions:
    """At most `most` at once; the others wait, for as long as their request may."""

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool, self._gate = pool, asyncio.Semaphore(most)

    async def run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Commits and returns what `work` returns; a collision is retried once. Raises Unavailable."""

        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id)
            return await work(db)

        async with self._gate:
            return await in_transaction(self._pool, scoped, _ignore)


def _ignore() -> None:
    """A retry needs no preparation."""
