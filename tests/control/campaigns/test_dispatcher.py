"""The dispatcher: each recipient as often as allowed, in its hours, at the pace, never twice at once."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from control.campaigns.recipients import CampaignCall
from control.campaigns.service import Campaigns
from control.campaigns.settings import RetryPolicy, RetryRule
from control.campaigns.tasks import CampaignDispatcher
from control.db.pool import Connection
from tests.control.campaigns.campaign_workspace import DAYTIME, NOON, CampaignWorkspace, number_of

FIRST, SECOND, THIRD = (number_of(index) for index in (101, 102, 103))
ONCE = RetryPolicy(most_attempts=1)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_places_no_more_calls_at_once_than_the_campaign_allows(tenant: CampaignWorkspace) -> None:
    await tenant.start(FIRST, SECOND, THIRD, calls_per_minute=600, most_open_calls=2)
    assert await tenant.run() + await tenant.run(5) + await tenant.run(5) == 2
    await tenant.end((await tenant.open_calls())[0]["id"])
    assert await tenant.run(5) == 1
    assert [row["called_number"] for row in await tenant.open_calls()] == [SECOND, THIRD]


async def test_keeps_the_pace_in_every_minute(tenant: CampaignWorkspace) -> None:
    numbers = [number_of(index) for index in range(200, 230)]
    campaign = await tenant.start(*numbers, calls_per_minute=6, most_open_calls=30, retries=ONCE)
    for _ in range(90):
        await tenant.run(2)
    times = [row["started_at"] for row in await tenant.attempts(campaign)]
    busiest = max(sum(first <= other < first + timedelta(minutes=1) for other in times) for first in times)
    assert busiest <= 6
    assert len(times) == 18  # three minutes


async def test_spreads_calls_over_the_minute(tenant: CampaignWorkspace) -> None:
    """A late run makes up for two seconds, and not for ten."""
    numbers = [number_of(index) for index in range(240, 260)]
    await tenant.start(*numbers, calls_per_minute=60, most_open_calls=50)
    assert await tenant.run() == 1
    assert await tenant.run(10) == 3
    assert await tenant.run(1) == 1


async def test_calls_in_the_hours_of_the_recipients_zone_only(tenant: CampaignWorkspace) -> None:
    """At noon in New York it is 9:00 in San Francisco and 7:00 in Honolulu."""
    tenant.now = NOON - timedelta(minutes=1)
    honolulu, san_francisco = "+18083455678", "+14152345678"
    campaign = await tenant.start(
        honolulu, san_francisco, FIRST, hours=DAYTIME, calls_per_minute=600, most_open_calls=9
    )
    assert await tenant.run() == 1
    waiting = await tenant.recipients(campaign)
    assert waiting[san_francisco]["next_attempt_at"] == NOON
    assert waiting[honolulu]["next_attempt_at"] == NOON + timedelta(hours=2)
    assert await tenant.run(60) == 1
    assert await tenant.run(7_199) == 0
    assert await tenant.run(1) == 1


async def test_own_time_zone_of_a_recipient_decides(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.create(hours=DAYTIME)
    await tenant.add(campaign, FIRST, timezone="Pacific/Honolulu")
    await tenant.change("start", campaign)
    assert await tenant.run() == 0
    assert (await tenant.recipients(campaign))[FIRST]["next_attempt_at"] == NOON + timedelta(hours=2)


async def test_retries_by_outcome_until_the_policy_ends_it(tenant: CampaignWorkspace) -> None:
    policy = RetryPolicy(most_attempts=3, most_a_day=3, gap_minutes=1, busy=RetryRule(most=2, delay_minutes=30))
    campaign = await tenant.start(FIRST, retries=policy)
    for expected in (1, 2, 3):
        assert await tenant.run() == 1
        await tenant.end_all("busy")
        assert (await tenant.recipients(campaign))[FIRST]["attempts"] == expected
        assert await tenant.run(29 * 60) == 0
        await tenant.run(59)
        tenant.now += timedelta(seconds=1)
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"]) == ("finished", "busy")
    assert (await tenant.get(campaign)).status == "completed"


async def test_an_answered_recipient_is_not_called_again(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST)
    await tenant.run()
    await tenant.end_all("completed", "caller_hangup")
    assert await tenant.run(86_400) == 0
    done = await tenant.get(campaign)
    assert (done.status, done.finished_at) == ("completed", tenant.now)


async def test_two_campaigns_never_call_one_number_at_once(tenant: CampaignWorkspace) -> None:
    one, other = await tenant.start(FIRST), await tenant.start(FIRST)
    assert await tenant.run() == 1
    assert await tenant.run(600) == 0
    assert len(await tenant.open_calls()) == 1
    await tenant.end_all("completed", "caller_hangup")
    assert await tenant.run(301) == 1
    assert len(await tenant.attempts(one)) == len(await tenant.attempts(other)) == 1


async def test_several_workers_at_once_call_each_recipient_once(tenant: CampaignWorkspace) -> None:
    numbers = [number_of(index) for index in range(300, 312)]
    campaign = await tenant.start(*numbers, calls_per_minute=600, most_open_calls=12)
    for _ in range(8):
        await asyncio.gather(*(tenant.dispatcher.run(tenant.now) for _ in range(4)))
        tenant.now += timedelta(seconds=2)
    called = sorted(row["phone_number"] for row in await tenant.attempts(campaign))
    assert called == sorted(numbers)


async def test_worker_that_dies_after_placing_leaves_no_trace(tenant: CampaignWorkspace) -> None:
    """The call, the attempt and the recipient's status are one transaction: without the last, there is none."""
    campaign = await tenant.start(FIRST)
    place = tenant.dispatcher._place_call

    class Killed(BaseException):
        pass

    async def die(*arguments: object) -> None:
        await place(*arguments)  # type: ignore[arg-type]
        raise Killed

    with pytest.raises(Killed):
        await CampaignDispatcher(tenant.platform.pool, die).run(tenant.now)  # type: ignore[arg-type]
    assert not await tenant.open_calls() and not await tenant.attempts(campaign)
    assert await tenant.run() == 1
    assert len(await tenant.attempts(campaign)) == 1


async def test_campaigns_take_turns(tenant: CampaignWorkspace) -> None:
    pace = {"calls_per_minute": 600, "most_open_calls": 50}
    first = await tenant.start(*(number_of(index) for index in range(400, 420)), **pace)
    second = await tenant.start(*(number_of(index) for index in range(420, 440)), **pace)
    tenant.now += timedelta(seconds=2)
    await tenant.run()
    assert abs(len(await tenant.attempts(first)) - len(await tenant.attempts(second))) <= 1
    assert await tenant.attempts(first)


async def test_campaign_that_fails_keeps_no_other_from_calling(tenant: CampaignWorkspace) -> None:
    await tenant.start(FIRST)
    other = await tenant.start(SECOND)
    place = tenant.dispatcher._place_call

    async def fail(db: Connection, call: CampaignCall, now: datetime) -> UUID:
        if call.phone_number == FIRST:
            raise ZeroDivisionError
        return await place(db, call, now)

    with pytest.raises(ZeroDivisionError):
        await CampaignDispatcher(tenant.platform.pool, fail).run(tenant.now)
    assert len(await tenant.attempts(other)) == 1


async def test_end_of_a_call_that_is_not_stored_settles_nothing(tenant: CampaignWorkspace) -> None:
    """A worker that dies before the transaction of the end commits: the end is reported again, and settled then."""
    campaign = await tenant.start(FIRST)
    await tenant.run()
    (row,) = await tenant.open_calls()
    with pytest.raises(ZeroDivisionError):
        await tenant.end(row["id"], "busy", dies=True)
    assert (await tenant.recipients(campaign))[FIRST]["status"] == "calling"
    assert (await tenant.open_calls())[0]["id"] == row["id"]
    await tenant.end(row["id"], "busy")
    assert [(attempt["outcome"]) for attempt in await tenant.attempts(campaign)] == ["busy"]


async def test_changed_hours_hold_for_recipients_that_waited_for_the_ones_before(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.create(hours=DAYTIME)
    await tenant.add(campaign, FIRST, timezone="Pacific/Honolulu")
    await tenant.change("start", campaign)
    assert await tenant.run() == 0
    service, owner = tenant.platform.services[Campaigns], tenant.workspace
    wider = tenant.settings()
    await tenant.platform.in_workspace(
        owner, lambda db: service.update(db, owner.workspace_id, owner.actor, campaign.id, wider, tenant.now)
    )
    assert await tenant.run() == 1
