"""The dispatcher: each recipient as often as allowed, in its hours, at the pace, never twice at once."""

import asyncio
from datetime import timedelta

import pytest

from control.campaigns.dispatcher import CampaignDispatcher
from control.campaigns.retry_policy import RetryPolicy, RetryRule
from tests.control.campaigns.campaign_desk import DAYTIME, NOON, CampaignDesk, number_of

FIRST, SECOND, THIRD = (number_of(index) for index in (101, 102, 103))
ONCE = RetryPolicy(most_attempts=1)


async def test_places_no_more_calls_at_once_than_the_campaign_allows(desk: CampaignDesk) -> None:
    await desk.start(FIRST, SECOND, THIRD, calls_per_minute=600, most_open_calls=2)
    assert await desk.run() + await desk.run(5) + await desk.run(5) == 2
    await desk.end((await desk.open_calls())[0]["id"])
    assert await desk.run(5) == 1
    assert [row["called_number"] for row in await desk.open_calls()] == [SECOND, THIRD]


async def test_keeps_the_pace_in_every_minute(desk: CampaignDesk) -> None:
    numbers = [number_of(index) for index in range(200, 230)]
    campaign = await desk.start(*numbers, calls_per_minute=6, most_open_calls=30, retries=ONCE)
    for _ in range(90):
        await desk.run(2)
    times = [row["started_at"] for row in await desk.attempts(campaign)]
    busiest = max(sum(first <= other < first + timedelta(minutes=1) for other in times) for first in times)
    assert busiest <= 6
    assert len(times) == 18  # three minutes


async def test_calls_in_the_hours_of_the_recipients_zone_only(desk: CampaignDesk) -> None:
    """At noon in New York it is 9:00 in San Francisco and 7:00 in Honolulu."""
    desk.now = NOON - timedelta(minutes=1)
    honolulu, san_francisco = "+18083455678", "+14152345678"
    campaign = await desk.start(honolulu, san_francisco, FIRST, hours=DAYTIME, calls_per_minute=600, most_open_calls=9)
    assert await desk.run() == 1
    waiting = await desk.recipients(campaign)
    assert waiting[san_francisco]["next_attempt_at"] == NOON
    assert waiting[honolulu]["next_attempt_at"] == NOON + timedelta(hours=2)
    assert await desk.run(60) == 1
    assert await desk.run(7_199) == 0
    assert await desk.run(1) == 1


async def test_own_time_zone_of_a_recipient_decides(desk: CampaignDesk) -> None:
    campaign = await desk.create(hours=DAYTIME)
    await desk.add(campaign, FIRST, timezone="Pacific/Honolulu")
    await desk.change("start", campaign)
    assert await desk.run() == 0
    assert (await desk.recipients(campaign))[FIRST]["next_attempt_at"] == NOON + timedelta(hours=2)


async def test_retries_by_outcome_until_the_policy_ends_it(desk: CampaignDesk) -> None:
    policy = RetryPolicy(most_attempts=3, most_a_day=3, gap_minutes=1, busy=RetryRule(most=2, delay_minutes=30))
    campaign = await desk.start(FIRST, retries=policy)
    for expected in (1, 2, 3):
        assert await desk.run() == 1
        await desk.end_all("busy")
        assert (await desk.recipients(campaign))[FIRST]["attempts"] == expected
        assert await desk.run(29 * 60) == 0
        await desk.run(59)
        desk.now += timedelta(seconds=1)
    row = (await desk.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"]) == ("finished", "busy")
    assert (await desk.get(campaign)).status == "completed"


async def test_an_answered_recipient_is_not_called_again(desk: CampaignDesk) -> None:
    campaign = await desk.start(FIRST)
    await desk.run()
    await desk.end_all("completed", "caller_hangup")
    assert await desk.run(86_400) == 0
    done = await desk.get(campaign)
    assert (done.status, done.finished_at) == ("completed", desk.now)


async def test_two_campaigns_never_call_one_number_at_once(desk: CampaignDesk) -> None:
    one, other = await desk.start(FIRST), await desk.start(FIRST)
    assert await desk.run() == 1
    assert await desk.run(600) == 0
    assert len(await desk.open_calls()) == 1
    await desk.end_all("completed", "caller_hangup")
    assert await desk.run(301) == 1
    assert len(await desk.attempts(one)) == len(await desk.attempts(other)) == 1


async def test_several_workers_at_once_call_each_recipient_once(desk: CampaignDesk) -> None:
    numbers = [number_of(index) for index in range(300, 312)]
    campaign = await desk.start(*numbers, calls_per_minute=600, most_open_calls=12)
    for _ in range(8):
        await asyncio.gather(*(desk.dispatcher.run(desk.now) for _ in range(4)))
        desk.now += timedelta(seconds=2)
    called = sorted(row["phone_number"] for row in await desk.attempts(campaign))
    assert called == sorted(numbers)


async def test_worker_that_dies_after_placing_leaves_no_trace(desk: CampaignDesk) -> None:
    """The call, the attempt and the recipient's status are one transaction: without the last, there is none."""
    campaign = await desk.start(FIRST)
    place = desk.dispatcher._place_call

    class Killed(BaseException):
        pass

    async def die(*arguments: object) -> None:
        await place(*arguments)  # type: ignore[arg-type]
        raise Killed

    with pytest.raises(Killed):
        await CampaignDispatcher(desk.platform.pool, die).run(desk.now)  # type: ignore[arg-type]
    assert not await desk.open_calls() and not await desk.attempts(campaign)
    assert await desk.run() == 1
    assert len(await desk.attempts(campaign)) == 1


async def test_campaigns_take_turns(desk: CampaignDesk) -> None:
    pace = {"calls_per_minute": 600, "most_open_calls": 50}
    first = await desk.start(*(number_of(index) for index in range(400, 420)), **pace)
    second = await desk.start(*(number_of(index) for index in range(420, 440)), **pace)
    desk.now += timedelta(seconds=2)
    await desk.run()
    assert abs(len(await desk.attempts(first)) - len(await desk.attempts(second))) <= 1
    assert await desk.attempts(first)
