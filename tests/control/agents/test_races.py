"""Two requests at once: versions, names, numbers and limits hold all the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.agents.model import Agent, Edit
from control.db.pool import Connection, Pool
from control.http.context import Services
from shared.errors import Problem
from tests.control.agents.conftest import NOW, Scene, acting, make_scene

AT_ONCE = 6
ROUNDS = 20


async def in_scene(pool: Pool, scene: Scene, work: Callable[[Scene], Awaitable[Any]]) -> Any:
    """Something done in a transaction of its own."""
    async with acting(pool, scene) as db:
        return await work(replace(scene, db=db))


# Of the whole server: nobody else uses it meanwhile. pg_stat_activity would be as at the transaction's first look.
WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


class Gate:
    """Holds requests at the same point until all have come as far as they can: a lock on the table that they need."""

    def __init__(self, owner: asyncpg.Connection, pool: Pool, scene: Scene) -> None:
        self._owner, self._pool, self._scene = owner, pool, scene

    async def at_once(self, table: str, *works: Callable[[Scene], Awaitable[Any]]) -> tuple[list[Any], list[Problem]]:
        """All of it, each in a transaction of its own; nobody writes into `table` before the others are under way.
        What came of it, and what was refused."""
        async with self._owner.transaction():
            await self._owner.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            tasks = [asyncio.create_task(in_scene(self._pool, self._scene, work)) for work in works]
            async with asyncio.timeout(30):
                waiting = 0
                while waiting + sum(task.done() for task in tasks) < len(tasks):
                    waiting = await self._owner.fetchval(WAITING)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [
            result for result in results if isinstance(result, BaseException) and not isinstance(result, Problem)
        ]
        refused = [result for result in results if isinstance(result, Problem)]
        return [result for result in results if not isinstance(result, Problem)], refused


@pytest.fixture
async def scene(pool: Pool, services: Services) -> Scene:
    """A committed workspace, whose own connection was given back: for `in_scene`."""
    async with pool.transaction() as db:
        return await make_scene(db, services)


@pytest.fixture
async def gate(fresh_database_url: str, pool: Pool, scene: Scene) -> AsyncIterator[Gate]:
    """Held by the database's owner."""
    owner = await asyncpg.connect(fresh_database_url)
    yield Gate(owner, pool, scene)
    await owner.close()


def editing(agent_id: Any, **edit: Any) -> Callable[[Scene], Awaitable[Agent]]:
    async def work(scene: Scene) -> Agent:
        agents = scene.services.agents
        return await agents.update(scene.db, scene.workspace_id, scene.actor, agent_id, Edit(**edit), NOW)

    return work


def making(name: str, number: UUID | None = None) -> Callable[[Scene], Awaitable[Agent]]:
    async def work(scene: Scene) -> Agent:
        return await scene.agent(name, phone_number_id=number)

    return work


def activating(agent_id: UUID) -> Callable[[Scene], Awaitable[Agent]]:
    async def work(scene: Scene) -> Agent:
        return await scene.services.agents.activate(scene.db, scene.workspace_id, scene.actor, agent_id, NOW)

    return work


async def versions(db: Connection) -> list[int]:
    rows = await db.fetch("SELECT version FROM agent_versions ORDER BY version")
    return [row["version"] for row in rows]


async def test_edits_at_once_never_share_a_version_and_none_is_lost(pool: Pool, scene: Scene, gate: Gate) -> None:
    agent = await in_scene(pool, scene, lambda s: s.agent())
    facts = [{f"fact{n}": "x"} for n in range(AT_ONCE)]
    done, refused = await gate.at_once("agent_versions", *(editing(agent.id, config={"facts": fact}) for fact in facts))
    assert (sorted(after.version for after in done), refused) == ([2, 3, 4, 5, 6, 7], [])
    after = await in_scene(pool, scene, lambda s: s.services.agents.get(s.db, s.workspace_id, agent.id))
    assert (after.version, len(after.content.config["facts"])) == (7, AT_ONCE)
    async with acting(pool, scene) as db:
        assert await versions(db) == [1, 2, 3, 4, 5, 6, 7]


async def test_of_edits_that_expect_the_same_version_one_wins(pool: Pool, scene: Scene, gate: Gate) -> None:
    agent = await in_scene(pool, scene, lambda s: s.agent())
    edits = (editing(agent.id, config={"greeting": f"Hi {n}."}, expected_version=1) for n in range(AT_ONCE))
    done, refused = await gate.at_once("agent_versions", *edits)
    assert [after.version for after in done] == [2]
    assert {problem.code for problem in refused} == {"version_mismatch"}


async def test_agents_made_at_once_keep_within_the_tier(pool: Pool, scene: Scene, gate: Gate) -> None:
    done, refused = await gate.at_once("agent_versions", *(making(f"Desk {n}") for n in range(AT_ONCE)))
    assert len(done) == 2
    assert {problem.code for problem in refused} == {"agent_limit"}


async def test_of_agents_made_at_once_under_one_name_one_is_there(pool: Pool, scene: Scene, gate: Gate) -> None:
    async with pool.transaction() as db:
        await db.execute("UPDATE tiers SET max_agents = 50")
    done, refused = await gate.at_once("agent_versions", *(making("Desk") for _ in range(AT_ONCE)))
    assert len(done) == 1
    assert {problem.code for problem in refused} == {"name_taken"}


async def test_of_agents_that_want_one_number_at_once_one_gets_it(pool: Pool, scene: Scene, gate: Gate) -> None:
    first, second = [await in_scene(pool, scene, making(name)) for name in ("A", "B")]
    number = await in_scene(pool, scene, lambda s: s.number())
    done, refused = await gate.at_once(
        "phone_numbers", editing(first.id, phone_number_id=number), editing(second.id, phone_number_id=number)
    )
    assert [after.number.id for after in done] == [number]
    assert [problem.code for problem in refused] == ["number_taken"]


async def test_agents_that_swap_their_numbers_at_once_do_not_wait_for_each_other(
    pool: Pool, scene: Scene, gate: Gate
) -> None:
    """Where they would, few rounds pass without a deadlock; none of them takes longer than a moment otherwise."""
    numbers = [await in_scene(pool, scene, lambda s: s.number()) for _ in range(2)]
    first, second = [await in_scene(pool, scene, making(f"Desk {n}", numbers[n])) for n in range(2)]
    for _ in range(ROUNDS):
        _, refused = await gate.at_once(
            "phone_numbers",
            editing(first.id, phone_number_id=numbers[1]),
            editing(second.id, phone_number_id=numbers[0]),
        )
        assert [problem.code for problem in refused] == ["number_taken", "number_taken"]


async def test_agents_activated_at_once_keep_within_the_tier(pool: Pool, scene: Scene, gate: Gate) -> None:
    numbers = [await in_scene(pool, scene, lambda s: s.number()) for _ in range(2)]
    agents = [await in_scene(pool, scene, making(f"Desk {n}", numbers[n])) for n in range(2)]
    async with pool.transaction() as db:
        await db.execute("UPDATE tiers SET max_agents = 1")
    done, refused = await gate.at_once("audit_log", *(activating(agent.id) for agent in agents))
    assert [after.status for after in done] == ["live"]
    assert [problem.code for problem in refused] == ["cannot_answer"]


async def test_an_agent_deleted_and_changed_at_once_ends_deleted(pool: Pool, scene: Scene, gate: Gate) -> None:
    agent = await in_scene(pool, scene, making("Desk"))

    async def delete(s: Scene) -> str:
        await s.services.agents.delete(s.db, s.workspace_id, s.actor, agent.id, NOW)
        return "deleted"

    done, refused = await gate.at_once("agent_versions", editing(agent.id, name="New"), delete)
    assert "deleted" in done
    assert [problem.code for problem in refused] in ([], ["agent_not_found"])
    async with acting(pool, scene) as db:
        assert await db.fetchval("SELECT deleted_at IS NOT NULL FROM agents WHERE id = $1", agent.id)
        assert await versions(db) in ([1], [1, 2])
