"""The webhooks for tests: on a real socket behind the API's edge, with real PostgreSQL, Valkey and rooms; and the
carriers' side, whose signatures are made by Twilio's own SDK and by `cryptography`.

Telnyx's REST API is an `Exchange`, which keeps what it was asked and fails on request.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.accounts.mail import Mailer
from control.agents.model import AgentPolicy, Draft
from control.agents.seed import seed_providers, seed_templates
from control.agents.service import Agents
from control.calls.handover import Handover
from control.calls.policy import CallPolicy
from control.calls.service import Calls
from control.carriers.book import CarrierOptions, Carriers, open_carriers
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from control.http.cors import Cors
from control.http.headers import standing_headers
from control.http.metrics import HttpMetrics
from control.http.middleware import Edge
from control.http.origin import Origins
from control.platform.audit import Actor
from control.platform.seed import seed_platform
from control.platform.service import Platform
from control.webhooks.options import WebhookOptions
from control.webhooks.routes import Webhooks
from control.workspaces.model import NewWorkspace
from control.workspaces.service import Workspaces
from shared.bus.client import bus_client
from shared.bus.nodes import Nodes, NodeState
from shared.bus.notes import Notes
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.accounts.stage import Stage as Accounts
from tests.control.accounts.stage import someone
from tests.control.accounts.stage import stage as accounts_stage
from tests.control.webhooks.exchange import API_KEY, Exchange, served_exchange
from tests.control.webhooks.reply import PUBLIC, Reply

ACCOUNT, TOKEN = "AC" + "a" * 32, "main-token-0123456789"
SUBACCOUNT, SUBTOKEN = "AC" + "b" * 32, "sub-token-0123456789"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
CALLER = "+14155550123"
NODE = "wss://media-1.example.com"
_numbers = count(2_000_000)


def public_key(seed: bytes = SEED) -> str:
    """As Telnyx's portal shows it."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode()


OPTIONS = WebhookOptions(
    PUBLIC,
    twilio_tokens=((ACCOUNT, TOKEN), (SUBACCOUNT, SUBTOKEN)),
    telnyx_public_keys=(public_key(),),
    over_wait_s=0.2,
    # A loaded machine must not fail a test; those about slowness set their own.
    deadline_s=20,
    connect_s=10,
    look_s=20,
    inline_s=20,
    commands_s=20,
)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What webhooks need of the services."""

    calls: Calls
    handover: Handover
    carriers: Carriers
    notes: Notes


@dataclass(slots=True)
class World:
    """The running webhooks, a workspace with live agents, one with a number at Twilio and one at Telnyx, and both
    carriers."""

    url: str
    client: ClientSession
    accounts: Accounts
    owner: Connection
    rooms: Rooms
    redis: Redis
    exchange: Exchange
    hooks: Webhooks
    registry: CollectorRegistry
    workspace_id: UUID
    agent_id: UUID
    number: str
    telnyx_number: str
    clock: Callable[[], datetime]
    nodes: dict[str, NodeState] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        return self.accounts.pool

    async def post(self, path: str, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Reply:
        """As it stands."""
        sent = {"Content-Type": content_type, **(headers or {})}
        await self._beat()
        async with self.client.post(self.url + path, data=body, headers=sent) as response:
            return Reply(response.status, await response.text(), response.content_type)

    async def twilio(self, path: str, fields: Mapping[str, str], *, token: str = TOKEN) -> Reply:
        """A signed form; AccountSid and To are filled in."""
        full = {"AccountSid": ACCOUNT, "To": self.number, "From": CALLER} | dict(fields)
        signature = RequestValidator(token).compute_signature(PUBLIC + path, full)
        return await self.post(
            path, urlencode(full).encode(), "application/x-www-form-urlencoded", {"X-Twilio-Signature": signature}
        )

    async def rings(self, sid: str, **fields: str) -> Reply:
        """A call to our number, at Twilio."""
        given = {"CallSid": sid, "CallStatus": "ringing", "Direction": "inbound", "CallToken": "secret-4711"}
        return await self.twilio("/webhooks/calls/inbound", given | fields)

    async def telnyx(
        self,
        kind: str,
        call: str,
        *,
        event_id: str = "",
        path: str = "/webhooks/calls/inbound",
        seed: bytes = SEED,
        at: datetime | None = None,
        **payload: Any,
    ) -> Reply:
        """A signed event."""
        given = {"call_control_id": call, "client_state": None, "from": CALLER, "to": self.telnyx_number} | payload
        body = self.event(kind, event_id or new_id(), given)
        return await self.sent(body, path=path, seed=seed, at=at)

    def event(self, kind: str, event_id: str, payload: Mapping[str, Any]) -> bytes:
        """The envelope."""
        data = {
            "record_type": "event", "event_type": kind, "id": event_id,
            "occurred_at": self.clock().isoformat().replace("+00:00", "Z"), "payload": payload,
        }  # fmt: skip
        return json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": PUBLIC}}).encode()

    async def sent(
        self, body: bytes, *, path: str = "/webhooks/calls/inbound", seed: bytes = SEED, at: datetime | None = None
    ) -> Reply:
        """These bytes, signed as Telnyx does."""
        return await self.post(path, body, "application/json", telnyx_headers(body, at or self.clock(), seed))

    async def incoming(self, call: str, **payload: Any) -> Reply:
        """A call to our number, at Telnyx."""
        return await self.telnyx("call.initiated", call, direction="incoming", state="parked", **payload)

    async def node(self, name: str = "m1", *, url: str = NODE, calls: int = 0, capacity: int = 100) -> None:
        """A media node, which gives a sign of life before each request, so that a loaded machine makes none stale."""
        self.nodes[name] = NodeState(name, url, calls, capacity)
        await Nodes(self.redis).beat(self.nodes[name])

    async def lose(self, name: str) -> None:
        """A media node dies."""
        del self.nodes[name]
        await Nodes(self.redis).leave(name)

    async def _beat(self) -> None:
        for state in self.nodes.values():
            await Nodes(self.redis).beat(state)

    async def row(self, carrier_call_id: str) -> Mapping[str, Any]:
        """The call; an assertion fails when there is none, or are several."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            rows = await db.fetch("SELECT * FROM calls WHERE carrier_call_id = $1", carrier_call_id)
        assert len(rows) == 1, len(rows)
        return dict(rows[0])

    async def events(self, source: str = "") -> list[Mapping[str, Any]]:
        """What is stored, in order."""
        async with self.pool.transaction() as db:
            rows = await db.fetch(
                "SELECT * FROM webhook_events WHERE $1 IN ('', source) ORDER BY received_at, event_id", source
            )
        return [dict(row) for row in rows]

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Waits, bounded, for background work."""
        async with asyncio.timeout(10):
            while True:
                found = holds()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def sql(self, text: str, *values: Any) -> None:
        """What no webhook does, as the database's owner."""
        await self.owner.execute(text, *values)

    async def queued(self, carrier: str = "twilio") -> UUID:
        """An outbound call that waits for its carrier; its id."""
        call_id = UUID(new_id())
        await self.sql(
            "INSERT INTO calls (id, workspace_id, agent_id, agent_version, direction, carrier, caller_number, "
            "called_number, status) VALUES ($1, $2, $3, 1, 'outbound', $4, $5, $6, 'queued')",
            call_id, self.workspace_id, self.agent_id, carrier, self.number, CALLER,
        )  # fmt: skip
        return call_id

    def figure(self, name: str, **labels: str) -> float:
        """A metric."""
        return self.registry.get_sample_value(name, labels) or 0.0


def telnyx_headers(body: bytes, at: datetime, seed: bytes = SEED) -> dict[str, str]:
    """Timestamp and signature."""
    stamp = str(int(at.timestamp()))
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(stamp.encode() + b"|" + body)
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}


def client_state(text: str) -> str:
    """As Telnyx carries it."""
    return base64.b64encode(text.encode()).decode()


@asynccontextmanager
async def running(
    database_url: str,
    valkey_url: str,
    *,
    redis_timeout_s: float = 5.0,
    clock: Callable[[], datetime] | None = None,
    recordings: Literal["ours", "carrier", "both"] = "ours",
    **options: Any,
) -> AsyncIterator[World]:
    """A world of its own: a new workspace, and no media node. options: of WebhookOptions."""
    clock = clock or (lambda: datetime.now(UTC))
    redis = bus_client(valkey_url, redis_timeout_s)
    async with (
        accounts_stage(database_url) as accounts,
        open_pool(database_url, size=1, role="owner") as owners,
        served_exchange() as (exchange, telnyx_url),
        open_carriers(
            CarrierOptions(PUBLIC, telnyx_api_key=API_KEY, telnyx_api_url=telnyx_url, record=recordings)
        ) as carriers,
        owners.acquire() as owner,
        ClientSession() as client,
    ):
        try:
            rooms = _rooms(accounts, redis, carriers, CallPolicy(recordings=recordings))
            made = replace(OPTIONS, **options)
            async with _world(accounts, owner, rooms, exchange, redis, client, clock, made) as world:
                yield world
        finally:
            await redis.aclose()


@asynccontextmanager
async def _world(
    accounts: Accounts, owner: Connection, rooms: Rooms, exchange: Exchange, redis: Redis, client: ClientSession,
    clock: Callable[[], datetime], options: WebhookOptions,
) -> AsyncIterator[World]:  # fmt: skip
    registry = CollectorRegistry()
    hooks = Webhooks(accounts.pool, rooms, options, registry=registry, clock=clock)
    workspace_id, agent_id, numbers = await _live_agents(accounts)
    async with _listening(hooks) as url:
        yield World(
            url, client, accounts, owner, rooms, redis, exchange, hooks, registry, workspace_id, agent_id, *numbers,
            clock,
        )  # fmt: skip


def _rooms(accounts: Accounts, redis: Redis, carriers: Carriers, policy: CallPolicy) -> Rooms:
    workspaces, agents = _domain(accounts)
    calls = Calls(workspaces=workspaces, agents=agents, platform=Platform(), policy=policy, sealer=accounts.sealer)
    return Rooms(calls, Handover(redis, accounts.sealer), carriers, Notes(redis, accounts.sealer))


def _domain(accounts: Accounts) -> tuple[Workspaces, Agents]:
    mailer = Mailer(accounts.sealer, "https://app.example.com")
    workspaces = Workspaces(accounts=accounts.accounts, platform=Platform(), mailer=mailer)
    return workspaces, Agents(workspaces=workspaces, policy=AgentPolicy(standins=True))


async def _live_agents(accounts: Accounts) -> tuple[UUID, UUID, tuple[str, str]]:
    """Their workspace, the one with a number at Twilio, and the numbers at Twilio and Telnyx."""
    workspaces, agents = _domain(accounts)
    now, numbers, agent_ids = datetime.now(UTC), [], []
    async with accounts.pool.transaction() as db:
        await enter_platform(db)
        if not await db.fetchval("SELECT EXISTS (SELECT FROM tiers)"):
            await seed_platform(db, shipped_tiers(), shipped_settings())
            await seed_providers(db, shipped_providers())
            await seed_templates(db, shipped_templates(), now)
        user = await accounts.accounts.create_user(db, someone(), "Ann", "plum tractor 48 violin", True, now)
        actor = Actor("user", user.id, user.email)
        made = await workspaces.create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), now)
        await db.execute("UPDATE tiers SET max_agents = 10")
        for carrier in ("twilio", "telnyx"):
            number_id, number = UUID(new_id()), f"+1415{next(_numbers)}"
            await db.execute(
                "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
                "VALUES ($1, $2, $3, 'Main', $4, 'active')",
                number_id, made.id, number, carrier,
            )  # fmt: skip
            draft = Draft(f"{carrier} desk", config={"greeting": "Hello.", "language": "en"}, phone_number_id=number_id)
            agent = await agents.create(db, made.id, actor, draft, now)
            await agents.activate(db, made.id, actor, agent.id, now)
            numbers.append(number)
            agent_ids.append(agent.id)
    return made.id, agent_ids[0], (numbers[0], numbers[1])


@asynccontextmanager
async def _listening(hooks: Webhooks) -> AsyncIterator[str]:
    edge = Edge(Origins(()), Cors(()), standing_headers(PUBLIC), HttpMetrics())
    app = web.Application(middlewares=[edge.middleware()], client_max_size=65_536)
    hooks.add_to(app.router)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        await hooks.close()


def sealer_of(world: World) -> Sealer:
    """The one that seals tickets."""
    return world.accounts.sealer
