"""Concurrent requests: versions, names, numbers and limits hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.agents.rules import AgentEdit, VoiceAgent
from control.agents.service import Agents
from control.db.pool import Connection, Pool
from control.http.services import Services
from shared.errors import Problem
from tests.control.agents.conftest import NOW, AgentsWorkspace, acting, make_workspace

AT_ONCE = 6
ROUNDS = 20


async def in_transaction(
    pool: Pool, workspace: AgentsWorkspace, action: Callable[[AgentsWorkspace], Awaitable[Any]]
) -> Any:
    """Runs work in a transaction of its own."""
    async with acting(pool, workspace) as db:
        return await action(replace(workspace, db=db))


# Counts locks of the whole server, which only this test uses. pg_stat_activity is a snapshot within a transaction.
WAITING_QUERY = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


class Gate:
    """Locks a table so that concurrent requests all wait for it, then lets them run at the same time."""

    def __init__(self, owner: asyncpg.Connection, pool: Pool, workspace: AgentsWorkspace) -> None:
        self._owner, self._pool, self._workspace = owner, pool, workspace

    async def run_together(
        self, table: str, *actions: Callable[[AgentsWorkspace], Awaitable[Any]]
    ) -> tuple[list[Any], list[Problem]]:
        """Runs each in a transaction of its own; none writes to `table` before all of them wait. Returns the results
        and the refusals."""
        async with self._owner.transaction():
            await self._owner.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            tasks = [asyncio.create_task(in_transaction(self._pool, self._workspace, action)) for action in actions]
            async with asyncio.timeout(30):
                waiting = 0
                while waiting + sum(task.done() for task in tasks) < len(tasks):
                    waiting = await self._owner.fetchval(WAITING_QUERY)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [
            result for result in results if isinstance(result, BaseException) and not isinstance(result, Problem)
        ]
        refused = [result for result in results if isinstance(result, Problem)]
        return [result for result in results if not isinstance(result, Problem)], refused


@pytest.fixture
async def workspace(pool: Pool, services: Services) -> AgentsWorkspace:
    """A committed workspace without a connection, for `in_transaction`."""
    async with pool.transaction() as db:
        return await make_workspace(db, services)


@pytest.fixture
async def gate(fresh_seeded_database_url: str, pool: Pool, workspace: AgentsWorkspace) -> AsyncIterator[Gate]:
    """A gate whose lock the database's owner holds."""
    owner = await asyncpg.connect(fresh_seeded_database_url)
    yield Gate(owner, pool, workspace)
    await owner.close()


def edit_agent(agent_id: Any, **edit: Any) -> Callable[[AgentsWorkspace], Awaitable[VoiceAgent]]:
    async def action(workspace: AgentsWorkspace) -> VoiceAgent:
        agents = workspace.services[Agents]
        return await agents.update(
            workspace.db, workspace.workspace_id, workspace.actor, agent_id, AgentEdit(**edit), NOW
        )

    return action


def create_agent(name: str, number: UUID | None = None) -> Callable[[AgentsWorkspace], Awaitable[VoiceAgent]]:
    async def action(workspace: AgentsWorkspace) -> VoiceAgent:
        return await workspace.create_agent(name, phone_number_id=number)

    return action


def activate_agent(agent_id: UUID) -> Callable[[AgentsWorkspace], Awaitable[VoiceAgent]]:
    async def action(workspace: AgentsWorkspace) -> VoiceAgent:
        return await workspace.services[Agents].activate(
            workspace.db, workspace.workspace_id, workspace.actor, agent_id, NOW
        )

    return action


async def versions(db: Connection) -> list[int]:
    rows = await db.fetch("SELECT version FROM agent_versions ORDER BY version")
    return [row["version"] for row in rows]


async def test_concurrent_edits_make_distinct_versions(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    agent = await in_transaction(pool, workspace, lambda scoped: scoped.create_agent())
    facts = [{f"fact{n}": "x"} for n in range(AT_ONCE)]
    succeeded, refused = await gate.run_together(
        "agent_versions", *(edit_agent(agent.id, config={"facts": fact}) for fact in facts)
    )
    assert (sorted(after.version for after in succeeded), refused) == ([2, 3, 4, 5, 6, 7], [])
    after = await in_transaction(
        pool, workspace, lambda scoped: scoped.services[Agents].get(scoped.db, scoped.workspace_id, agent.id)
    )
    assert (after.version, len(after.content.config["facts"])) == (7, AT_ONCE)
    async with acting(pool, workspace) as db:
        assert await versions(db) == [1, 2, 3, 4, 5, 6, 7]


async def test_one_of_concurrent_edits_of_a_version_succeeds(
    pool: Pool, workspace: AgentsWorkspace, gate: Gate
) -> None:
    agent = await in_transaction(pool, workspace, lambda scoped: scoped.create_agent())
    edits = (edit_agent(agent.id, config={"greeting": f"Hi {n}."}, expected_version=1) for n in range(AT_ONCE))
    succeeded, refused = await gate.run_together("agent_versions", *edits)
    assert [after.version for after in succeeded] == [2]
    assert {problem.code for problem in refused} == {"version_mismatch"}


async def test_concurrent_creations_stay_within_the_tier(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    succeeded, refused = await gate.run_together("agent_versions", *(create_agent(f"Desk {n}") for n in range(AT_ONCE)))
    assert len(succeeded) == 2
    assert {problem.code for problem in refused} == {"agent_limit"}


async def test_one_of_concurrent_creations_with_a_name_succeeds(
    pool: Pool, workspace: AgentsWorkspace, gate: Gate
) -> None:
    async with pool.transaction() as db:
        await db.execute("UPDATE tiers SET max_agents = 50")
    succeeded, refused = await gate.run_together("agent_versions", *(create_agent("Desk") for _ in range(AT_ONCE)))
    assert len(succeeded) == 1
    assert {problem.code for problem in refused} == {"name_taken"}


async def test_one_of_concurrent_agents_gets_the_number(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    first, second = [await in_transaction(pool, workspace, create_agent(name)) for name in ("A", "B")]
    number = await in_transaction(pool, workspace, lambda scoped: scoped.add_number())
    succeeded, refused = await gate.run_together(
        "phone_numbers", edit_agent(first.id, phone_number_id=number), edit_agent(second.id, phone_number_id=number)
    )
    assert [after.number.id for after in succeeded] == [number]
    assert [problem.code for problem in refused] == ["number_taken"]


async def test_concurrent_swap_of_numbers_does_not_deadlock(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    """With a wrong lock order, a deadlock would occur within a few rounds."""
    numbers = [await in_transaction(pool, workspace, lambda scoped: scoped.add_number()) for _ in range(2)]
    first, second = [await in_transaction(pool, workspace, create_agent(f"Desk {n}", numbers[n])) for n in range(2)]
    for _ in range(ROUNDS):
        _, refused = await gate.run_together(
            "phone_numbers",
            edit_agent(first.id, phone_number_id=numbers[1]),
            edit_agent(second.id, phone_number_id=numbers[0]),
        )
        assert [problem.code for problem in refused] == ["number_taken", "number_taken"]


async def test_concurrent_activations_stay_within_the_tier(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    numbers = [await in_transaction(pool, workspace, lambda scoped: scoped.add_number()) for _ in range(2)]
    agents = [await in_transaction(pool, workspace, create_agent(f"Desk {n}", numbers[n])) for n in range(2)]
    async with pool.transaction() as db:
        await db.execute("UPDATE tiers SET max_agents = 1")
    succeeded, refused = await gate.run_together("audit_log", *(activate_agent(agent.id) for agent in agents))
    assert [after.status for after in succeeded] == ["live"]
    assert [problem.code for problem in refused] == ["cannot_answer"]


async def test_agent_deleted_during_an_edit_stays_deleted(pool: Pool, workspace: AgentsWorkspace, gate: Gate) -> None:
    agent = await in_transaction(pool, workspace, create_agent("Desk"))

    async def delete(scoped: AgentsWorkspace) -> str:
        await scoped.services[Agents].delete(scoped.db, scoped.workspace_id, scoped.actor, agent.id, NOW)
        return "deleted"

    succeeded, refused = await gate.run_together("agent_versions", edit_agent(agent.id, name="New"), delete)
    assert "deleted" in succeeded
    assert [problem.code for problem in refused] in ([], ["agent_not_found"])
    async with acting(pool, workspace) as db:
        assert await db.fetchval("SELECT deleted_at IS NOT NULL FROM agents WHERE id = $1", agent.id)
        assert await versions(db) in ([1], [1, 2])
