"""The worker's tasks for workspaces: purges deleted ones and ends trials."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.workspaces.purge import DeleteMarks, DeleteRows, KeepBillingFacts, RevokeGrants, purge_due
from control.workspaces.read_purgeable import lock_due
from control.workspaces.service import Workspaces

# Workspaces that one run purges at most.
_MOST: Final = 10
# Deletes a workspace's objects in storage; returns how many. Raises StorageUnavailable.
DeleteObjects = Callable[[UUID], Awaitable[int]]


def workspaces_tasks(
    workspaces: Workspaces,
    *,
    delete_rows: DeleteRows,
    delete_marks: DeleteMarks,
    keep_billing_facts: KeepBillingFacts,
    revoke_grants: RevokeGrants,
    delete_objects: DeleteObjects,
) -> WorkerTasks:
    """Duties `deleted_workspaces` and `trials`. delete_rows, delete_marks, keep_billing_facts, revoke_grants,
    delete_objects: what rooms above do in a purge."""

    async def deleted_workspaces(pool: Pool, now: datetime) -> int:
        async with pool.transaction() as db:
            await enter_platform(db)
            due = await lock_due(db, now, _MOST)
        # Before the rows, which alone tell whose they are: while storage is away, the workspace stays.
        for workspace_id in due:
            await delete_objects(workspace_id)
        async with pool.transaction() as db:
            await enter_platform(db)
            return await purge_due(
                db,
                now,
                _MOST,
                among=due,
                delete_rows=delete_rows,
                delete_marks=delete_marks,
                keep_billing_facts=keep_billing_facts,
                revoke_grants=revoke_grants,
            )

    async def trials(db: Connection, now: datetime) -> int:
        return await workspaces.administration.end_trials(db, now, 50)

    return WorkerTasks(
        duties=[OutsideDuty("deleted_workspaces", 600, deleted_workspaces, 1), Duty("trials", 300, trials, 50)]
    )
