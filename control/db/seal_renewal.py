"""Reseals sealed columns with the first key, in small batches while the platform runs.

Each value carries the mark of its key (shared/secrets.py), so an interrupted run continues where it ended. A value that
changed during the run is skipped: the writer sealed it with the first key, or with an old key, and then a later batch
finds it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.secrets import Sealer, UnsealError

BATCH: Final = 100
PAUSE_S: Final = 0.05
# Values that no listed key opens are skipped and reported. This many of them indicate a wrong list of keys.
MOST_LOST: Final = 1_000


class TooManyLost(Exception):
    """Too many values cannot be opened with the listed keys, so the list is probably wrong."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, with the purpose that they are sealed for."""

    table: str
    column: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ResealProgress:
    """Progress of resealing one column.

    Attributes:
        resealed: Values resealed so far.
        lost: Values so far that no listed key opens.
        left: Values that may still have to be resealed.
    """

    column: SealedColumn
    resealed: int
    lost: int
    left: int


async def reseal_column(
    pool: Pool, sealer: Sealer, column: SealedColumn, *, batch: int = BATCH, pause_s: float = PAUSE_S
) -> AsyncIterator[ResealProgress]:
    """Reseal a column's values. Yields the progress after each batch, and at least once.

    Raises TooManyLost and the database's errors.
    """
    lost: list[bytes] = []
    resealed = 0
    while True:
        async with pool.transaction() as db:
            await enter_platform(db)
            values = await _select(db, column, sealer.mark, lost, batch)
            fresh = {old: new for old in values if (new := _reseal(sealer, column.purpose, old)) is not None}
            resealed += await _update(db, column, fresh)
            lost += [old for old in values if old not in fresh]
            left = await _count(db, column, sealer.mark) - len(lost)
        yield ResealProgress(column, resealed, len(lost), left)
        if not values:
            return
        if len(lost) > MOST_LOST:
            raise TooManyLost(f"{column.table}.{column.column}: no key opens {len(lost)} values")
        await asyncio.sleep(pause_s)


def _reseal(sealer: Sealer, purpose: str, old: bytes) -> bytes | None:
    try:
        return sealer.seal(sealer.open(old, purpose), purpose)
    except UnsealError:
        return None


async def _select(db: Connection, column: SealedColumn, mark: bytes, lost: list[bytes], most: int) -> list[bytes]:
    rows = await db.fetch(
        f"SELECT {column.column} AS value FROM {column.table} WHERE {column.column} IS NOT NULL "
        f"AND substring({column.column} FROM 2 FOR 4) <> $1 AND {column.column} <> ALL ($2::bytea[]) LIMIT $3",
        mark, lost, most,
    )  # fmt: skip
    return [row["value"] for row in rows]


async def _update(db: Connection, column: SealedColumn, fresh: dict[bytes, bytes]) -> int:
    """Replace old values with their resealed values. Return how many were replaced.

    Sealed values are unique, so the old value identifies its row.
    """
    if not fresh:
        return 0
    done: str = await db.execute(
        f"UPDATE {column.table} AS t SET {column.column} = n.fresh "
        f"FROM unnest($1::bytea[], $2::bytea[]) AS n (old, fresh) WHERE t.{column.column} = n.old",
        list(fresh), list(fresh.values()),
    )  # fmt: skip
    return int(done.rpartition(" ")[2])


async def _count(db: Connection, column: SealedColumn, mark: bytes) -> int:
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM {column.table} WHERE {column.column} IS NOT NULL "
            f"AND substring({column.column} FROM 2 FOR 4) <> $1",
            mark,
        )
    )
