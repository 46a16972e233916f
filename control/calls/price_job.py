"""The job that reads what a carrier charges for a call. Twilio rates a call some time after its end (docs:
voice/api/call-resource, price: null until then); Telnyx reports the cost by itself."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.calls import store, store_warm_transfers
from control.calls.carrier_extras import ExtraPrices, estimate_extras, load_extra_prices
from control.calls.job_support import Gateways, decode_payload, load_state
from control.calls.model import FINAL, CarrierStatus
from control.calls.state import CallState
from control.calls.state_changes import save_changes
from control.carriers.rules import OTHER_CURRENCY, CarrierRefused, CarrierUnavailable
from control.carriers.service import CallPricing
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.platform.service import Platform

READ_PRICE: Final = "calls.read_price"
# Seconds from the call's end to the first look, and between two looks. A call without a price after the last keeps the
# cost by our price list.
LOOK_AFTER_S: Final = (300.0, 600.0, 1_800.0, 7_200.0, 43_200.0)
log = structlog.get_logger()


class ReadPriceJob(msgspec.Struct, frozen=True):
    """Payload of the job. looks: how often the carrier had no price yet."""

    call_id: UUID
    looks: int = 0


async def enqueue_price(db: Connection, before: CallState, report: CarrierStatus) -> None:
    """Has the price read of a connected call whose end a carrier reports for the first time."""
    is_end = report.status in FINAL and bool(report.duration_s)
    if report.carrier == "twilio" and is_end and not before.details.carrier.duration_s:
        await _enqueue(db, ReadPriceJob(before.id))


def make_price_job(pool: Pool, carriers: Gateways, platform: Platform) -> JobHandler:
    """Stores the price and an estimate of what the carrier bills separately. An adjusting row of the ledger makes the
    sum the call's cost. platform: holds the prices of the estimate."""

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
            if refused.code == OTHER_CURRENCY:  # of every call of the account: no fault of this job
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
        found = await store_warm_transfers.select_of_call(db, call_id)
    return [one.leg_id for one in found if one.leg_id is not None]


async def _total_price(carrier: CallPricing, call: CallState, legs: Sequence[str]) -> Decimal | None:
    """With the legs of warm transfers, each of which is a call of its own for the carrier."""
    prices = [await carrier.call_price(call.carrier_call_id or "", with_transfer=_was_transferred(call))]
    prices += [await carrier.call_price(leg, with_transfer=False) for leg in legs]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None


def _was_transferred(call: CallState) -> bool:
    """Whether the carrier dialled further legs, reached or not."""
    return call.details.transfer is not None or bool(call.details.returns)


async def _look_later(db: Connection, job: ReadPriceJob) -> None:
    if job.looks + 1 < len(LOOK_AFTER_S):
        await _enqueue(db, ReadPriceJob(job.call_id, job.looks + 1))
    else:
        log.warning("call.price_missing", call_id=str(job.call_id))


async def _enqueue(db: Connection, job: ReadPriceJob) -> None:
    await enqueue(db, READ_PRICE, msgspec.json.encode(job), delay_s=LOOK_AFTER_S[job.looks])


async def _store(db: Connection, call_id: UUID, price: Decimal, extra_prices: ExtraPrices) -> None:
    call = await store.lock_one(db, call_id)
    if call is not None:
        extras = estimate_extras(call.state, extra_prices)
        cost = {"total": str(price + extras)} | ({"estimated": str(extras)} if extras else {})
        carrier = call.state.details.carrier.merge({"cost": cost})
        after = replace(call.state, details=replace(call.state.details, carrier=carrier))
        await save_changes(db, [(call.state, after)])
