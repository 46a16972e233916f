"""A platform with workspaces whose agents can be called: real PostgreSQL and Valkey, a folder for recordings, carriers
that note what they are asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

from redis.asyncio import Redis

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.agents.model import Agent, AgentPolicy, Draft
from control.agents.seed import seed_providers, seed_templates
from control.calls.handover import Handover
from control.calls.model import Admitted, Refused, Ring
from control.calls.policy import CallPolicy
from control.calls.service import Calls
from control.carriers.book import Carriers
from control.carriers.model import Available, CarrierAway, CarrierName, CarrierRefused, Dial, Owned, Placed
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_user, enter_workspace
from control.http.context import Services
from control.http.outside import Outside
from control.http.wiring import Policies, make_services
from control.platform.audit import Actor
from control.platform.seed import seed_platform
from control.workspaces.model import NewWorkspace
from shared.bus.client import bus_client
from shared.bus.nodes import Nodes, NodeState
from shared.ids import new_id
from shared.secrets import Sealer
from shared.storage import Storage

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SEALER = Sealer([bytes(range(32))])
STAFF = Actor("admin", UUID(int=7), "staff@vocalized.example")
_numbers = count(1)
T = TypeVar("T")


def later(seconds: float) -> datetime:
    """So long after NOW."""
    return NOW + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Shop:
    """A workspace with a live agent and its number."""

    workspace_id: UUID
    actor: Actor
    agent_id: UUID
    number_id: UUID
    number: str


@dataclass(frozen=True, slots=True)
class House:
    """All that a test of calls needs."""

    pool: Pool
    services: Services
    redis: Redis
    storage: Storage
    gateway: "Gateway"

    @property
    def calls(self) -> Calls:
        return self.services.calls

    @property
    def handover(self) -> Handover:
        return self.services.handover

    async def staff(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """A transaction that sees all workspaces, as those of webhooks and jobs do."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            return await work(db)

    async def member(self, shop: Shop, work: Callable[[Connection], Awaitable[T]]) -> T:
        """A request within a workspace."""
        async with self.pool.transaction() as db:
            await enter_workspace(db, shop.workspace_id, shop.actor.id)
            return await work(db)

    async def shop(
        self, *, tier: str = "growth", live: bool = True, carrier: CarrierName = "twilio", **config: Any
    ) -> Shop:
        """A new one."""
        place = next(_numbers)
        number_id, number = UUID(new_id()), f"+1415555{place:04}"

        async def make(db: Connection) -> tuple[UUID, Actor]:
            email = f"owner{place}.{new_id()}@example.com"
            user = await self.services.accounts.create_user(db, email, "Ann", "plum tractor 48 violin", True, NOW)
            await enter_user(db, user.id)
            actor = Actor("user", user.id, email)
            new = NewWorkspace(f"Acme {place}", None, "UTC")
            made = await self.services.workspaces.create(db, actor, user.id, new, NOW)
            return made.id, actor

        workspace_id, actor = await self.staff(make)
        await self.staff(lambda db: self.services.workspaces.staff.change_tier(db, STAFF, workspace_id, tier, NOW))
        await self.staff(
            lambda db: db.execute(
                "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, country) "
                "VALUES ($1, $2, $3, $4, 'active', 'US')",
                number_id, workspace_id, number, carrier,
            )
        )  # fmt: skip
        shop = Shop(workspace_id, actor, UUID(int=0), number_id, number)

        async def agent(db: Connection) -> Agent:
            draft = Draft("Desk", phone_number_id=number_id, config={"greeting": "Hello."} | config)
            made = await self.services.agents.create(db, workspace_id, actor, draft, NOW)
            return await self.services.agents.activate(db, workspace_id, actor, made.id, NOW) if live else made

        made = await self.member(shop, agent)
        return Shop(workspace_id, actor, made.id, number_id, number)

    async def ring(
        self, shop: Shop, name: str = "", *, at: datetime = NOW, carrier: CarrierName = "twilio"
    ) -> Admitted | Refused:
        """Somebody calls."""
        ring = Ring(carrier, name or f"CA{new_id()}", "+14155550100", shop.number)
        return await self.staff(lambda db: self.calls.arrive(db, ring, at))

    async def admitted(self, shop: Shop, name: str = "", *, at: datetime = NOW) -> Admitted:
        """Somebody calls, and is let in."""
        made = await self.ring(shop, name, at=at)
        assert isinstance(made, Admitted), made
        return made

    async def place(self, shop: Shop, number: str, *, test: bool = False, at: datetime = NOW) -> UUID:
        """Somebody has the agent call."""
        return await self.member(
            shop,
            lambda db: self.calls.place(db, shop.workspace_id, shop.actor, shop.agent_id, number, test, at),
        )

    async def row(self, call_id: UUID) -> Any:
        """A call as it is kept."""
        return await self.staff(lambda db: db.fetchrow("SELECT * FROM calls WHERE id = $1", call_id))

    async def rows(self, shop: Shop) -> list[Any]:
        """All of a workspace's, oldest first."""
        return list(
            await self.staff(
                lambda db: db.fetch("SELECT * FROM calls WHERE workspace_id = $1 ORDER BY id", shop.workspace_id)
            )
        )

    async def jobs(self, name: str) -> list[bytes]:
        """Payloads of the jobs of this name that wait."""
        rows = await self.staff(
            lambda db: db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", name)
        )
        return [row["payload"] for row in rows]

    async def node(self, name: str = "node-1", *, capacity: int = 100, calls: int = 0) -> NodeState:
        """A media node that is alive for a moment."""
        state = NodeState(name, f"wss://{name}.example.com", calls, capacity)
        await Nodes(self.redis).beat(state)
        return state


@dataclass(slots=True)
class Gateway:
    """A carrier for tests. Notes what it is asked; `answers` says what dial, find_dialled and so on do instead of
    succeeding: an exception to raise."""

    name: CarrierName = "twilio"
    dialled: list[Dial] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    answers: dict[str, Exception] = field(default_factory=dict)
    found: list[Placed] = field(default_factory=list)
    audio: bytes = b"RIFF"

    async def dial(self, order: Dial) -> Placed:
        self.dialled.append(order)
        self._answer("dial")
        return Placed(f"CA-{order.call_id}")

    async def find_dialled(self, order: Dial, since: datetime) -> list[Placed]:
        self._answer("find_dialled")
        return self.found

    async def hang_up(self, carrier_call_id: str) -> None:
        self.hung_up.append(carrier_call_id)
        self._answer("hang_up")

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        self.fetched.append(recording)
        self._answer("fetch_recording")
        into.write(self.audio)

    async def delete_recording(self, recording: str) -> None:
        self.deleted.append(recording)
        self._answer("delete_recording")

    async def search(self, country: str, area_code: str, limit: int) -> list[Available]:
        raise NotImplementedError

    async def owned(self, phone_number: str) -> Owned | None:
        raise NotImplementedError

    async def buy(self, phone_number: str, reference: str) -> Owned:
        raise NotImplementedError

    async def configure(self, owned: Owned) -> None:
        raise NotImplementedError

    async def release(self, carrier_number_id: str) -> None:
        raise NotImplementedError

    def _answer(self, what: str) -> None:
        if what in self.answers:
            raise self.answers[what]


def away() -> CarrierAway:
    """Nobody knows whether it did what it was asked."""
    return CarrierAway("twilio", "timeout", "no answer in time")


def refusal(*, over: bool = False) -> CarrierRefused:
    """It will not."""
    return CarrierRefused("twilio", "21217", "invalid number", over=over)


@asynccontextmanager
async def opened(
    database_url: str, valkey_url: str, folder: Path, policy: CallPolicy | None = None
) -> AsyncIterator[House]:
    """Until the block ends."""
    redis = bus_client(valkey_url, 5.0)
    storage, gateway = Storage(folder.as_uri()), Gateway()
    carriers = Carriers({"twilio": gateway}, default="twilio")
    outside = Outside(redis, Handover(redis, SEALER), carriers, storage)
    policies = Policies(
        links="https://app.example.com", agents=AgentPolicy(standins=True), calls=policy or CallPolicy()
    )
    try:
        with closing(Passwords(HashPolicy(time_cost=1, memory_kib=8, parallelism=1))) as passwords:
            async with open_pool(database_url, size=8) as pool:
                house = House(pool, make_services(SEALER, policies, passwords, outside), redis, storage, gateway)
                await house.staff(_seed)
                yield house
    finally:
        await redis.aclose()


async def _seed(db: Connection) -> None:
    await seed_platform(db, shipped_tiers(), shipped_settings())
    await seed_providers(db, shipped_providers())
    await seed_templates(db, shipped_templates(), NOW)
