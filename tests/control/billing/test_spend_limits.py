"""Calls within a spending limit: many at once, with Redis or the workers lost in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from control.accounts.emails.service import EMAIL_JOB
from control.billing.accounts.service import set_prepaid
from control.billing.credits.rules import CreditGrant
from control.billing.credits.service import grant_credit
from shared.bus.granted_time import GrantedTime
from shared.errors import Conflict
from shared.ids import new_id
from tests.control.billing.spend_scene import PRICE, SpendScene, make_scene, set_limit
from tests.control.calls.call_platform import STAFF, CallPlatform, open_call_platform

# Callers who never hang up.
FOREVER = 100_000
END_ALL = "UPDATE calls SET status = 'failed' WHERE status IN ('queued', 'ringing', 'in_progress')"
ALERTS = "SELECT kind FROM spend_alerts WHERE workspace_id = $1 ORDER BY at"


@pytest.fixture
async def platform(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        await opened.redis.flushall()
        yield opened
        # The worker's duty reads the running calls of all workspaces: those of earlier tests made each run slower.
        await opened.in_platform(lambda db: db.execute(END_ALL))


async def run_to_the_end(scene: SpendScene) -> None:
    """Until no call runs."""
    for _ in range(60):
        if not scene.running:
            return
        await scene.run(30)
    pytest.fail(f"{len(scene.running)} calls go on after {scene.at} s")


async def alerts(scene: SpendScene) -> list[str]:
    workspace_id = scene.workspace.workspace_id
    return [row["kind"] for row in await scene.platform.in_platform(lambda db: db.fetch(ALERTS, workspace_id))]


async def test_200_calls_at_once_stay_within_a_limit_of_50_minutes(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 50 * PRICE)
    admitted = await scene.ring_many([FOREVER] * 200)
    assert 40 <= admitted <= 50  # the first ones get some minutes ahead
    assert len(scene.told) == 200 - admitted
    await run_to_the_end(scene)
    assert all(call.last_words_at is not None for call in scene.calls)
    assert 45 * PRICE < await scene.spent() <= 50 * PRICE
    assert await alerts(scene) == ["limit"]


async def test_redis_lost_in_between_admits_nobody_beyond_the_limit(platform: CallPlatform) -> None:
    """Lost right after the beginning, between two renewals and at the end; callers ring again at once."""
    scene = await make_scene(platform, 50 * PRICE)
    admitted = await scene.ring_many([FOREVER] * 60)
    for seconds in (5, 13, 30, 7):
        await scene.lose_redis()
        admitted += await scene.ring_many([FOREVER] * 10)
        await scene.run(seconds)
    assert admitted <= 50
    await run_to_the_end(scene)
    assert 45 * PRICE < await scene.spent() <= 50 * PRICE


async def test_without_redis_calls_end_within_a_minute_of_their_granted_time(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 20 * PRICE)
    admitted = await scene.ring_many([FOREVER] * 30)
    await scene.run(2)  # the node has looked once
    scene.is_redis_up = False
    assert await scene.ring_many([FOREVER] * 3) == 0
    await run_to_the_end(scene)
    assert all(call.last_words_at is not None for call in scene.calls)
    assert await scene.spent() <= (20 + admitted) * PRICE


async def test_worker_paused_for_half_a_minute_ends_no_call(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 40 * PRICE)
    assert await scene.ring_many([200] * 5) == 5
    await scene.run(35)
    scene.is_worker_up = False
    await scene.run(30)
    scene.is_worker_up = True
    await run_to_the_end(scene)
    assert [call.last_words_at for call in scene.calls] == [None] * 5
    assert await scene.spent() == sum((Decimal(200) / 60 * PRICE for _ in range(5)), Decimal(0)).quantize(
        Decimal("1e-9")
    )


async def test_a_call_whose_answer_nobody_reported_yet_gets_its_next_minute(platform: CallPlatform) -> None:
    """Twilio reports no answer of an inbound call. That media has it is an event, which may come late."""
    scene = await make_scene(platform, 4 * PRICE)
    assert await scene.ring(FOREVER)
    (call,) = scene.calls
    call_id = call.admitted.call_id
    begun = "UPDATE calls SET status = 'ringing', answered_at = NULL, details = $2 WHERE id = $1"
    details = {"legs": [{"leg": 0, "node_id": "node-1", "at": scene.now.isoformat()}]}
    await platform.in_platform(lambda db: db.execute(begun, call_id, details))
    await scene.run(100)
    assert call.is_running and call.time.granted == GrantedTime(120)


async def test_a_workspace_that_cannot_be_read_keeps_no_other_from_its_next_minute(platform: CallPlatform) -> None:
    """Its statement may take too long, or its data be wrong: the calls of all workspaces behind it would end."""
    broken, scene = await make_scene(platform, 4 * PRICE), await make_scene(platform, 4 * PRICE)
    for one in (broken, scene):
        assert await one.ring(FOREVER)
    unreadable = "UPDATE workspaces SET timezone = 'Nowhere/Nothing' WHERE id = $1"
    await platform.in_platform(lambda db: db.execute(unreadable, broken.workspace.workspace_id))
    await scene.run(100)
    (call,) = scene.calls
    assert call.time.granted == GrantedTime(120)


async def test_two_workers_renew_the_same_calls_without_counting_them_twice(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 12 * PRICE)
    assert await scene.ring_many([FOREVER] * 3) == 3
    other = SpendScene(platform, scene.workspace)
    while scene.running:
        await scene.run(10)
        other.at = scene.at
        await asyncio.gather(scene.renew(), other.renew())
    assert 11 * PRICE < await scene.spent() <= 12 * PRICE


async def test_calls_are_admitted_again_when_the_limit_is_raised(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 1 * PRICE)
    assert await scene.ring_many([FOREVER] * 2) == 1
    await scene.run(45)
    (call,) = scene.calls
    assert call.time.granted is not None and call.time.granted.is_last
    await set_limit(platform, scene.workspace, 6 * PRICE)
    await scene.run(60)
    assert call.is_running  # also the call that was to end
    assert await scene.ring(FOREVER)
    await run_to_the_end(scene)
    assert 5 * PRICE < await scene.spent() <= 6 * PRICE
    assert await alerts(scene) == ["limit", "limit"]


@pytest.mark.parametrize("keeps_limit", [True, False])
async def test_running_calls_go_on_when_the_limit_no_longer_ends_them(
    platform: CallPlatform, keeps_limit: bool
) -> None:
    scene = await make_scene(platform, 2 * PRICE)
    assert await scene.ring(300)
    await scene.run(15)
    await set_limit(platform, scene.workspace, 2 * PRICE if keeps_limit else None, pauses=not keeps_limit)
    assert await scene.ring(300)
    await run_to_the_end(scene)
    assert [call.last_words_at for call in scene.calls] == [None, None]
    await scene.renew()
    assert await alerts(scene) == (["limit"] if keeps_limit else [])


async def test_a_workspace_is_warned_once_for_a_limit(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 10 * PRICE)
    before = len(await platform.job_payloads(EMAIL_JOB))
    for _ in range(2):
        assert await scene.ring(240)
        await run_to_the_end(scene)
    for _ in range(3):
        await scene.renew()
    assert await alerts(scene) == ["threshold"]
    assert len(await platform.job_payloads(EMAIL_JOB)) == before + 1


async def test_random_calls_with_losses_stay_within_the_limit(platform: CallPlatform) -> None:
    """Callers come and go, Redis is lost at random, the worker pauses at random."""
    random = Random(13)
    scene = await make_scene(platform, 30 * PRICE)
    for _ in range(25):
        await scene.ring_many([random.choice([5, 20, 50, 90, 200, FOREVER]) for _ in range(random.randrange(5))])
        scene.is_worker_up = random.random() < 0.7
        await scene.run(random.randrange(1, 25))
        if random.random() < 0.3:
            await scene.lose_redis()
    scene.is_worker_up = True
    await run_to_the_end(scene)
    assert 25 * PRICE < await scene.spent() <= 30 * PRICE


async def test_prepaid_calls_end_when_the_credits_are_used_up(platform: CallPlatform) -> None:
    """Two minutes of usage are owed already; a credit that has expired does not count."""
    scene = await make_scene(platform, 100 * PRICE)
    assert await scene.ring(120)
    await run_to_the_end(scene)
    await platform.in_platform(lambda db: set_prepaid(db, STAFF, scene.workspace.workspace_id, prepaid=True))
    await grant(scene, 2 * PRICE)
    await grant(scene, 50 * PRICE, expires_s=-1)
    await scene.lose_redis()  # which had a budget from a moment ago
    assert not await scene.ring(FOREVER)
    await grant(scene, 3 * PRICE)
    await scene.lose_redis()
    assert await scene.ring(FOREVER)
    await run_to_the_end(scene)
    assert 4 * PRICE < await scene.spent() <= 5 * PRICE


async def test_outbound_calls_are_neither_placed_nor_dialed_beyond_the_limit(platform: CallPlatform) -> None:
    scene = await make_scene(platform, 2 * PRICE)
    queued = await platform.place(scene.workspace, "+14155550199")
    assert await scene.ring(120)
    await run_to_the_end(scene)
    await set_limit(platform, scene.workspace, 1 * PRICE)
    with pytest.raises(Conflict) as refusal:
        await platform.place(scene.workspace, "+14155550199", at=scene.now)
    assert refusal.value.code == "spend_limit_reached"
    assert await platform.in_platform(lambda db: platform.placement.start(db, queued, scene.now)) is None
    row = await platform.call_row(queued)
    assert (row["status"], row["end_reason"]) == ("failed", "spend_limit")
    assert await platform.place(scene.workspace, "+14155550198", test=True, at=scene.now)


async def grant(scene: SpendScene, amount: Decimal, expires_s: float | None = None) -> None:
    """A prepaid credit that holds since yesterday."""
    credit = CreditGrant(
        id=UUID(new_id()),
        workspace_id=scene.workspace.workspace_id,
        amount=amount,
        currency="usd",
        category="prepaid",
        applies_to="usage",
        priority=50,
        effective_at=scene.now - timedelta(days=1),
        expires_at=None if expires_s is None else scene.now + timedelta(seconds=expires_s),
        reason="Transfer 17",
        created_at=scene.now,
    )
    await scene.platform.in_platform(lambda db: grant_credit(db, STAFF, credit))
