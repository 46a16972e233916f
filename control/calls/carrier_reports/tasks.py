"""The job that reads a call's price from the carrier.

Twilio sets the price some time after the end of a call (docs: voice/api/call-resource, price: null until then). Telnyx
reports the cost in a webhook.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from control.calls.carrier_reports.service import LOOK_AFTER_S, ReadPriceJob, enqueue_look
from control.calls.carrier_reports.twilio_extras import ExtraPrices, estimate_extras
from control.calls.changes.service import save_changes
from control.calls.records import queries as records_queries
from control.calls.records.service import load_state
from control.calls.records.state import CallState
from control.calls.transfers import queries as transfers_queries
from control.carriers.rules import OTHER_CURRENCY, CarrierRefused, CarrierUnavailable
from control.carriers.service import CallPricing, Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.platform.service import Platform

MILLIONTH: Final = Decimal("0.000001")


async def load_extra_prices(db: Connection, platform: Platform) -> ExtraPrices:
    """Loads the prices from the settings, which are in millionths of a US dollar."""
    keys = ("twilio_stream_price", "twilio_recording_price", "twilio_detection_price")
    return ExtraPrices(*[await platform.setting(db, key) * MILLIONTH for key in keys])


log = structlog.get_logger()


def make_price_job(pool: Pool, carriers: Carriers, platform: Platform) -> JobHandler:
    """Returns the job that stores the price of a call, and an estimate of what the carrier bills separately.

    A correcting row in the ledger makes their sum the cost of the call.

    Args:
        platform: Holds the prices for the estimate.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, ReadPriceJob)
        call = await load_state(pool, job.call_id)
        if call is None or call.carrier_call_id is None or call.details.carrier.total_cost is not None:
            return
        try:
            carrier = carriers.get(call.carrier)
            if not isinstance(carrier, CallPricing):
                return
            price = await _total_price(carrier, call, await _target_legs(pool, call.id))
        except CarrierRefused as refused:
            if refused.code == OTHER_CURRENCY:  # every call of the account has this currency, so the job has not failed
                log.warning("call.price_not_taken", call_id=str(job.call_id), reason=refused.message)
                return
            raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
        async with pool.transaction() as db:
            await enter_platform(db)
            if price is None:
                await _look_later(db, job)
            else:
                await _store(db, job.call_id, price, await load_extra_prices(db, platform))

    return run


async def _target_legs(pool: Pool, call_id: UUID) -> list[str]:
    async with pool.transaction() as db:
        await enter_platform(db)
        found = await transfers_queries.select_of_call(db, call_id)
    return [transfer.leg_id for transfer in found if transfer.leg_id is not None]


async def _total_price(carrier: CallPricing, call: CallState, legs: Sequence[str]) -> Decimal | None:
    """Returns the price including the legs of warm transfers, which the carrier bills as separate calls."""
    prices = [await carrier.call_price(call.carrier_call_id or "", with_transfer=_was_transferred(call))]
    prices += [await carrier.call_price(leg, with_transfer=False) for leg in legs]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None


def _was_transferred(call: CallState) -> bool:
    """Returns whether the carrier dialed further legs, whether or not they were reached."""
    return call.details.transfer is not None or bool(call.details.returns)


async def _look_later(db: Connection, job: ReadPriceJob) -> None:
    if job.looks + 1 < len(LOOK_AFTER_S):
        await enqueue_look(db, ReadPriceJob(job.call_id, job.looks + 1))
    else:
        log.warning("call.price_missing", call_id=str(job.call_id))


async def _store(db: Connection, call_id: UUID, price: Decimal, extra_prices: ExtraPrices) -> None:
    call = await records_queries.lock_one(db, call_id)
    if call is not None:
        extras = estimate_extras(call.state, extra_prices)
        cost = {"total": str(price + extras)} | ({"estimated": str(extras)} if extras else {})
        carrier = call.state.details.carrier.merge({"cost": cost})
        after = replace(call.state, details=replace(call.state.details, carrier=carrier))
        await save_changes(db, [(call.state, after)])
