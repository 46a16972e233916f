"""A workspace with numbers in a seeded database: in one transaction that is taken back, or for real, for races."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.agents.model import Agent, AgentPolicy, Draft
from control.agents.seed import seed_providers, seed_templates
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.http.context import Services
from control.http.wiring import Policies, make_services
from control.platform.audit import Actor
from control.platform.seed import seed_platform
from control.workspaces.model import NewWorkspace
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.running import nowhere

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(10_000_000)


@dataclass(frozen=True, slots=True)
class Scene:
    """A workspace, its owner, and the connection that everything goes through."""

    db: Connection
    services: Services
    workspace_id: UUID
    actor: Actor

    async def agent(self, name: str = "Desk", now: datetime = NOW, **given: Any) -> Agent:
        """A draft that lacks nothing but a number."""
        given = {"config": {"greeting": "Hello."}} | given
        draft = Draft(name, **given)
        return await self.services.agents.create(self.db, self.workspace_id, self.actor, draft, now)

    async def number(self, status: str = "active", workspace_id: UUID | None = None) -> UUID:
        """A number of the workspace; its id."""
        number_id = UUID(new_id())
        await self.db.execute(
            "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
            "VALUES ($1, $2, $3, 'Main', 'simulated', $4)",
            number_id, workspace_id or self.workspace_id, f"+1415{next(_numbers) % 10_000_000:07}", status,
        )  # fmt: skip
        return number_id

    async def live(self, name: str = "Desk", **given: Any) -> Agent:
        """A live one, with a number."""
        agent = await self.agent(name, phone_number_id=await self.number(), **given)
        return await self.services.agents.activate(self.db, self.workspace_id, self.actor, agent.id, NOW)

    async def enter(self) -> None:
        """Into the workspace's scope."""
        await enter_workspace(self.db, self.workspace_id, self.actor.id)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The rooms; stand-ins are for tests, and here they may not be used."""
    with closing(Passwords(HashPolicy(time_cost=1, memory_kib=8, parallelism=1))) as passwords:
        yield make_services(
            Sealer([bytes(32)]),
            Policies(links="https://app.example.com", agents=AgentPolicy()),
            passwords,
            nowhere(tmp_path_factory.mktemp("objects")),
        )


@pytest.fixture
async def scene(database_url: str, services: Services) -> AsyncIterator[Scene]:
    """A new workspace of the trial tier, whose owner is verified; taken back after the test."""
    async with open_pool(database_url, size=1) as pool, pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        await _seed(db)
        yield await make_scene(db, services)
        await transaction.rollback()


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    """Many connections to a seeded database of this test's own, for races."""
    async with open_pool(fresh_database_url, size=6) as pool:
        async with pool.transaction() as db:
            await _seed(db)
        yield pool


@asynccontextmanager
async def acting(pool: Pool, scene: Scene) -> AsyncIterator[Connection]:
    """Another request in the same workspace: a connection and a transaction of its own, in the workspace's scope."""
    async with pool.transaction() as db:
        await enter_workspace(db, scene.workspace_id, scene.actor.id)
        yield db


async def make_scene(db: Connection, services: Services, *, verified: bool = True) -> Scene:
    """The transaction goes on in the workspace's scope."""
    email = f"owner{next(_numbers)}@example.com"
    user = await services.accounts.create_user(db, email, "Ann", "plum tractor 48 violin", verified, NOW)
    actor = Actor("user", user.id, email)
    workspace = await services.workspaces.create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), NOW)
    return Scene(db, services, workspace.id, actor)


async def _seed(db: Connection) -> None:
    await enter_platform(db)
    await seed_platform(db, shipped_tiers(), shipped_settings())
    await seed_providers(db, shipped_providers())
    await seed_templates(db, shipped_templates(), NOW)
