"""Keeps running calls within their workspace's spending limit: reserves time for them in Redis, by the ledger's budget.

A budget is read in three steps: taking the right to write it, reading the database, writing it together with what calls
need. Whoever comes back late, or after a loss of Redis, writes nothing. So Redis may be lost at any time: it is filled
again from the ledger and the calls that go on before anything is granted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from control.billing.budget import ReservationRequest
from control.billing.reservations import Reservations
from control.billing.spend_snapshot import NoSpendLimit, SpendSnapshot, SpendTerms
from shared.bus.client import BusClient
from shared.bus.granted_time import NO_LIMIT, GrantedTime, GrantedTimes
from shared.bus.vouchers import VoucherKeys

# A refusal is final if the budget was read from the database so recently; otherwise it is read again before.
FRESH_MS: Final = 1_000
# How often a call asks again while somebody else reads the budget, and how long it waits in between. Together they are
# longer than a reader may take (READER_MS in control/billing/reservations.py).
ATTEMPTS: Final = 60
PAUSE_S: Final = 0.05
# Calls `load_snapshot` with these calls, in a transaction of platform scope. Raises NoSpendLimit.
SnapshotReader = Callable[[frozenset[UUID]], Awaitable[SpendSnapshot]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SpendReport:
    """granted: how long each running call may go on, by its reservation."""

    snapshot: SpendSnapshot
    granted: Mapping[UUID, GrantedTime]

    @property
    def refused(self) -> list[UUID]:
        """Reservations of running calls that got no more time, and end within what they have."""
        return [one for one, granted in self.granted.items() if granted.is_last]


class SpendGuard:
    """Holds no state. All methods raise BusUnavailable, and what the reader raises."""

    def __init__(self, redis: BusClient, keys: VoucherKeys | None = None) -> None:
        """keys: by which nodes see that control granted a time."""
        self._reservations, self._granted = Reservations(redis), GrantedTimes(redis, keys)

    async def admit(self, terms: SpendTerms, read: SnapshotReader) -> bool:
        """Reserves the first minute of a call that is about to begin. False: the limit does not allow it. Repeated, it
        reserves nothing more. A call whose budget nobody could read is refused, too."""
        for _ in range(ATTEMPTS):
            grant = await self._reservations.reserve(terms.workspace_id, terms.first)
            if grant is not None and grant.seconds >= terms.first.least.seconds:
                await self._granted.write({str(terms.first.call_id): GrantedTime(grant.seconds)})
                return True
            if grant is not None and grant.budget_age_ms < FRESH_MS:
                return False
            try:
                report = await self.renew(terms.workspace_id, read)
            except NoSpendLimit:
                return True
            if report is None:
                await asyncio.sleep(PAUSE_S)
        return False

    async def renew(self, workspace_id: UUID, read: SnapshotReader) -> SpendReport | None:
        """Reads the budget and reserves what the running calls need next. None: somebody else does it now. If the
        reader fails, nobody else reads for READER_MS."""
        reading = await self._reservations.begin_reading(workspace_id)
        if reading is None:
            return None
        try:
            snapshot = await read(reading.call_ids)
        except NoSpendLimit:
            await self._reservations.give_up_reading(reading)
            raise
        seconds = await self._reservations.end_reading(
            reading, snapshot.budget.micros, snapshot.finished, snapshot.running
        )
        if seconds is None:
            log.info("budget.reading_superseded", workspace_id=str(workspace_id))
            return None
        calls = zip(snapshot.running, seconds, strict=True)
        granted = {call.call_id: _granted_time(call, given) for call, given in calls}
        # No node has the transferred ones.
        await self._granted.write({str(one): time for one, time in granted.items() if one not in snapshot.transfers})
        return SpendReport(snapshot, granted)

    async def lift(self, call_ids: Iterable[UUID]) -> None:
        """Lets running calls go on without a limit: their workspace has none any more."""
        await self._granted.write({str(call_id): NO_LIMIT for call_id in call_ids})


def _granted_time(call: ReservationRequest, seconds: int) -> GrantedTime:
    return GrantedTime(seconds, is_last=seconds < call.least.seconds)
