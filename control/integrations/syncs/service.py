"""Starts syncs on request and at regular intervals."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.db.jobs import enqueue, is_queued
from control.db.pool import Connection
from control.integrations.actions.queries import select_connection
from control.integrations.syncs import queries
from control.integrations.syncs.queries import select_due_connections
from shared.errors import Conflict
from shared.ids import new_id

SYNC_INTEGRATION: Final = "integrations.sync"
# Time after the end. Older entries are not needed and contain personal data.
APPOINTMENTS_KEPT: Final = timedelta(days=90)
LOGS_KEPT: Final = timedelta(days=90)
# Longer than a worker's lease and longer than the queue waits before it retries the job of a dead worker.
_ABANDONED: Final = timedelta(minutes=10)


class SyncIntegrationJob(msgspec.Struct, frozen=True):
    """Payload of the job that runs a connection's open syncs."""

    workspace_id: UUID
    integration_id: UUID


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """Times and limits of syncs.

    Attributes:
        every: Time between two syncs of a connection.
        lease_s: A worker without progress for this long counts as dead. Longer than a request to a vendor.
        attempts: Number of consecutive failures after which a sync fails.
        first_wait_s: Wait after the first failure. The wait doubles with each failure.
        max_wait_s: Longest wait after a failure.
        pages: Maximum number of pages per run of the job, so that other jobs get their turn.
        run_s: Longest run of the job.
        records: Maximum number of stored contacts, and of stored appointments, per connection. About 100 MB.
    """

    every: timedelta = timedelta(minutes=15)
    lease_s: float = 60.0
    attempts: int = 6
    first_wait_s: float = 10.0
    max_wait_s: float = 600.0
    pages: int = 200
    run_s: float = 60.0
    records: int = 200_000


SYNC_POLICY: Final = SyncPolicy()


async def request_syncs(db: Connection, workspace_id: UUID, integration_id: UUID, now: datetime) -> None:
    """Enqueue each sync that the type declares, unless it is already queued or running.

    Called on request and when a sync is due. Raises Conflict (integration_not_connected, sync_unsupported).
    """
    connection = await select_connection(db, workspace_id, integration_id)
    if connection is None:
        raise Conflict("This integration is not connected.", code="integration_not_connected")
    if not connection.type_config.sync:
        raise Conflict("Integrations of this type have nothing to sync.", code="sync_unsupported")
    for declaration in connection.type_config.sync:
        await queries.insert_sync_log(db, UUID(new_id()), workspace_id, integration_id, declaration.name, now)
    # If a sync waits, for example after a rate limit, its queued job also runs the other syncs.
    if not await queries.has_delayed_sync(db, workspace_id, integration_id, now):
        await enqueue_sync(db, workspace_id, integration_id)


async def enqueue_sync(db: Connection, workspace_id: UUID, integration_id: UUID, delay_s: float = 0.0) -> None:
    """Enqueue the job that runs a connection's open syncs."""
    payload = msgspec.json.encode(SyncIntegrationJob(workspace_id, integration_id))
    await enqueue(db, SYNC_INTEGRATION, payload, delay_s=delay_s)


async def request_due(db: Connection, now: datetime, every: timedelta, limit: int) -> int:
    """Start the syncs of connections whose last sync is older than `every`. Return the number of connections.

    Requires platform scope.
    """
    due = await select_due_connections(db, now, every, limit)
    for workspace_id, integration_id in due:
        await request_syncs(db, workspace_id, integration_id, now)
    return len(due)


async def resume_abandoned(db: Connection, now: datetime, limit: int) -> int:
    """Enqueue the jobs of open syncs that have no job. Return the number of jobs. Requires platform scope."""
    resumed = 0
    for workspace_id, integration_id in await queries.select_abandoned_syncs(db, now - _ABANDONED, limit):
        payload = msgspec.json.encode(SyncIntegrationJob(workspace_id, integration_id))
        if not await is_queued(db, SYNC_INTEGRATION, payload):
            await enqueue_sync(db, workspace_id, integration_id)
            resumed += 1
    return resumed
