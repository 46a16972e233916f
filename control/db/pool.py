"""Connections to PostgreSQL, each as the role that row-level security binds, each wait with its bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import msgspec

ROLE = "vocalized_app"

# Money in JSON is a number; as an encoder of its own, for msgspec would write a Decimal as text.
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `statement` and `idle_in_transaction` are kept by the server, the others by this process.

    `command` is for a server that doesn't answer at all: keep it above `statement`.
    """

    connect: float = 5.0
    acquire: float = 2.0
    statement: float = 10.0
    command: float = 15.0
    idle_in_transaction: float = 30.0


class PoolExhausted(Exception):
    """No connection was free within the time allowed: the database is slow, gone, or the pool too small."""

    def __init__(self, size: int, waited_s: float) -> None:
        self.size, self.waited_s = size, waited_s
        super().__init__(f"none of {size} database connections was free within {waited_s:g} s")


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """One whose settings survive its release: the role stays, and all else that we set ends with its transaction."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Nothing: saves a round trip per use."""
        return ""


class Pool:
    """A bounded set of connections. `driver` is asyncpg's own pool, for libraries that ask for one."""

    def __init__(self, driver: asyncpg.Pool, size: int, timeouts: Timeouts) -> None:
        self.driver = driver
        self._size, self._timeouts = size, timeouts

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for as long as the block lasts. Raises PoolExhausted."""
        try:
            connection = await self.driver.acquire(timeout=self._timeouts.acquire)
        except TimeoutError:
            raise PoolExhausted(self._size, self._timeouts.acquire) from None
        try:
            yield connection
        finally:
            await self.driver.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction, committed at the end of the block unless that raises."""
        async with self.acquire() as connection, connection.transaction():
            yield connection


@asynccontextmanager
async def open_pool(
    url: str, *, size: int, timeouts: Timeouts = Timeouts(), name: str = "vocalized", role: str = ROLE
) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections, of which the first is made at once: what is wrong with `url` shows here.

    `url`: postgresql://user:password@host:port/database, or for a Unix socket postgresql://user@/database?host=/folder.
    `name` is what the server's list of sessions shows. Raises OSError, TimeoutError or asyncpg.PostgresError. At the
    end of the block connections in use get `timeouts.command` to come home.
    """

    async def prepare(connection: Connection) -> None:
        await _prepare(connection, role, timeouts)

    driver = await asyncpg.create_pool(
        url, min_size=1, max_size=size, connection_class=Connection, init=prepare,
        timeout=timeouts.connect, command_timeout=timeouts.command, server_settings={"application_name": name},
    )  # fmt: skip
    try:
        yield Pool(driver, size, timeouts)
    finally:
        await _close(driver, timeouts.command)


async def _prepare(connection: Connection, role: str, timeouts: Timeouts) -> None:
    """Role and bounds in one round trip, as statements: a pooler between us and the server lets no others through."""
    await connection.execute(
        f'SET ROLE "{role}"; SET statement_timeout = {_ms(timeouts.statement)}; '
        f"SET idle_in_transaction_session_timeout = {_ms(timeouts.idle_in_transaction)}"
    )
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode, decoder=_DECODER.decode)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _encode(value: Any) -> str:
    return _ENCODER.encode(value).decode()


async def _close(driver: asyncpg.Pool, patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await driver.close()
    except TimeoutError:
        driver.terminate()
