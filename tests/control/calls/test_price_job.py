"""What a call costs at Twilio is read later, and corrects the ledger."""

from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from control.calls.model import AdmittedCall, CarrierStatus
from control.calls.price_job import LOOK_AFTER_S, READ_PRICE, ReadPriceJob, make_price_job
from control.carriers.model import OTHER_CURRENCY, CarrierRefused
from control.carriers.registry import Carriers
from control.db.jobs import JobFailed
from tests.control.calls.call_platform import (
    CallPlatform,
    FakeCarrier,
    carrier_refusal,
    carrier_unavailable,
    later,
)


class PricingCarrier(FakeCarrier):
    """price: None until the call is rated."""

    price: Decimal | None = None

    async def call_price(self, carrier_call_id: str, *, with_transfer: bool) -> Decimal | None:
        self._answer("call_price")
        return self.price


async def end_call(platform: CallPlatform) -> AdmittedCall:
    """A call of 61 s, whose end Twilio reports twice."""
    call = await platform.admit(await platform.create_workspace())
    for sequence in (2, 3):
        await report(platform, call, duration_s=61, sequence=sequence)
    return call


async def report(platform: CallPlatform, call: AdmittedCall, *, duration_s: int, sequence: int = 1) -> None:
    """Twilio reports the call's end."""
    status = CarrierStatus(
        "twilio", call.carrier_call_id, "completed", later(70), call_id=call.call_id, duration_s=duration_s,
        sequence=sequence,
    )  # fmt: skip
    await platform.in_platform(lambda db: platform.calls.apply_carrier_status(db, status))


async def jobs_of(platform: CallPlatform, call_id: UUID) -> list[ReadPriceJob]:
    jobs = [msgspec.json.decode(job, type=ReadPriceJob) for job in await platform.job_payloads(READ_PRICE)]
    return [job for job in jobs if job.call_id == call_id]


async def telephony(platform: CallPlatform, call_id: UUID) -> list[tuple[str, Decimal | None]]:
    rows = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT entry, cost FROM usage_records WHERE call_id = $1 AND resource_type = 'telephony' "
            "ORDER BY recorded_at, id",
            call_id,
        )
    )
    return [(row["entry"], row["cost"]) for row in rows]


async def test_price_becomes_the_cost_by_an_adjusting_row(platform: CallPlatform) -> None:
    call, twilio = await end_call(platform), PricingCarrier()
    (job,) = await jobs_of(platform, call.call_id)
    run = make_price_job(platform.pool, Carriers({"twilio": twilio}))
    await run(msgspec.json.encode(job))
    assert (await jobs_of(platform, call.call_id))[-1] == ReadPriceJob(call.call_id, 1)
    assert [entry for entry, _ in await telephony(platform, call.call_id)] == ["usage"]
    twilio.price = Decimal("0.0211")
    for _ in range(2):
        await run(msgspec.json.encode(ReadPriceJob(call.call_id, 1)))
    booked = await telephony(platform, call.call_id)
    assert [entry for entry, _ in booked] == ["usage", "adjustment"]
    assert sum(cost for _, cost in booked if cost is not None) == Decimal("0.0211")


async def test_call_without_a_price_is_given_up_after_half_a_day(platform: CallPlatform) -> None:
    call = await end_call(platform)
    run = make_price_job(platform.pool, Carriers({"twilio": PricingCarrier()}))
    await run(msgspec.json.encode(ReadPriceJob(call.call_id, len(LOOK_AFTER_S) - 1)))
    assert len(await jobs_of(platform, call.call_id)) == 1


async def test_call_that_was_not_connected_has_no_price(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await report(platform, call, duration_s=0)
    assert not await jobs_of(platform, call.call_id)


async def test_price_in_another_currency_leaves_the_cost_of_the_price_list(platform: CallPlatform) -> None:
    """It would fail for each call of the account: thousands of failed jobs would hide others."""
    call, twilio = await end_call(platform), PricingCarrier()
    before = await telephony(platform, call.call_id)
    twilio.answers["call_price"] = CarrierRefused("twilio", OTHER_CURRENCY, "not in US dollars")
    await make_price_job(platform.pool, Carriers({"twilio": twilio}))(msgspec.json.encode(ReadPriceJob(call.call_id)))
    assert await telephony(platform, call.call_id) == before
    assert len(await jobs_of(platform, call.call_id)) == 1


@pytest.mark.parametrize(("error", "is_permanent"), [(carrier_unavailable(), False), (carrier_refusal(), True)])
async def test_failures_of_the_carrier(platform: CallPlatform, error: Exception, is_permanent: bool) -> None:
    call, twilio = await end_call(platform), PricingCarrier()
    twilio.answers["call_price"] = error
    with pytest.raises(JobFailed) as failed:
        await make_price_job(platform.pool, Carriers({"twilio": twilio}))(
            msgspec.json.encode(ReadPriceJob(call.call_id))
        )
    assert failed.value.is_permanent is is_permanent
