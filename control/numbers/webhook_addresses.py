"""Keeps the carriers' numbers pointed at our webhooks. A number keeps the address that it was configured with; when
VOCALIZED_WEBHOOK_URL changes, its calls would go to the old one."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from control.carriers.rules import Carrier, CarrierError, CarrierRefused, OwnedNumber
from control.carriers.service import Carriers, NumberRouting
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.numbers import store_all
from control.numbers.store_all import ConfigurableNumber

# A number that its carrier did not configure is tried again after this.
RETRY_AFTER: Final = timedelta(minutes=10)
log = structlog.get_logger()


async def configure_numbers(pool: Pool, carriers: Carriers, now: datetime, most: int) -> int:
    """Configures up to `most` numbers in service at each carrier that are not configured as settings say now; returns
    how many were tried. A carrier that is unavailable is not asked for further numbers in this run. A number that
    someone has sent to another program on purpose is left alone, and looked at again after RETRY_AFTER."""
    return sum([await _configure_at(pool, carrier, now, most) for carrier in carriers])


async def _configure_at(pool: Pool, carrier: Carrier, now: datetime, most: int) -> int:
    wanted = carrier.configuration
    async with pool.transaction() as db:
        await enter_platform(db)
        numbers = await store_all.select_unconfigured(db, carrier.name, wanted, now - RETRY_AFTER, most)
    for tried, number in enumerate(numbers, 1):
        try:
            if isinstance(carrier, NumberRouting) and await carrier.is_routed_elsewhere(number.carrier_number_id):
                await _record(pool, number, None, now)
                log.warning("number.routed_elsewhere", carrier=carrier.name, phone_number_id=str(number.id))
                continue
            await carrier.configure(OwnedNumber(number.carrier_number_id, number.phone_number, str(number.id)))
        except CarrierError as error:
            await _record(pool, number, None, now)
            log.warning("number.not_configured", carrier=carrier.name, code=error.code, phone_number_id=str(number.id))
            if not isinstance(error, CarrierRefused):
                return tried
        else:
            await _record(pool, number, wanted, now)
            log.info("number.configured", carrier=carrier.name, phone_number_id=str(number.id))
    return len(numbers)


async def _record(pool: Pool, number: ConfigurableNumber, configured_for: str | None, now: datetime) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        await store_all.update_configured(db, number.id, configured_for, now)
