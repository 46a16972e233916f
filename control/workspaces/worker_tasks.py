"""The worker's tasks for workspaces: purges deleted ones and ends trials."""

from datetime import datetime

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection
from control.workspaces.purge import DeleteCalls, DeleteMarks, KeepBillingFacts, purge_due
from control.workspaces.service import Workspaces


def workspaces_tasks(
    workspaces: Workspaces,
    *,
    delete_calls: DeleteCalls,
    delete_marks: DeleteMarks,
    keep_billing_facts: KeepBillingFacts,
) -> WorkerTasks:
    """Duties `deleted_workspaces` and `trials`. delete_calls, delete_marks, keep_billing_facts: what rooms above do in
    a purge."""

    async def deleted_workspaces(db: Connection, now: datetime) -> int:
        return await purge_due(
            db,
            now,
            10,
            delete_calls=delete_calls,
            delete_marks=delete_marks,
            keep_billing_facts=keep_billing_facts,
        )

    async def trials(db: Connection, now: datetime) -> int:
        return await workspaces.administration.end_trials(db, now, 50)

    return WorkerTasks(duties=[Duty("deleted_workspaces", 600, deleted_workspaces, 1), Duty("trials", 300, trials, 50)])
