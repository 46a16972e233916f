"""The webhooks for tests: composed by control.app on a real socket, with real PostgreSQL and Valkey.

The carriers' signatures are made by Twilio's own SDK and by `cryptography`. Telnyx's REST API is a `TelnyxApi`, which
stores the requests and fails on request.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from tempfile import gettempdir
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import ClientSession
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from control.accounts.passwords import Passwords
from control.accounts.users.service import Accounts
from control.agents.rules import AgentPolicy, NewAgentInput
from control.agents.service import Agents
from control.app import ApiOptions, HttpOptions, make_app, make_dependencies, redis_client
from control.audit.service import Actor
from control.calls.records.running_calls import CallPolicy
from control.carriers.service import CarrierOptions
from control.db.logins import API, with_login
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from control.http.services import Services
from control.inbound_webhooks.routes import Webhooks
from control.inbound_webhooks.source import WebhookOptions
from control.keys.settings import make_authority
from control.outside import OutsideOptions, open_outside
from control.services import Policies
from control.workspaces.rules import NewWorkspace
from control.workspaces.service import Workspaces
from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient
from shared.bus.nodes import NodeRegistry, NodeState
from shared.ids import new_id
from shared.key_sets import KeySets
from shared.secrets import Sealer
from tests.platform.api import PASSWORD, listening
from tests.platform.catalog import seed_catalog
from tests.platform.services import CHEAP_HASHING, KEY
from tests.platform.telnyx_api import API_KEY, TelnyxApi, running_telnyx_api
from tests.platform.webhook_reply import PUBLIC_URL, WebhookReply

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
    PUBLIC_URL,
    twilio_tokens=((ACCOUNT, TOKEN), (SUBACCOUNT, SUBTOKEN)),
    telnyx_public_keys=(public_key(),),
    outcome_wait_s=0.2,
    # A loaded machine must not fail a test; those about slowness set their own.
    deadline_s=20,
    media_assignment_s=10,
    lookup_s=20,
    inline_commands_s=20,
    commands_s=20,
)


@dataclass(slots=True)
class WebhookPlatform:
    """The running webhooks, and a workspace with two live agents, one on a number at Twilio and one at Telnyx."""

    url: str
    client: ClientSession
    pool: Pool
    owner: Connection
    services: Services
    sealer: Sealer
    authority: BusAuthority
    redis: BusClient
    telnyx_api: TelnyxApi
    webhooks: Webhooks
    registry: CollectorRegistry
    workspace_id: UUID
    agent_id: UUID
    number: str
    telnyx_number: str
    clock: Callable[[], datetime]
    nodes: dict[str, NodeState] = field(default_factory=dict)

    async def post(
        self, path: str, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> WebhookReply:
        """Sends the body unchanged."""
        sent = {"Content-Type": content_type, **(headers or {})}
        await self._beat()
        async with self.client.post(self.url + path, data=body, headers=sent) as response:
            return WebhookReply(response.status, await response.text(), response.content_type)

    async def post_twilio(self, path: str, fields: Mapping[str, str], *, token: str = TOKEN) -> WebhookReply:
        """Sends a form signed as Twilio does; AccountSid, To and From have defaults."""
        full = {"AccountSid": ACCOUNT, "To": self.number, "From": CALLER} | dict(fields)
        signature = RequestValidator(token).compute_signature(PUBLIC_URL + path, full)
        return await self.post(
            path, urlencode(full).encode(), "application/x-www-form-urlencoded", {"X-Twilio-Signature": signature}
        )

    async def ring_twilio(self, sid: str, **fields: str) -> WebhookReply:
        """A call from Twilio to the workspace's number."""
        defaults = {"CallSid": sid, "CallStatus": "ringing", "Direction": "inbound", "CallToken": "secret-4711"}
        return await self.post_twilio("/webhooks/calls/inbound", defaults | fields)

    async def post_telnyx(
        self,
        kind: str,
        call: str,
        *,
        event_id: str = "",
        path: str = "/webhooks/calls/inbound",
        seed: bytes = SEED,
        at: datetime | None = None,
        **payload: Any,
    ) -> WebhookReply:
        """Sends an event signed as Telnyx does."""
        payload_fields = {
            "call_control_id": call,
            "client_state": None,
            "from": CALLER,
            "to": self.telnyx_number,
        } | payload
        body = self.telnyx_body(kind, event_id or new_id(), payload_fields)
        return await self.post_telnyx_body(body, path=path, seed=seed, at=at)

    def telnyx_body(self, kind: str, event_id: str, payload: Mapping[str, Any]) -> bytes:
        """An event with its envelope."""
        data = {
            "record_type": "event", "event_type": kind, "id": event_id,
            "occurred_at": self.clock().isoformat().replace("+00:00", "Z"), "payload": payload,
        }  # fmt: skip
        return json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": PUBLIC_URL}}).encode()

    async def post_telnyx_body(
        self, body: bytes, *, path: str = "/webhooks/calls/inbound", seed: bytes = SEED, at: datetime | None = None
    ) -> WebhookReply:
        """Sends these bytes signed as Telnyx does."""
        return await self.post(path, body, "application/json", telnyx_headers(body, at or self.clock(), seed))

    async def ring_telnyx(self, call: str, **payload: Any) -> WebhookReply:
        """A call from Telnyx to the workspace's number."""
        return await self.post_telnyx("call.initiated", call, direction="incoming", state="parked", **payload)

    async def add_node(self, name: str = "m1", *, url: str = NODE, calls: int = 0, capacity: int = 100) -> None:
        """Adds a media node. It sends a heartbeat before each request, so that it never expires on a loaded machine."""
        self.nodes[name] = NodeState(name, url, calls, capacity)
        await NodeRegistry(self.redis).heartbeat(self.nodes[name])

    async def remove_node(self, name: str) -> None:
        """Removes a media node."""
        del self.nodes[name]
        await NodeRegistry(self.redis).remove(name)

    async def _beat(self) -> None:
        for state in self.nodes.values():
            await NodeRegistry(self.redis).heartbeat(state)

    async def call_row(self, carrier_call_id: str) -> Mapping[str, Any]:
        """The row of the call; fails when there is none, or several."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            rows = await db.fetch("SELECT * FROM calls WHERE carrier_call_id = $1", carrier_call_id)
        assert len(rows) == 1, len(rows)
        return dict(rows[0])

    async def stored_events(self, source: str = "") -> list[Mapping[str, Any]]:
        """The stored webhooks, oldest first."""
        async with self.pool.transaction() as db:
            await enter_platform(db)
            rows = await db.fetch(
                "SELECT * FROM webhook_events WHERE $1 IN ('', source) ORDER BY received_at, event_id", source
            )
        return [dict(row) for row in rows]

    async def wait_until(self, condition: Callable[[], Any]) -> Any:
        """Waits up to 10 s for background work; returns the first true value."""
        async with asyncio.timeout(30):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def execute(self, text: str, *values: Any) -> None:
        """Runs SQL as the database's owner."""
        await self.owner.execute(text, *values)

    async def block(self, caller: str) -> None:
        """The workspace blocks this caller."""
        await self.execute(
            "INSERT INTO blocked_callers (id, workspace_id, caller) VALUES ($1, $2, $3)",
            UUID(new_id()), self.workspace_id, caller,
        )  # fmt: skip

    async def close_business(self, text: str) -> None:
        """From now on, both agents say this text to every caller and hang up, because it is outside their hours."""
        opens = {"exceptions": [{"date": "2099-01-01", "ranges": [{"opens": "09:00", "closes": "10:00"}]}]}
        await self.configure_agents({"hours": opens, "outside_hours": {"action": "hang_up", "text": text}})

    async def configure_agents(self, config: Mapping[str, Any]) -> None:
        """From now on, both agents have these settings, too."""
        await self.execute(
            "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config) "
            "SELECT agent_id, 2, workspace_id, name, config || $2 FROM agent_versions WHERE workspace_id = $1",
            self.workspace_id, dict(config),
        )  # fmt: skip
        await self.execute("UPDATE agents SET version = 2 WHERE workspace_id = $1", self.workspace_id)

    async def queue_outbound(self, carrier: str = "twilio") -> UUID:
        """Inserts an outbound call that waits for its carrier; returns its id."""
        call_id = UUID(new_id())
        await self.execute(
            "INSERT INTO calls (id, workspace_id, agent_id, agent_version, direction, carrier, caller_number, "
            "called_number, status) VALUES ($1, $2, $3, 1, 'outbound', $4, $5, $6, 'queued')",
            call_id, self.workspace_id, self.agent_id, carrier, self.number, CALLER,
        )  # fmt: skip
        return call_id

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, 0 without one."""
        return self.registry.get_sample_value(name, labels) or 0.0


def telnyx_headers(body: bytes, at: datetime, seed: bytes = SEED) -> dict[str, str]:
    """Telnyx's headers: timestamp and signature."""
    stamp = str(int(at.timestamp()))
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(stamp.encode() + b"|" + body)
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}


def client_state(text: str) -> str:
    """A client_state as Telnyx sends it, base64."""
    return base64.b64encode(text.encode()).decode()


@asynccontextmanager
async def running_webhooks(
    database_url: str,
    valkey_url: str,
    *,
    redis_timeout_s: float = 5.0,
    clock: Callable[[], datetime] | None = None,
    recordings: Literal["ours", "carrier", "both"] = "ours",
    accepts_unsigned: bool = True,
    **options: Any,
) -> AsyncIterator[WebhookPlatform]:
    """With a new workspace, and no media node. accepts_unsigned: the bus is believed without proofs. options: of
    WebhookOptions."""
    clock = clock or (lambda: datetime.now(UTC))
    async with running_telnyx_api() as (telnyx_api, telnyx_url):
        carriers = CarrierOptions(PUBLIC_URL, telnyx_api_key=API_KEY, telnyx_api_url=telnyx_url, record=recordings)
        api_options = ApiOptions(
            database_url=database_url,
            redis_url=valkey_url,
            keys=KeySets.all_from([KEY]),
            accepts_unsigned=accepts_unsigned,
            http=HttpOptions(PUBLIC_URL, max_body_bytes=65_536),
            policies=Policies(
                links="https://app.example.com",
                hashing=CHEAP_HASHING,
                agents=AgentPolicy(standins=True),
                calls=CallPolicy(recordings=recordings),
            ),
            # No recording is stored here.
            outside=OutsideOptions(valkey_url, f"file://{gettempdir()}", carriers, bus_timeout_s=redis_timeout_s),
            webhooks=replace(OPTIONS, **options),
            pool_size=12,
        )
        async with _running(api_options, telnyx_api, clock) as platform:
            yield platform


@asynccontextmanager
async def _running(
    options: ApiOptions, telnyx_api: TelnyxApi, clock: Callable[[], datetime]
) -> AsyncIterator[WebhookPlatform]:
    """As control.app.open_app, with a clock of the test's."""
    sealer, authority = Sealer(options.keys.vault), make_authority(options.keys, options.accepts_unsigned)
    async with (
        open_pool(with_login(options.database_url, API), size=options.pool_size) as pool,
        open_pool(options.database_url, size=1, role="owner") as owners,
        owners.acquire() as owner,
        open_outside(options.outside, authority) as outside,
        aclosing(redis_client(options.redis_url, options.http.redis_timeout_s)) as redis,
        ClientSession() as client,
    ):
        with closing(Passwords(options.policies.hashing)) as passwords:
            dependencies = make_dependencies(options, pool, redis, sealer, passwords, outside)
            services, registry = dependencies.services, dependencies.metrics.registry
            webhooks = Webhooks(pool, services, options.webhooks, registry=registry, clock=clock)
            workspace_id, agent_id, numbers = await _create_agents(pool, services)
            try:
                async with listening(make_app(dependencies, options.http, redis, (), webhooks)) as url:
                    yield WebhookPlatform(
                        url=url,
                        client=client,
                        pool=pool,
                        owner=owner,
                        services=services,
                        sealer=sealer,
                        authority=authority,
                        redis=outside.bus,
                        telnyx_api=telnyx_api,
                        webhooks=webhooks,
                        registry=registry,
                        workspace_id=workspace_id,
                        agent_id=agent_id,
                        number=numbers["twilio"],
                        telnyx_number=numbers["telnyx"],
                        clock=clock,
                    )
            finally:
                await webhooks.close()


async def _create_agents(pool: Pool, services: Services) -> tuple[UUID, UUID, Mapping[str, str]]:
    """A workspace with a live agent for each carrier: its id, the id of Twilio's agent, the numbers by carrier."""
    now, numbers, agent_ids = datetime.now(UTC), dict[str, str](), dict[str, UUID]()
    async with pool.transaction() as db:
        await seed_catalog(db)
        await db.execute("UPDATE tiers SET max_agents = 10")
        email = f"owner{next(_numbers)}@example.com"
        user = await services[Accounts].create_user(db, email, "Ann", PASSWORD, True, now)
        actor = Actor("user", user.id, user.email)
        workspace = await services[Workspaces].create(db, actor, user.id, NewWorkspace("Acme", None, "UTC"), now)
        for carrier in ("twilio", "telnyx"):
            number_id, numbers[carrier] = UUID(new_id()), f"+1415{next(_numbers)}"
            await db.execute(
                "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
                "VALUES ($1, $2, $3, 'Main', $4, 'active')",
                number_id, workspace.id, numbers[carrier], carrier,
            )  # fmt: skip
            config = {"greeting": "Hello.", "language": "en"}
            draft = NewAgentInput(f"{carrier} desk", config=config, phone_number_id=number_id)
            agent = await services[Agents].create(db, workspace.id, actor, draft, now)
            await services[Agents].activate(db, workspace.id, actor, agent.id, now)
            agent_ids[carrier] = agent.id
    return workspace.id, agent_ids["twilio"], numbers
