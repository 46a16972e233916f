"""The worker's tasks for the platform: table partitions, and deletion of old records that no other package owns."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from control.db.duties import Duty, WorkerTasks
from control.db.jobs import delete_history
from control.db.partitions import (
    PartitionState,
    drop_empty_partitions,
    ensure_partitions,
    select_partition_states,
)
from control.db.pool import Connection
from control.platform.service import Platform

# How long after its end a month of events is dropped. Late events are stored by their own time, which differs from
# their call's creation by at most 40 days (control/calls/events/).
LATE_EVENTS: Final = timedelta(days=62)

log = structlog.get_logger()


def platform_tasks(platform: Platform, report: Callable[[Sequence[PartitionState]], None]) -> WorkerTasks:
    """Return the duties `partitions`, `empty_partitions` and `jobs` (the history of the job queue).

    Args:
        report: Receives the states of the partitions.
    """

    async def partitions(db: Connection, _: datetime) -> int:
        made = await ensure_partitions(db)
        states = await select_partition_states(db)
        report(states)
        for state in states:
            if state.default_rows:
                # The rows belong to a dropped month, or to a time when no partition was created.
                log.warning("partition.default_used", table=state.table, rows=state.default_rows)
        return made

    async def empty_partitions(db: Connection, now: datetime) -> int:
        dropped = await drop_empty_partitions(db, (now - LATE_EVENTS).date())
        if dropped:
            log.info("partition.dropped", table="call_events", count=dropped)
        return dropped

    async def jobs(db: Connection, now: datetime) -> int:
        retention = timedelta(days=await platform.setting(db, "job_history_days"))
        return await delete_history(db, now - retention, 1_000)

    return WorkerTasks(
        duties=[
            Duty("partitions", 3_600, partitions, 1 << 30),
            # Runs in its own transaction, so that its lock on the events table lasts only milliseconds.
            Duty("empty_partitions", 3_600, empty_partitions, 1 << 30),
            Duty("jobs", 3_600, jobs, 1_000),
        ]
    )
