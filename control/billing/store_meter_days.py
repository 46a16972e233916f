"""SQL of meter_days: what a sink of usage was told of each day."""

from datetime import datetime
from typing import Final

from control.billing.sinks import UsageReading
from control.db.pool import Connection

_MAX_ERROR_LENGTH: Final = 200
# A new revision where the total is another one. One that was not delivered keeps its number: it may have arrived.
_UPSERT: Final = """
    INSERT INTO meter_days (workspace_id, day, revision, seconds) VALUES ($1, $2, 1, $3)
    ON CONFLICT (workspace_id, day) DO UPDATE SET
        revision = meter_days.revision + (meter_days.seconds <> $3)::integer, seconds = $3,
        delivered_at = CASE WHEN meter_days.seconds = $3 THEN meter_days.delivered_at END, last_error = NULL
    RETURNING revision
"""


async def insert_reading(db: Connection, reading: UsageReading) -> int:
    """Stores a total before it is sent; returns its revision. Needs platform scope."""
    revision: int = await db.fetchval(_UPSERT, reading.workspace_id, reading.day, reading.seconds)
    return revision


async def mark_delivered(db: Connection, reading: UsageReading, now: datetime, error: str | None) -> None:
    """error: why the sink refused it for good; it is not sent again until the total changes. Needs platform scope."""
    await db.execute(
        "UPDATE meter_days SET delivered_at = $4, last_error = $5 "
        "WHERE workspace_id = $1 AND day = $2 AND revision = $3",
        reading.workspace_id,
        reading.day,
        reading.revision,
        now,
        error and error[:_MAX_ERROR_LENGTH],
    )
