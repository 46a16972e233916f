"""Transactions of handlers: in the scope of one workspace, and few at once, so that the API keeps its connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.db.transaction import in_transaction
from control.media_requests.gate import FairGate

T = TypeVar("T")


class TenantTransactions:
    """At most `most` at once, and one more for leases and outcomes of runs; the others wait, for as long as their
    request may, and their workspaces take turns."""

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool, self._gate, self._reserved = pool, FairGate(most), asyncio.Semaphore(1)

    async def run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Commits and returns what `work` returns; a collision is retried once. Raises Unavailable."""
        async with self._gate.entered(workspace_id):
            return await self._run(workspace_id, work)

    async def run_reserved(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """As `run`, but without waiting for handlers' transactions, which may take longer than a lease: for short
        statements. Raises Unavailable."""
        async with self._reserved:
            return await self._run(workspace_id, work)

    async def _run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id)
            return await work(db)

        return await in_transaction(self._pool, scoped, _ignore)


def _ignore() -> None:
    """A retry needs no preparation."""
