"""The worker's tasks for personal data: retention, deletions of callers' data, and exports."""

from datetime import datetime, timedelta
from typing import Final

from control.calls.live.service import MediaAssignment
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobLimits
from control.db.pool import Connection, Pool
from control.platform.service import Platform
from control.privacy.caller_deletions.service import DELETE_CALLER, CallerDeletions
from control.privacy.caller_deletions.tasks import ClearPayloads, make_caller_deletion_job
from control.privacy.exports.queries import fail_abandoned
from control.privacy.exports.service import EXPORT_WORKSPACE, delete_expired
from control.privacy.exports.tasks import make_export_job
from control.privacy.retention.tasks import CALLS_PER_RUN, apply_retention
from shared.storage import Storage

# A workspace with 100,000 recordings of 2 MB has 200 GB, which takes more than an hour at 50 MB/s.
_EXPORT_TIMEOUT_S: Final = 4 * 3_600.0
# Longer than all attempts of the export job together.
_ABANDONED: Final = timedelta(days=2)
_LIMITS: Final = {
    EXPORT_WORKSPACE: JobLimits(timeout_s=_EXPORT_TIMEOUT_S, concurrency=2),
    # This job reads all stored webhooks.
    DELETE_CALLER: JobLimits(timeout_s=1_800.0, concurrency=2),
}


def privacy_tasks(
    pool: Pool,
    *,
    platform: Platform,
    deletions: CallerDeletions,
    media_assignment: MediaAssignment,
    storage: Storage,
    clear_payloads: ClearPayloads,
) -> WorkerTasks:
    """Return the duties `retention`, `expired_exports` and `abandoned_exports`, and the jobs that delete and export
    data.

    Args:
        clear_payloads: See `make_caller_deletion_job`.
    """

    async def retention(pool: Pool, now: datetime) -> int:
        return await apply_retention(pool, platform, now)

    async def expired_exports(pool: Pool, now: datetime) -> int:
        return await delete_expired(pool, storage, now)

    async def abandoned_exports(db: Connection, now: datetime) -> int:
        return await fail_abandoned(db, now - _ABANDONED, now)

    return WorkerTasks(
        handlers={
            DELETE_CALLER: make_caller_deletion_job(pool, deletions, media_assignment, storage, clear_payloads),
            EXPORT_WORKSPACE: make_export_job(pool, storage),
        },
        duties=[
            OutsideDuty("retention", 3_600, retention, CALLS_PER_RUN),
            OutsideDuty("expired_exports", 3_600, expired_exports, 100),
            Duty("abandoned_exports", 3_600, abandoned_exports, 1 << 30),
        ],
        limits=_LIMITS,
    )
