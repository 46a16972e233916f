"""The authorization matrix, generated from the routes: every endpoint is called by every role, without a token, and
with an invalid, an expired, a signed-out, another audience's and another tenant's token."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from control.app import ROUTES
from control.http.access import ADMIN_ROLES, AccessKind
from control.http.key_text import WORKSPACE_ROLES
from control.http.route import Route
from control.services import Policies, make_tokens
from shared.ids import new_id
from shared.secrets import Sealer
from tests.platform.api import Api, running_api
from tests.platform.clients import Client, Reply, Staff, User
from tests.platform.services import KEY

GUARDED = [route for route in ROUTES if route.access.kind is not AccessKind.OPEN]
MEMBERS = [route for route in ROUTES if route.access.kind is AccessKind.MEMBER]


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


def _path(route: Route, workspace_id: str = "") -> str:
    """The path with the workspace's id and random other ids."""
    path = route.path.replace("{workspaceId}", workspace_id or new_id())
    return re.sub(r"\{\w+\}", lambda _: new_id(), path)


async def call_route(caller: Client, route: Route, workspace_id: str = "") -> Reply:
    body: dict[str, str] | None = {} if route.method in ("POST", "PUT", "DELETE") else None
    return await caller.ask(route.method, _path(route, workspace_id), body)


def _describe(route: Route, caller: str, reply: Reply) -> str:
    return f"{route.method} {route.path} by {caller}: {reply.status} {reply.body}"


def _passed(route: Route, reply: Reply) -> bool:
    """Whether the caller was authorized: the response is no refusal of the caller."""
    if reply.status == 401 or (reply.status == 403 and reply.code == "role"):
        return False
    is_stranger = reply.status == 404 and reply.code == "workspace_not_found"
    return not (route.access.kind is AccessKind.MEMBER and is_stranger)


async def test_routes_of_each_access_kind_exist() -> None:
    assert len(GUARDED) > 40
    assert {route.access.kind for route in GUARDED} == {AccessKind.USER, AccessKind.MEMBER, AccessKind.ADMIN}


async def test_routes_need_a_valid_token_of_their_audience(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("super_admin")
    refused_clients = {
        "user": await _refused_clients(api, ann, admin),
        "admin": await _refused_clients(api, admin, ann),
    }
    failures = []
    for route in GUARDED:
        audience = "admin" if route.access.kind is AccessKind.ADMIN else "user"
        for who, caller in refused_clients[audience].items():
            reply = await call_route(caller, route)
            if reply.status != 401:
                failures.append(_describe(route, who, reply))
    assert failures == []


async def _refused_clients(api: Api, account: User | Staff, other: User | Staff) -> dict[str, Client]:
    """Clients that the routes of one audience refuse."""
    tokens = make_tokens(Sealer([KEY]), Policies(links="https://app.example.com"))
    audience = "admin" if isinstance(account, Staff) else "user"
    session = await _session(api, account)
    signed_out = await _signed_in_again(api, account)
    await signed_out.post("/admin/auth/logout" if audience == "admin" else "/auth/logout")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    return {
        "no token": api.anonymous,
        "a broken token": api.with_token(account.token[:-2] + ("aa" if account.token[-2:] != "aa" else "bb")),
        "an expired token": api.with_token(tokens.issue("admin" if audience == "admin" else "user", session, hour_ago)),
        "an unknown session": api.with_token(
            tokens.issue("admin" if audience == "admin" else "user", UUID(new_id()), datetime.now(UTC))
        ),
        "a session that was signed out": signed_out,
        "the other audience": api.with_token(other.token),
    }


async def _session(api: Api, person: User | Staff) -> UUID:
    column = "admin_id" if isinstance(person, Staff) else "user_id"
    found: UUID = await api.owner.fetchval(f"SELECT id FROM sessions WHERE {column} = $1", UUID(person.id))
    return found


async def _signed_in_again(api: Api, person: User | Staff) -> Client:
    return await (api.admin("super_admin") if isinstance(person, Staff) else api.sign_in(person.email))


async def test_members_can_do_what_their_role_allows_only(api: Api) -> None:
    people: dict[str, User] = {role: await api.sign_up() for role in WORKSPACE_ROLES[1:]}
    stranger = await api.sign_up()
    await stranger.workspace()
    failures = []
    for route in MEMBERS:
        people["owner"] = await api.sign_up()
        workspace_id = await people["owner"].workspace()
        for role in WORKSPACE_ROLES[1:]:
            await api.join(workspace_id, people[role], role)
        reply = await call_route(stranger, route, workspace_id)
        if (reply.status, reply.status == 404 and reply.code) != (404, "workspace_not_found"):
            failures.append(_describe(route, "another tenant's owner", reply))
        for role in reversed(WORKSPACE_ROLES):  # the owner last, because some routes delete the workspace
            reply = await call_route(people[role], route, workspace_id)
            if _passed(route, reply) is not route.access.allows(role):
                failures.append(_describe(route, role, reply))
    assert failures == []


async def test_staff_can_do_what_their_role_allows_only(api: Api) -> None:
    failures = []
    staff = {role: await api.admin(role) for role in ADMIN_ROLES}
    for route in GUARDED:
        if route.access.kind is not AccessKind.ADMIN:
            continue
        for role in ADMIN_ROLES:
            caller = await api.admin(role) if route.path == "/admin/auth/logout" else staff[role]
            reply = await call_route(caller, route)
            if _passed(route, reply) is not route.access.allows(role):
                failures.append(_describe(route, role, reply))
    assert failures == []


async def test_any_user_passes_where_no_role_is_required(api: Api) -> None:
    for route in GUARDED:
        if route.access.kind is AccessKind.USER:
            reply = await call_route(await api.sign_up(), route)
            assert _passed(route, reply), _describe(route, "a user", reply)


async def test_readers_cannot_change_money_or_the_platform() -> None:
    """Checks the routes themselves: readers change nothing."""
    changing = [route for route in GUARDED if route.method != "GET" and not route.path.endswith("/preview")]
    for route in changing:
        own = route.path.startswith("/admin/auth/") or route.path.endswith("/leave")
        if route.access.kind is AccessKind.ADMIN and not own:
            assert not route.access.allows("read_only"), route.path
        if route.access.kind is AccessKind.MEMBER and not own and "/members/" not in route.path:
            assert not route.access.allows("viewer"), route.path
