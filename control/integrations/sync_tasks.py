"""The worker's tasks for syncs and appointments: the jobs, and the duties that begin and resume syncs."""

from datetime import datetime
from typing import Final

from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobLimits
from control.db.pool import Connection, Pool
from control.integrations import store_appointments, store_syncs
from control.integrations.action_runner import ActionRunner
from control.integrations.appointment_settlement import SETTLE_APPOINTMENT, AppointmentSettlement
from control.integrations.calendar_requests import CalendarRequests
from control.integrations.sync_job import make_sync_job
from control.integrations.syncs import (
    APPOINTMENTS_KEPT,
    LOGS_KEPT,
    SYNC_INTEGRATION,
    SYNC_POLICY,
    SyncPolicy,
    request_due,
    resume_abandoned,
)

_BATCH: Final = 50
_OLD_BATCH: Final = 1_000
# 200 pages at 4 s each; a vendor that is slower has its job tried again, from its last page.
_LIMITS: Final = {SYNC_INTEGRATION: JobLimits(timeout_s=900.0, concurrency=8)}


def sync_tasks(pool: Pool, runner: ActionRunner, policy: SyncPolicy = SYNC_POLICY) -> WorkerTasks:
    """Jobs `integrations.sync`, `integrations.settle_appointment`; duties `integration_syncs`,
    `abandoned_syncs`, `old_appointments`, `old_sync_logs`."""

    async def due(db: Connection, now: datetime) -> int:
        return await request_due(db, now, policy.every, _BATCH)

    async def abandoned(db: Connection, now: datetime) -> int:
        return await resume_abandoned(db, now, _BATCH)

    async def old_appointments(db: Connection, now: datetime) -> int:
        return await store_appointments.delete_old(db, now - APPOINTMENTS_KEPT, _OLD_BATCH)

    async def old_logs(db: Connection, now: datetime) -> int:
        return await store_syncs.delete_old_logs(db, now - LOGS_KEPT, _OLD_BATCH)

    return WorkerTasks(
        handlers={
            SYNC_INTEGRATION: make_sync_job(pool, runner, policy),
            SETTLE_APPOINTMENT: AppointmentSettlement(pool, CalendarRequests(runner)).run,
        },
        duties=[
            Duty("integration_syncs", 60, due, _BATCH),
            Duty("abandoned_syncs", 300, abandoned, 1 << 30),
            Duty("old_appointments", 3_600, old_appointments, _OLD_BATCH),
            Duty("old_sync_logs", 3_600, old_logs, _OLD_BATCH),
        ],
        limits=_LIMITS,
    )
