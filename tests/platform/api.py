"""The API for tests: composed by control.app in this process, on a real socket, with real PostgreSQL and Valkey.

async with running_api(database_url, valkey_url) as api:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    viewer = await api.member(workspace_id, "viewer")
    admin = await api.admin("super_admin")
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

from control.accounts.passwords import Passwords
from control.accounts.rules import AccountPolicy
from control.accounts.staff.service import NewAdmin, create_admin
from control.agents.rules import AgentPolicy
from control.app import ROUTES, ApiOptions, HttpOptions, limit_names, open_app
from control.billing.stripe.client import StripeOptions
from control.carriers.service import CarrierOptions
from control.db.logins import API, with_login
from control.db.pool import Connection, Timeouts, open_pool
from control.http import server
from control.http.access import AdminRole, WorkspaceRole
from control.http.route import Route
from control.http.server import ListenOptions
from control.inbound_webhooks.source import WebhookOptions
from control.integrations.grants.rules import GrantPolicy
from control.media_requests.handlers import RequestHandlers
from control.outside import OutsideOptions
from control.services import Policies
from control.sso.rules import SsoPolicy
from shared.key_sets import KeySets
from tests.platform.catalog import seed_catalog
from tests.platform.clients import Client, Staff, User
from tests.platform.services import CHEAP_HASHING, KEY
from vocalized.free_port import free_port

PASSWORD = "plum tractor 48 violin"
# Long, so that a loaded machine does not fail a test.
LONG_TIMEOUTS = Timeouts(connect=30, acquire=30, statement=30, command=60)
_numbers = count(1)


@dataclass(slots=True)
class Api:
    """The running API. owner: a connection as the database's owner, who bypasses row-level security, for set-up and
    checks that no endpoint offers; one statement at a time. objects: the folder for recordings."""

    url: str
    client: ClientSession
    owner: Connection
    objects: Path = Path()
    anonymous: Client = field(init=False)

    def __post_init__(self) -> None:
        self.anonymous = Client(self.client, self.url)

    def with_token(self, token: str) -> Client:
        """A client with this token."""
        return self.anonymous.with_token(token)

    async def sign_up(self, email: str = "", *, name: str = "Ann Example", verified: bool = True) -> User:
        """A new user; `verified` marks the address as confirmed."""
        email = email or f"user{next(_numbers)}@example.com"
        reply = await self.anonymous.post("/auth/signup", {"email": email, "password": PASSWORD, "name": name})
        assert reply.status == 201, reply.body
        user = User(self.anonymous, email, reply.body)
        if verified:
            await self.owner.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", UUID(user.id))
        return user

    async def sign_in(self, email: str, password: str = PASSWORD) -> User:
        """A further session of a user."""
        reply = await self.anonymous.post("/auth/login", {"email": email, "password": password})
        assert reply.status == 200, reply.body
        return User(self.anonymous, email, reply.body)

    async def member(self, workspace_id: str, role: WorkspaceRole, email: str = "") -> User:
        """A new user who is a member of the workspace."""
        user = await self.sign_up(email)
        await self.join(workspace_id, user, role)
        return user

    async def join(self, workspace_id: str, user: User, role: WorkspaceRole) -> None:
        """Makes a user a member without an invitation."""
        await self.owner.execute(
            "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, $3)",
            UUID(workspace_id), UUID(user.id), role,
        )  # fmt: skip

    async def admin(self, role: AdminRole = "super_admin", email: str = "") -> Staff:
        """A new member of the staff, signed in."""
        email = email or f"{role}{next(_numbers)}.staff@example.com"
        with closing(Passwords(CHEAP_HASHING)) as passwords:
            await create_admin(self.owner, passwords, NewAdmin(email, "Sam Staff", role, PASSWORD), datetime.now(UTC))
        reply = await self.anonymous.post("/admin/auth/login", {"email": email, "password": PASSWORD})
        assert reply.status == 200, reply.body
        return Staff(self.anonymous, email, reply.body)


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
    stripe: StripeOptions | None = None,
    handlers: RequestHandlers | None = None,
    port: int = 0,
    has_portal: bool = True,
    egress_allow: tuple[str, ...] = (),
    grants: GrantPolicy | None = None,
    sso: SsoPolicy | None = None,
    storage_url: str = "",
    **http: Any,
) -> AsyncIterator[Api]:
    """The API until the block ends, with the shipped catalog in the database.

    limits: by name, (requests, seconds); all others are too high to be reached. handlers: of requests of calls; default
    those of all rooms. carriers, stripe: default none. webhooks: an empty `url` is replaced by the API's own.
    has_portal: False has links in e-mails lead to the console. egress_allow: networks that
    customers' addresses may lead to.
    storage_url: of recordings; empty: the folder `objects`. http: other fields of control.app.HttpOptions.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    high = {name: (1_000_000, 1) for name in limit_names(routes)}
    with TemporaryDirectory(prefix="vocalized-objects-") as folder:
        objects = Path(folder)
        options = ApiOptions(
            database_url=with_login(database_url, API),
            redis_url=valkey_url,
            keys=KeySets.all_from([KEY]),
            accepts_unsigned=True,
            http=HttpOptions(**({"public_url": "http://127.0.0.1"} | http), limits=high | dict(limits or {})),
            policies=Policies(
                links="https://app.example.com" if has_portal else f"{url}/console",
                public_url=url,
                has_portal=has_portal,
                egress_allow=egress_allow,
                grants=grants or GrantPolicy(),
                sso=sso or SsoPolicy(),
                accounts=accounts or AccountPolicy(),
                hashing=CHEAP_HASHING,
                agents=AgentPolicy(standins=True),
                access_token_s=access_token_s,
            ),
            outside=OutsideOptions(
                valkey_url,
                storage_url or objects.as_uri(),
                carriers or CarrierOptions(url),
                bus_timeout_s=30.0,
                stripe=stripe,
            ),
            webhooks=replace(webhooks, url=webhooks.url or url) if webhooks else WebhookOptions(url),
            pool_size=pool_size,
            timeouts=timeouts or LONG_TIMEOUTS,
        )
        async with open_pool(database_url, size=1, role="owner") as owners, owners.acquire() as owner:
            async with owner.transaction():
                await seed_catalog(owner)
            async with open_app(options, routes, handlers) as app, listening(app, port), ClientSession() as client:
                yield Api(url, client, owner, objects)


@asynccontextmanager
async def listening(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serves the application on 127.0.0.1 as control does; yields its base URL."""
    async with server.listening(app, ListenOptions("127.0.0.1", port, drain_s=5.0)) as bound:
        yield f"http://127.0.0.1:{bound}"
