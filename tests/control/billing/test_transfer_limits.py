"""Transferred calls within a spending limit: no media node has them, so the worker ends them at the carrier."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.control.billing.spend_scene import PRICE, SpendScene, make_scene, set_limit
from tests.control.billing.test_spend_limits import FOREVER, alerts, run_to_the_end
from tests.control.calls.call_platform import CallPlatform, carrier_refusal, open_call_platform


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        await opened.redis.flushall()
        yield opened


async def transfer_all(scene: SpendScene, every: int = 1) -> None:
    """Every so many of the calls."""
    for call in scene.running[::every]:
        await scene.transfer(call)


async def test_200_calls_of_which_half_are_transferred_stay_within_a_limit_of_50_minutes(
    platform: CallPlatform,
) -> None:
    scene = await make_scene(platform, 50 * PRICE)
    assert 40 <= await scene.ring_many([FOREVER] * 200) <= 50
    await scene.run(35)
    await transfer_all(scene, 2)
    await run_to_the_end(scene)
    assert all(call.last_words_at is not None for call in scene.calls)
    assert 44 * PRICE < await scene.spent() <= 50 * PRICE
    assert await alerts(scene) == ["limit"]


async def test_redis_lost_in_between_lets_no_transfer_go_beyond_the_limit(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 50 * PRICE)
    admitted = await scene.ring_many([FOREVER] * 40)
    await scene.run(25)
    await transfer_all(scene, 2)
    for seconds in (5, 13, 30, 7):
        await scene.lose_redis()
        admitted += await scene.ring_many([FOREVER] * 5)
        await scene.run(seconds)
    assert admitted <= 50
    await run_to_the_end(scene)
    assert 40 * PRICE < await scene.spent() <= 50 * PRICE


@pytest.mark.parametrize("is_seen", [True, False])
async def test_without_redis_transfers_end_within_a_minute_of_their_granted_time(
    platform: CallPlatform, is_seen: bool
) -> None:
    """is_seen: a run of the duty saw the transfer before Redis was lost."""
    scene = await make_scene(platform, 30 * PRICE)
    assert await scene.ring_many([FOREVER] * 10) == 10
    await scene.run(45)
    await transfer_all(scene)
    if is_seen:
        await scene.renew()
    scene.is_redis_up = False
    await run_to_the_end(scene)
    assert all(call.last_words_at is not None for call in scene.calls)
    assert await scene.spent() <= (30 + 10) * PRICE
    if not is_seen:
        assert scene.at <= 45 + 60


async def test_time_before_a_transfer_is_counted_once(platform: CallPlatform) -> None:
    """Four minutes are in the ledger then: six are left for the transfer."""
    scene = await make_scene(platform, 10 * PRICE)
    assert await scene.ring(FOREVER)
    await scene.run(240)
    await transfer_all(scene)
    await run_to_the_end(scene)
    assert Decimal("9.5") * PRICE < await scene.spent() <= 10 * PRICE
    (call,) = scene.calls
    row = await platform.call_row(call.admitted.call_id)
    assert (row["end_reason"], row["end_detail"]) == ("transferred", "spend_limit")
    assert [said[1:] for said in platform.gateway.spoken] == [
        ("Sorry, this call has to end now. Please call again later. Goodbye.", "en")
    ]


async def test_a_transfer_goes_on_when_the_limit_is_raised_or_lifted(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 2 * PRICE)
    assert await scene.ring(400)
    await scene.run(20)
    await transfer_all(scene)
    await scene.run(40)
    assert await alerts(scene) == ["limit"]  # it was refused more, and would end 10 s later
    await set_limit(platform, scene.workspace, 4 * PRICE)
    await scene.run(90)
    await set_limit(platform, scene.workspace, None)
    await run_to_the_end(scene)
    assert scene.calls[0].last_words_at is None
    assert scene.at >= 400


async def test_a_worker_that_was_away_ends_no_transfer_that_has_money(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 10 * PRICE)
    assert await scene.ring(400)
    await scene.run(20)
    await transfer_all(scene)
    await scene.run(20)
    scene.is_worker_up = False
    await scene.run(300)
    scene.is_worker_up = True
    await run_to_the_end(scene)
    assert scene.calls[0].last_words_at is None


async def test_a_transfer_that_goes_on_is_ended_again_after_a_minute(platform: CallPlatform) -> None:
    """The carrier could not be reached for so long that the job gave up."""
    scene = await make_scene(platform, 2 * PRICE)
    assert await scene.ring(FOREVER)
    await scene.run(20)
    await transfer_all(scene)
    platform.gateway.answers["speak_last_words"] = carrier_refusal(call_ended=True)  # it is not
    for _ in range(16):
        scene.at += 10
        await scene.renew()
    assert [one for one, *_ in platform.gateway.spoken] == [scene.calls[0].admitted.carrier_call_id] * 2
