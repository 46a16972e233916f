"""Background tasks for workspaces: purge deleted workspaces and end trials."""

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

# Maximum number of rows that `DeleteRows` deletes per run, so that transactions stay short.
ROWS_PER_RUN: Final = 2_000
# Maximum number of workspaces that are purged per run.
_MOST: Final = 10
# Deletes up to the given number of rows from a workspace's largest tables, such as calls. Returns the number of rows.
DeleteRows = Callable[[Connection, UUID, int], Awaitable[int]]
# Deletes the marks of a workspace's days that wait to be rolled up.
DeleteMarks = Callable[[Connection, UUID], Awaitable[None]]
# Keeps the data of a workspace that later invoices need.
KeepBillingFacts = Callable[[Connection, UUID], Awaitable[None]]
# Enqueues the revocation of a workspace's vendor grants.
RevokeGrants = Callable[[Connection, UUID], Awaitable[None]]
# Deletes a workspace's objects in storage. Returns the number of objects. Raises StorageUnavailable.
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
    """Return the duties `deleted_workspaces` and `trials`.

    Args:
        delete_rows: Deletes rows of higher layers in batches.
        delete_marks: Deletes the workspace's rollup marks.
        keep_billing_facts: Keeps the data that later invoices need.
        revoke_grants: Revokes vendor grants.
        delete_objects: Deletes objects in storage.
    """

    async def deleted_workspaces(pool: Pool, now: datetime) -> int:
        async with pool.transaction() as db:
            await enter_platform(db)
            due = await lock_purgeable(db, now, _MOST)
        # Objects are deleted before the rows that refer to them. While storage is unavailable, the workspace stays.
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
    """Purge up to `most` workspaces and up to ROWS_PER_RUN rows. Return the number of both, or 0 if nothing is left to
    delete.

    Requires platform scope. The largest tables are emptied in batches first, because deleting all rows at once would
    exceed the statement timeout, and the workspace would never be purged. A workspace that still has phone numbers
    stays. These rows outlive a workspace:

    - Usage records, daily figures and the audit log, because they contain no names. The marks of days that wait to be
      rolled up are deleted, so that these days keep their figures although their calls are gone.
    - Billing accounts and invoices, because books must be kept, with the name that invoices were issued to; and phone
      numbers, because the last period is billed after the purge.

    Args:
        among: Restricts the purge to these workspaces, whose objects in storage are deleted. None: all workspaces.
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
