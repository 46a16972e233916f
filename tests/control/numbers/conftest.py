"""A committed workspace in a database of the test's own, and carriers of flesh and blood to ask."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.agents.model import Agent, AgentPolicy, Draft
from control.agents.seed import seed_providers, seed_templates
from control.carriers.book import CarrierOptions, Carriers, open_carriers
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.http.context import Services
from control.http.wiring import Policies, make_services
from control.numbers.model import Number, Wanted
from control.numbers.service import Numbers
from control.platform.audit import Actor
from control.platform.seed import seed_platform
from control.workspaces.model import NewWorkspace
from shared.secrets import Sealer
from tests.control.carriers.telnyx_peer import CONNECTION, KEY, TelnyxPeer
from tests.control.carriers.twilio_peer import SID, TOKEN, TwilioPeer
from tests.control.running import nowhere

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A workspace and its owner; each `in_` is a transaction of its own in the workspace's scope."""

    pool: Pool
    services: Services
    workspace_id: UUID
    actor: Actor

    @property
    def numbers(self) -> Numbers:
        return self.services.numbers

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[Connection]:
        async with self.pool.transaction() as db:
            await enter_workspace(db, self.workspace_id, self.actor.id)
            yield db

    async def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Something done as a request is."""
        async with self.acting() as db:
            return await work(db)

    async def all_of(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Something done as the worker does it: in the platform's scope."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            return await work(db)

    async def buy(self, phone_number: str = "+14155550123", carrier: str = "twilio", name: str = "Main") -> Number:
        wanted = Wanted(phone_number, name, carrier)
        return await self.do(lambda db: self.numbers.buy(db, self.workspace_id, self.actor, wanted, NOW))

    async def get(self, number: Number) -> Number:
        return await self.do(lambda db: self.numbers.get(db, self.workspace_id, number.id))

    async def release(self, number: Number) -> None:
        await self.do(lambda db: self.numbers.release(db, self.workspace_id, self.actor, number.id, NOW))

    async def have(self, number: Number, status: str, **more: Any) -> None:
        """The number is so, whatever the rules say."""
        await self.run("UPDATE phone_numbers SET status = $2 WHERE id = $1", number.id, status)
        for name, value in more.items():
            await self.run(f"UPDATE phone_numbers SET {name} = $2 WHERE id = $1", number.id, value)

    async def agent(self, number: Number, *, live: bool = False) -> Agent:
        """One that has the number."""
        draft = Draft("Desk", config={"greeting": "Hello."}, phone_number_id=number.id)
        agents = self.services.agents
        agent = await self.do(lambda db: agents.create(db, self.workspace_id, self.actor, draft, NOW))
        if live:
            await self.do(lambda db: agents.activate(db, self.workspace_id, self.actor, agent.id, NOW))
        return agent

    async def run(self, sql: str, *given: Any) -> None:
        await self.all_of(lambda db: db.execute(sql, *given))

    async def ask(self, sql: str, *given: Any) -> Any:
        return await self.all_of(lambda db: db.fetch(sql, *given))

    async def jobs(self) -> list[tuple[str, bytes]]:
        """What is in the queue."""
        return [tuple(row) for row in await self.ask("SELECT entrypoint, payload FROM pgqueuer ORDER BY id")]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The rooms."""
    with closing(Passwords(HashPolicy(time_cost=1, memory_kib=8, parallelism=1))) as passwords:
        policies = Policies(links="https://app.example.com", agents=AgentPolicy())
        yield make_services(Sealer([bytes(32)]), policies, passwords, nowhere(tmp_path_factory.mktemp("objects")))


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    """Connections to a seeded database."""
    async with open_pool(fresh_database_url, size=6) as pool:
        async with pool.transaction() as db:
            await enter_platform(db)
            await seed_platform(db, shipped_tiers(), shipped_settings())
            await seed_providers(db, shipped_providers())
            await seed_templates(db, shipped_templates(), NOW)
        yield pool


@pytest.fixture
async def scene(pool: Pool, services: Services) -> Scene:
    """A workspace whose owner is verified, on a tier with two numbers."""
    scene = await make_scene(pool, services)
    await scene.run("UPDATE tiers SET max_phone_numbers = 2")
    return scene


@pytest.fixture
async def owner(fresh_database_url: str) -> AsyncIterator[Connection]:
    """The database's owner, who may make triggers."""
    async with open_pool(fresh_database_url, size=1, role="owner") as owners, owners.acquire() as db:
        yield db


@pytest.fixture
async def carriers(twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer) -> AsyncIterator[Carriers]:
    """Both carriers, Twilio by default."""
    async with open_carriers(carrier_options(twilio_peer.url, telnyx_peer.url)) as carriers:
        yield carriers


def carrier_options(twilio_url: str, telnyx_url: str, *, timeout_s: float = 10.0) -> CarrierOptions:
    return CarrierOptions(
        webhook_url="https://hooks.example.com",
        twilio_account_sid=SID,
        twilio_token=TOKEN,
        twilio_api_url=twilio_url,
        telnyx_api_key=KEY,
        telnyx_connection_id=CONNECTION,
        telnyx_api_url=f"{telnyx_url}/v2",
        timeout_s=timeout_s,
    )


async def make_scene(pool: Pool, services: Services, *, verified: bool = True) -> Scene:
    async with pool.transaction() as db:
        email = f"owner{next(_numbers)}@example.com"
        await enter_platform(db)
        user = await services.accounts.create_user(db, email, "Ann", "plum tractor 48 violin", verified, NOW)
        actor = Actor("user", user.id, email)
        workspace = await services.workspaces.create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), NOW)
        return Scene(pool, services, workspace.id, actor)
