"""The API for tests: in this process, on a real socket, with real PostgreSQL and Valkey; and clients that ask it.

async with running_api(database_url, valkey_url) as api:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    viewer = await api.member(workspace_id, "viewer")
    boss = await api.admin("super_admin")
    reply = await viewer.get(f"/workspaces/{workspace_id}/agents")
    assert reply.status == 200 and reply.body["total"] == 0
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.accounts.hiring import NewAdmin, hire
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy, HashPolicy
from control.agents.model import AgentPolicy
from control.agents.seed import seed_providers, seed_templates
from control.app import ROUTES, HttpOptions, Options, limit_names, opened
from control.calls.handover import Handover
from control.carriers.book import CarrierOptions, Carriers
from control.db.pool import Connection, Timeouts, open_pool
from control.db.scope import enter_platform
from control.http.access import AdminRole, WorkspaceRole
from control.http.outside import Outside, OutsideOptions
from control.http.route import Route
from control.http.serve import Listen, make_runner
from control.http.wiring import Policies
from control.platform.seed import seed_platform
from control.webhooks.options import WebhookOptions
from shared.bus.client import bus_client
from shared.secrets import Sealer
from shared.storage import Storage
from vocalized.child import free_port

PASSWORD = "plum tractor 48 violin"
KEY = bytes(range(32))
# argon2's least: a test signs many people up.
CHEAP = HashPolicy(time_cost=1, memory_kib=8, parallelism=1)
# A loaded machine must not fail a test.
PATIENT = Timeouts(connect=30, acquire=30, statement=30, command=60)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. body: the decoded JSON, None without one; raw: its bytes."""

    status: int
    body: Any
    raw: bytes
    headers: CIMultiDictProxy[str]

    @property
    def code(self) -> str:
        """The error's code; an assertion fails when it is no error."""
        assert self.status >= 400, (self.status, self.body)
        code: str = self.body["error"]["code"]
        return code

    @property
    def param(self) -> str | None:
        """The field at fault."""
        param: str | None = self.body["error"]["param"]
        return param


class Caller:
    """Somebody who asks; `token` is sent along unless empty."""

    def __init__(self, api: "Api", token: str = "") -> None:
        self.api = api
        self.token = token

    async def ask(
        self, method: str, path: str, json: Any = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Reply:
        """One request. more: whatever aiohttp's client takes (params, data)."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= headers or {}
        if json is not None:
            more["json"] = json
        async with self.api.client.request(method, self.api.url + path, headers=sent, **more) as response:
            raw = await response.read()
            told = await response.json() if response.content_type == "application/json" and raw else None
            return Reply(response.status, told, raw, response.headers)

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("POST", path, json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("PUT", path, json, **more)

    async def delete(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("DELETE", path, json, **more)


class Person(Caller):
    """A signed-in user."""

    def __init__(self, api: "Api", email: str, told: Mapping[str, Any]) -> None:
        super().__init__(api, told["token"])
        self.email = email
        self.id: str = told["user"]["id"]
        self.refresh_token: str = told["refresh_token"]

    async def workspace(self, name: str = "Acme Dental", **more: Any) -> str:
        """A new workspace of theirs; its id."""
        reply = await self.post("/workspaces", {"name": name, "industry": "dental", "timezone": "UTC", **more})
        assert reply.status == 201, reply.body
        workspace_id: str = reply.body["workspace"]["id"]
        return workspace_id


class Staff(Caller):
    """A signed-in admin."""

    def __init__(self, api: "Api", email: str, told: Mapping[str, Any]) -> None:
        super().__init__(api, told["token"])
        self.email = email
        self.id: str = told["admin"]["id"]
        self.refresh_token: str = told["refresh_token"]


@dataclass(slots=True)
class Api:
    """The running API. owner: a connection as the database's owner, whom row-level security does not bind, for what
    no endpoint does and for looking behind the scenes; one statement at a time. objects: where recordings are kept."""

    url: str
    client: ClientSession
    owner: Connection
    objects: Path = Path()
    nobody: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.nobody = Caller(self)

    def as_(self, token: str) -> Caller:
        """Whoever has this token."""
        return Caller(self, token)

    async def sign_up(self, email: str = "", *, name: str = "Ann Example", verified: bool = True) -> Person:
        """A new user, whose address counts as confirmed unless said otherwise."""
        email = email or f"user{next(_numbers)}@example.com"
        reply = await self.nobody.post("/auth/signup", {"email": email, "password": PASSWORD, "name": name})
        assert reply.status == 201, reply.body
        person = Person(self, email, reply.body)
        if verified:
            await self.owner.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", UUID(person.id))
        return person

    async def sign_in(self, email: str, password: str = PASSWORD) -> Person:
        """A further session of a user."""
        reply = await self.nobody.post("/auth/login", {"email": email, "password": password})
        assert reply.status == 200, reply.body
        return Person(self, email, reply.body)

    async def member(self, workspace_id: str, role: WorkspaceRole, email: str = "") -> Person:
        """A new user who is a member of the workspace."""
        person = await self.sign_up(email)
        await self.join(workspace_id, person, role)
        return person

    async def join(self, workspace_id: str, person: Person, role: WorkspaceRole) -> None:
        """Makes somebody a member without an invitation."""
        await self.owner.execute(
            "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, $3)",
            UUID(workspace_id), UUID(person.id), role,
        )  # fmt: skip

    async def admin(self, role: AdminRole = "super_admin", email: str = "") -> Staff:
        """A new member of the staff, signed in."""
        email = email or f"{role}{next(_numbers)}.staff@example.com"
        with closing(Passwords(CHEAP)) as passwords:
            await hire(self.owner, passwords, NewAdmin(email, "Sam Staff", role, PASSWORD), datetime.now(UTC))
        reply = await self.nobody.post("/admin/auth/login", {"email": email, "password": PASSWORD})
        assert reply.status == 200, reply.body
        return Staff(self, email, reply.body)


@asynccontextmanager
async def running_api(
    database_url: str,
    valkey_url: str,
    *,
    routes: Sequence[Route] = ROUTES,
    accounts: AccountPolicy | None = None,
    limits: Mapping[str, tuple[int, int]] | None = None,
    access_token_s: int = 600,
    pool_size: int = 8,
    timeouts: Timeouts | None = None,
    carriers: CarrierOptions | None = None,
    webhooks: WebhookOptions | None = None,
    port: int = 0,
    **http: Any,
) -> AsyncIterator[Api]:
    """The API until the block ends. limits: by name, (times, seconds); all others never bite. http: further fields of
    control.app.HttpOptions (cors_origins, max_body_bytes, ...). The shipped tiers and the rest are in the database.
    carriers: none is set up unless said. webhooks: with an empty `url`, it is the API's own."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    wide = {name: (1_000_000, 1) for name in limit_names(routes)}
    with TemporaryDirectory(prefix="vocalized-objects-") as folder:
        objects = Path(folder)
        options = Options(
            database_url=database_url,
            redis_url=valkey_url,
            secret_keys=[KEY],
            http=HttpOptions(**({"public_url": "http://127.0.0.1"} | http), limits=wide | dict(limits or {})),
            policies=Policies(
                links="https://app.example.com",
                accounts=accounts or AccountPolicy(),
                hashing=CHEAP,
                agents=AgentPolicy(standins=True),
                access_token_s=access_token_s,
            ),
            outside=OutsideOptions(valkey_url, objects.as_uri(), carriers or CarrierOptions(url), bus_timeout_s=30.0),
            webhooks=replace(webhooks, url=webhooks.url or url) if webhooks else WebhookOptions(url),
            pool_size=pool_size,
            timeouts=timeouts or PATIENT,
        )
        async with open_pool(database_url, size=1, role="owner") as owners, owners.acquire() as owner:
            await _seed(owner)
            async with opened(options, routes) as app, _listening(app, port), ClientSession() as client:
                yield Api(url, client, owner, objects)


def nowhere(folder: Path) -> Outside:
    """The doors for rooms without an API: nobody is behind them but a folder."""
    bus = bus_client("redis://127.0.0.1:9", 1.0)
    return Outside(bus, Handover(bus, Sealer([KEY])), Carriers({}), Storage(folder.as_uri()))


def outside_options(valkey_url: str, folder: Path) -> OutsideOptions:
    """For a worker: Valkey, a folder for recordings, no carrier."""
    return OutsideOptions(valkey_url, folder.as_uri(), CarrierOptions("http://127.0.0.1"))


@asynccontextmanager
async def _listening(app: web.Application, port: int) -> AsyncIterator[None]:
    runner = make_runner(app, Listen("127.0.0.1", port, drain_s=5.0))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


async def _seed(owner: Connection) -> None:
    if await owner.fetchval("SELECT EXISTS (SELECT FROM tiers) AND EXISTS (SELECT FROM agent_templates)"):
        return
    async with owner.transaction():
        await enter_platform(owner)
        await seed_platform(owner, shipped_tiers(), shipped_settings())
        await seed_providers(owner, shipped_providers())
        await seed_templates(owner, shipped_templates(), datetime.now(UTC))
