"""What a call costs at Twilio is read later, and corrects the ledger."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import LOOK_AFTER_S, READ_PRICE, ReadPriceJob, apply_status
from control.calls.carrier_reports.tasks import make_price_job
from control.calls.carrier_reports.twilio_extras import ExtraPrices, estimate_extras
from control.calls.live.service import record_media_node
from control.calls.records.details import CallDetails, MediaLeg, StoredCarrierRecording, Transfer
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.state import CallState
from control.carriers.rules import OTHER_CURRENCY, CarrierRefused
from control.carriers.service import Carriers
from control.db.jobs import JobFailed
from control.platform.service import Platform
from tests.control.calls.call_platform import (
    NOW,
    STAFF,
    CallPlatform,
    FakeCarrier,
    carrier_refusal,
    carrier_unavailable,
    later,
)

DEFAULTS = {"twilio_stream_price": 4_000}
RECORDING = StoredCarrierRecording(id="RE1", url="", duration_s=130, leg="CA1", place=0)


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
    await platform.in_platform(lambda db: apply_status(db, status))


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
    run = make_price_job(platform.pool, Carriers({"twilio": twilio}), platform.services[Platform])
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
    run = make_price_job(platform.pool, Carriers({"twilio": PricingCarrier()}), platform.services[Platform])
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
    await make_price_job(platform.pool, Carriers({"twilio": twilio}), platform.services[Platform])(
        msgspec.json.encode(ReadPriceJob(call.call_id))
    )
    assert await telephony(platform, call.call_id) == before
    assert len(await jobs_of(platform, call.call_id)) == 1


@pytest.mark.parametrize(("error", "is_permanent"), [(carrier_unavailable(), False), (carrier_refusal(), True)])
async def test_failures_of_the_carrier(platform: CallPlatform, error: Exception, is_permanent: bool) -> None:
    call, twilio = await end_call(platform), PricingCarrier()
    twilio.answers["call_price"] = error
    with pytest.raises(JobFailed) as failed:
        await make_price_job(platform.pool, Carriers({"twilio": twilio}), platform.services[Platform])(
            msgspec.json.encode(ReadPriceJob(call.call_id))
        )
    assert failed.value.is_permanent is is_permanent


@pytest.mark.parametrize(("settings", "extras"), [({}, "0.0080"), ({"twilio_stream_price": 3_000}, "0.0060")])
async def test_media_streams_are_estimated_and_marked(
    platform: CallPlatform, settings: dict[str, int], extras: str
) -> None:
    """A call of 61 s: two begun minutes."""
    call = await platform.admit(await platform.create_workspace())
    await platform.in_platform(lambda db: record_media_node(db, call, "node-1"))
    await report(platform, call, duration_s=61)
    twilio = PricingCarrier()
    twilio.price = Decimal("0.0170")
    await platform.in_platform(lambda db: platform.services[Platform].change_settings(db, STAFF, settings))
    run = make_price_job(platform.pool, Carriers({"twilio": twilio}), platform.services[Platform])
    await run(msgspec.json.encode(ReadPriceJob(call.call_id)))
    await platform.in_platform(lambda db: platform.services[Platform].change_settings(db, STAFF, DEFAULTS))
    row = await platform.call_row(call.call_id)
    cost = {name: Decimal(value) for name, value in row["details"]["carrier"]["cost"].items()}
    assert cost == {"total": Decimal("0.0170") + Decimal(extras), "estimated": Decimal(extras)}
    booked = await telephony(platform, call.call_id)
    assert sum(part for _, part in booked if part is not None) == cost["total"]
    marked = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT entry, estimated FROM usage_records WHERE call_id = $1 AND resource_type = 'telephony'",
            call.call_id,
        )
    )
    assert {row["entry"]: row["estimated"] for row in marked} == {"usage": False, "adjustment": True}


def test_recordings_and_detection_are_estimated_by_their_prices() -> None:
    prices = ExtraPrices(Decimal("0.004"), Decimal("0.0025"), Decimal("0.0075"))
    state = CallState(
        id=UUID(int=1), workspace_id=UUID(int=2), created_at=NOW, is_test=False, direction="outbound",
        carrier="twilio", carrier_call_id="CA1", status="completed", duration_seconds=130,
    )  # fmt: skip
    assert estimate_extras(state, prices) == 0
    leg = MediaLeg(leg=0, node_id="node-1", at=NOW.isoformat())
    streamed = replace(state, details=CallDetails(legs=(leg,)))
    assert estimate_extras(streamed, prices) == Decimal("0.012")
    transferred = replace(state, details=CallDetails(legs=(leg,), transfer=Transfer(talked_s=60)))
    assert estimate_extras(transferred, prices) == Decimal("0.004")
    detected = replace(state, details=CallDetails(answered_by="human"))
    assert estimate_extras(detected, prices) == Decimal("0.0075")
    assert estimate_extras(replace(detected, direction="inbound"), prices) == 0
    recorded = replace(state, details=CallDetails(carrier_recordings={"RE1": RECORDING}))
    assert estimate_extras(recorded, prices) == Decimal("0.0075")
