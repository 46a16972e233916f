"""Looks for words in all that the platform stores: every column of every table, storage, Redis."""

from collections.abc import Awaitable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile, is_zipfile

import asyncpg  # type: ignore[import-untyped]

from shared.bus.client import BusClient

# Columns that can hold words, of all tables, partitions left out because their parents are read.
_COLUMNS = """
    SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
    JOIN pg_class p ON p.oid = format('public.%I', c.table_name)::regclass AND NOT p.relispartition
    WHERE c.table_schema = 'public' AND p.relkind IN ('r', 'p')
      AND c.data_type IN ('text', 'json', 'jsonb', 'bytea', 'ARRAY', 'character varying', 'inet', 'tsvector')
    ORDER BY 1, 2
"""


async def search_database(database_url: str, words: Sequence[str]) -> set[str]:
    """The columns ("table.column") in which one of the words stands, read as the database's owner."""
    connection = await asyncpg.connect(database_url)
    try:
        return {
            f"{row['table_name']}.{row['column_name']}"
            for row in await connection.fetch(_COLUMNS)
            if await _holds(connection, row, words)
        }
    finally:
        await connection.close()


async def _holds(connection: asyncpg.Connection, column: asyncpg.Record, words: Sequence[str]) -> bool:
    table, name = column["table_name"], column["column_name"]
    text = f"convert_from({name}, 'LATIN1')" if column["data_type"] == "bytea" else f"{name}::text"
    found: bool = await connection.fetchval(
        f'SELECT EXISTS (SELECT FROM "{table}" WHERE EXISTS '
        f"(SELECT FROM unnest($1::text[]) word WHERE strpos({text}, word) > 0))",
        list(words),
    )
    return found


def search_files(folder: Path, words: Sequence[str]) -> set[str]:
    """The files in whose name or bytes one of the words stands; archives are read as what they hold."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(word.encode() in _contents(path) or word in str(path) for word in words)
    }


def _contents(path: Path) -> bytes:
    data = path.read_bytes()
    if not is_zipfile(BytesIO(data)):
        return data
    with ZipFile(BytesIO(data)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


async def search_redis(redis: BusClient, words: Sequence[str]) -> set[str]:
    """The keys in whose name or value one of the words stands."""
    found = set()
    async for key in redis.scan_iter():
        text = f"{key!r} {await _read_value(redis, key)!r}"
        if any(word in text for word in words):
            found.add(repr(key))
    return found


async def _read_value(redis: BusClient, key: bytes) -> Any:
    kind: Any = await redis.type(key)
    match kind.decode():
        case "string":
            return await redis.get(key)
        case "hash":
            return await cast(Awaitable[Any], redis.hgetall(cast(str, key)))
        case "list":
            return await cast(Awaitable[Any], redis.lrange(cast(str, key), 0, -1))
        case "set":
            return await cast(Awaitable[Any], redis.smembers(cast(str, key)))
        case "zset":
            return await redis.zrange(key, 0, -1)
        case "stream":
            return await redis.xrange(key)
        case other:
            raise AssertionError(f"a key of kind {other} cannot be read")
