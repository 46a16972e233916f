"""The worker's task for regulatory bundles: reads their statuses from the carriers again."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from control.carriers.rules import Carrier, CarrierError, CarrierRefused
from control.carriers.service import Carriers
from control.db.duties import OutsideDuty, WorkerTasks
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.regulatory_bundles import queries

log = structlog.get_logger()
# How long a status is trusted: reviews take days, and an approved bundle may expire.
APPROVED_FOR: Final = timedelta(hours=6)
OTHERS_FOR: Final = timedelta(minutes=10)


def regulatory_bundles_tasks(pool: Pool, carriers: Carriers) -> WorkerTasks:
    """Return the duty `bundles`, which reads the statuses of bundles from the carriers."""

    async def bundles(pool: Pool, now: datetime) -> int:
        return await check_bundles(pool, carriers, now, 20)

    return WorkerTasks(duties=[OutsideDuty("bundles", 300, bundles, 20)])


async def check_bundles(pool: Pool, carriers: Carriers, now: datetime, most: int) -> int:
    """Read the statuses of up to `most` bundles at each carrier again. Return how many were tried.

    If a carrier is unavailable, its remaining bundles wait for the next run.
    """
    return sum([await _check_at(pool, carrier, now, most) for carrier in carriers])


async def _check_at(pool: Pool, carrier: Carrier, now: datetime, most: int) -> int:
    async with pool.transaction() as db:
        await enter_platform(db)
        bundles = await queries.select_unchecked(db, carrier.name, now - APPROVED_FOR, now - OTHERS_FOR, most)
    for tried, bundle in enumerate(bundles, 1):
        try:
            found = await carrier.documents.fetch_bundle(bundle.carrier_bundle_id)
        except CarrierError as error:
            log.warning("bundle.not_checked", carrier=carrier.name, code=error.code, bundle_id=str(bundle.id))
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.touch(db, bundle, now)
            if not isinstance(error, CarrierRefused):
                return tried
            continue
        async with pool.transaction() as db:
            await enter_platform(db)
            await queries.update_checked(db, bundle, found, now)
    return len(bundles)
