"""Worker tasks for phone numbers: buy numbers, release numbers, and keep their webhooks pointed at the platform.

The carrier is called between two transactions, never within a transaction. A number's row states the intent, and its id
is the reference that the carrier stores. A repeated job therefore finds the work of a worker that died: a number that
the carrier holds under our reference is adopted instead of bought again.

A number keeps the webhook address that it was configured with. When VOCALIZED_WEBHOOK_URL changes, a duty configures
the numbers again; otherwise their calls would go to the old address.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.carriers.rules import (
    Carrier,
    CarrierError,
    CarrierRefused,
    CarrierUnavailable,
    NumberHolder,
    NumberPending,
    OwnedNumber,
)
from control.carriers.service import Carriers, NumberOrders, NumberPricing, NumberRouting
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.numbers import queries
from control.numbers.queries import ConfigurableNumber
from control.numbers.rules import PhoneNumber
from control.numbers.service import BUY, RELEASE, STUCK, Numbers

log = structlog.get_logger()
# The carrier of demonstration numbers, which no real carrier has.
_SIMULATED = "simulated"
# Wait before retrying a number that its carrier did not configure.
RETRY_AFTER: Final = timedelta(minutes=10)


def numbers_tasks(pool: Pool, numbers: Numbers, carriers: Carriers) -> WorkerTasks:
    """Return the purchase and release jobs and the duties of phone numbers.

    The duty `numbers` requeues stuck numbers, `doomed_numbers` releases the numbers of deleted workspaces, and
    `number_webhooks` configures numbers whose configuration differs from the settings.
    """

    async def stuck(db: Connection, now: datetime) -> int:
        return await numbers.requeue_stuck(db, now, 50)

    async def expired(db: Connection, now: datetime) -> int:
        return await numbers.release_expired(db, now, 10)

    async def number_webhooks(pool: Pool, now: datetime) -> int:
        return await configure_numbers(pool, carriers, now, 20)

    return WorkerTasks(
        handlers={BUY: make_buy_job(pool, numbers, carriers), RELEASE: make_release_job(pool, numbers, carriers)},
        duties=[
            Duty("numbers", 60, stuck, 50),
            Duty("doomed_numbers", 600, expired, 10),
            OutsideDuty("number_webhooks", 60, number_webhooks, 20),
        ],
    )


# -- Purchase and release --


def make_buy_job(pool: Pool, numbers: Numbers, carriers: Carriers) -> JobHandler:
    """Return the job that buys a number or finishes a purchase that another worker began.

    Payload: JSON with `number_id`.
    """
    return _make_job(_NumberJobs(pool, numbers, carriers).buy)


def make_release_job(pool: Pool, numbers: Numbers, carriers: Carriers) -> JobHandler:
    """Return the job that releases a number at its carrier. Payload: JSON with `number_id`."""
    return _make_job(_NumberJobs(pool, numbers, carriers).release)


class NumberJob(msgspec.Struct, frozen=True):
    """Payload of the purchase and release jobs."""

    number_id: UUID


def _make_job(act: Callable[[UUID], Awaitable[None]]) -> JobHandler:
    async def run(payload: bytes) -> None:
        try:
            await act(decode_payload(payload, NumberJob).number_id)
        except CarrierError as fault:
            raise JobFailed(f"{fault.carrier}: {fault.code}") from None

    return run


class _NumberJobs:
    """The handlers of the purchase and release jobs. They raise CarrierError if a retry may succeed."""

    def __init__(self, pool: Pool, numbers: Numbers, carriers: Carriers) -> None:
        self._pool, self._numbers, self._carriers = pool, numbers, carriers

    async def buy(self, number_id: UUID) -> None:
        number = await self._load(number_id)
        if number is None or number.status in ("active", "releasing"):
            return
        carrier = self._carriers.get(number.carrier)
        ours = await _find_ours(carrier, number)
        if number.status != "buying":
            await self._release_at_carrier(carrier, ours)
            return
        if ours is None:
            if await self._reject_price(number, await self._get_price(carrier, number)):
                return
            ours = await self._order(carrier, number)
        if ours is not None and ours.pending:
            why = await self._submit_documents(carrier, number) or ours.pending
            await self._record_waiting(number, why)
            raise NumberPending(carrier.name, "number_pending", why)
        if ours is not None and await self._configure(carrier, number, ours):
            await self._activate(carrier, number, ours)

    async def release(self, number_id: UUID) -> None:
        number = await self._load(number_id)
        if number is None or number.status != "releasing":
            return
        if number.carrier != _SIMULATED:
            carrier = self._carriers.get(number.carrier)
            if number.carrier_number_id is not None:
                await carrier.release(number.carrier_number_id)
            else:  # The purchase did not finish, or did not begin.
                await self._release_at_carrier(carrier, await _find_ours_or_wait(carrier, number))
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await queries.update_released(db, number.workspace_id, number.id, _now())

    async def _load(self, number_id: UUID) -> PhoneNumber | None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            return await self._numbers.load(db, number_id)

    async def _get_price(self, carrier: Carrier, number: PhoneNumber) -> Decimal:
        """Return the monthly price in US dollars, or 0 if the carrier does not report a price.

        The price is stored before the purchase, because the carrier's price list omits numbers that are sold.
        """
        if number.monthly_price or number.country is None or not isinstance(carrier, NumberPricing):
            return number.monthly_price
        price = await carrier.monthly_price(number.phone_number, number.country)
        if price is None:
            return number.monthly_price
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await queries.update_price(db, number.workspace_id, number.id, price)
        return price

    async def _reject_price(self, number: PhoneNumber, price: Decimal) -> bool:
        """Fail the purchase if the price is too high. Return whether it is too high."""
        async with self._pool.transaction() as db:
            await enter_platform(db)
            highest = await self._numbers.max_price(db)
            if price <= highest:
                return False
            why = f"It costs {price:.2f} US dollars a month; the platform pays up to {highest}."
            await queries.update_failed(db, number.workspace_id, number.id, why, _now())
        log.info("number.purchase_failed", carrier=number.carrier, code="price_too_high")
        return True

    async def _order(self, carrier: Carrier, number: PhoneNumber) -> OwnedNumber | None:
        """Buy the number. If the carrier refuses, fail the purchase and return None.

        The purchase stays open while the carrier's order is open; otherwise we could pay for a number without a record
        of it.
        """
        try:
            return await carrier.buy(number.phone_number, str(number.id), await self._find_holder(number))
        except NumberPending as pending:
            await self._record_waiting(number, pending.message)
            raise
        except CarrierRefused as refused:
            # The number is also unavailable if our own earlier purchase, whose answer was lost, or another worker
            # bought it.
            ours = await _find_ours(carrier, number)
            if ours is None:
                if await _is_order_open(carrier, number):
                    raise
                await self._fail(number, refused)
            return ours

    async def _submit_documents(self, carrier: Carrier, number: PhoneNumber) -> str:
        """Submit the documents that a pending order lacks. Return what the order waits for; empty if unknown."""
        if not isinstance(carrier, NumberOrders):
            return ""
        return await carrier.submit_documents(str(number.id), await self._find_holder(number))

    async def _find_holder(self, number: PhoneNumber) -> NumberHolder:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            return await queries.select_holder(db, number)

    async def _configure(self, carrier: Carrier, number: PhoneNumber, ours: OwnedNumber) -> bool:
        """Route the number's calls to this platform.

        Return False if the carrier refused; the number is then released there.

        The failure is stored before the release, so that a repeated job finishes the release.
        """
        try:
            await carrier.configure(ours)
        except CarrierRefused as refused:
            await self._fail(number, refused)
            await self._release_at_carrier(carrier, ours)
            return False
        return True

    async def _fail(self, number: PhoneNumber, refused: CarrierRefused) -> None:
        log.info("number.purchase_failed", carrier=refused.carrier, code=refused.code)
        why = (
            "The number is no longer available."
            if refused.number_unavailable
            else f"The carrier refused: {refused.message}."
        )
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await queries.update_failed(db, number.workspace_id, number.id, why, _now())

    async def _record_waiting(self, number: PhoneNumber, why: str) -> None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await queries.update_waiting(db, number.workspace_id, number.id, why)

    async def _activate(self, carrier: Carrier, number: PhoneNumber, ours: OwnedNumber) -> None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            if await queries.update_bought(
                db, number.workspace_id, number.id, ours.carrier_number_id, ours.capabilities, _now()
            ):
                return
            after = await self._numbers.load(db, number.id)
        # The purchase was given up in the meantime. The number costs money, so release it unless another worker
        # activated it.
        if after is None or after.status != "active":
            await self._release_at_carrier(carrier, ours)

    async def _release_at_carrier(self, carrier: Carrier, ours: OwnedNumber | None) -> None:
        if ours is not None:
            await carrier.release(ours.carrier_number_id)


async def _find_ours(carrier: Carrier, number: PhoneNumber) -> OwnedNumber | None:
    """Return the carrier's number if it was bought for this row.

    A number without a reference may come from an order that has our reference.
    """
    found, reference = await carrier.find_owned(number.phone_number), str(number.id)
    if found is None or found.reference == reference:
        return found
    if not found.reference and isinstance(carrier, NumberOrders) and await carrier.order_status(reference) == "success":
        return replace(found, reference=reference)
    return None


async def _is_order_open(carrier: Carrier, number: PhoneNumber) -> bool:
    return isinstance(carrier, NumberOrders) and await carrier.order_status(str(number.id)) == "pending"


async def _find_ours_or_wait(carrier: Carrier, number: PhoneNumber) -> OwnedNumber | None:
    """Cancel the open order, which may wait for documents that never arrive, then act like `_find_ours`.

    Raises:
        CarrierUnavailable: The order may still succeed; we could pay for the number without a record of it.
    """
    if isinstance(carrier, NumberOrders):
        await carrier.cancel_order(str(number.id))
    order = await carrier.order_status(str(number.id)) if isinstance(carrier, NumberOrders) else None
    ours = await _find_ours(carrier, number)
    # A number appears shortly after its order succeeds. A number that is missing later was released in between.
    is_due = order == "success" and _now() - number.created_at < STUCK
    if ours is None and (order == "pending" or is_due):
        raise CarrierUnavailable(carrier.name, "order_pending", "the order is still being worked on")
    return ours


def _now() -> datetime:
    return datetime.now(UTC)


# -- Webhook addresses of numbers --


async def configure_numbers(pool: Pool, carriers: Carriers, now: datetime, most: int) -> int:
    """Configure up to `most` numbers in service at each carrier whose configuration differs from the settings.

    If a carrier is unavailable, its remaining numbers wait for the next run. A number that someone has deliberately
    routed to another program stays unchanged, and is checked again after RETRY_AFTER.

    Returns:
        How many numbers were tried.
    """
    return sum([await _configure_at(pool, carrier, now, most) for carrier in carriers])


async def _configure_at(pool: Pool, carrier: Carrier, now: datetime, most: int) -> int:
    wanted = carrier.configuration
    async with pool.transaction() as db:
        await enter_platform(db)
        numbers = await queries.select_unconfigured(db, carrier.name, wanted, now - RETRY_AFTER, most)
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
        await queries.update_configured(db, number.id, configured_for, now)
