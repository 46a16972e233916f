"""SQL of the monthly partitions."""

from control.db.pool import Connection


async def ensure_partitions(db: Connection) -> int:
    """Creates the partitions of the coming months; returns how many were missing."""
    return int(await db.fetchval("SELECT ensure_partitions()"))
