"""Pool of connections to PostgreSQL. All use the role that row-level security applies to; each wait is bounded."""

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

# The ids below are those that PostgreSQL's own types have on each server (transam.h, FirstGenbkiObjectId).
_OWN_TYPES: Final = 10_000
# The rows of the catalog that describe arrays of PostgreSQL's own types, by id: read once by this process.
_ARRAYS: Final[dict[int, Any]] = {}

# Writes a Decimal (money) as a JSON number; msgspec's default is text.
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. The server enforces `statement` and `idle_in_transaction`, this process the others.

    `command` is for a server that does not answer at all: it must be above `statement`.
    """

    connect: float = 5.0
    acquire: float = 2.0
    statement: float = 10.0
    command: float = 15.0
    idle_in_transaction: float = 30.0


class PoolExhausted(Exception):
    """No connection was free in time: the database is slow or unreachable, or the pool is too small."""

    def __init__(self, size: int, waited_s: float) -> None:
        self.size, self.waited_s = size, waited_s
        super().__init__(f"none of {size} database connections was free within {waited_s:g} s")


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is not reset on release: only its role outlives a transaction. proof: a secret of this
    connection, which enters scopes (`control/db/scope.py`); it goes to the server as a parameter only."""

    __slots__ = ("proof",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.proof = secrets.token_urlsafe(32)

    def get_reset_query(self) -> str:
        """Return no query, which saves a round trip per use."""
        return ""

    async def _introspect_types(self, typeoids: Collection[int], timeout: float) -> tuple[list[Any], Any]:
        """Replace asyncpg's method, by which each connection reads each type of array from the catalog before its
        first use: about five queries that take PostgreSQL 15 to 30 ms, while a call waits for the connection."""
        if all(oid in _ARRAYS for oid in typeoids):
            return [_ARRAYS[oid] for oid in typeoids], _NO_STATEMENT
        rows, statement = await super()._introspect_types(typeoids, timeout)
        _ARRAYS.update({row["oid"]: row for row in rows if row["elemtype"] and row["oid"] < _OWN_TYPES})
        return rows, statement


class _NoStatement:
    """In place of the statement that read the catalog. A name says that it has not displaced an unnamed one."""

    name = "none"


_NO_STATEMENT: Final = _NoStatement()


class Pool:
    """A bounded set of connections.

    Args:
        driver: Asyncpg's pool, for libraries that need one.
        size: The most connections.
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
        """Yield a connection in a transaction, which is committed unless the block raises."""
        async with self.acquire() as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """One round trip to the server. Raises PoolExhausted and what a query raises."""
        async with self.acquire() as connection:
            await connection.fetchval("SELECT true")


@asynccontextmanager
async def open_pool(
    url: str, *, size: int, timeouts: Timeouts = Timeouts(), name: str = "vocalized", role: str | None = ROLE
) -> AsyncIterator[Pool]:
    """Yield a pool of at most `size` connections. Opens the first at once, so that a wrong `url` fails here.

    `url`: postgresql://user:password@host:port/database, or for a Unix socket postgresql://user@/database?host=/folder.
    `name`: application_name of the sessions. `role`: None stays the user of `url`. Raises OSError, TimeoutError or
    asyncpg.PostgresError. At the end of the block connections in use have `timeouts.command` to be released.
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
    """Set role and timeouts in one round trip, as statements: a connection pooler drops startup parameters. With the
    programs' role, also registers the proof, before anything that comes from outside can run on this connection."""
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
