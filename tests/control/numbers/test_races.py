"""Concurrent requests: limits hold, no number belongs to two workspaces, no live agent loses its number."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from control.agents.service import Agents
from control.db.pool import Connection, Pool
from control.http.services import Services
from shared.errors import Conflict, Problem
from tests.control.numbers.conftest import NOW, NumbersWorkspace, make_workspace

ROUNDS = 10


async def run_together(*requests: Awaitable[Any]) -> tuple[list[Any], list[str]]:
    """The results, and the codes of the refusals."""
    results = await asyncio.gather(*requests, return_exceptions=True)
    assert not [
        result for result in results if isinstance(result, BaseException) and not isinstance(result, Problem)
    ], results
    succeeded = [result for result in results if not isinstance(result, Problem)]
    return succeeded, [result.code for result in results if isinstance(result, Problem)]


async def run_behind_lock(
    owner: Connection, table: str, waiting: int, *requests: Awaitable[Any]
) -> tuple[list[Any], list[str]]:
    """Like `run_together`, but the table is locked until `waiting` transactions wait for it or for each other."""
    async with owner.transaction():
        await owner.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        task = asyncio.ensure_future(run_together(*requests))
        for _ in range(3_000):
            if await owner.fetchval("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") >= waiting:
                break
            await asyncio.sleep(0.01)
    return await task


async def test_last_number_of_a_tier_goes_to_one_request(workspace: NumbersWorkspace, owner: Connection) -> None:
    await workspace.buy("+14155550100")
    buying = [workspace.buy(f"+1415555020{n}") for n in range(4)]
    succeeded, refused = await run_behind_lock(owner, "phone_numbers", 4, *buying)
    assert (len(succeeded), refused) == (1, ["number_limit"] * 3)


async def test_one_of_concurrent_workspaces_gets_the_number(
    workspace: NumbersWorkspace, owner: Connection, pool: Pool, services: Services
) -> None:
    others = [await make_workspace(pool, services) for _ in range(3)]
    buying = [one.buy("+14155550100") for one in (workspace, *others)]
    succeeded, refused = await run_behind_lock(owner, "phone_numbers", 4, *buying)
    assert (len(succeeded), refused) == (1, ["number_taken"] * 3)


async def test_concurrent_releases_are_one_release(workspace: NumbersWorkspace) -> None:
    number = await workspace.buy("+14155550100")
    await workspace.set_status(number, "active")
    succeeded, refused = await run_together(workspace.release(number), workspace.release(number))
    assert (len(succeeded), refused) == (2, [])
    assert [job for job, _ in await workspace.queued_jobs()] == ["numbers.buy", "numbers.release"]


async def test_an_agent_that_goes_live_keeps_its_number(workspace: NumbersWorkspace) -> None:
    """In either order a live agent has its number, and a released number has no live agent."""
    agents = workspace.services[Agents]
    number = await workspace.buy("+14155550100")
    await workspace.set_status(number, "active")
    agent = await workspace.create_agent(number)

    async def activate() -> None:
        await workspace.in_workspace(
            lambda db: agents.activate(db, workspace.workspace_id, workspace.actor, agent.id, NOW)
        )

    for _ in range(ROUNDS):
        _, refused = await run_together(activate(), workspace.release(number))
        after = await workspace.in_workspace(lambda db: agents.get(db, workspace.workspace_id, agent.id))
        status = (await workspace.get(number)).status
        assert (after.status, status, refused) in (
            ("live", "active", ["number_in_use"]),
            ("draft", "releasing", ["cannot_answer"]),
            ("paused", "releasing", ["cannot_answer"]),
        )
        if after.status == "live":
            await workspace.in_workspace(
                lambda db: agents.pause(db, workspace.workspace_id, workspace.actor, agent.id, NOW)
            )
        await workspace.set_status(number, "active", agent_id=agent.id)


async def test_an_agent_that_is_given_the_number_meanwhile_keeps_it(
    workspace: NumbersWorkspace, owner: Connection
) -> None:
    """The release read the number before the agent had it."""
    number = await workspace.buy("+14155550100")
    await workspace.set_status(number, "active")
    agent = await workspace.create_agent(number)
    await workspace.set_status(number, "active", agent_id=None)
    async with owner.transaction():
        await owner.execute("SELECT FROM phone_numbers WHERE id = $1 FOR UPDATE", number.id)
        releasing = asyncio.ensure_future(workspace.release(number))
        for _ in range(3_000):
            if await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                break
            await asyncio.sleep(0.01)
        await owner.execute("UPDATE phone_numbers SET agent_id = $2 WHERE id = $1", number.id, agent.id)
    results = await asyncio.gather(releasing, return_exceptions=True)
    assert isinstance(results[0], Conflict) and results[0].code == "number_in_use"
    assert (await workspace.get(number)).agent_id == agent.id
