"""The rules of numbers, without any carrier."""

from datetime import timedelta

import pytest

from control.db.pool import Connection, Pool
from control.http.context import Services
from control.numbers.model import Wanted
from control.numbers.service import BUY, RELEASE, STUCK, payload_of
from control.platform.audit import Actor
from shared.errors import Conflict, Invalid, Missing, TooMany
from tests.control.numbers.conftest import NOW, Scene, make_scene

ONE, TWO, THREE = "+14155550101", "+14155550102", "+442071838750"


async def test_buying_makes_a_row_a_job_and_a_note(scene: Scene) -> None:
    number = await scene.buy(THREE, "telnyx", "London")
    assert (number.status, number.carrier, number.country, number.friendly_name) == (
        "buying", "telnyx", "GB", "London",
    )  # fmt: skip
    assert await scene.get(number) == number
    assert await scene.jobs() == [(BUY, payload_of(number.id))]
    (note,) = await scene.ask("SELECT actor_id, details FROM audit_log WHERE action = 'number.buy'")
    assert note["actor_id"] == scene.actor.id
    assert note["details"]["after"] == {"phone_number": THREE, "carrier": "telnyx"}


async def test_a_purchase_that_is_rolled_back_leaves_no_job(scene: Scene) -> None:
    with pytest.raises(RuntimeError):
        async with scene.acting() as db:
            wanted = Wanted(ONE, "", "twilio")
            await scene.numbers.buy(db, scene.workspace_id, scene.actor, wanted, NOW)
            raise RuntimeError
    assert not await scene.jobs()


@pytest.mark.parametrize("text", ["4155550123", "+1415", "+1415555012345678", "+19", "+14155550123 ", "+0123456789"])
async def test_what_is_no_number_is_not_bought(scene: Scene, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        await scene.buy(text)
    assert (caught.value.code, caught.value.param) == ("phone_number_invalid", "phone_number")


async def test_a_number_that_somebody_has_is_taken(scene: Scene, pool: Pool, services: Services) -> None:
    number = await scene.buy(ONE)
    other = await make_scene(pool, services)
    for status in ("buying", "active", "releasing"):
        await scene.have(number, status)
        for asking in (scene, other):
            with pytest.raises(Conflict) as caught:
                await asking.buy(ONE)
            assert (caught.value.code, caught.value.param) == ("number_taken", "phone_number")
    for status in ("failed", "released"):
        await scene.have(number, status)
        bought = await other.buy(ONE)
        await other.have(bought, "failed")


async def test_a_tier_allows_so_many_numbers(scene: Scene) -> None:
    first = await scene.buy(ONE)
    await scene.have(first, "active")
    await scene.buy(TWO)
    with pytest.raises(Conflict) as caught:
        await scene.buy(THREE)
    assert caught.value.code == "number_limit"
    await scene.release(first)
    with pytest.raises(Conflict) as caught:
        await scene.buy(THREE)
    assert caught.value.code == "number_limit", "while it is given back, it costs money still"
    await scene.have(first, "released")
    await scene.buy(THREE)


async def test_so_many_numbers_are_bought_a_day_however_soon_they_are_given_back(scene: Scene) -> None:
    async def change(db: Connection) -> None:
        await scene.services.platform.change_settings(db, Actor("system"), {"number_purchases_per_day": 2})

    await scene.all_of(change)
    await scene.have(await scene.buy(ONE), "released", carrier_number_id="PN1")
    await scene.have(await scene.buy(TWO), "failed")  # never bought
    await scene.have(await scene.buy(TWO), "released", carrier_number_id="PN2")
    with pytest.raises(TooMany) as caught:
        await scene.buy(THREE)
    assert (caught.value.code, caught.value.retry_after_s) == ("number_daily_limit", 86_400)
    await scene.run("UPDATE phone_numbers SET created_at = created_at - interval '1 day'")
    await scene.buy(THREE)


async def test_only_running_workspaces_buy(scene: Scene, pool: Pool, services: Services) -> None:
    unverified = await make_scene(pool, services, verified=False)
    with pytest.raises(Conflict) as caught:
        await unverified.buy(ONE)
    assert caught.value.code == "owner_unverified"
    await scene.run("UPDATE workspaces SET status = 'suspended' WHERE id = $1", scene.workspace_id)
    with pytest.raises(Conflict) as caught:
        await scene.buy(ONE)
    assert caught.value.code == "workspace_suspended"


async def test_lists_tell_agents_and_hide_what_is_gone(scene: Scene) -> None:
    numbers = scene.numbers
    first, second = await scene.buy(ONE), await scene.buy(TWO)
    await scene.have(first, "active")
    await scene.agent(first)

    async def listed(status: str | None = None) -> list[tuple[str, str | None]]:
        found, total = await scene.do(
            lambda db: numbers.find(db, scene.workspace_id, status=status, offset=0, limit=10)
        )
        assert total == len(found)
        return [(one.phone_number, one.agent_name) for one in found]

    assert await listed() == [(TWO, None), (ONE, "Desk")]
    assert await listed("active") == [(ONE, "Desk")]
    await scene.have(second, "released")
    assert await listed() == [(ONE, "Desk")]
    assert await listed("released") == [(TWO, None)]


async def test_another_workspaces_numbers_are_not_there(scene: Scene, pool: Pool, services: Services) -> None:
    number = await scene.buy(ONE)
    other = await make_scene(pool, services)
    for work in (
        lambda db: other.numbers.get(db, other.workspace_id, number.id),
        lambda db: other.numbers.rename(db, other.workspace_id, other.actor, number.id, "Mine", NOW),
        lambda db: other.numbers.release(db, other.workspace_id, other.actor, number.id, NOW),
    ):
        with pytest.raises(Missing) as caught:
            await other.do(work)
        assert caught.value.code == "number_not_found"


async def test_a_new_name_is_noted_once(scene: Scene) -> None:
    number = await scene.buy(ONE)
    for _ in range(2):
        renamed = await scene.do(
            lambda db: scene.numbers.rename(db, scene.workspace_id, scene.actor, number.id, "Desk", NOW)
        )
        assert renamed.friendly_name == "Desk"
    (note,) = await scene.ask("SELECT details FROM audit_log WHERE action = 'number.rename'")
    assert note["details"] == {"before": {"friendly_name": "Main"}, "after": {"friendly_name": "Desk"}}


async def test_a_live_agents_number_is_kept(scene: Scene) -> None:
    number = await scene.buy(ONE)
    await scene.have(number, "active")
    agent = await scene.agent(number, live=True)
    with pytest.raises(Conflict) as caught:
        await scene.release(number)
    assert caught.value.code == "number_in_use"
    await scene.do(lambda db: scene.services.agents.pause(db, scene.workspace_id, scene.actor, agent.id, NOW))
    await scene.release(number)
    after = await scene.get(number)
    assert (after.status, after.agent_id, after.agent_name) == ("releasing", None, None)
    assert (await scene.jobs())[-1] == (RELEASE, payload_of(number.id))
    (note,) = await scene.ask("SELECT details FROM audit_log WHERE action = 'number.release'")
    assert note["details"]["before"] == {"phone_number": ONE, "status": "active"}


async def test_releasing_twice_is_one_release(scene: Scene) -> None:
    number = await scene.buy(ONE)
    await scene.have(number, "active")
    await scene.release(number)
    await scene.release(number)
    assert len(await scene.jobs()) == 2  # its purchase, its release
    await scene.have(number, "released")
    with pytest.raises(Missing):
        await scene.release(number)


async def test_a_number_that_is_being_bought_is_not_released(scene: Scene) -> None:
    number = await scene.buy(ONE)
    with pytest.raises(Conflict) as caught:
        await scene.release(number)
    assert caught.value.code == "number_buying"


async def test_a_purchase_that_comes_to_no_end_can_be_given_up(scene: Scene) -> None:
    number = await scene.buy(ONE)
    await scene.run("UPDATE phone_numbers SET created_at = created_at - interval '6 minutes'")
    await scene.release(number)
    assert (await scene.get(number)).status == "releasing"
    assert (await scene.jobs())[-1] == (RELEASE, payload_of(number.id))


async def test_a_failed_purchase_goes_at_once(scene: Scene) -> None:
    number = await scene.buy(ONE)
    await scene.have(number, "failed")
    await scene.release(number)
    assert (await scene.get(number)).status == "released"
    assert len(await scene.jobs()) == 1


async def test_all_numbers_of_a_workspace_are_given_back(scene: Scene) -> None:
    first, second = await scene.buy(ONE), await scene.buy(TWO)
    await scene.have(first, "active")
    await scene.agent(first, live=True)
    assert await scene.all_of(lambda db: scene.numbers.release_all(db, scene.workspace_id, NOW)) == 2
    for number in (first, second):
        after = await scene.get(number)
        assert (after.status, after.agent_id) == ("releasing", None)
        assert (RELEASE, payload_of(number.id)) in await scene.jobs()
    notes = await scene.ask("SELECT actor FROM audit_log WHERE action = 'number.release'")
    assert [note["actor"] for note in notes] == ["system", "system"]
    assert await scene.all_of(lambda db: scene.numbers.release_all(db, scene.workspace_id, NOW)) == 0


async def test_only_deleted_workspaces_past_their_grace_are_doomed(
    scene: Scene, pool: Pool, services: Services
) -> None:
    kept = await make_scene(pool, services)
    lost, held = await scene.buy(ONE), await kept.buy(TWO)
    later = NOW + timedelta(days=30)
    for workspace, purge_after in ((scene, NOW), (kept, later)):
        await scene.run(
            "UPDATE workspaces SET deleted_at = $2, purge_after = $3 WHERE id = $1",
            workspace.workspace_id, NOW, purge_after,
        )  # fmt: skip
    assert await scene.all_of(lambda db: scene.numbers.release_doomed(db, NOW, 10)) == 1
    rows = await scene.ask("SELECT phone_number, status FROM phone_numbers")
    assert {row["phone_number"]: row["status"] for row in rows} == {
        lost.phone_number: "releasing",
        held.phone_number: "buying",
    }


async def test_what_hangs_gets_its_job_again_but_never_a_second_one(scene: Scene) -> None:
    buying, releasing = await scene.buy(ONE), await scene.buy(TWO)
    await scene.have(releasing, "active")
    await scene.release(releasing)
    wanted = sorted([(BUY, payload_of(buying.id)), (RELEASE, payload_of(releasing.id))])

    async def reconcile(after: timedelta) -> int:
        return await scene.all_of(lambda db: scene.numbers.reconcile(db, NOW + after, 10))

    assert await reconcile(STUCK) == 0, "not before their time"
    late = STUCK + timedelta(seconds=1)
    assert await reconcile(late) == 2
    jobs = await scene.jobs()
    assert sorted(jobs) == sorted([*wanted, (BUY, payload_of(releasing.id))]), "they are in the queue already"
    await scene.run("DELETE FROM pgqueuer")
    assert await reconcile(late) == 0, "looked at just now"
    assert await reconcile(2 * late) == 2
    assert sorted(await scene.jobs()) == wanted
    await scene.run("UPDATE pgqueuer SET status = 'failed'")
    assert await reconcile(3 * late) == 2
    assert sorted(await scene.jobs()) == sorted(wanted * 2), "a job that failed for good does nothing more"
