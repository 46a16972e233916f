"""The duty that renews the reservations of running calls and sends alerts about spending limits."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.billing.accounts.service import BillingMail
from control.billing.limits import queries
from control.billing.limits.rules import NoSpendLimit, SpendSnapshot, find_due
from control.billing.limits.service import (
    PAUSE_S,
    SnapshotReader,
    SpendGuard,
    SpendReport,
    TransferLimits,
    load_snapshot,
    send_alert,
)
from control.db.duties import OutsideDuty
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.bus.client import BusUnavailable
from shared.logs import error_fields

EVERY_S: Final = 10.0
BATCH: Final = 200
# After a workspace's settings change so that it has no limit, its calls' limits are removed for this long: longer than
# a granted time lasts without renewal.
CHANGED: Final = timedelta(minutes=10)
# How often a run tries to acquire the right to read a budget while admissions read it. Admissions neither send alerts
# nor store how long transfers may continue.
ATTEMPTS: Final = 5

log = structlog.get_logger()


class SpendLimitDuty:
    """Renews reservations every EVERY_S.

    A workspace whose last call ended since the previous run is renewed once more, because only then are all its costs
    in the ledger.
    """

    def __init__(self, mail: BillingMail, guard: SpendGuard, transfers: TransferLimits) -> None:
        self._mail, self._guard, self._transfers = mail, guard, transfers
        self._before: set[UUID] = set()

    def make_duty(self) -> OutsideDuty:
        """Return the duty `spend_limits`."""
        return OutsideDuty("spend_limits", EVERY_S, self.run, 1 << 30)

    async def run(self, pool: Pool, now: datetime) -> int:
        """Renew the reservations of all workspaces with a limit. Return how many workspaces were renewed.

        While Redis is unavailable, no workspace is renewed; the next run renews all of them.
        """
        looked_at = await self._renew_all(pool, now)
        await self._transfers.end_due(pool, now)
        return looked_at

    async def _renew_all(self, pool: Pool, now: datetime) -> int:
        limited = await _select_limited(pool, now)
        wanted = dict.fromkeys(self._before, False) | limited
        self._before = set(wanted)
        for number, (workspace_id, has_changed) in enumerate(wanted.items()):
            try:
                await _isolate(workspace_id, self._look_at(pool, workspace_id, now, has_changed=has_changed))
            except BusUnavailable as error:
                log.warning("spend_limits.not_renewed", workspaces=len(wanted) - number, error=str(error))
                await self._store_unreserved(pool, list(wanted)[number:], now)
                return number
        self._before = set(limited)
        return len(wanted)

    async def _look_at(self, pool: Pool, workspace_id: UUID, now: datetime, *, has_changed: bool) -> None:
        async def read(reserved: frozenset[UUID]) -> SpendSnapshot:
            async with pool.transaction() as db:
                await enter_platform(db)
                return await load_snapshot(db, workspace_id, reserved, now)

        try:
            report = await self._renew(workspace_id, read)
        except NoSpendLimit:
            await self._warn_only(pool, workspace_id, now, has_changed=has_changed)
            return
        if report is not None:
            await self._transfers.store(pool, report, now)
            if report.snapshot.unpriced:
                log.warning("spend_limit.price_unknown", workspace_id=str(workspace_id), calls=report.snapshot.unpriced)
            if report.refused:
                log.warning("spend_limit.reached", workspace_id=str(workspace_id), calls=len(report.refused))
            await self._tell(pool, report.snapshot, now, is_refusing=bool(report.refused))

    async def _renew(self, workspace_id: UUID, read: SnapshotReader) -> SpendReport | None:
        for _ in range(ATTEMPTS):
            report = await self._guard.renew(workspace_id, read)
            if report is not None:
                return report
            await asyncio.sleep(PAUSE_S)
        return None

    async def _store_unreserved(self, pool: Pool, workspace_ids: Iterable[UUID], now: datetime) -> None:
        """Limit the transfers of workspaces whose calls were not renewed."""

        async def store(workspace_id: UUID) -> None:
            async with pool.transaction() as db:
                await enter_platform(db)
                snapshot = await _load_or_none(db, workspace_id, now, pausing=True)
            if snapshot is not None:
                await self._transfers.store_unreserved(pool, snapshot, now)

        for workspace_id in workspace_ids:
            await _isolate(workspace_id, store(workspace_id))

    async def _warn_only(self, pool: Pool, workspace_id: UUID, now: datetime, *, has_changed: bool) -> None:
        """Send the alerts of a workspace whose calls continue at its limit.

        If its limit was removed, lift it from the calls.
        """
        async with pool.transaction() as db:
            await enter_platform(db)
            calls = await queries.select_running(db, workspace_id, now) if has_changed else []
            snapshot = await _load_or_none(db, workspace_id, now)
        if snapshot is not None:
            await self._tell(pool, snapshot, now, is_refusing=False)
        await self._guard.lift(call.id for call in calls if not call.is_transferred)

    async def _tell(self, pool: Pool, snapshot: SpendSnapshot, now: datetime, *, is_refusing: bool) -> None:
        if find_due(snapshot, is_refusing=is_refusing) is None:
            return
        async with pool.transaction() as db:
            await enter_platform(db)
            await send_alert(db, self._mail, snapshot, now, is_refusing=is_refusing)


async def _isolate(workspace_id: UUID, work: Awaitable[None]) -> None:
    """Log a failure of one workspace, such as a slow statement or wrong data, so that other workspaces are renewed.

    Raises BusUnavailable and the errors of a lost database connection.
    """
    try:
        await work
    except (BusUnavailable, OSError, asyncpg.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001
        log.error("spend_limit.failed", workspace_id=str(workspace_id), **error_fields(error))


async def _select_limited(pool: Pool, now: datetime) -> dict[UUID, bool]:
    """Return the workspaces to renew, with a flag for changed settings."""
    found: list[tuple[UUID, bool]] = []
    while True:
        async with pool.transaction() as db:
            await enter_platform(db)
            after = found[-1][0] if found else None
            page = await queries.select_limited(db, after, BATCH, now - CHANGED, now)
        found += page
        if len(page) < BATCH:
            return dict(found)


async def _load_or_none(
    db: Connection, workspace_id: UUID, now: datetime, *, pausing: bool = False
) -> SpendSnapshot | None:
    try:
        return await load_snapshot(db, workspace_id, (), now, pausing=pausing)
    except NoSpendLimit:
        return None
