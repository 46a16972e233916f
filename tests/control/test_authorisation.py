"""The authorisation matrix, generated from the routes: every endpoint asked by every role, without a token, with a
broken, an expired and a signed-out one, with one of the other audience, and with another tenant's."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from control.app import ROUTES
from control.http.access import ADMIN_ROLES, WORKSPACE_ROLES, Kind
from control.http.route import Route
from control.http.wiring import Policies, make_tokens
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.running import KEY, Api, Caller, Person, Reply, Staff, running_api

GUARDED = [route for route in ROUTES if route.access.kind is not Kind.OPEN]
MEMBERS = [route for route in ROUTES if route.access.kind is Kind.MEMBER]


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


def _path(route: Route, workspace_id: str = "") -> str:
    """With the workspace's id; what else is asked for does not exist."""
    path = route.path.replace("{workspaceId}", workspace_id or new_id())
    return re.sub(r"\{\w+\}", lambda _: new_id(), path)


async def _ask(caller: Caller, route: Route, workspace_id: str = "") -> Reply:
    body: dict[str, str] | None = {} if route.method in ("POST", "PUT", "DELETE") else None
    return await caller.ask(route.method, _path(route, workspace_id), body)


def _told(route: Route, who: str, reply: Reply) -> str:
    return f"{route.method} {route.path} by {who}: {reply.status} {reply.body}"


def _passed(route: Route, reply: Reply) -> bool:
    """Got beyond the door: whatever the answer is, it is not about who asks."""
    if reply.status == 401 or (reply.status == 403 and reply.code == "role"):
        return False
    is_stranger = reply.status == 404 and reply.code == "workspace_not_found"
    return not (route.access.kind is Kind.MEMBER and is_stranger)


async def test_there_is_something_to_guard() -> None:
    assert len(GUARDED) > 40
    assert {route.access.kind for route in GUARDED} == {Kind.USER, Kind.MEMBER, Kind.ADMIN}


async def test_nobody_gets_in_without_a_living_token_of_the_right_audience(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("super_admin")
    strangers = {"user": await _strangers(api, ann, boss), "admin": await _strangers(api, boss, ann)}
    wrong = []
    for route in GUARDED:
        audience = "admin" if route.access.kind is Kind.ADMIN else "user"
        for who, caller in strangers[audience].items():
            reply = await _ask(caller, route)
            if reply.status != 401:
                wrong.append(_told(route, who, reply))
    assert wrong == []


async def _strangers(api: Api, mine: Person | Staff, other: Person | Staff) -> dict[str, Caller]:
    """Tokens that one audience's routes refuse."""
    tokens = make_tokens(Sealer([KEY]), Policies(links="https://app.example.com"))
    audience = "admin" if isinstance(mine, Staff) else "user"
    session = await _session(api, mine)
    left = await _signed_in_again(api, mine)
    await left.post("/admin/auth/logout" if audience == "admin" else "/auth/logout")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    return {
        "nobody": api.nobody,
        "a broken token": api.as_(mine.token[:-2] + ("aa" if mine.token[-2:] != "aa" else "bb")),
        "an expired token": api.as_(tokens.issue("admin" if audience == "admin" else "user", session, hour_ago)),
        "a session that never was": api.as_(
            tokens.issue("admin" if audience == "admin" else "user", UUID(new_id()), datetime.now(UTC))
        ),
        "somebody who signed out": left,
        "the other audience": api.as_(other.token),
    }


async def _session(api: Api, person: Person | Staff) -> UUID:
    column = "admin_id" if isinstance(person, Staff) else "user_id"
    found: UUID = await api.owner.fetchval(f"SELECT id FROM sessions WHERE {column} = $1", UUID(person.id))
    return found


async def _signed_in_again(api: Api, person: Person | Staff) -> Caller:
    return await (api.admin("super_admin") if isinstance(person, Staff) else api.sign_in(person.email))


async def test_members_may_do_what_their_role_allows_and_nothing_more(api: Api) -> None:
    people: dict[str, Person] = {role: await api.sign_up() for role in WORKSPACE_ROLES[1:]}
    stranger = await api.sign_up()
    await stranger.workspace()
    wrong = []
    for route in MEMBERS:
        people["owner"] = await api.sign_up()
        workspace_id = await people["owner"].workspace()
        for role in WORKSPACE_ROLES[1:]:
            await api.join(workspace_id, people[role], role)
        reply = await _ask(stranger, route, workspace_id)
        if (reply.status, reply.status == 404 and reply.code) != (404, "workspace_not_found"):
            wrong.append(_told(route, "another tenant's owner", reply))
        for role in reversed(WORKSPACE_ROLES):  # the owner last: some of this ends the workspace
            reply = await _ask(people[role], route, workspace_id)
            if _passed(route, reply) is not route.access.allows(role):
                wrong.append(_told(route, role, reply))
    assert wrong == []


async def test_staff_may_do_what_their_role_allows_and_nothing_more(api: Api) -> None:
    wrong = []
    staff = {role: await api.admin(role) for role in ADMIN_ROLES}
    for route in GUARDED:
        if route.access.kind is not Kind.ADMIN:
            continue
        for role in ADMIN_ROLES:
            caller = await api.admin(role) if route.path == "/admin/auth/logout" else staff[role]
            reply = await _ask(caller, route)
            if _passed(route, reply) is not route.access.allows(role):
                wrong.append(_told(route, role, reply))
    assert wrong == []


async def test_any_signed_in_user_passes_where_no_role_is_asked_for(api: Api) -> None:
    for route in GUARDED:
        if route.access.kind is Kind.USER:
            reply = await _ask(await api.sign_up(), route)
            assert _passed(route, reply), _told(route, "a user", reply)


async def test_money_and_platform_changes_are_kept_from_readers() -> None:
    """The table itself, so that a slip in a route's line is seen: readers change nothing."""
    changing = [route for route in GUARDED if route.method != "GET"]
    for route in changing:
        own = route.path.startswith("/admin/auth/") or route.path.endswith("/leave")
        if route.access.kind is Kind.ADMIN and not own:
            assert not route.access.allows("read_only"), route.path
        if route.access.kind is Kind.MEMBER and not own and "/members/" not in route.path:
            assert not route.access.allows("viewer"), route.path
