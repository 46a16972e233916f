"""A workspace in a seeded database: in one transaction that is rolled back, or committed for tests of races."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from control.accounts.users.service import Accounts
from control.agents.rules import NewAgentInput, VoiceAgent
from control.agents.service import Agents
from control.audit.service import Actor
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.http.services import Services
from control.workspaces.rules import NewWorkspace
from control.workspaces.service import Workspaces
from shared.ids import new_id
from tests.platform.services import offline_services

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(10_000_000)


@dataclass(frozen=True, slots=True)
class AgentsWorkspace:
    """A workspace, its owner, and the connection of the test."""

    db: Connection
    services: Services
    workspace_id: UUID
    actor: Actor

    async def create_agent(self, name: str = "Desk", now: datetime = NOW, **fields: Any) -> VoiceAgent:
        """A draft that only lacks a number."""
        fields = {"config": {"greeting": "Hello."}} | fields
        draft = NewAgentInput(name, **fields)
        return await self.services[Agents].create(self.db, self.workspace_id, self.actor, draft, now)

    async def add_number(self, status: str = "active", workspace_id: UUID | None = None) -> UUID:
        """A number of the workspace; its id."""
        number_id = UUID(new_id())
        await self.db.execute(
            "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
            "VALUES ($1, $2, $3, 'Main', 'simulated', $4)",
            number_id, workspace_id or self.workspace_id, f"+1415{next(_numbers) % 10_000_000:07}", status,
        )  # fmt: skip
        return number_id

    async def create_live_agent(self, name: str = "Desk", **fields: Any) -> VoiceAgent:
        """A live agent with a number."""
        agent = await self.create_agent(name, phone_number_id=await self.add_number(), **fields)
        return await self.services[Agents].activate(self.db, self.workspace_id, self.actor, agent.id, NOW)

    async def enter_scope(self) -> None:
        """Enters the workspace's scope."""
        await enter_workspace(self.db, self.workspace_id, self.actor.id)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The platform's services; stand-ins may not be used."""
    with offline_services(tmp_path_factory.mktemp("objects")) as services:
        yield services


@pytest.fixture
async def workspace(seeded_database_url: str, services: Services) -> AsyncIterator[AgentsWorkspace]:
    """A new workspace of the trial tier with a verified owner; rolled back after the test."""
    async with open_pool(seeded_database_url, size=1) as pool, pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        await enter_platform(db)
        yield await make_workspace(db, services)
        await transaction.rollback()


@pytest.fixture
async def pool(fresh_seeded_database_url: str) -> AsyncIterator[Pool]:
    """A pool on a seeded database of the test's own, for races."""
    async with open_pool(fresh_seeded_database_url, size=6) as pool:
        yield pool


@asynccontextmanager
async def acting(pool: Pool, workspace: AgentsWorkspace) -> AsyncIterator[Connection]:
    """A transaction of another connection in the workspace's scope."""
    async with pool.transaction() as db:
        await enter_workspace(db, workspace.workspace_id, workspace.actor.id)
        yield db


async def make_workspace(db: Connection, services: Services, *, verified: bool = True) -> AgentsWorkspace:
    """Creates a workspace; the transaction stays in its scope."""
    email = f"owner{next(_numbers)}@example.com"
    user = await services[Accounts].create_user(db, email, "Ann", "plum tractor 48 violin", verified, NOW)
    actor = Actor("user", user.id, email)
    workspace = await services[Workspaces].create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), NOW)
    return AgentsWorkspace(db, services, workspace.id, actor)
