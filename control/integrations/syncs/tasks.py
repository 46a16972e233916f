"""The job that runs the syncs of a connection page by page.

The job may be killed at any point. A page's records and the position after the page are stored in one transaction, so
the next worker continues with the first page that was not stored.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.integrations.actions.queries import select_connection
from control.integrations.actions.rules import ActiveConnection, VendorRecord, map_records
from control.integrations.actions.service import ActionRunner, VendorFailure, read_records
from control.integrations.caller_records import queries as caller_records_queries
from control.integrations.caller_records.rules import SyncedRecords, read_appointments, read_contacts
from control.integrations.syncs import queries
from control.integrations.syncs.queries import OpenSync, SyncLease
from control.integrations.syncs.rules import (
    SyncPage,
    SyncPosition,
    advance,
    begin_sync,
    end_sync,
    make_page_request,
    page_values,
    restart_in_full,
)
from control.integrations.syncs.service import (
    APPOINTMENTS_KEPT,
    SYNC_POLICY,
    SyncIntegrationJob,
    SyncPolicy,
    enqueue_sync,
)
from control.integrations.types.rules import SyncDeclaration
from shared.errors import Conflict, Problem, Unavailable
from shared.ids import new_id

log = structlog.get_logger()
T = TypeVar("T")

# Workspace setting of a connection: the country for phone numbers without a country code.
PHONE_REGION: Final = "phone_region"
# Failures that a retry cannot fix.
_FINAL_KINDS: Final = ("unauthorised", "missing", "refused", "conflict")


class _LeaseLost(Exception):
    """Another worker has taken over the syncs."""


@dataclass(frozen=True, slots=True)
class _Delay:
    """The remaining syncs continue after this many seconds."""

    seconds: float


def make_sync_job(
    pool: Pool,
    runner: ActionRunner,
    policy: SyncPolicy = SYNC_POLICY,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> JobHandler:
    """Return the handler of the sync job. It runs all open syncs of a connection in sequence, in one worker at a
    time."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, SyncIntegrationJob)
        lease = SyncLease(job.workspace_id, job.integration_id, UUID(new_id()), policy.lease_s)
        await _SyncRun(pool, runner, policy, clock, lease).run()

    return run


@dataclass(frozen=True, slots=True)
class _SyncRun:
    """One run of the sync job."""

    pool: Pool
    runner: ActionRunner
    policy: SyncPolicy
    clock: Callable[[], datetime]
    lease: SyncLease

    async def run(self) -> None:
        positions = await self._within(lambda db: queries.take_lease(db, self.lease))
        if positions is None:
            raise JobFailed("another worker runs these syncs")
        try:
            delay = await self._run_all(positions)
        except _LeaseLost:
            raise JobFailed("lease lost") from None
        await self._within(lambda db: self._leave(db, delay))

    async def _leave(self, db: Connection, delay: _Delay | None) -> None:
        await queries.release_lease(db, self.lease)
        if delay is not None:
            await enqueue_sync(db, self.lease.workspace_id, self.lease.integration_id, delay.seconds)

    async def _run_all(self, positions: dict[str, SyncPosition]) -> _Delay | None:
        """Run the open syncs. Return the wait before the remaining syncs, or None if all are done."""
        pages, until = self.policy.pages, asyncio.get_running_loop().time() + self.policy.run_s
        for open_sync in await self._within(self._select_open):
            position: SyncPosition | None = positions.get(open_sync.sync_type, SyncPosition())
            while position is not None:
                # Time is limited, too: 200 pages of 9 s each would block other workspaces for the 15 minutes of the
                # job.
                is_over = pages < self.policy.pages and asyncio.get_running_loop().time() >= until
                if not pages or is_over:
                    return _Delay(0.0)
                pages -= 1
                step = await self._try_page(open_sync, position)
                if isinstance(step, _Delay):
                    return step
                position = step
        return None

    async def _find(self, open_sync: OpenSync) -> tuple[ActiveConnection, SyncDeclaration] | None:
        """Load the connection and the declaration again, because both may change during a long sync.

        Returns None if the connection or the declaration no longer exists.
        """
        owner = (self.lease.workspace_id, self.lease.integration_id)
        connection = await self._within(lambda db: select_connection(db, *owner))
        declared = connection.type_config.sync if connection is not None else []
        declaration = next((sync for sync in declared if sync.name == open_sync.sync_type), None)
        return (connection, declaration) if connection is not None and declaration is not None else None

    async def _try_page(self, open_sync: OpenSync, before: SyncPosition) -> SyncPosition | _Delay | None:
        """Copy a page. Return the position of the next page, a delay before a retry, or None when the sync has
        ended."""
        found = await self._find(open_sync)
        if found is None:
            await self._end(open_sync.sync_type, before, open_sync.log_id, "integration_not_connected")
            return None
        connection, declaration = found
        position = begin_sync(before, declaration, open_sync.log_id, self.clock())
        try:
            return await self._copy_page(connection, declaration, position)
        except VendorFailure as failure:
            return await self._handle_failure(declaration, position, failure)
        except Unavailable as problem:
            return await self._delay(declaration, position, problem.code, 0.0)
        except Problem as problem:  # the connection or its settings do not allow the request
            await self._end(declaration.name, position, open_sync.log_id, problem.code)
            return None

    async def _select_open(self, db: Connection) -> list[OpenSync]:
        return await queries.select_open_syncs(db, self.lease.workspace_id, self.lease.integration_id)

    async def _copy_page(
        self, connection: ActiveConnection, declaration: SyncDeclaration, position: SyncPosition
    ) -> SyncPosition | None:
        """Copy a page and return the position of the next page, or None after the last page.

        Raises VendorFailure, Problem, _LeaseLost.
        """
        request, answer = await self.runner.fetch(
            connection, lambda token: make_page_request(connection, declaration, position, token)
        )
        values = page_values(connection, declaration, position)
        records = read_records(lambda document: map_records(declaration.response, document, values), answer)
        page = SyncPage(request.url, answer, len(records))
        following = advance(declaration, position, page)
        region = str(connection.settings.get(PHONE_REGION) or "")
        synced = _read(declaration, records, region, self.clock())
        after = following or end_sync(declaration, position, page)

        async def store(db: Connection) -> None:
            await self._save(db, declaration.name, after)
            await self._store(db, declaration, position, synced, is_last=following is None)
            if following is None:
                await queries.end_log(db, self.lease.workspace_id, position.log_id, None, self.clock())
                await queries.mark_synced(db, self.lease.workspace_id, self.lease.integration_id, self.clock())

        await self._within(store)
        return following

    async def _store(
        self,
        db: Connection,
        declaration: SyncDeclaration,
        position: SyncPosition,
        synced: SyncedRecords,
        *,
        is_last: bool,
    ) -> None:
        owner = (self.lease.workspace_id, self.lease.integration_id, position.log_id)
        deletes_unseen = is_last and position.is_full
        if declaration.record == "contact":
            created, updated = await caller_records_queries.upsert_contacts(db, *owner, synced.contacts)
            deleted = await caller_records_queries.delete_contacts(db, *owner[:2], synced.deleted)
            deleted += await caller_records_queries.delete_unseen_contacts(db, *owner) if deletes_unseen else 0
            is_full = created > 0 and await caller_records_queries.is_full_of_contacts(
                db, *owner[:2], self.policy.records
            )
        else:
            created, updated = await caller_records_queries.upsert_appointments(db, *owner, synced.appointments)
            deleted = await caller_records_queries.delete_appointments(db, *owner[:2], synced.deleted)
            deleted += (
                await caller_records_queries.delete_unseen_appointments(db, *owner, position.began)
                if deletes_unseen
                else 0
            )
            is_full = created > 0 and await caller_records_queries.is_full_of_appointments(
                db, *owner[:2], self.policy.records
            )
        if is_full:
            raise Conflict("The vendor has more records than a connection may store.", code="too_many_records")
        counts = {"created": created, "updated": updated, "deleted": deleted, "skipped": synced.skipped}
        progress = {"sync": declaration.name, "pages": position.page + 1, "is_full": position.is_full}
        await queries.add_counts(db, owner[0], position.log_id, progress, counts)

    async def _handle_failure(
        self, declaration: SyncDeclaration, position: SyncPosition, failure: VendorFailure
    ) -> SyncPosition | _Delay | None:
        if failure.kind == "gone" and not position.is_full:
            full = restart_in_full(position, self.clock())
            await self._within(lambda db: self._save(db, declaration.name, full))
            return full
        if failure.kind in _FINAL_KINDS:
            await self._end(declaration.name, position, position.log_id, f"vendor_{failure.kind}")
            return None
        return await self._delay(declaration, position, f"vendor_{failure.kind}", failure.retry_after_s)

    async def _delay(
        self, declaration: SyncDeclaration, position: SyncPosition, error: str, retry_after_s: float
    ) -> _Delay | None:
        """Return the delay before the next attempt, or None if the sync has failed too often.

        A rate limit does not count as a failure, because it may last for any length of time.
        """
        is_failure = error != "vendor_rate_limited"
        failures = position.failures + is_failure
        if failures >= self.policy.attempts:
            await self._end(declaration.name, position, position.log_id, error)
            return None
        wait_s = min(self.policy.first_wait_s * 2 ** (failures - 1), self.policy.max_wait_s) if is_failure else 1.0
        wait_s = max(wait_s, retry_after_s)
        until = self.clock() + timedelta(seconds=wait_s)

        async def store(db: Connection) -> None:
            await self._save(db, declaration.name, msgspec.structs.replace(position, failures=failures))
            await queries.delay_log(db, self.lease.workspace_id, position.log_id, error, until)

        await self._within(store)
        return _Delay(wait_s)

    async def _end(self, sync_type: str, position: SyncPosition, log_id: UUID | None, error: str) -> None:
        """Store that the sync has failed. The next sync begins where this sync began."""
        before = SyncPosition(since=position.since, full_at=position.full_at)
        log.info("integration.sync_failed", integration_id=str(self.lease.integration_id), error=error)

        async def store(db: Connection) -> None:
            await self._save(db, sync_type, before)
            await queries.end_log(db, self.lease.workspace_id, log_id, error, self.clock())

        await self._within(store)

    async def _save(self, db: Connection, sync_type: str, position: SyncPosition) -> None:
        if not await queries.save_position(db, self.lease, sync_type, position):
            raise _LeaseLost

    async def _within(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.pool.transaction() as db:
            await enter_workspace(db, self.lease.workspace_id)
            return await work(db)


def _read(declaration: SyncDeclaration, records: list[VendorRecord], region: str, now: datetime) -> SyncedRecords:
    if declaration.record == "contact":
        return read_contacts(records, region)
    return read_appointments(records, now - APPOINTMENTS_KEPT)
