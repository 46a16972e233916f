"""The rules of numbers, without a carrier."""

from datetime import timedelta

import pytest

from control.agents.service import Agents
from control.audit.service import Actor
from control.db.keyset import PageRequest
from control.db.pool import Connection, Pool
from control.http.services import Services
from control.numbers.rules import NumberOrder
from control.numbers.service import BUY, RELEASE, STUCK, make_payload
from control.platform.service import Platform
from shared.errors import Conflict, Invalid, NotFound, TooManyRequests
from tests.control.numbers.conftest import NOW, NumbersWorkspace, make_workspace

ONE, TWO, THREE = "+14155550101", "+14155550102", "+442071838750"


async def test_purchase_inserts_row_job_and_audit_entry(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(THREE, "telnyx", "London")
    assert (number.status, number.carrier, number.country, number.friendly_name) == (
        "buying", "telnyx", "GB", "London",
    )  # fmt: skip
    assert await workspace.get(number) == number
    assert await workspace.queued_jobs() == [(BUY, make_payload(number.id))]
    (entry,) = await workspace.fetch("SELECT actor_id, details FROM audit_log WHERE action = 'number.buy'")
    assert entry["actor_id"] == workspace.actor.id
    assert entry["details"]["after"] == {"phone_number": THREE, "carrier": "telnyx"}


async def test_a_purchase_that_is_rolled_back_leaves_no_job(workspace: NumbersWorkspace) -> None:
    with pytest.raises(RuntimeError):
        async with workspace.acting() as db:
            expected = NumberOrder(ONE, "", "twilio")
            await workspace.numbers.buy(db, workspace.workspace_id, workspace.actor, expected, NOW)
            raise RuntimeError
    assert not await workspace.queued_jobs()


@pytest.mark.parametrize("text", ["4155550123", "+1415", "+1415555012345678", "+19", "+14155550123 ", "+0123456789"])
async def test_invalid_number_is_not_bought(workspace: NumbersWorkspace, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        await workspace.buy(text)
    assert (caught.value.code, caught.value.param) == ("phone_number_invalid", "phone_number")


async def test_number_of_another_workspace_is_taken(
    workspace: NumbersWorkspace, pool: Pool, services: Services
) -> None:
    number = await workspace.buy(ONE)
    other = await make_workspace(pool, services)
    for status in ("buying", "active", "releasing"):
        await workspace.set_status(number, status)
        for asking in (workspace, other):
            with pytest.raises(Conflict) as caught:
                await asking.buy(ONE)
            assert (caught.value.code, caught.value.param) == ("number_taken", "phone_number")
    for status in ("failed", "released"):
        await workspace.set_status(number, status)
        bought = await other.buy(ONE)
        await other.set_status(bought, "failed")


async def test_tier_limits_numbers(workspace: NumbersWorkspace) -> None:
    first = await workspace.buy(ONE)
    await workspace.set_status(first, "active")
    await workspace.buy(TWO)
    with pytest.raises(Conflict) as caught:
        await workspace.buy(THREE)
    assert caught.value.code == "number_limit"
    await workspace.release(first)
    with pytest.raises(Conflict) as caught:
        await workspace.buy(THREE)
    assert caught.value.code == "number_limit", "a number that is being released still counts"
    await workspace.set_status(first, "released")
    await workspace.buy(THREE)


async def test_daily_purchases_are_limited_even_after_releases(workspace: NumbersWorkspace) -> None:
    async def change(db: Connection) -> None:
        await workspace.services[Platform].change_settings(db, Actor("system"), {"number_purchases_per_day": 2})

    await workspace.in_platform(change)
    await workspace.set_status(await workspace.buy(ONE), "released", carrier_number_id="PN1")
    await workspace.set_status(await workspace.buy(TWO), "failed")  # never bought
    await workspace.set_status(await workspace.buy(TWO), "released", carrier_number_id="PN2")
    with pytest.raises(TooManyRequests) as caught:
        await workspace.buy(THREE)
    assert (caught.value.code, caught.value.retry_after_s) == ("number_daily_limit", 86_400)
    await workspace.execute("UPDATE phone_numbers SET created_at = created_at - interval '1 day'")
    await workspace.buy(THREE)


async def test_only_running_workspaces_buy(workspace: NumbersWorkspace, pool: Pool, services: Services) -> None:
    unverified = await make_workspace(pool, services, verified=False)
    with pytest.raises(Conflict) as caught:
        await unverified.buy(ONE)
    assert caught.value.code == "owner_unverified"
    await workspace.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", workspace.workspace_id)
    with pytest.raises(Conflict) as caught:
        await workspace.buy(ONE)
    assert caught.value.code == "workspace_suspended"


async def test_list_shows_agents_and_hides_released_numbers(workspace: NumbersWorkspace) -> None:
    numbers = workspace.numbers
    first, second = await workspace.buy(ONE), await workspace.buy(TWO)
    await workspace.set_status(first, "active")
    await workspace.create_agent(first)

    async def listed(status: str | None = None) -> list[tuple[str, str | None]]:
        page = await workspace.in_workspace(
            lambda db: numbers.list_page(db, workspace.workspace_id, status=status, page=PageRequest(10))
        )
        assert page.total == len(page.rows)
        return [(number.phone_number, number.agent_name) for number in page.rows]

    assert await listed() == [(TWO, None), (ONE, "Desk")]
    assert await listed("active") == [(ONE, "Desk")]
    await workspace.set_status(second, "released")
    assert await listed() == [(ONE, "Desk")]
    assert await listed("released") == [(TWO, None)]


async def test_numbers_of_other_workspaces_are_invisible(
    workspace: NumbersWorkspace, pool: Pool, services: Services
) -> None:
    number = await workspace.buy(ONE)
    other = await make_workspace(pool, services)
    for work in (
        lambda db: other.numbers.get(db, other.workspace_id, number.id),
        lambda db: other.numbers.rename(db, other.workspace_id, other.actor, number.id, "Mine", NOW),
        lambda db: other.numbers.release(db, other.workspace_id, other.actor, number.id, NOW),
    ):
        with pytest.raises(NotFound) as caught:
            await other.in_workspace(work)
        assert caught.value.code == "number_not_found"


async def test_rename_is_audited_once(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    for _ in range(2):
        renamed = await workspace.in_workspace(
            lambda db: workspace.numbers.rename(db, workspace.workspace_id, workspace.actor, number.id, "Desk", NOW)
        )
        assert renamed.friendly_name == "Desk"
    (entry,) = await workspace.fetch("SELECT details FROM audit_log WHERE action = 'number.rename'")
    assert entry["details"] == {"before": {"friendly_name": "Main"}, "after": {"friendly_name": "Desk"}}


async def test_number_of_a_live_agent_is_not_released(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    await workspace.set_status(number, "active")
    agent = await workspace.create_agent(number, live=True)
    with pytest.raises(Conflict) as caught:
        await workspace.release(number)
    assert caught.value.code == "number_in_use"
    await workspace.in_workspace(
        lambda db: workspace.services[Agents].pause(db, workspace.workspace_id, workspace.actor, agent.id, NOW)
    )
    await workspace.release(number)
    after = await workspace.get(number)
    assert (after.status, after.agent_id, after.agent_name) == ("releasing", None, None)
    assert (await workspace.queued_jobs())[-1] == (RELEASE, make_payload(number.id))
    (entry,) = await workspace.fetch("SELECT details FROM audit_log WHERE action = 'number.release'")
    assert entry["details"]["before"] == {"phone_number": ONE, "status": "active"}


async def test_releasing_twice_is_one_release(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    await workspace.set_status(number, "active")
    await workspace.release(number)
    await workspace.release(number)
    assert len(await workspace.queued_jobs()) == 2  # its purchase, its release
    await workspace.set_status(number, "released")
    with pytest.raises(NotFound):
        await workspace.release(number)


async def test_a_number_that_is_being_bought_is_not_released(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    with pytest.raises(Conflict) as caught:
        await workspace.release(number)
    assert caught.value.code == "number_buying"


async def test_stuck_purchase_can_be_abandoned(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    await workspace.execute("UPDATE phone_numbers SET created_at = created_at - interval '6 minutes'")
    await workspace.release(number)
    assert (await workspace.get(number)).status == "releasing"
    assert (await workspace.queued_jobs())[-1] == (RELEASE, make_payload(number.id))


async def test_failed_purchase_is_released_at_once(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    await workspace.set_status(number, "failed")
    await workspace.release(number)
    assert (await workspace.get(number)).status == "released"
    assert len(await workspace.queued_jobs()) == 1


async def test_all_numbers_of_a_workspace_are_released(workspace: NumbersWorkspace) -> None:
    first, second = await workspace.buy(ONE), await workspace.buy(TWO)
    await workspace.set_status(first, "active")
    await workspace.create_agent(first, live=True)
    assert await workspace.in_platform(lambda db: workspace.numbers.release_all(db, workspace.workspace_id, NOW)) == 2
    for number in (first, second):
        after = await workspace.get(number)
        assert (after.status, after.agent_id) == ("releasing", None)
        assert (RELEASE, make_payload(number.id)) in await workspace.queued_jobs()
    entries = await workspace.fetch("SELECT actor FROM audit_log WHERE action = 'number.release'")
    assert [entry["actor"] for entry in entries] == ["system", "system"]
    assert await workspace.in_platform(lambda db: workspace.numbers.release_all(db, workspace.workspace_id, NOW)) == 0


async def test_numbers_of_workspaces_past_their_grace_period_are_released(
    workspace: NumbersWorkspace, pool: Pool, services: Services
) -> None:
    active_workspace = await make_workspace(pool, services)
    deleted_number, active_number = await workspace.buy(ONE), await active_workspace.buy(TWO)
    await workspace.execute("UPDATE workspaces SET status = 'active'")
    later = NOW + timedelta(days=30)
    for deleted, purge_after in ((workspace, NOW), (active_workspace, later)):
        await deleted.execute(
            "UPDATE workspaces SET deleted_at = $2, purge_after = $3 WHERE id = $1",
            deleted.workspace_id,
            NOW,
            purge_after,
        )
    assert await workspace.in_platform(lambda db: workspace.numbers.release_expired(db, NOW, 10)) == 1
    rows = await workspace.fetch("SELECT phone_number, status FROM phone_numbers")
    assert {row["phone_number"]: row["status"] for row in rows} == {
        deleted_number.phone_number: "releasing",
        active_number.phone_number: "buying",
    }


async def test_numbers_of_a_deleted_trial_are_released_before_its_grace_period_is_over(
    workspace: NumbersWorkspace,
) -> None:
    number = await workspace.buy(ONE)
    await workspace.execute(
        "UPDATE workspaces SET deleted_at = $2, purge_after = $3 WHERE id = $1",
        workspace.workspace_id,
        NOW,
        NOW + timedelta(days=30),
    )
    assert await workspace.in_platform(lambda db: workspace.numbers.release_expired(db, NOW, 10)) == 1
    (row,) = await workspace.fetch("SELECT status FROM phone_numbers WHERE id = $1", number.id)
    assert row["status"] == "releasing"


async def test_a_person_buys_a_few_numbers_for_trials(workspace: NumbersWorkspace) -> None:
    async def change(db: Connection) -> None:
        await workspace.services[Platform].change_settings(db, Actor("system"), {"trial_number_purchases": 1})

    await workspace.in_platform(change)
    await workspace.set_status(await workspace.buy(ONE), "released", carrier_number_id="PN1")
    with pytest.raises(Conflict) as caught:
        await workspace.buy(TWO)
    assert caught.value.code == "trial_number_limit"
    await workspace.execute("UPDATE workspaces SET status = 'active'")
    await workspace.buy(TWO)


async def test_without_a_sink_no_payment_method_is_required(workspace: NumbersWorkspace) -> None:
    await workspace.execute("UPDATE workspaces SET status = 'active'")
    assert (await workspace.buy(ONE)).status == "buying"
    assert not await workspace.fetch("SELECT FROM sink_customers")


async def test_stuck_number_gets_its_job_again_but_never_two(workspace: NumbersWorkspace) -> None:
    buying, releasing = await workspace.buy(ONE), await workspace.buy(TWO)
    await workspace.set_status(releasing, "active")
    await workspace.release(releasing)
    expected = sorted([(BUY, make_payload(buying.id)), (RELEASE, make_payload(releasing.id))])

    async def reconcile(after: timedelta) -> int:
        return await workspace.in_platform(lambda db: workspace.numbers.requeue_stuck(db, NOW + after, 10))

    assert await reconcile(STUCK) == 0, "too early"
    after_timeout = STUCK + timedelta(seconds=1)
    assert await reconcile(after_timeout) == 2
    jobs = await workspace.queued_jobs()
    assert sorted(jobs) == sorted([*expected, (BUY, make_payload(releasing.id))]), "their jobs are already queued"
    await workspace.execute("DELETE FROM pgqueuer")
    assert await reconcile(after_timeout) == 0, "checked a moment ago"
    assert await reconcile(2 * after_timeout) == 2
    assert sorted(await workspace.queued_jobs()) == expected
    await workspace.execute("UPDATE pgqueuer SET status = 'failed'")
    assert await reconcile(3 * after_timeout) == 2
    assert sorted(await workspace.queued_jobs()) == sorted(expected * 2), (
        "a permanently failed job does not count as queued"
    )
