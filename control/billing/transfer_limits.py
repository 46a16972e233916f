"""Ends transferred calls whose granted time is over: no media node has them, so a job ends them at the carrier.

Their times are in PostgreSQL and not in Redis, so that they end also when Redis is lost: `GRACE_S` after their time is
over, as nodes do it (shared/bus/granted_time.py).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.billing import read_due_transfers, store_transfer_times
from control.billing.read_spend_limits import ChargedCall
from control.billing.spend_guard import SpendReport
from control.billing.spend_snapshot import SpendSnapshot
from control.billing.store_transfer_times import TransferTime
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from shared.bus.granted_time import GRACE_S, LAST_WORDS_S, GrantedTime

GRACE: Final = timedelta(seconds=GRACE_S)
# A call that was refused more is told to end so long before its time is over: the last words, and the time until the
# duty's next run, which would be too late.
LAST_RUN: Final = timedelta(seconds=LAST_WORDS_S + 10)
# A call that goes on although a job was told to end it is ended again after so long.
AGAIN: Final = timedelta(minutes=1)
# Longer than the longest transfer.
KEPT: Final = timedelta(hours=6)
# Calls that one run ends at most; the next one follows within seconds.
BATCH: Final = 500
# Has a job end this transferred call, in the current transaction.
EndTransfer = Callable[[Connection, UUID], Awaitable[None]]

log = structlog.get_logger()


class TransferLimits:
    """end_transfer: see EndTransfer."""

    def __init__(self, end_transfer: EndTransfer) -> None:
        self._end_transfer = end_transfer

    async def store(self, pool: Pool, report: SpendReport, now: datetime) -> None:
        """Stores how long the transferred calls of a workspace may go on."""
        transfers = report.snapshot.transfers
        times = [_time_of(call, report.granted[one], now) for one, call in transfers.items()]
        if times:
            async with pool.transaction() as db:
                await enter_platform(db)
                await store_transfer_times.upsert_times(db, report.snapshot.workspace_id, times)

    async def store_unreserved(self, pool: Pool, snapshot: SpendSnapshot, now: datetime) -> None:
        """While Redis is lost nothing is granted: transfers that nobody has seen before end after GRACE, too."""
        if snapshot.transfers:
            calls = {call.id for call in snapshot.transfers.values()}
            async with pool.transaction() as db:
                await enter_platform(db)
                await store_transfer_times.insert_unreserved(db, snapshot.workspace_id, calls, now)

    async def end_due(self, pool: Pool, now: datetime) -> int:
        """Has jobs end the calls whose time is over; returns how many. Needs no Redis."""
        async with pool.transaction() as db:
            await enter_platform(db)
            due = await read_due_transfers.lock_due(db, now + LAST_RUN, now - GRACE, now, now - AGAIN, BATCH)
            for call_id in due:
                log.info("transfer.time_over", call_id=str(call_id))
                await self._end_transfer(db, call_id)
            await store_transfer_times.mark_ended(db, due, now)
            await store_transfer_times.delete_old(db, now - KEPT)
        return len(due)


def _time_of(call: ChargedCall, granted: GrantedTime, now: datetime) -> TransferTime:
    since = now - timedelta(seconds=call.elapsed_s(now))
    return TransferTime(call.id, since + timedelta(seconds=granted.seconds), granted.is_last)
