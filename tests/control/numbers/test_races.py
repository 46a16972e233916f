"""Two requests at once: limits hold, nobody gets another's number, no live agent is left without one."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from control.db.pool import Connection, Pool
from control.http.context import Services
from shared.errors import Conflict, Problem
from tests.control.numbers.conftest import NOW, Scene, make_scene

ROUNDS = 10


async def at_once(*works: Awaitable[Any]) -> tuple[list[Any], list[str]]:
    """What came of it, and the codes of what was refused."""
    results = await asyncio.gather(*works, return_exceptions=True)
    assert not [one for one in results if isinstance(one, BaseException) and not isinstance(one, Problem)], results
    done = [one for one in results if not isinstance(one, Problem)]
    return done, [one.code for one in results if isinstance(one, Problem)]


async def held_back(owner: Connection, table: str, waiting: int, *works: Awaitable[Any]) -> tuple[list[Any], list[str]]:
    """The same, each under way before anybody writes into the table: so many wait for it or for each other."""
    async with owner.transaction():
        await owner.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        task = asyncio.ensure_future(at_once(*works))
        for _ in range(3_000):
            if await owner.fetchval("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") >= waiting:
                break
            await asyncio.sleep(0.01)
    return await task


async def test_a_tiers_last_number_goes_to_one(scene: Scene, owner: Connection) -> None:
    await scene.buy("+14155550100")
    buying = [scene.buy(f"+1415555020{n}") for n in range(4)]
    done, refused = await held_back(owner, "phone_numbers", 4, *buying)
    assert (len(done), refused) == (1, ["number_limit"] * 3)


async def test_a_number_goes_to_one_workspace(scene: Scene, owner: Connection, pool: Pool, services: Services) -> None:
    others = [await make_scene(pool, services) for _ in range(3)]
    buying = [one.buy("+14155550100") for one in (scene, *others)]
    done, refused = await held_back(owner, "phone_numbers", 4, *buying)
    assert (len(done), refused) == (1, ["number_taken"] * 3)


async def test_two_releases_are_one(scene: Scene) -> None:
    number = await scene.buy("+14155550100")
    await scene.have(number, "active")
    done, refused = await at_once(scene.release(number), scene.release(number))
    assert (len(done), refused) == (2, [])
    assert [job for job, _ in await scene.jobs()] == ["numbers.buy", "numbers.release"]


async def test_an_agent_that_goes_live_keeps_its_number(scene: Scene) -> None:
    """Whichever is first: a live agent has its number, a released number has no live agent."""
    agents = scene.services.agents
    number = await scene.buy("+14155550100")
    await scene.have(number, "active")
    agent = await scene.agent(number)

    async def activate() -> None:
        await scene.do(lambda db: agents.activate(db, scene.workspace_id, scene.actor, agent.id, NOW))

    for _ in range(ROUNDS):
        _, refused = await at_once(activate(), scene.release(number))
        after = await scene.do(lambda db: agents.get(db, scene.workspace_id, agent.id))
        status = (await scene.get(number)).status
        assert (after.status, status, refused) in (
            ("live", "active", ["number_in_use"]),
            ("draft", "releasing", ["cannot_answer"]),
            ("paused", "releasing", ["cannot_answer"]),
        )
        if after.status == "live":
            await scene.do(lambda db: agents.pause(db, scene.workspace_id, scene.actor, agent.id, NOW))
        await scene.have(number, "active", agent_id=agent.id)


async def test_an_agent_that_is_given_the_number_meanwhile_keeps_it(scene: Scene, owner: Connection) -> None:
    """The release looked at the number before the agent had it."""
    number = await scene.buy("+14155550100")
    await scene.have(number, "active")
    agent = await scene.agent(number)
    await scene.have(number, "active", agent_id=None)
    async with owner.transaction():
        await owner.execute("SELECT FROM phone_numbers WHERE id = $1 FOR UPDATE", number.id)
        releasing = asyncio.ensure_future(scene.release(number))
        for _ in range(3_000):
            if await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                break
            await asyncio.sleep(0.01)
        await owner.execute("UPDATE phone_numbers SET agent_id = $2 WHERE id = $1", number.id, agent.id)
    results = await asyncio.gather(releasing, return_exceptions=True)
    assert isinstance(results[0], Conflict) and results[0].code == "number_in_use"
    assert (await scene.get(number)).agent_id == agent.id
