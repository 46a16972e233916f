"""SQL of the monthly partitions."""

from dataclasses import dataclass
from datetime import date, datetime

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class PartitionState:
    """Of one partitioned table.

    Attributes:
        made_until: The first time from now on without a partition.
        default_rows: Rows in the default partition, counted up to 1,000.
    """

    table: str
    made_until: datetime
    default_rows: int


async def ensure_partitions(db: Connection) -> int:
    """Create the partitions of the coming months; returns how many were missing. One whose month has rows in the
    default partition cannot be made, and is left out."""
    return int(await db.fetchval("SELECT ensure_partitions()"))


async def drop_empty_partitions(db: Connection, ended_before: date) -> int:
    """Drops the months of events that ended before then and hold no row any more; returns how many. Waits half a second
    for its lock at most; a partition in use is left for the next run."""
    return int(await db.fetchval("SELECT drop_empty_partitions($1)", ended_before))


async def select_partition_states(db: Connection) -> list[PartitionState]:
    """Return the state of each partitioned table."""
    rows = await db.fetch("SELECT name, made_until, default_rows FROM partition_states()")
    return [PartitionState(row["name"], row["made_until"], row["default_rows"]) for row in rows]
