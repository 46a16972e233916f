"""One request, one transaction; repeated once when it collided with another one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.db.pool import Connection, Pool, PoolExhausted
from control.http.faults import COLLISIONS
from shared.errors import Problem, Unavailable

ROLLBACK_S: Final = 0.5
YIELD_S: Final = 0.05

T = TypeVar("T")
log = structlog.get_logger()


async def in_transaction(pool: Pool, work: Callable[[Connection], Awaitable[T]], repeated: Callable[[], None]) -> T:
    """What `work` returns, committed. Rolled back when it raises, unless that is a Problem that keeps.

    All that a request changes is in the database (mails and the like are jobs there), so a transaction that PostgreSQL
    gave up as a deadlock's victim can be done again from the start. Once: who collides twice is told to come back.
    """
    try:
        return await _once(pool, work)
    except COLLISIONS:
        repeated()
        # The other one wakes up now: who comes back at once may take its row from under it, and both stand as before.
        await asyncio.sleep(YIELD_S)
        return await _once(pool, work)


async def _once(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    async with _connection(pool) as db:
        transaction = db.transaction()
        try:
            await transaction.start()
            result = await work(db)
        except Problem as problem:
            await (transaction.commit() if problem.keeps else transaction.rollback())
            raise
        except BaseException:
            await _give_up(db, transaction)
            raise
        await transaction.commit()
        return result


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[Connection]:
    """Raises Unavailable when none is to be had, and when the one at hand was lost during its use."""
    taken = False
    try:
        async with pool.acquire() as db:
            taken = True
            try:
                yield db
            except asyncpg.InterfaceError as error:
                if _is_lost(db):
                    raise _away(error) from error
                raise
            except asyncpg.InternalClientError as error:
                # The driver is in the midst of what it was just told: that the server ends the connection.
                if not _is_lost(db):
                    db.terminate()
                raise _away(error) from error
    except (PoolExhausted, OSError, asyncpg.PostgresError, TimeoutError) as error:
        if taken:
            raise
        raise _away(error) from error


async def _give_up(db: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """A connection that cannot even roll back is thrown away, with all it had begun; one whose server says nothing at
    all, too: whoever is here may have a caller on the line."""
    if _is_lost(db):
        return
    try:
        async with asyncio.timeout(ROLLBACK_S):
            await transaction.rollback()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        if not _is_lost(db):
            db.terminate()


def _is_lost(db: Connection) -> bool:
    """asyncpg takes a connection that the server ended out of our hands: then it answers no question at all."""
    try:
        return bool(db.is_closed())
    except asyncpg.InterfaceError:
        return True


def _away(error: Exception) -> Unavailable:
    log.warning("database.away", error=type(error).__name__)
    return Unavailable("The database is busy or away. Try again in a moment.")
