"""The duty that finds outdated accruals."""

from datetime import UTC, datetime
from typing import Final

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.accruals import queries
from control.db.duties import Duty
from control.db.pool import Connection

EVERY_S: Final = 20


BATCH: Final = 1_000


def make_accruals_duty() -> Duty:
    """Return the duty `accruals`, which marks days of workspaces for recomputation.

    A day is marked if the fee of a new day is due, or if plan or numbers changed.
    """

    async def run(db: Connection, now: datetime) -> int:
        due = await queries.select_due(db, now, BATCH)
        await mark_days(db, [WorkspaceDay(workspace_id, at.astimezone(UTC).date()) for workspace_id, at in due])
        return len(due)

    return Duty("accruals", EVERY_S, run, BATCH)
