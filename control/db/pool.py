"""Connection pool for PostgreSQL.

All connections use the role that row-level security applies to; each wait is bounded.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]
import msgspec

ROLE = "vocalized_app"

# Object ids below this value belong to PostgreSQL's built-in types, on each server (transam.h, FirstGenbkiObjectId).
_OWN_TYPES: Final = 10_000
# Catalog rows of the arrays of built-in types, by type id. This process reads them once.
_ARRAYS: Final[dict[int, Any]] = {}

# Encodes a Decimal (money) as a JSON number; msgspec's default is a string.
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. The server enforces `statement` and `idle_in_transaction`, this process enforces the others.

    `command` limits the wait for a server that does not answer at all; it must be longer than `statement`.
    """

    connect: float = 5.0
    acquire: float = 2.0
    statement: float = 10.0
    command: float = 15.0
    idle_in_transaction: float = 30.0


class PoolExhausted(Exception):
    """No connection became free in time: the database is slow or unreachable, or the pool is too small."""

    def __init__(self, size: int, waited_s: float) -> None:
        self.size, self.waited_s = size, waited_s
        super().__init__(f"none of {size} database connections was free within {waited_s:g} s")


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is not reset on release, because only its role outlives a transaction.

    Attributes:
        proof: A secret of this connection that enters scopes (`control/db/scope.py`). It is sent to the server only as
            a parameter.
    """

    __slots__ = ("proof",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.proof = secrets.token_urlsafe(32)

    def get_reset_query(self) -> str:
        """Return an empty reset query, which saves a round trip per use."""
        return ""

    async def _introspect_types(self, typeoids: Collection[int], timeout: float) -> tuple[list[Any], Any]:
        """Return the description of types, with arrays of built-in types from the process-wide cache.

        asyncpg's own method reads each array type from the catalog on each connection before its first use. These
        queries, about five, take PostgreSQL 15 to 30 ms while a call waits for the connection.
        """
        if all(oid in _ARRAYS for oid in typeoids):
            return [_ARRAYS[oid] for oid in typeoids], _NO_STATEMENT
        rows, statement = await super()._introspect_types(typeoids, timeout)
        _ARRAYS.update({row["oid"]: row for row in rows if row["elemtype"] and row["oid"] < _OWN_TYPES})
        return rows, statement


class _NoStatement:
    """Replaces the statement that read the catalog. Its name tells asyncpg that no unnamed statement was displaced."""

    name = "none"


_NO_STATEMENT: Final = _NoStatement()


class Pool:
    """A bounded set of connections.

    Args:
        driver: asyncpg's pool, for libraries that need it.
        size: Maximum number of connections.
    """

    def __init__(self, driver: asyncpg.Pool, size: int, timeouts: Timeouts) -> None:
        self.driver, self.size = driver, size
        self._timeouts = timeouts

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Yield a connection for the block. Raises PoolExhausted."""
        try:
            connection = await self.driver.acquire(timeout=self._timeouts.acquire)
        except TimeoutError:
            raise PoolExhausted(self.size, self._timeouts.acquire) from None
        try:
            yield connection
        finally:
            await self.driver.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yield a connection in a transaction, which commits unless the block raises."""
        async with self.acquire() as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """Make one round trip to the server. Raises PoolExhausted and the errors of a query."""
        async with self.acquire() as connection:
            await connection.fetchval("SELECT true")


@asynccontextmanager
async def open_pool(
    url: str, *, size: int, timeouts: Timeouts = Timeouts(), name: str = "vocalized", role: str | None = ROLE
) -> AsyncIterator[Pool]:
    """Yield a pool of connections. Opens the first connection immediately, so that a wrong `url` fails here.

    At the end of the block, connections in use have `timeouts.command` seconds to be released.

    Args:
        url: postgresql://user:password@host:port/database, or for a Unix socket
            postgresql://user@/database?host=/folder.
        size: Maximum number of connections.
        name: The application_name of the sessions.
        role: Role to switch to; None keeps the user of `url`.

    Raises:
        OSError: The server is unreachable.
        TimeoutError: The server did not answer in time.
        asyncpg.PostgresError: The server refused the connection.
    """

    async def prepare(connection: Connection) -> None:
        await _prepare(connection, role, timeouts)

    driver = await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        connection_class=Connection,
        init=prepare,
        timeout=timeouts.connect,
        command_timeout=timeouts.command,
        server_settings={"application_name": name},
    )
    try:
        yield Pool(driver, size, timeouts)
    finally:
        await _close(driver, timeouts.command)


async def _prepare(connection: Connection, role: str | None, timeouts: Timeouts) -> None:
    """Set the role and the timeouts in one round trip.

    They are set with statements, because a connection pooler drops startup parameters. With the programs' role, this
    also registers the connection's proof before any outside input can run on this connection.
    """
    statements = [
        f"SET statement_timeout = {_milliseconds(timeouts.statement)}",
        f"SET idle_in_transaction_session_timeout = {_milliseconds(timeouts.idle_in_transaction)}",
    ]
    if role is not None:
        statements.insert(0, f'SET ROLE "{role}"')
    if role == ROLE:
        statements.append(f"SELECT begin_session('\\x{sha256(connection.proof.encode()).hexdigest()}')")
    await connection.execute("; ".join(statements))
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode, decoder=_DECODER.decode)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _encode(value: Any) -> str:
    return _ENCODER.encode(value).decode()


async def _close(driver: asyncpg.Pool, patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await driver.close()
    except TimeoutError:
        driver.terminate()
