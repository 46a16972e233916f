"""Background tasks of integrations: revoke grants, run syncs, and settle bookings whose outcome is unknown."""

from datetime import datetime
from typing import Final

from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobLimits
from control.db.pool import Connection, Pool
from control.integrations.actions.service import ActionRunner
from control.integrations.bookings.calendar_requests import CalendarRequests
from control.integrations.bookings.service import SETTLE_APPOINTMENT
from control.integrations.bookings.tasks import AppointmentSettlement
from control.integrations.caller_records import queries as caller_records_queries
from control.integrations.grants import queries as grants_queries
from control.integrations.grants.service import REVOKE_GRANT, GrantRevocation
from control.integrations.service import Integrations
from control.integrations.syncs import queries as syncs_queries
from control.integrations.syncs.service import (
    APPOINTMENTS_KEPT,
    LOGS_KEPT,
    SYNC_INTEGRATION,
    SYNC_POLICY,
    SyncPolicy,
    request_due,
    resume_abandoned,
)
from control.integrations.syncs.tasks import make_sync_job

_STATES_BATCH: Final = 1_000
_SYNCS_BATCH: Final = 50
_OLD_BATCH: Final = 1_000
# Enough for 200 pages of 4 s each. With a slower vendor, the job is retried and continues after its last page.
_SYNC_LIMITS: Final = {SYNC_INTEGRATION: JobLimits(timeout_s=900.0, concurrency=8)}


def integrations_tasks(pool: Pool, integrations: Integrations) -> WorkerTasks:
    """Return the job `integrations.revoke_grant` and the duty `oauth_states`."""

    async def delete_expired(db: Connection, now: datetime) -> int:
        return await grants_queries.delete_expired_states(db, now, _STATES_BATCH)

    revocation = GrantRevocation(pool, integrations.accounts, integrations.requests)
    return WorkerTasks(
        handlers={REVOKE_GRANT: revocation.run}, duties=[Duty("oauth_states", 300, delete_expired, _STATES_BATCH)]
    )


def sync_tasks(pool: Pool, runner: ActionRunner, policy: SyncPolicy = SYNC_POLICY) -> WorkerTasks:
    """Return the jobs `integrations.sync` and `integrations.settle_appointment`, and the duties of syncs.

    The duties are `integration_syncs`, `abandoned_syncs`, `old_appointments` and `old_sync_logs`.
    """

    async def due(db: Connection, now: datetime) -> int:
        return await request_due(db, now, policy.every, _SYNCS_BATCH)

    async def abandoned(db: Connection, now: datetime) -> int:
        return await resume_abandoned(db, now, _SYNCS_BATCH)

    async def old_appointments(db: Connection, now: datetime) -> int:
        return await caller_records_queries.delete_old_appointments(db, now - APPOINTMENTS_KEPT, _OLD_BATCH)

    async def old_logs(db: Connection, now: datetime) -> int:
        return await syncs_queries.delete_old_logs(db, now - LOGS_KEPT, _OLD_BATCH)

    return WorkerTasks(
        handlers={
            SYNC_INTEGRATION: make_sync_job(pool, runner, policy),
            SETTLE_APPOINTMENT: AppointmentSettlement(pool, CalendarRequests(runner)).run,
        },
        duties=[
            Duty("integration_syncs", 60, due, _SYNCS_BATCH),
            Duty("abandoned_syncs", 300, abandoned, 1 << 30),
            Duty("old_appointments", 3_600, old_appointments, _OLD_BATCH),
            Duty("old_sync_logs", 3_600, old_logs, _OLD_BATCH),
        ],
        limits=_SYNC_LIMITS,
    )
