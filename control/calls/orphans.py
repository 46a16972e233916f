"""Ends calls that are up at a carrier and that no row knows: they cost money, and nobody would ever end them.

Such a call was dialled just before a crash, or its row is over because a hang-up was lost. Only calls that are surely
ours are looked at: at Telnyx those of our application, at Twilio those with a number of ours.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from control.calls import read_numbers, store_orphans
from control.carriers.model import ActiveCall, Carrier, CarrierRefused, CarrierUnavailable
from control.db.pool import Pool
from control.db.scope import enter_platform

# Younger calls may belong to a row that is being written; so may a call whose row was closed so recently.
GRACE: Final = timedelta(minutes=2)
# In one run, so that a fault of ours cannot end everything at once.
MOST: Final = 20
log = structlog.get_logger()


async def end_orphans(pool: Pool, carriers: Collection[Carrier], now: datetime) -> int:
    """Asks each carrier once; returns how many calls were ended. A carrier that does not answer is asked again in the
    next run."""
    count = 0
    for carrier in carriers:
        try:
            active = await carrier.list_active_calls()
        except (CarrierRefused, CarrierUnavailable) as error:
            log.warning("call.list_failed", carrier=error.carrier, code=error.code)
            continue
        old = [call for call in active if call.seconds >= GRACE.total_seconds()]
        for orphan in (await _find_orphans(pool, carrier.name, old, now))[:MOST]:
            count += await _end(carrier, orphan)
    return count


async def _find_orphans(pool: Pool, carrier: str, active: Sequence[ActiveCall], now: datetime) -> list[ActiveCall]:
    if not active:
        return []
    async with pool.transaction() as db:
        await enter_platform(db)
        numbers = await read_numbers.select_held(db, [call.number for call in active if call.number])
        ours = [call for call in active if not call.number or call.number in numbers]
        known = await store_orphans.select_known(db, carrier, ours, now, GRACE)
    return [call for call in ours if known.isdisjoint((call.carrier_call_id, call.call_id, call.transfer_of))]


async def _end(carrier: Carrier, orphan: ActiveCall) -> int:
    try:
        await carrier.hang_up(orphan.carrier_call_id)
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("call.hangup_failed", carrier=error.carrier, code=error.code)
        return 0
    log.warning("call.orphan_ended", carrier=carrier.name, seconds=orphan.seconds)
    return 1
