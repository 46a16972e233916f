"""Revocation of media nodes' credentials. Each process reads the list every few seconds."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import structlog

from control.db.errors import UNAVAILABLE
from control.db.pool import Connection, Pool, PoolExhausted
from control.db.scope import enter_platform
from control.keys.queries import select_revocations, upsert_revocation
from shared.bus.authority import BusAuthority
from shared.logs import error_fields

log = structlog.get_logger()

EVERY_S: Final = 5.0


async def revoke_passes(db: Connection, url: str, before: datetime) -> None:
    """Revoke the node credentials for `url` that were created before a time. Only the tables' owner may do this."""
    await upsert_revocation(db, url, before)


async def load_revocations(pool: Pool, authority: BusAuthority) -> None:
    """Make the authority refuse all nodes with a revoked credential. Raises the database's errors."""
    async with pool.transaction() as db:
        await enter_platform(db)
        found = await select_revocations(db)
    authority.enrollment.revoke({url: math.ceil(before.timestamp()) for url, before in found.items()})


@asynccontextmanager
async def watching_revocations(pool: Pool, authority: BusAuthority, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Read the list immediately and then every `every_s` seconds, until the block ends.

    While the database is unavailable, the last list stays in force. Raises the database's errors at the first read.
    """
    await load_revocations(pool, authority)
    task = asyncio.create_task(_watch(pool, authority, every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(pool: Pool, authority: BusAuthority, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await load_revocations(pool, authority)
        except (*UNAVAILABLE, PoolExhausted, OSError, TimeoutError) as error:
            log.warning("revocations.not_read", **error_fields(error))
