"""A platform with workspaces whose agents can be called: real PostgreSQL and Valkey, a folder for recordings, and
carriers that record their requests."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

from control.accounts.passwords import Passwords
from control.accounts.rules import HashPolicy
from control.accounts.users.service import Accounts
from control.agents.rules import AgentPolicy, NewAgentInput, VoiceAgent
from control.agents.service import Agents
from control.audit.service import Actor
from control.calls.admission.service import CallAdmission
from control.calls.live.service import MediaAssignment
from control.calls.outbound.service import CallPlacement, CallRequest, OutboundCalls
from control.calls.records.callers import IncomingCall
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall, CallPolicy
from control.calls.records.service import CallRecords
from control.carriers.pacer import CallPacer
from control.carriers.rules import (
    NO_HOLDER,
    ActiveCall,
    AvailableNumber,
    CarrierDocuments,
    CarrierName,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
    NumberHolder,
    OwnedNumber,
    PlacedCall,
)
from control.carriers.service import Carriers
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_user, enter_workspace
from control.http.services import Services
from control.outside import OutsideClients
from control.services import Policies, make_services
from control.tools.service import ToolServices
from control.workspaces.rules import NewWorkspace
from control.workspaces.service import Workspaces
from shared.bus.checkpoints import Checkpoint
from shared.bus.client import BusClient, bus_client
from shared.bus.nodes import NodeRegistry, NodeState
from shared.events import CallUsage
from shared.ids import new_id
from shared.secrets import Sealer
from shared.storage import Storage
from tests.platform.catalog import seed_catalog
from tests.platform.trust import trusting

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEYS = [bytes(range(32))]
SEALER, AUTHORITY = Sealer(KEYS), trusting(KEYS)
# So many that no test waits for its turn.
CALLS_PER_S = 1_000.0
STAFF = Actor("admin", UUID(int=7), "staff@vocalized.example")
_numbers = count(1)
T = TypeVar("T")


def later(seconds: float) -> datetime:
    """That many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def make_checkpoint(call_id: UUID, node_id: str = "node-1", leg: int = 0) -> Checkpoint:
    """A checkpoint of a call in which nothing was said."""
    return Checkpoint(
        call_id=str(call_id), node_id=node_id, leg=leg, messages=[], turn=0, usage=CallUsage(), began_ms=1, at_ms=2
    )


@dataclass(frozen=True, slots=True)
class LiveWorkspace:
    """A workspace with a live agent and its number."""

    workspace_id: UUID
    actor: Actor
    agent_id: UUID
    number_id: UUID
    number: str


@dataclass(frozen=True, slots=True)
class CallPlatform:
    """The platform's services, PostgreSQL, Valkey and storage."""

    pool: Pool
    services: Services
    redis: BusClient
    storage: Storage
    gateway: "FakeCarrier"

    @property
    def admission(self) -> CallAdmission:
        return self.services[CallAdmission]

    @property
    def outbound(self) -> OutboundCalls:
        return self.services[OutboundCalls]

    @property
    def placement(self) -> CallPlacement:
        return self.services[CallPlacement]

    @property
    def records(self) -> CallRecords:
        return self.services[CallRecords]

    @property
    def media_assignment(self) -> MediaAssignment:
        return self.services[MediaAssignment]

    async def in_platform(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs work in a transaction in platform scope, like webhooks and jobs."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            return await work(db)

    async def in_workspace(self, workspace: LiveWorkspace, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs work in a transaction in the workspace's scope, like a request of its owner."""
        async with self.pool.transaction() as db:
            await enter_workspace(db, workspace.workspace_id, workspace.actor.id)
            return await work(db)

    async def create_workspace(
        self, *, tier: str = "growth", live: bool = True, carrier: CarrierName = "twilio", **config: Any
    ) -> LiveWorkspace:
        """Creates a workspace."""
        index = next(_numbers)
        number_id, number = UUID(new_id()), f"+1415555{index:04}"

        async def make(db: Connection) -> tuple[UUID, Actor]:
            email = f"owner{index}.{new_id()}@example.com"
            user = await self.services[Accounts].create_user(db, email, "Ann", "plum tractor 48 violin", True, NOW)
            await enter_user(db, user.id)
            actor = Actor("user", user.id, email)
            new = NewWorkspace(f"Acme {index}", None, "UTC")
            created = await self.services[Workspaces].create(db, actor, user.id, new, NOW)
            return created.id, actor

        workspace_id, actor = await self.in_platform(make)
        await self.in_platform(
            lambda db: self.services[Workspaces].administration.change_tier(db, STAFF, workspace_id, tier, NOW)
        )
        await self.in_platform(
            lambda db: db.execute(
                "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, country) "
                "VALUES ($1, $2, $3, $4, 'active', 'US')",
                number_id, workspace_id, number, carrier,
            )
        )  # fmt: skip
        workspace = LiveWorkspace(workspace_id, actor, UUID(int=0), number_id, number)

        async def agent(db: Connection) -> VoiceAgent:
            draft = NewAgentInput("Desk", phone_number_id=number_id, config={"greeting": "Hello."} | config)
            created = await self.services[Agents].create(db, workspace_id, actor, draft, NOW)
            return await self.services[Agents].activate(db, workspace_id, actor, created.id, NOW) if live else created

        created = await self.in_workspace(workspace, agent)
        return LiveWorkspace(workspace_id, actor, created.id, number_id, number)

    async def ring(
        self,
        workspace: LiveWorkspace,
        name: str = "",
        *,
        at: datetime = NOW,
        carrier: CarrierName = "twilio",
        caller: str = "+14155550100",
    ) -> AdmittedCall | RefusedCall:
        """Rings the number of the workspace; returns the admission or the refusal."""
        ring = IncomingCall(carrier, name or f"CA{new_id()}", caller, workspace.number)
        return await self.in_platform(lambda db: self.admission.admit_inbound(db, ring, at))

    async def admit(self, workspace: LiveWorkspace, name: str = "", *, at: datetime = NOW) -> AdmittedCall:
        """Rings the number of the workspace; the call must be admitted."""
        created = await self.ring(workspace, name, at=at)
        assert isinstance(created, AdmittedCall), created
        return created

    async def place(
        self,
        workspace: LiveWorkspace,
        number: str,
        *,
        test: bool = False,
        at: datetime = NOW,
        variables: Mapping[str, str] | None = None,
    ) -> UUID:
        """Places an outbound call; returns its id."""
        request = CallRequest(workspace.workspace_id, workspace.agent_id, number, test, variables or {})
        return await self.in_workspace(workspace, lambda db: self.outbound.place(db, workspace.actor, request, at))

    async def call_row(self, call_id: UUID) -> Any:
        """A call's row."""
        return await self.in_platform(lambda db: db.fetchrow("SELECT * FROM calls WHERE id = $1", call_id))

    async def call_rows(self, workspace: LiveWorkspace) -> list[Any]:
        """The rows of a workspace's calls, oldest first."""
        return list(
            await self.in_platform(
                lambda db: db.fetch("SELECT * FROM calls WHERE workspace_id = $1 ORDER BY id", workspace.workspace_id)
            )
        )

    async def job_payloads(self, name: str) -> list[bytes]:
        """Payloads of the queued jobs of this name."""
        rows = await self.in_platform(
            lambda db: db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", name)
        )
        return [row["payload"] for row in rows]

    async def add_node(self, name: str = "node-1", *, capacity: int = 100, calls: int = 0) -> NodeState:
        """A media node that is alive until its heartbeat expires."""
        state = NodeState(name, f"wss://{name}.example.com", calls, capacity)
        await NodeRegistry(self.redis).heartbeat(state)
        return state


@dataclass(slots=True)
class FakeCarrier:
    """A carrier for tests that records its requests. answers: exceptions to raise, by method name."""

    name: CarrierName = "twilio"
    dialed: list[DialRequest] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    recorded: list[tuple[str, str]] = field(default_factory=list)
    spoken: list[tuple[str, str, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    answers: dict[str, Exception] = field(default_factory=dict)
    found: list[PlacedCall] = field(default_factory=list)
    active: list[ActiveCall] = field(default_factory=list)
    audio: bytes = b"RIFF"

    @property
    def configuration(self) -> str:
        raise NotImplementedError

    @property
    def documents(self) -> CarrierDocuments:
        raise NotImplementedError

    async def dial(self, order: DialRequest) -> PlacedCall:
        self.dialed.append(order)
        self._answer("dial")
        return PlacedCall(f"CA-{order.call_id}")

    async def find_placed_calls(self, order: DialRequest, since: datetime) -> list[PlacedCall]:
        self._answer("find_placed_calls")
        return self.found

    async def list_active_calls(self) -> list[ActiveCall]:
        self._answer("list_active_calls")
        return self.active

    async def hang_up(self, carrier_call_id: str) -> None:
        self.hung_up.append(carrier_call_id)
        self._answer("hang_up")

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        self.spoken.append((carrier_call_id, words, language))
        self._answer("speak_last_words")

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        self.recorded.append((carrier_call_id, call_id))
        self._answer("start_recording")

    async def stop_recording(self, carrier_call_id: str) -> None:
        self.stopped.append(carrier_call_id)
        self._answer("stop_recording")

    async def fetch_recording(self, recording: str, file: IO[bytes]) -> None:
        self.fetched.append(recording)
        self._answer("fetch_recording")
        file.write(self.audio)

    async def delete_recording(self, recording: str) -> None:
        self.deleted.append(recording)
        self._answer("delete_recording")

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        raise NotImplementedError

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        raise NotImplementedError

    async def list_numbers(self, digits: str, most: int) -> list[OwnedNumber]:
        raise NotImplementedError

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        raise NotImplementedError

    async def configure(self, number: OwnedNumber) -> None:
        raise NotImplementedError

    async def release(self, carrier_number_id: str) -> None:
        raise NotImplementedError

    def _answer(self, method: str) -> None:
        if method in self.answers:
            raise self.answers[method]


def carrier_unavailable() -> CarrierUnavailable:
    """A timeout: the request may have been carried out."""
    return CarrierUnavailable("twilio", "timeout", "no answer in time")


def carrier_refusal(*, call_ended: bool = False) -> CarrierRefused:
    """A refusal by the carrier."""
    return CarrierRefused("twilio", "21217", "invalid number", call_ended=call_ended)


@asynccontextmanager
async def open_call_platform(
    database_url: str,
    valkey_url: str,
    folder: Path,
    policy: CallPolicy | None = None,
    egress_allow: tuple[str, ...] = (),
) -> AsyncIterator[CallPlatform]:
    """Runs until the block ends. egress_allow: networks that customers' addresses may lead to."""
    redis = bus_client(valkey_url, 5.0)
    storage, gateway = Storage(folder.as_uri()), FakeCarrier()
    carriers = Carriers({"twilio": gateway}, default="twilio")
    pacer = CallPacer(redis, {"twilio": CALLS_PER_S, "telnyx": CALLS_PER_S})
    outside = OutsideClients(redis, AUTHORITY, MediaAssignment(redis, AUTHORITY), carriers, storage, pacer)
    policies = Policies(
        links="https://app.example.com",
        agents=AgentPolicy(standins=True),
        calls=policy or CallPolicy(),
        egress_allow=egress_allow,
    )
    try:
        with closing(Passwords(HashPolicy(time_cost=1, memory_kib=8, parallelism=1))) as passwords:
            async with open_pool(database_url, size=8) as pool:
                platform = CallPlatform(
                    pool, make_services(SEALER, policies, passwords, outside), redis, storage, gateway
                )
                await platform.in_platform(_seed)
                try:
                    yield platform
                finally:
                    await platform.services[ToolServices].connections.close()
    finally:
        await redis.aclose()


async def _seed(db: Connection) -> None:
    await seed_catalog(db)
