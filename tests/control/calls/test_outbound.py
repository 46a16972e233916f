"""Outbound and test calls: what must be right before one is placed, and how it is dialled once."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.hanging import HangUp
from control.calls.model import Admitted
from control.calls.outbound import PLACE, PlaceJob
from control.calls.work import hang_up_by, place_by
from control.carriers.model import Placed
from control.db.jobs import Handler, JobFailed
from shared.bus.commands import DONE, Commands, EndCall
from shared.bus.live import LiveCall, LiveCalls
from shared.errors import Conflict, Invalid, Missing, Problem, TooMany
from shared.events import EndReason
from tests.control.calls.stage import NOW, STAFF, House, Shop, away, later, refusal

SOMEBODY = "+12125550123"


async def refused(house: House, shop: Shop, number: str = SOMEBODY, **given: Any) -> tuple[type[Problem], str]:
    with pytest.raises(Problem) as raised:
        await house.place(shop, number, **given)
    return type(raised.value), raised.value.code


async def setting(house: House, **values: int) -> None:
    await house.staff(lambda db: house.services.platform.change_settings(db, STAFF, values))


async def test_a_call_is_noted_and_asked_for_at_once(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, SOMEBODY)
    row = await house.row(call_id)
    assert (row["status"], row["direction"], row["is_test"]) == ("queued", "outbound", False)
    assert (row["caller_number"], row["called_number"], row["carrier"]) == (shop.number, SOMEBODY, "twilio")
    assert (row["agent_id"], row["agent_version"], row["phone_number_id"]) == (shop.agent_id, 1, shop.number_id)
    assert PlaceJob(call_id) in [msgspec.json.decode(job, type=PlaceJob) for job in await house.jobs(PLACE)]
    logged = await house.staff(
        lambda db: db.fetchval("SELECT details FROM audit_log WHERE resource_id = $1", str(call_id))
    )
    assert SOMEBODY not in str(logged)


async def test_what_is_refused(house: House) -> None:
    shop = await house.shop()
    assert await refused(house, shop, "+1212") == (Invalid, "number_invalid")
    assert await refused(house, shop, "+19005551234") == (Invalid, "number_refused")
    assert await refused(house, shop, "+18765551234") == (Invalid, "country_not_allowed")
    assert await refused(house, shop, shop.number) == (Invalid, "number_is_own")
    other = await house.shop()
    stranger = Shop(shop.workspace_id, shop.actor, other.agent_id, shop.number_id, shop.number)
    assert await refused(house, stranger) == (Missing, "agent_not_found")
    await house.staff(
        lambda db: db.execute("UPDATE phone_numbers SET status = 'released' WHERE id = $1", shop.number_id)
    )
    assert await refused(house, shop) == (Conflict, "no_number")
    await house.staff(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", shop.workspace_id)
    )
    assert await refused(house, shop) == (Conflict, "workspace_suspended")
    assert not await house.rows(shop)


async def test_a_test_call_needs_no_live_agent_but_one_that_can_talk(house: House) -> None:
    shop = await house.shop(live=False)
    assert await refused(house, shop) == (Conflict, "agent_not_live")
    call_id = await house.place(shop, SOMEBODY, test=True)
    assert (await house.row(call_id))["is_test"]
    await house.staff(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            shop.workspace_id,
        )
    )
    assert await refused(house, shop, test=True) == (Conflict, "cannot_answer")


async def test_the_trial_tier_has_test_calls_only_and_few(house: House) -> None:
    shop = await house.shop(tier="trial")
    assert await refused(house, shop) == (Conflict, "outbound_not_in_tier")
    await setting(house, trial_test_calls_per_day=1)
    try:
        await house.place(shop, SOMEBODY, test=True)
        assert await refused(house, shop, test=True) == (TooMany, "trial_test_limit")
        assert await house.place(shop, SOMEBODY, test=True, at=later(86_401))
    finally:
        await setting(house, trial_test_calls_per_day=20)


@pytest.mark.parametrize(
    ("key", "code", "passes_s"),
    [
        ("outbound_calls_per_minute", "outbound_rate", 61),
        ("outbound_calls_per_day", "outbound_daily_limit", 86_401),
        ("outbound_repeats_per_day", "outbound_repeat_limit", 86_401),
    ],
)
async def test_how_many_calls(house: House, key: str, code: str, passes_s: int) -> None:
    shop = await house.shop()
    before = (await house.staff(house.calls._outbound._limits))[key]
    await setting(house, **{key: 2})
    try:
        await house.place(shop, SOMEBODY)
        await house.place(shop, SOMEBODY)
        assert await refused(house, shop) == (TooMany, code)
        await house.place(shop, SOMEBODY, at=later(passes_s))
        if code == "outbound_repeat_limit":
            await house.place(shop, "+12125550124")
    finally:
        await setting(house, **{key: before})


async def test_how_long_they_talk(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, SOMEBODY)
    await house.staff(
        lambda db: db.execute("UPDATE calls SET status = 'completed', duration_seconds = 36000 WHERE id = $1", call_id)
    )
    assert await refused(house, shop) == (TooMany, "outbound_minutes_limit")
    await house.place(shop, SOMEBODY, at=later(86_401))


async def test_test_calls_of_those_who_pay_are_counted_too(house: House) -> None:
    shop = await house.shop()
    await house.staff(lambda db: db.execute("UPDATE workspaces SET status = 'active' WHERE id = $1", shop.workspace_id))
    await setting(house, test_calls_per_day=1)
    try:
        await house.place(shop, SOMEBODY, test=True)
        assert await refused(house, shop, test=True) == (TooMany, "test_limit")
        await house.place(shop, SOMEBODY)
        assert await house.place(shop, SOMEBODY, test=True, at=later(86_401))
    finally:
        await setting(house, test_calls_per_day=100)


async def test_how_long_they_talk_counts_while_they_do(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, SOMEBODY)
    await house.staff(
        lambda db: db.execute("UPDATE calls SET status = 'in_progress', answered_at = $2 WHERE id = $1", call_id, NOW)
    )
    await house.place(shop, SOMEBODY, at=later(35_999))
    assert await refused(house, shop, at=later(36_000)) == (TooMany, "outbound_minutes_limit")


async def test_the_last_place_is_given_once(house: House) -> None:
    shop = await house.shop(tier="starter")  # five at once
    answers = await asyncio.gather(
        *(house.place(shop, f"+1212555{place:04}") for place in range(8)), return_exceptions=True
    )
    assert sum(isinstance(answer, UUID) for answer in answers) == 5
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"call_limit"}


async def test_countries_may_be_set_for_a_workspace(house: House) -> None:
    shop = await house.shop()
    assert await refused(house, shop, "+442079460123") == (Invalid, "country_not_allowed")
    await house.staff(
        lambda db: db.execute(
            "UPDATE workspaces SET settings = $2 WHERE id = $1", shop.workspace_id, {"outbound_countries": ["GB"]}
        )
    )
    await house.place(shop, "+442079460123")
    assert await refused(house, shop) == (Invalid, "country_not_allowed")


# --- dialling ---


def placing(house: House) -> Handler:
    return place_by(house.pool, house.calls, house.services.carriers)


async def job(house: House, shop: Shop, **given: Any) -> tuple[UUID, bytes]:
    """A call placed just now, for jobs go by the clock."""
    from datetime import UTC, datetime

    call_id = await house.place(shop, SOMEBODY, at=datetime.now(UTC), **given)
    return call_id, msgspec.json.encode(PlaceJob(call_id))


async def test_it_is_dialled_once(house: House) -> None:
    shop = await house.shop()
    call_id, payload = await job(house, shop)
    for _ in range(3):
        await placing(house)(payload)
    (dial,) = house.gateway.dialled
    assert (dial.call_id, dial.caller, dial.called) == (str(call_id), shop.number, SOMEBODY)
    assert (dial.ring_s, dial.detect_machine) == (45, True)
    row = await house.row(call_id)
    assert (row["carrier_call_id"], row["status"]) == (f"CA-{call_id}", "queued")
    assert row["started_at"] is not None and "placing_at" in row["details"]


async def test_a_test_call_talks_to_machines_too(house: House) -> None:
    _, payload = await job(house, await house.shop(), test=True)
    await placing(house)(payload)
    assert not house.gateway.dialled[0].detect_machine


async def test_a_call_lasts_as_long_as_its_agent_allows_and_then_a_transfer(house: House) -> None:
    _, payload = await job(house, await house.shop(limits={"max_duration_s": 300}))
    await placing(house)(payload)
    assert house.gateway.dialled[-1].longest_s == 300 + 60 + 3_600
    _, payload = await job(house, await house.shop(limits={"max_duration_s": 0}))
    await placing(house)(payload)
    assert house.gateway.dialled[-1].longest_s == 14_400


async def test_a_test_call_lasts_as_long_as_the_staff_allow(house: House) -> None:
    _, payload = await job(house, await house.shop(), test=True)
    await placing(house)(payload)
    assert house.gateway.dialled[-1].longest_s == 600


@pytest.mark.parametrize(("used_s", "longest_s"), [(35_000, 1_000), (35_990, 60), (35_000 - 7_000, 7_260)])
async def test_a_call_lasts_no_longer_than_what_is_left_of_the_day(house: House, used_s: int, longest_s: int) -> None:
    shop = await house.shop()
    before, _ = await job(house, shop)
    await house.staff(
        lambda db: db.execute(
            "UPDATE calls SET status = 'completed', duration_seconds = $2 WHERE id = $1", before, used_s
        )
    )
    _, payload = await job(house, shop)
    await placing(house)(payload)
    assert house.gateway.dialled[-1].longest_s == longest_s


async def test_two_workers_at_once_dial_once(house: House) -> None:
    call_id, payload = await job(house, await house.shop())
    await asyncio.gather(*(placing(house)(payload) for _ in range(5)), return_exceptions=True)
    assert len(house.gateway.dialled) == 1
    row = await house.row(call_id)
    # Whoever came second found it being placed, and the carrier knowing nothing yet: then it fails, rather than twice.
    assert row["status"] in ("queued", "failed")


async def test_the_carrier_refuses(house: House) -> None:
    call_id, payload = await job(house, await house.shop())
    house.gateway.answers["dial"] = refusal()
    await placing(house)(payload)
    row = await house.row(call_id)
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "carrier_error", "21217")


async def test_nobody_knows_whether_it_was_dialled(house: House) -> None:
    call_id, payload = await job(house, await house.shop())
    house.gateway.answers["dial"] = away()
    with pytest.raises(JobFailed) as failed:
        await placing(house)(payload)
    assert not failed.value.for_good and SOMEBODY not in failed.value.reason
    house.gateway.answers["find_dialled"] = away()
    with pytest.raises(JobFailed):
        await placing(house)(payload)
    del house.gateway.answers["find_dialled"]
    house.gateway.found = [Placed("CA-found")]
    await placing(house)(payload)
    assert len(house.gateway.dialled) == 1
    assert (await house.row(call_id))["carrier_call_id"] == "CA-found"


async def test_it_was_not_dialled_for_all_we_know(house: House) -> None:
    call_id, payload = await job(house, await house.shop())
    house.gateway.answers["dial"] = away()
    with pytest.raises(JobFailed):
        await placing(house)(payload)
    await placing(house)(payload)
    row = await house.row(call_id)
    assert (row["status"], row["end_detail"]) == ("failed", "not_confirmed")
    assert len(house.gateway.dialled) == 1


async def test_what_is_found_may_be_another_call_of_ours(house: House) -> None:
    shop = await house.shop()
    _, first = await job(house, shop)
    await placing(house)(first)
    call_id, payload = await job(house, shop)
    house.gateway.answers["dial"] = away()
    with pytest.raises(JobFailed):
        await placing(house)(payload)
    house.gateway.found = [Placed(f"CA-{house.gateway.dialled[0].call_id}")]
    await placing(house)(payload)
    assert (await house.row(call_id))["end_detail"] == "not_confirmed"


async def test_of_what_is_found_the_one_that_is_no_other_call_of_ours_is_it(house: House) -> None:
    shop = await house.shop()
    _, first = await job(house, shop)
    await placing(house)(first)
    call_id, payload = await job(house, shop)
    house.gateway.answers["dial"] = away()
    with pytest.raises(JobFailed):
        await placing(house)(payload)
    house.gateway.found = [Placed(f"CA-{house.gateway.dialled[0].call_id}"), Placed("CA-mine")]
    await placing(house)(payload)
    assert (await house.row(call_id))["carrier_call_id"] == "CA-mine"


@pytest.mark.parametrize("consented", [True, False])
async def test_the_carrier_records_only_what_the_agent_has_recorded(house: House, consented: bool) -> None:
    recording = {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."} if consented else {}
    _, payload = await job(house, await house.shop(recording=recording))
    await placing(house)(payload)
    assert house.gateway.dialled[-1].record is consented


async def test_it_was_answered_before_the_job_came_back(house: House) -> None:
    call_id, payload = await job(house, await house.shop())
    house.gateway.answers["dial"] = away()
    with pytest.raises(JobFailed):
        await placing(house)(payload)
    made = await house.staff(lambda db: house.calls.answered(db, "twilio", "CA-webhook", call_id, later(1)))
    assert isinstance(made, Admitted)
    await placing(house)(payload)
    row = await house.row(call_id)
    assert (row["status"], row["carrier_call_id"]) == ("in_progress", "CA-webhook")


async def test_a_call_that_waited_too_long_is_no_longer_wanted(house: House) -> None:
    shop = await house.shop()
    call_id = await house.place(shop, SOMEBODY, at=later(-86_400 * 300))
    await placing(house)(msgspec.json.encode(PlaceJob(call_id)))
    assert (await house.row(call_id))["end_detail"] == "too_late"
    assert not house.gateway.dialled


async def test_a_payload_that_is_none(house: House) -> None:
    with pytest.raises(JobFailed) as failed:
        await placing(house)(b"{}")
    assert failed.value.for_good


# --- hanging up ---


def hanging(house: House) -> Handler:
    return hang_up_by(house.pool, house.services.carriers, house.handover)


NINE = UUID(int=9)


def hang_up(reason: EndReason = "admin", call_id: UUID = NINE) -> bytes:
    return msgspec.json.encode(HangUp(call_id, "twilio", "CA9", reason))


async def test_media_ends_a_call_where_it_has_it(house: House) -> None:
    await LiveCalls(house.redis).beat([LiveCall(str(UUID(int=9)), "node-h", 0)])
    ending = asyncio.ensure_future(hanging(house)(hang_up("voicemail")))
    _, orders = await Commands(house.redis).read("node-h", "0", 4.0)
    assert orders[0].command == EndCall("voicemail")
    await Commands(house.redis).answer(orders[0].id, DONE)
    await asyncio.wait_for(ending, 5)
    assert not house.gateway.hung_up
    await LiveCalls(house.redis).gone([str(UUID(int=9))])


async def test_else_the_carrier_does(house: House) -> None:
    await hanging(house)(hang_up(call_id=UUID(int=10)))
    assert house.gateway.hung_up == ["CA9"]
    house.gateway.answers["hang_up"] = refusal(over=True)
    await hanging(house)(hang_up(call_id=UUID(int=10)))
    house.gateway.answers["hang_up"] = away()
    with pytest.raises(JobFailed) as failed:
        await hanging(house)(hang_up(call_id=UUID(int=10)))
    assert not failed.value.for_good
    house.gateway.answers["hang_up"] = refusal()
    with pytest.raises(JobFailed) as failed:
        await hanging(house)(hang_up(call_id=UUID(int=10)))
    assert failed.value.for_good
