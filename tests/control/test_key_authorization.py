"""The authorization matrix with API keys as callers: every route, by keys with and without its scope, of holders of
each role, of another workspace, and by secrets that are no longer valid. docs/use/api-keys.md lists what each scope
reaches (tools/api_tables.py)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from control.http.access import AccessKind, WorkspaceRole
from control.http.auth.tokens import token_hash
from control.http.key_text import PATTERN, SCOPES, limit_role, make_secret
from control.http.route import Route
from shared.ids import new_id
from tests.control.test_authorization import GUARDED, call_route
from tests.platform.api import Api, running_api
from tests.platform.clients import Client, Reply, User

DOCUMENT = Path(__file__).parents[2] / "docs" / "use" / "api-keys.md"
# Refusals of the caller; everything else is the answer to somebody who may call.
REFUSALS = {"scope", "role", "key_not_accepted", "workspace_not_found"}
# Keys of owners act as those of admins.
ROLES: tuple[WorkspaceRole, ...] = ("owner", "member", "viewer")
SCOPED = [route for route in GUARDED if route.access.scope is not None]
UNSCOPED = [route for route in GUARDED if route.access.scope is None]
MEMBERS = [route for route in GUARDED if route.access.kind is AccessKind.MEMBER]
IN_MODULE = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes keys in a workspace."""

    api: Api
    workspace_id: str

    async def make(self, holder: User, scopes: Sequence[str]) -> tuple[str, Client]:
        """The key's id, and a client with its secret."""
        reply = await holder.post(
            f"/workspaces/{self.workspace_id}/api-keys", {"name": "K", "scopes": list(scopes), "expires_at": None}
        )
        assert reply.status == 201, reply.body
        return reply.body["api_key"]["id"], self.api.with_token(reply.body["secret"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


def _refusal(reply: Reply) -> str:
    """The code of a refusal of the caller; empty for everything else."""
    if reply.status < 400 or reply.body is None:
        return ""
    return reply.code if reply.status == 401 or reply.code in REFUSALS else ""


async def _differences(caller: Client, routes: list[Route], workspace_id: str, expected: str) -> list[str]:
    """Routes that refuse the caller with another code than expected; "" expects none."""
    return [
        f"{route.method} {route.path}: {found or 'passes'}"
        for route in routes
        if (found := _refusal(await call_route(caller, route, workspace_id))) != expected
    ]


@IN_MODULE
async def test_each_scope_passes_its_routes_and_no_other(api: Api) -> None:
    ann = await api.sign_up()
    maker = KeyMaker(api, await ann.workspace())
    faults = []
    for scope in SCOPES:
        _, alone = await maker.make(ann, [scope])
        own = [route for route in SCOPED if route.access.scope == scope]
        # Reading gives no right to write in the same area, nor the other way round; of other areas one route each.
        others = {route.access.scope: route for route in SCOPED if route.access.scope != scope}
        near = [route for other, route in others.items() if str(other).partition(":")[0] == scope.partition(":")[0]]
        faults += await _differences(alone, own, maker.workspace_id, "")
        faults += await _differences(alone, near or list(others.values()), maker.workspace_id, "scope")
    assert faults == []


@IN_MODULE
async def test_all_scopes_but_its_own_do_not_pass_a_route(api: Api) -> None:
    ann = await api.sign_up()
    maker = KeyMaker(api, await ann.workspace())
    faults = []
    for scope in SCOPES:
        _, without = await maker.make(ann, [one for one in SCOPES if one != scope])
        own = [route for route in SCOPED if route.access.scope == scope]
        faults += await _differences(without, own, maker.workspace_id, "scope")
    assert faults == []


@IN_MODULE
async def test_routes_without_a_scope_accept_no_key(api: Api) -> None:
    ann = await api.sign_up()
    maker = KeyMaker(api, await ann.workspace())
    _, everything = await maker.make(ann, list(SCOPES))
    staffs = [route for route in UNSCOPED if route.access.kind is AccessKind.ADMIN]
    others = [route for route in UNSCOPED if route.access.kind is not AccessKind.ADMIN]
    assert len(staffs) > 50 and len(others) > 20
    assert await _differences(everything, others, maker.workspace_id, "key_not_accepted") == []
    assert await _differences(everything, staffs, maker.workspace_id, "token_invalid") == []


@IN_MODULE
async def test_keys_act_with_their_holders_role_and_in_their_workspace_only(api: Api) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    maker, elsewhere = KeyMaker(api, await ann.workspace()), await bob.workspace()
    await api.join(elsewhere, ann, "owner")
    keys: dict[WorkspaceRole, Client] = {}
    for role in ROLES:
        holder = ann if role == "owner" else await api.member(maker.workspace_id, "admin")
        _, keys[role] = await maker.make(holder, list(SCOPES))
        if role != "owner":
            await ann.put(f"/workspaces/{maker.workspace_id}/members/{holder.id}", {"role": role})
    routes = [route for route in SCOPED if route.access.kind is AccessKind.MEMBER]
    faults = []
    for role, key in keys.items():
        allowed = [route for route in routes if route.access.allows(limit_role(role))]
        refused = [route for route in routes if not route.access.allows(limit_role(role))]
        faults += await _differences(key, allowed, maker.workspace_id, "")
        faults += await _differences(key, refused, maker.workspace_id, "role")
    faults += await _differences(keys["owner"], MEMBERS, elsewhere, "workspace_not_found")
    assert faults == []


@IN_MODULE
async def test_secrets_that_are_not_valid_pass_nowhere(api: Api) -> None:
    ann = await api.sign_up()
    maker = KeyMaker(api, await ann.workspace())
    everything = list(SCOPES)
    revoked_id, revoked = await maker.make(ann, everything)
    await ann.delete(f"/workspaces/{maker.workspace_id}/api-keys/{revoked_id}")
    expired_id, expired = await maker.make(ann, everything)
    await api.owner.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", UUID(expired_id))
    callers = {
        "revoked": (revoked, "key_invalid"),
        "expired": (expired, "key_expired"),
        "forged": (api.with_token(make_secret()), "key_invalid"),
    }
    routes = [route for route in GUARDED if route.access.kind is not AccessKind.ADMIN]
    for who, (caller, code) in callers.items():
        assert await _differences(caller, routes, maker.workspace_id, code) == [], who


@IN_MODULE
async def test_row_level_scope_is_the_workspace_without_the_person(api: Api) -> None:
    """Policies show a person all their workspaces; a key of one of them must not have them."""
    ann = await api.sign_up()
    maker = KeyMaker(api, await ann.workspace())
    await ann.workspace()
    _, key = await maker.make(ann, SCOPES)
    for asked, entered in ((UUID(maker.workspace_id), True), (None, True), (UUID(new_id()), False)):
        async with api.owner.transaction():
            await api.owner.execute("SET LOCAL ROLE vocalized_app")
            await api.owner.fetchrow("SELECT * FROM authorise_api_key($1, $2)", token_hash(key.token), asked)
            assert await api.owner.fetchval("SELECT current_person()") is None
            seen = [str(row["id"]) for row in await api.owner.fetch("SELECT id FROM workspaces")]
            assert seen == ([maker.workspace_id] if entered else [])


def test_the_pattern_for_secret_scanners_is_documented() -> None:
    assert PATTERN in DOCUMENT.read_text()
