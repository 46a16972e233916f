"""The jobs that buy and give back: the carrier is asked between two transactions, never within one.

A number's row is the intent, its id the reference that the carrier keeps. So whatever step a worker died at, the next
one finds what was done: a number that the carrier has under our reference is adopted, not bought again.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import structlog

from control.carriers.book import Carriers, Ordering, Priced
from control.carriers.model import Carrier, CarrierAway, CarrierFault, CarrierRefused, Owned
from control.db.jobs import Handler, JobFailed
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.numbers.model import Number
from control.numbers.service import BUY, RELEASE, STUCK, Numbers

__all__ = ["BUY", "RELEASE", "buy_by", "release_by"]

# Of numbers that were made for demonstrations, and of no carrier.
_NOBODY = "simulated"

log = structlog.get_logger()


def buy_by(pool: Pool, numbers: Numbers, carriers: Carriers) -> Handler:
    """Buys a number, or finishes what another worker began. Payload: JSON, number_id."""
    return _job(_Desk(pool, numbers, carriers).buy)


def release_by(pool: Pool, numbers: Numbers, carriers: Carriers) -> Handler:
    """Gives a number back. Payload: JSON, number_id."""
    return _job(_Desk(pool, numbers, carriers).release)


def _job(act: Callable[[UUID], Awaitable[None]]) -> Handler:
    async def run(payload: bytes) -> None:
        try:
            await act(_number_id(payload))
        except CarrierFault as fault:
            raise JobFailed(f"{fault.carrier}: {fault.code}") from None

    return run


class _Desk:
    """Both jobs. Raises CarrierFault for what is to be tried again."""

    def __init__(self, pool: Pool, numbers: Numbers, carriers: Carriers) -> None:
        self._pool, self._numbers, self._carriers = pool, numbers, carriers

    async def buy(self, number_id: UUID) -> None:
        number = await self._read(number_id)
        if number is None or number.status in ("active", "releasing"):
            return
        carrier = self._carriers.get(number.carrier)
        ours = await _ours(carrier, number)
        if number.status != "buying":
            await self._give_back(carrier, ours)
            return
        if ours is None:
            if await self._is_too_dear(number, await self._priced(carrier, number)):
                return
            ours = await self._bought(carrier, number)
        if ours is not None and await self._works(carrier, number, ours):
            await self._settle(carrier, number, ours)

    async def release(self, number_id: UUID) -> None:
        number = await self._read(number_id)
        if number is None or number.status != "releasing":
            return
        if number.carrier != _NOBODY:
            carrier = self._carriers.get(number.carrier)
            if number.carrier_number_id is not None:
                await carrier.release(number.carrier_number_id)
            else:  # its purchase was not finished, or not even begun
                await self._give_back(carrier, await _ours_soon(carrier, number))
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await self._numbers.released(db, number, _now())

    async def _read(self, number_id: UUID) -> Number | None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            return await self._numbers.resume(db, number_id)

    async def _priced(self, carrier: Carrier, number: Number) -> Decimal:
        """Noted before it is bought: a number that is ours is no longer in the carrier's price list. 0 where that does
        not tell."""
        if number.monthly_price or number.country is None or not isinstance(carrier, Priced):
            return number.monthly_price
        price = await carrier.monthly_price(number.phone_number, number.country)
        if price is None:
            return number.monthly_price
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await self._numbers.priced(db, number, price)
        return price

    async def _is_too_dear(self, number: Number, price: Decimal) -> bool:
        """Such a purchase is given up, which is noted."""
        async with self._pool.transaction() as db:
            await enter_platform(db)
            highest = await self._numbers.highest_price(db)
            if price <= highest:
                return False
            why = f"It costs {price:.2f} US dollars a month; up to {highest} are paid."
            await self._numbers.failed(db, number, why, _now())
        log.info("numbers.too_dear", carrier=number.carrier)
        return True

    async def _bought(self, carrier: Carrier, number: Number) -> Owned | None:
        """None: it is not to be had, which is noted."""
        try:
            return await carrier.buy(number.phone_number, str(number.id))
        except CarrierRefused as refused:
            # A purchase of ours that we heard nothing of, or another worker's, makes a number unavailable too.
            ours = await _ours(carrier, number)
            if ours is None:
                await self._fail(number, refused)
            return ours

    async def _works(self, carrier: Carrier, number: Number, ours: Owned) -> bool:
        """Whether its calls reach us. A carrier that will not have them do so gets the number back; noted first, so
        that whoever finds it so finishes that."""
        try:
            await carrier.configure(ours)
        except CarrierRefused as refused:
            await self._fail(number, refused)
            await self._give_back(carrier, ours)
            return False
        return True

    async def _fail(self, number: Number, refused: CarrierRefused) -> None:
        log.info("numbers.refused", carrier=refused.carrier, code=refused.code)
        why = "The number is not to be had any more." if refused.taken else f"The carrier refused: {refused.message}."
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await self._numbers.failed(db, number, why, _now())

    async def _settle(self, carrier: Carrier, number: Number, ours: Owned) -> None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            if await self._numbers.bought(db, number, ours, _now()):
                return
            after = await self._numbers.resume(db, number.id)
        # Given up meanwhile: nothing stays that costs money. Unless another worker was quicker with the same.
        if after is None or after.status != "active":
            await self._give_back(carrier, ours)

    async def _give_back(self, carrier: Carrier, ours: Owned | None) -> None:
        if ours is not None:
            await carrier.release(ours.carrier_number_id)


async def _ours(carrier: Carrier, number: Number) -> Owned | None:
    """The carrier's number, if it was bought for this row. One without any reference may have been ordered under it."""
    found, reference = await carrier.owned(number.phone_number), str(number.id)
    if found is None or found.reference == reference:
        return found
    if not found.reference and isinstance(carrier, Ordering) and await carrier.ordered(reference) == "success":
        return replace(found, reference=reference)
    return None


async def _ours_soon(carrier: Carrier, number: Number) -> Owned | None:
    """The same; raises CarrierAway while it may still come: it would be paid for, and nobody would know it."""
    order = await carrier.ordered(str(number.id)) if isinstance(carrier, Ordering) else None
    ours = await _ours(carrier, number)
    # It shows a moment after the order succeeded; later, it was given back since.
    is_due = order == "success" and _now() - number.created_at < STUCK
    if ours is None and (order == "pending" or is_due):
        raise CarrierAway(carrier.name, "order_pending", "the order is still being worked on")
    return ours


def _number_id(payload: bytes) -> UUID:
    try:
        return UUID(str(json.loads(payload)["number_id"]))
    except (ValueError, KeyError, TypeError):
        raise JobFailed("unreadable payload", for_good=True) from None


def _now() -> datetime:
    return datetime.now(UTC)
