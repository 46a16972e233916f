"""Runs a function in a transaction, and runs it once more if the transaction collided with another transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.db.errors import COLLISIONS, unavailable
from control.db.pool import Connection, Pool, PoolExhausted
from control.db.scope import enter_platform_for_calls
from shared.errors import Problem, Unavailable

ROLLBACK_S: Final = 0.5
RETRY_AFTER_S: Final = 0.05

T = TypeVar("T")


class Transact(Protocol):
    """Runs `work` in its own transaction, without a scope. Raises the errors of `in_transaction`."""

    async def __call__(self, work: Callable[[Connection], Awaitable[T]]) -> T: ...


log = structlog.get_logger()


async def in_transaction(
    pool: Pool, work: Callable[[Connection], Awaitable[T]], on_retry: Callable[[], None] = lambda: None
) -> T:
    """Run `work` in a transaction, commit, and return its result.

    Rolls back if `work` raises, except for a Problem that commits.

    After a collision, `work` runs again from the start. This is safe because everything that `work` changes is in the
    database, including e-mail, which is a job.

    Args:
        on_retry: Called before the second attempt.

    Raises:
        COLLISIONS: The second attempt collided, too.
        Unavailable: No connection was free, or the connection was lost.
    """
    try:
        return await _attempt(pool, work)
    except COLLISIONS:
        on_retry()
        # Wait 50 ms: an immediate retry may take the row before the other transaction wakes up, and lose again.
        await asyncio.sleep(RETRY_AFTER_S)
        return await _attempt(pool, work)


@dataclass(frozen=True, slots=True)
class PlatformTransactions:
    """Runs work about calls in the platform's scope, because carriers identify a call but not its workspace.

    Attributes:
        on_retry: Called before a transaction that collided runs again.
    """

    pool: Pool
    on_retry: Callable[[], None] = lambda: None

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, commit, and return its result.

        Raises Unavailable if the database is unavailable.
        """

        async def scoped(db: Connection) -> T:
            await enter_platform_for_calls(db)
            return await work(db)

        return await in_transaction(self.pool, scoped, self.on_retry)


async def _attempt(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    async with _connection(pool) as db:
        transaction = db.transaction()
        try:
            await transaction.start()
            result = await work(db)
        except Problem as problem:
            await (transaction.commit() if problem.commits else transaction.rollback())
            raise
        except BaseException:
            await _roll_back(db, transaction)
            raise
        await transaction.commit()
        return result


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[Connection]:
    """Yield a connection. Raises Unavailable if no connection is free or the connection is lost during use."""
    taken = False
    try:
        async with pool.acquire() as db:
            taken = True
            try:
                yield db
            except asyncpg.InterfaceError as error:
                if _is_lost(db):
                    raise _unavailable(error) from error
                raise
            except asyncpg.InternalClientError as error:
                # The server ended the connection while the driver was reading: its protocol state is undefined.
                if not _is_lost(db):
                    db.terminate()
                raise _unavailable(error) from error
    except (PoolExhausted, OSError, asyncpg.PostgresError, TimeoutError) as error:
        if taken:
            raise
        raise _unavailable(error) from error


async def _roll_back(db: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Roll back, or terminate the connection after 0.5 s, because a phone call may be waiting for the answer."""
    if _is_lost(db):
        return
    try:
        async with asyncio.timeout(ROLLBACK_S):
            await transaction.rollback()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        if not _is_lost(db):
            db.terminate()


def _is_lost(db: Connection) -> bool:
    """Return whether the connection is lost.

    asyncpg detaches a connection that the server ended; every method then raises InterfaceError.
    """
    try:
        return bool(db.is_closed())
    except asyncpg.InterfaceError:
        return True


def _unavailable(error: Exception) -> Unavailable:
    log.warning("database.unavailable", error=type(error).__name__)
    return unavailable()
