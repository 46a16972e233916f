"""SQL for the monthly partitions of large tables."""

from dataclasses import dataclass
from datetime import date, datetime

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The state of a partitioned table.

    Attributes:
        made_until: The earliest future time that has no partition.
        default_rows: Rows in the default partition, counted up to 1,000.
    """

    table: str
    made_until: datetime
    default_rows: int


async def ensure_partitions(db: Connection) -> int:
    """Create the partitions of the coming months. Return how many were missing.

    A month that already has rows in the default partition is skipped, because its partition cannot be created.
    """
    return int(await db.fetchval("SELECT ensure_partitions()"))


async def drop_empty_partitions(db: Connection, ended_before: date) -> int:
    """Drop the event partitions of months that ended before a date and are empty. Return how many were dropped.

    Waits up to half a second for its lock. A partition in use is left for the next run.
    """
    return int(await db.fetchval("SELECT drop_empty_partitions($1)", ended_before))


async def select_partition_states(db: Connection) -> list[PartitionState]:
    """Return the state of each partitioned table."""
    rows = await db.fetch("SELECT name, made_until, default_rows FROM partition_states()")
    return [PartitionState(row["name"], row["made_until"], row["default_rows"]) for row in rows]
