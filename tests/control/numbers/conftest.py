"""A committed workspace in a database of the test's own, and simulated carriers on sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest

from control.accounts.users.service import Accounts
from control.agents.rules import NewAgentInput, VoiceAgent
from control.agents.service import Agents
from control.audit.service import Actor
from control.carriers.service import CarrierOptions, Carriers, open_carriers
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.http.services import Services
from control.numbers.rules import NumberOrder, PhoneNumber
from control.numbers.service import Numbers
from control.workspaces.rules import NewWorkspace
from control.workspaces.service import Workspaces
from tests.control.carriers.telnyx_peer import CONNECTION, KEY, TelnyxPeer
from tests.control.carriers.twilio_peer import SID, TOKEN, TwilioPeer
from tests.platform.services import offline_services

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class NumbersWorkspace:
    """A workspace and its owner. Every method runs in a transaction of its own."""

    pool: Pool
    services: Services
    workspace_id: UUID
    actor: Actor

    @property
    def numbers(self) -> Numbers:
        return self.services[Numbers]

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[Connection]:
        async with self.pool.transaction() as db:
            await enter_workspace(db, self.workspace_id, self.actor.id)
            yield db

    async def in_workspace(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs work in the workspace's scope, like a request."""
        async with self.acting() as db:
            return await work(db)

    async def in_platform(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs work in the platform's scope, like the worker."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            return await work(db)

    async def buy(self, phone_number: str = "+14155550123", carrier: str = "twilio", name: str = "Main") -> PhoneNumber:
        order = NumberOrder(phone_number, name, carrier)
        return await self.in_workspace(lambda db: self.numbers.buy(db, self.workspace_id, self.actor, order, NOW))

    async def get(self, number: PhoneNumber) -> PhoneNumber:
        return await self.in_workspace(lambda db: self.numbers.get(db, self.workspace_id, number.id))

    async def release(self, number: PhoneNumber) -> None:
        await self.in_workspace(lambda db: self.numbers.release(db, self.workspace_id, self.actor, number.id, NOW))

    async def set_status(self, number: PhoneNumber, status: str, **columns: Any) -> None:
        """Writes a status and columns of the number directly."""
        await self.execute("UPDATE phone_numbers SET status = $2 WHERE id = $1", number.id, status)
        for name, value in columns.items():
            await self.execute(f"UPDATE phone_numbers SET {name} = $2 WHERE id = $1", number.id, value)

    async def create_agent(self, number: PhoneNumber, *, live: bool = False) -> VoiceAgent:
        """An agent with the number."""
        draft = NewAgentInput("Desk", config={"greeting": "Hello."}, phone_number_id=number.id)
        agents = self.services[Agents]
        agent = await self.in_workspace(lambda db: agents.create(db, self.workspace_id, self.actor, draft, NOW))
        if live:
            await self.in_workspace(lambda db: agents.activate(db, self.workspace_id, self.actor, agent.id, NOW))
        return agent

    async def execute(self, sql: str, *values: Any) -> None:
        await self.in_platform(lambda db: db.execute(sql, *values))

    async def fetch(self, sql: str, *values: Any) -> Any:
        return await self.in_platform(lambda db: db.fetch(sql, *values))

    async def queued_jobs(self) -> list[tuple[str, bytes]]:
        """The queued jobs."""
        return [tuple(row) for row in await self.fetch("SELECT entrypoint, payload FROM pgqueuer ORDER BY id")]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The platform's services."""
    with offline_services(tmp_path_factory.mktemp("objects")) as services:
        yield services


@pytest.fixture
async def pool(fresh_seeded_database_url: str) -> AsyncIterator[Pool]:
    """A pool on a seeded database."""
    async with open_pool(fresh_seeded_database_url, size=6) as pool:
        yield pool


@pytest.fixture
async def workspace(pool: Pool, services: Services) -> NumbersWorkspace:
    """A workspace whose owner is verified, on a tier with two numbers."""
    workspace = await make_workspace(pool, services)
    await workspace.execute("UPDATE tiers SET max_phone_numbers = 2")
    return workspace


@pytest.fixture
async def owner(fresh_seeded_database_url: str) -> AsyncIterator[Connection]:
    """A connection of the database's owner, who may create triggers."""
    async with open_pool(fresh_seeded_database_url, size=1, role="owner") as owners, owners.acquire() as db:
        yield db


@pytest.fixture
async def carriers(twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer) -> AsyncIterator[Carriers]:
    """Both carriers, Twilio by default."""
    async with open_carriers(carrier_options(twilio_peer.url, telnyx_peer.url)) as carriers:
        yield carriers


def carrier_options(
    twilio_url: str, telnyx_url: str, *, timeout_s: float = 10.0, webhook_url: str = "https://hooks.example.com"
) -> CarrierOptions:
    return CarrierOptions(
        webhook_url=webhook_url,
        twilio_account_sid=SID,
        twilio_token=TOKEN,
        twilio_api_url=twilio_url,
        telnyx_api_key=KEY,
        telnyx_connection_id=CONNECTION,
        telnyx_api_url=f"{telnyx_url}/v2",
        timeout_s=timeout_s,
    )


async def make_workspace(pool: Pool, services: Services, *, verified: bool = True) -> NumbersWorkspace:
    async with pool.transaction() as db:
        email = f"owner{next(_numbers)}@example.com"
        await enter_platform(db)
        user = await services[Accounts].create_user(db, email, "Ann", "plum tractor 48 violin", verified, NOW)
        actor = Actor("user", user.id, email)
        workspace = await services[Workspaces].create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), NOW)
        return NumbersWorkspace(pool, services, workspace.id, actor)
