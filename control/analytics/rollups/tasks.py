"""Background tasks for analytics: compute the roll-ups."""

from datetime import datetime
from typing import Final

import structlog

from control.analytics.rollups.service import Accrue, mark_all_days, roll_up_days
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobHandler
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

REBUILD: Final = "rollups.rebuild"
# Each run recomputes whole days, even if a day has many marks.
ROLL_UP_EVERY_S: Final = 5

log = structlog.get_logger()


def analytics_tasks(pool: Pool, accrue: Accrue) -> WorkerTasks:
    """Return the job `rollups.rebuild` and the duty `rollups`.

    Args:
        accrue: See `roll_up_days`.
    """

    async def rollups(db: Connection, _: datetime) -> int:
        return await roll_up_days(db, 200, accrue)

    return WorkerTasks(handlers={REBUILD: _rebuild(pool)}, duties=[Duty("rollups", ROLL_UP_EVERY_S, rollups, 200)])


def _rebuild(pool: Pool) -> JobHandler:
    """Return the handler of the job that marks all days, so that the duty recomputes all roll-ups."""

    async def run(_: bytes) -> None:
        async with pool.transaction() as db:
            await enter_platform(db)
            log.info("rollups.marked", days=await mark_all_days(db))

    return run
