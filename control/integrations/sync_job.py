"""The job that runs the syncs of a connection, page by page. It may be killed at any point: a page's records and the
position after it are stored in one transaction, so that the next worker continues with the page that was not stored."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.integrations import store_appointments, store_contacts, store_syncs
from control.integrations.action_runner import ActionRunner, VendorFailure, read_records
from control.integrations.declarations import SyncDeclaration
from control.integrations.mapped_records import VendorRecord, map_records
from control.integrations.read_connections import ActiveConnection, select_connection
from control.integrations.store_syncs import SyncLease
from control.integrations.sync_position import (
    SyncPage,
    SyncPosition,
    advance,
    begin_sync,
    end_sync,
    make_page_request,
    page_values,
    restart_in_full,
)
from control.integrations.synced_records import SyncedRecords, read_appointments, read_contacts
from control.integrations.syncs import SYNC_POLICY, SyncIntegrationJob, SyncPolicy, enqueue_sync
from shared.errors import Conflict, Problem, Unavailable
from shared.ids import new_id

log = structlog.get_logger()
T = TypeVar("T")

# Of a workspace's settings of a connection: the country of numbers without a country code.
PHONE_REGION: Final = "phone_region"
# A connection with these cannot be repaired by another try.
_FINAL_KINDS: Final = ("unauthorised", "missing", "refused", "conflict")


class _LeaseLost(Exception):
    """Another worker runs the syncs by now."""


@dataclass(frozen=True, slots=True)
class _Delay:
    """The syncs continue in so many seconds."""

    seconds: float


def make_sync_job(
    pool: Pool,
    runner: ActionRunner,
    policy: SyncPolicy = SYNC_POLICY,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> JobHandler:
    """Runs all open syncs of a connection, one after the other; one worker at a time."""

    async def run(payload: bytes) -> None:
        try:
            job = msgspec.json.decode(payload, type=SyncIntegrationJob)
        except msgspec.DecodeError as error:
            raise JobFailed(type(error).__name__, is_permanent=True) from None
        lease = SyncLease(job.workspace_id, job.integration_id, UUID(new_id()), policy.lease_s)
        await _SyncRun(pool, runner, policy, clock, lease).run()

    return run


@dataclass(frozen=True, slots=True)
class _SyncRun:
    """One run of the job."""

    pool: Pool
    runner: ActionRunner
    policy: SyncPolicy
    clock: Callable[[], datetime]
    lease: SyncLease

    async def run(self) -> None:
        positions = await self._within(lambda db: store_syncs.take_lease(db, self.lease))
        if positions is None:
            raise JobFailed("another worker runs these syncs")
        try:
            delay = await self._run_all(positions)
        except _LeaseLost:
            raise JobFailed("lease lost") from None
        await self._within(lambda db: self._leave(db, delay))

    async def _leave(self, db: Connection, delay: _Delay | None) -> None:
        await store_syncs.release_lease(db, self.lease)
        if delay is not None:
            await enqueue_sync(db, self.lease.workspace_id, self.lease.integration_id, delay.seconds)

    async def _run_all(self, positions: dict[str, SyncPosition]) -> _Delay | None:
        """The wait until the rest; None when nothing is left."""
        pages = self.policy.pages
        for log_id in await self._within(self._select_open):
            while (declaration := await self._next_declaration(positions, log_id)) is not None:
                if not pages:
                    return _Delay(0.0)
                pages -= 1
                before = positions.get(declaration.name, SyncPosition())
                position = begin_sync(before, declaration, log_id, self.clock())
                step = await self._try_page(declaration, position)
                if isinstance(step, _Delay):
                    return step
                positions[declaration.name] = step
        return None

    async def _next_declaration(self, positions: Mapping[str, SyncPosition], log_id: UUID) -> SyncDeclaration | None:
        """The first that this sync has not copied yet; None when it has ended. The connection and its type may change
        while a long sync runs."""
        connection = await self._within(self._find)
        if connection is None:
            await self._fail(log_id, "integration_not_connected")
            return None
        for declaration in connection.type_config.sync:
            if positions.get(declaration.name, SyncPosition()).done != log_id:
                return declaration
        return None

    async def _try_page(self, declaration: SyncDeclaration, position: SyncPosition) -> SyncPosition | _Delay:
        """The position after the page, or a wait until another try."""
        try:
            return await self._copy_page(declaration, position)
        except VendorFailure as failure:
            return await self._handle_failure(declaration, position, failure)
        except Unavailable as problem:
            return await self._delay(declaration, position, problem.code, 0.0)
        except Problem as problem:  # the connection, or its settings, do not allow the request
            return await self._end(declaration, position, problem.code)

    async def _select_open(self, db: Connection) -> list[UUID]:
        return await store_syncs.select_open(db, self.lease.workspace_id, self.lease.integration_id)

    async def _find(self, db: Connection) -> ActiveConnection | None:
        return await select_connection(db, self.lease.workspace_id, self.lease.integration_id)

    async def _copy_page(self, declaration: SyncDeclaration, position: SyncPosition) -> SyncPosition:
        """The position after the page. Raises VendorFailure, Problem, _LeaseLost."""
        connection = await self._within(self._find)
        if connection is None:
            raise Conflict("This integration is not connected.", code="integration_not_connected")
        request, answer = await self.runner.fetch(
            connection, lambda token: make_page_request(connection, declaration, position, token)
        )
        values = page_values(connection, declaration, position)
        records = read_records(lambda document: map_records(declaration.response, document, values), answer)
        page = SyncPage(request.url, answer, len(records))
        following = advance(declaration, position, page)
        region = str(connection.settings.get(PHONE_REGION) or "")
        synced = _read(declaration, records, region)
        after = following or end_sync(declaration, position, page)

        async def store(db: Connection) -> None:
            await self._save(db, declaration, after)
            await self._store(db, declaration, position, synced, is_last=following is None)
            last = connection.type_config.sync[-1].name
            if following is None and declaration.name == last:
                await store_syncs.end_log(db, self.lease.workspace_id, position.log_id, None, self.clock())
                await store_syncs.mark_synced(db, self.lease.workspace_id, self.lease.integration_id, self.clock())

        await self._within(store)
        return after

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
            created, updated = await store_contacts.upsert(db, *owner, synced.contacts)
            deleted = await store_contacts.delete(db, *owner[:2], synced.deleted)
            deleted += await store_contacts.delete_unseen(db, *owner) if deletes_unseen else 0
        else:
            created, updated = await store_appointments.upsert(db, *owner, synced.appointments)
            deleted = await store_appointments.delete(db, *owner[:2], synced.deleted)
            deleted += await store_appointments.delete_unseen(db, *owner, position.began) if deletes_unseen else 0
        counts = {"created": created, "updated": updated, "deleted": deleted, "skipped": synced.skipped}
        progress = {"sync": declaration.name, "pages": position.page + 1, "is_full": position.is_full}
        await store_syncs.add_counts(db, owner[0], position.log_id, progress, counts)

    async def _handle_failure(
        self, declaration: SyncDeclaration, position: SyncPosition, failure: VendorFailure
    ) -> SyncPosition | _Delay:
        if failure.kind == "gone" and not position.is_full:
            full = restart_in_full(position, self.clock())
            await self._within(lambda db: self._save(db, declaration, full))
            return full
        if failure.kind in _FINAL_KINDS:
            return await self._end(declaration, position, f"vendor_{failure.kind}")
        return await self._delay(declaration, position, f"vendor_{failure.kind}", failure.retry_after_s)

    async def _delay(
        self, declaration: SyncDeclaration, position: SyncPosition, error: str, retry_after_s: float
    ) -> SyncPosition | _Delay:
        """A rate limit is no failure: it may last as long as the vendor likes."""
        is_failure = error != "vendor_rate_limited"
        failures = position.failures + is_failure
        if failures >= self.policy.attempts:
            return await self._end(declaration, position, error)
        wait_s = min(self.policy.first_wait_s * 2 ** (failures - 1), self.policy.max_wait_s) if is_failure else 1.0
        wait_s = max(wait_s, retry_after_s)
        until = self.clock() + timedelta(seconds=wait_s)

        async def store(db: Connection) -> None:
            await self._save(db, declaration, msgspec.structs.replace(position, failures=failures))
            await store_syncs.delay_log(db, self.lease.workspace_id, position.log_id, error, until)

        await self._within(store)
        return _Delay(wait_s)

    async def _end(self, declaration: SyncDeclaration, position: SyncPosition, error: str) -> SyncPosition:
        """The whole sync has failed; the next one begins where this one began."""
        before = SyncPosition(since=position.since, full_at=position.full_at, done=position.log_id)
        await self._within(lambda db: self._save(db, declaration, before))
        await self._fail(position.log_id, error)
        return before

    async def _fail(self, log_id: UUID | None, error: str) -> None:
        log.info("integration.sync_failed", integration_id=str(self.lease.integration_id), error=error)
        await self._within(lambda db: store_syncs.end_log(db, self.lease.workspace_id, log_id, error, self.clock()))

    async def _save(self, db: Connection, declaration: SyncDeclaration, position: SyncPosition) -> None:
        if not await store_syncs.save_position(db, self.lease, declaration.name, position):
            raise _LeaseLost

    async def _within(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.pool.transaction() as db:
            await enter_workspace(db, self.lease.workspace_id)
            return await work(db)


def _read(declaration: SyncDeclaration, records: list[VendorRecord], region: str) -> SyncedRecords:
    return read_contacts(records, region) if declaration.record == "contact" else read_appointments(records)
