"""The worker's tasks for workspaces: purges deleted ones and ends trials."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.workspaces import queries
from control.workspaces.queries import lock_purgeable
from control.workspaces.service import Workspaces

# Rows of `DeleteRows` that one run deletes at most, so that its transaction stays short.
ROWS_PER_RUN: Final = 2_000
# Workspaces that one run purges at most.
_MOST: Final = 10
# Deletes up to so many rows of the tables in which a workspace has most rows, such as calls; returns how many.
DeleteRows = Callable[[Connection, UUID, int], Awaitable[int]]
# Deletes the marks of a workspace's days that are to be rolled up.
DeleteMarks = Callable[[Connection, UUID], Awaitable[None]]
# Keeps what invoices that are made later need of a workspace.
KeepBillingFacts = Callable[[Connection, UUID], Awaitable[None]]
# Has the grants of a workspace revoked at the vendors.
RevokeGrants = Callable[[Connection, UUID], Awaitable[None]]
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
    """Duties `deleted_workspaces` and `trials`.

    Args:
        delete_rows, delete_marks, keep_billing_facts, revoke_grants, delete_objects: What rooms above do in a purge.
    """

    async def deleted_workspaces(pool: Pool, now: datetime) -> int:
        async with pool.transaction() as db:
            await enter_platform(db)
            due = await lock_purgeable(db, now, _MOST)
        # Objects are deleted before the rows that name them. While storage is unavailable, the workspace stays.
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


async def purge_due(
    db: Connection,
    now: datetime,
    most: int,
    *,
    delete_rows: DeleteRows,
    delete_marks: DeleteMarks,
    keep_billing_facts: KeepBillingFacts,
    revoke_grants: RevokeGrants,
    among: Sequence[UUID] | None = None,
) -> int:
    """Delete up to `most` workspaces and ROWS_PER_RUN rows; return how many of both, 0 once nothing is left to delete.

    Needs platform scope. The tables in which a workspace has most rows are emptied in batches first: all rows at once
    would exceed the timeout of a statement, and the workspace would never be purged. A workspace that still has phone
    numbers stays. These rows outlive a workspace:

    - Usage records, daily figures and the audit log, because they name no one. The marks of days that are to be rolled
      up are deleted, so that these days keep their figures although their calls are gone.
    - Billing accounts and invoices, because books must be kept, with the name that invoices were issued to; and phone
      numbers, because the last period is billed after the purge.

    Args:
        among: Only these workspaces, whose objects in storage are deleted; None: all.
    """
    left = ROWS_PER_RUN
    workspaces = 0
    for workspace_id in await queries.lock_purgeable(db, now, most, among):
        left -= await delete_rows(db, workspace_id, left)
        if left <= 0:
            break
        await delete_marks(db, workspace_id)
        await keep_billing_facts(db, workspace_id)
        await revoke_grants(db, workspace_id)
        await queries.delete_workspace(db, workspace_id)
        await record_change(
            db, Actor("system"), Change("workspace.purge", "workspace", str(workspace_id), workspace_id)
        )
        workspaces += 1
    return workspaces + ROWS_PER_RUN - left
