"""OAuth through the API at a real authorization server: connect, deny, forge, replay, expire, confirm, revoke."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest
import pytest_asyncio

from control.db.jobs import JobFailed
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.integrations.grants.queries import delete_expired_states
from control.integrations.grants.service import REVOKE_GRANT, GrantRevocation
from control.integrations.service import Integrations
from control.services import Policies
from tests.control.integrations.authorization_server import CLIENT_SECRET, AuthorizationServer, running_server
from tests.platform.api import Api, running_api
from tests.platform.clients import Reply, User
from tests.platform.services import CHEAP_HASHING, offline_services

CALLBACK = "/integrations/oauth/callback/test_calendar"


@dataclass(slots=True)
class ConnectingMember:
    """The owner of a workspace, and what they do in their browser."""

    api: Api
    server: AuthorizationServer
    user: User
    workspace_id: str

    @property
    def path(self) -> str:
        return f"/workspaces/{self.workspace_id}/integrations"

    async def begin(self) -> tuple[str, str]:
        """A new integration's id, and where to grant access."""
        reply = await self.user.post(self.path, {"integration_type": "test_calendar", "name": "Front desk"})
        assert (reply.status, reply.body["integration"]["status"]) == (201, "connecting"), reply.body
        return reply.body["integration"]["id"], reply.body["oauth_url"]

    async def grant(self, oauth_url: str) -> str:
        """Clicks "allow"; returns the query of the redirect back to us."""
        address, query = self.server.grant(oauth_url)
        assert address == self.api.url + CALLBACK
        return query

    async def return_with(self, query: str, path: str = CALLBACK) -> "LandingPage":
        """Follows the vendor's redirect to us, without a sign-in; returns where we lead on to."""
        reply = await self.api.anonymous.get(f"{path}?{query}", allow_redirects=False)
        return LandingPage(reply)

    async def connect(self) -> str:
        """A connected integration's id."""
        integration_id, oauth_url = await self.begin()
        page = await self.return_with(await self.grant(oauth_url))
        reply = await self.user.post(f"{self.path}/{integration_id}/confirm", {"confirmation": page.confirmation})
        assert (reply.status, reply.body["integration"]["status"]) == (200, "connected"), reply.body
        return integration_id

    async def stored(self, integration_id: str) -> Any:
        return await self.api.owner.fetchrow("SELECT * FROM integrations WHERE id = $1", UUID(integration_id))


@dataclass(frozen=True, slots=True)
class LandingPage:
    """The page of the portal to which our redirect leads."""

    reply: Reply

    @property
    def query(self) -> dict[str, str]:
        assert self.reply.status == 302, (self.reply.status, self.reply.body)
        parts = urlsplit(self.reply.headers["Location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://app.example.com/integrations"
        return dict(parse_qsl(parts.query))

    @property
    def confirmation(self) -> str:
        return parse_qs(urlsplit(self.reply.headers["Location"]).fragment)["confirmation"][0]

    def require_error(self, code: str) -> None:
        """Fails unless the page says so and has no code."""
        assert self.query["error"] == code and not urlsplit(self.reply.headers["Location"]).fragment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[AuthorizationServer]:
    async with running_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str, server: AuthorizationServer) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, egress_allow=("127.0.0.0/8",)) as running:
        admin = await running.admin("super_admin")
        body = {
            "type": "test_calendar", "name": "Calendar", "description": "", "auth_type": "oauth2",
            "config": server.type_config(),
        }  # fmt: skip
        reply = await admin.post("/admin/integrations/available", body)
        assert reply.status == 201, reply.body
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def member(api: Api, server: AuthorizationServer) -> ConnectingMember:
    server.requests.clear()
    user = await api.sign_up()
    return ConnectingMember(api, server, user, await user.workspace())


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_member_connects(member: ConnectingMember) -> None:
    integration_id, oauth_url = await member.begin()
    asked = dict(parse_qsl(urlsplit(oauth_url).query))
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "calendar")
    assert member.workspace_id not in oauth_url and integration_id not in oauth_url
    page = await member.return_with(await member.grant(oauth_url))
    assert page.query == {
        "result": "granted", "workspace_id": member.workspace_id, "integration_id": integration_id
    }  # fmt: skip
    assert page.reply.headers["Cache-Control"] == "no-store" and page.reply.headers["Referrer-Policy"] == "no-referrer"
    path = f"{member.path}/{integration_id}"
    assert (await member.user.get(path)).body["integration"]["status"] == "connecting", "not confirmed yet"
    confirmed = await member.user.post(f"{path}/confirm", {"confirmation": page.confirmation})
    shown = (await member.user.get(path)).body["integration"]
    assert confirmed.body["integration"] == shown
    assert (shown["status"], shown["account"], shown["scopes"]) == ("connected", "ada@example.com", ["calendar"])
    row = await member.stored(integration_id)
    for secret in (*member.server.access_tokens, *member.server.refresh_tokens, CLIENT_SECRET):
        assert secret.encode() not in row["credentials"] and secret not in str(shown)
    assert await member.api.owner.fetchval("SELECT count(*) FROM oauth_states") == 0


async def test_setting_that_the_vendor_names_with_the_grant_stays(member: ConnectingMember) -> None:
    path = f"{member.path}/{await member.connect()}"
    settings = {"instance_url": "https://eu7.example.com"}
    assert (await member.user.get(path)).body["integration"]["config"] == settings
    for given in ({}, {"instance_url": "https://evil.example"}):
        changed = await member.user.put(path, {"config": given})
        assert changed.body["integration"]["config"] == settings


async def test_confirmation_counts_once(member: ConnectingMember) -> None:
    integration_id, oauth_url = await member.begin()
    page = await member.return_with(await member.grant(oauth_url))
    path, body = f"{member.path}/{integration_id}/confirm", {"confirmation": page.confirmation}
    assert (await member.user.post(path, body)).status == 200
    assert (await member.user.post(path, body)).code == "confirmation_not_found"


async def test_somebody_elses_grant_is_not_the_members(member: ConnectingMember) -> None:
    """An attacker begins, and has a victim grant access: the victim's browser gets the code, which only the attacker
    could use, and whom the victim does not give it to."""
    integration_id, oauth_url = await member.begin()
    page = await member.return_with(await member.grant(oauth_url))
    victim = await member.api.member(member.workspace_id, "admin")
    reply = await victim.post(f"{member.path}/{integration_id}/confirm", {"confirmation": page.confirmation})
    assert reply.code == "confirmation_not_found"
    guessed = await member.user.post(f"{member.path}/{integration_id}/confirm", {"confirmation": "x" * 43})
    assert guessed.code == "confirmation_not_found"
    row = await member.stored(integration_id)
    assert (row["status"], row["credentials"]) == ("connecting", None)


async def test_confirmation_is_for_the_integration_that_was_begun(member: ConnectingMember) -> None:
    _, oauth_url = await member.begin()
    other, _ = await member.begin()
    page = await member.return_with(await member.grant(oauth_url))
    reply = await member.user.post(f"{member.path}/{other}/confirm", {"confirmation": page.confirmation})
    assert reply.code == "confirmation_not_found" and (await member.stored(other))["credentials"] is None


async def test_denied_access_stores_nothing(member: ConnectingMember) -> None:
    integration_id, oauth_url = await member.begin()
    state = parse_qs(urlsplit(oauth_url).query)["state"][0]
    page = await member.return_with(urlencode({"error": "access_denied", "state": state}))
    page.require_error("access_denied")
    assert page.query["integration_id"] == integration_id
    assert (await member.stored(integration_id))["credentials"] is None and not member.server.requests
    again = await member.return_with(urlencode({"code": "x", "state": state}))
    again.require_error("state_invalid")


@pytest.mark.parametrize("part", ["random", "signature", "workspace", "empty", "other type"])
async def test_forged_state_is_refused_without_asking_the_vendor(member: ConnectingMember, part: str) -> None:
    integration_id, oauth_url = await member.begin()
    values = dict(parse_qsl(await member.grant(oauth_url)))
    state, path = values["state"], CALLBACK
    flipped = "A" if state[0] != "A" else "B"
    match part:
        case "random":
            values["state"] = flipped + state[1:]
        case "signature":
            values["state"] = state[:-1] + ("0" if state[-1] != "0" else "1")
        case "workspace":
            values["state"] = member.workspace_id
        case "empty":
            del values["state"]
        case "other type":
            path = "/integrations/oauth/callback/slack"
    (await member.return_with(urlencode(values), path)).require_error("state_invalid")
    assert (await member.stored(integration_id))["credentials"] is None and not member.server.requests


async def test_replayed_redirect_is_refused(member: ConnectingMember) -> None:
    _, oauth_url = await member.begin()
    query = await member.grant(oauth_url)
    assert (await member.return_with(query)).query["result"] == "granted"
    (await member.return_with(query)).require_error("state_invalid")
    assert member.server.requests == {"authorization_code": 1}


@pytest.mark.parametrize("step", ["vendor", "confirmation"])
async def test_flow_expires(member: ConnectingMember, step: str) -> None:
    integration_id, oauth_url = await member.begin()
    query = await member.grant(oauth_url)
    expire = "UPDATE oauth_states SET expires_at = now() - interval '1 s' WHERE integration_id = $1"
    if step == "vendor":
        await member.api.owner.execute(expire, UUID(integration_id))
        (await member.return_with(query)).require_error("state_invalid")
        assert not member.server.requests
        return
    page = await member.return_with(query)
    await member.api.owner.execute(expire, UUID(integration_id))
    reply = await member.user.post(f"{member.path}/{integration_id}/confirm", {"confirmation": page.confirmation})
    assert reply.code == "confirmation_not_found"


@pytest.mark.parametrize(
    ("is_down", "garbage", "code"),
    [
        (True, None, "vendor_away"),
        (False, b"[]", "vendor_refused"),
        (False, b'{"error": "invalid_client"}', "vendor_refused"),
        (False, b'{"access_token": "' + b"x" * 1_100_000 + b'"}', "vendor_away"),
    ],
)
async def test_vendor_in_trouble_stores_nothing(
    member: ConnectingMember, is_down: bool, garbage: bytes | None, code: str
) -> None:
    integration_id, oauth_url = await member.begin()
    query = await member.grant(oauth_url)
    member.server.is_down, member.server.garbage = is_down, garbage
    try:
        (await member.return_with(query)).require_error(code)
    finally:
        member.server.is_down, member.server.garbage = False, None
    assert (await member.stored(integration_id))["credentials"] is None


async def test_code_is_bound_to_our_verifier(member: ConnectingMember) -> None:
    """PKCE: a code that was stolen from another flow is refused by the vendor."""
    _, first = await member.begin()
    _, second = await member.begin()
    stolen = dict(parse_qsl(await member.grant(first)))["code"]
    own = dict(parse_qsl(await member.grant(second)))
    (await member.return_with(urlencode({**own, "code": stolen}))).require_error("vendor_refused")


@pytest.mark.parametrize("change", ["verifier", "client id"])
async def test_what_is_gone_meanwhile_is_explained(member: ConnectingMember, change: str) -> None:
    integration_id, oauth_url = await member.begin()
    query = await member.grant(oauth_url)
    owner, path = member.api.owner, "{oauth,client_id}"
    set_id = "UPDATE integration_types SET config = jsonb_set(config, $1, $2) WHERE type = 'test_calendar'"
    if change == "verifier":
        await owner.execute("UPDATE oauth_states SET verifier = 'x' WHERE integration_id = $1", UUID(integration_id))
        (await member.return_with(query)).require_error("state_invalid")
        return
    await owner.execute(set_id, path.strip("{}").split(","), "")
    try:
        (await member.return_with(query)).require_error("vendor_refused")
    finally:
        await owner.execute(set_id, path.strip("{}").split(","), "vocalized")


async def test_flows_that_nobody_completed_are_deleted(member: ConnectingMember, database_url: str) -> None:
    integration_id, _ = await member.begin()
    await member.begin()
    await member.api.owner.execute(
        "UPDATE oauth_states SET expires_at = now() - interval '1 s' WHERE integration_id = $1", UUID(integration_id)
    )
    count = "SELECT count(*) FROM oauth_states WHERE workspace_id = $1"
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        assert await delete_expired_states(db, datetime.now(UTC), 1_000) >= 1
    assert await member.api.owner.fetchval(count, UUID(member.workspace_id)) == 1


async def test_removed_meanwhile(member: ConnectingMember) -> None:
    integration_id, oauth_url = await member.begin()
    query = await member.grant(oauth_url)
    assert (await member.user.delete(f"{member.path}/{integration_id}")).status == 204
    (await member.return_with(query)).require_error("state_invalid")


async def test_reconnecting_replaces_the_grant_when_it_is_confirmed(member: ConnectingMember) -> None:
    integration_id = await member.connect()
    before = await member.stored(integration_id)
    path = f"{member.path}/{integration_id}"
    await member.api.owner.execute(
        "UPDATE integrations SET status = 'error', error = 'grant_refused' WHERE id = $1", UUID(integration_id)
    )
    assert (await member.user.get(path)).body["integration"]["error"] == "grant_refused"
    await member.api.owner.execute(
        "INSERT INTO integration_syncs (integration_id, workspace_id, positions) "
        """SELECT id, workspace_id, '{"people": {"since": "of another account"}}' FROM integrations WHERE id = $1""",
        UUID(integration_id),
    )
    oauth_url = (await member.user.post(f"{path}/reconnect")).body["oauth_url"]
    page = await member.return_with(await member.grant(oauth_url))
    assert (await member.stored(integration_id))["credentials"] == before["credentials"]
    await member.user.post(f"{path}/confirm", {"confirmation": page.confirmation})
    after = await member.stored(integration_id)
    assert (after["status"], after["error"]) == ("connected", None) and after["credentials"] != before["credentials"]
    positions = "SELECT positions::text FROM integration_syncs WHERE integration_id = $1"
    assert await member.api.owner.fetchval(positions, UUID(integration_id)) == "{}", "it may be another account"


async def test_removal_revokes_at_the_vendor_by_a_job(
    member: ConnectingMember, database_url: str, tmp_path: Path
) -> None:
    integration_id = await member.connect()
    granted = len(member.server.refresh_tokens)
    await member.api.owner.execute("UPDATE integrations SET account = NULL WHERE id <> $1", UUID(integration_id))
    await member.user.delete(f"{member.path}/{integration_id}")
    assert (await member.user.get(f"{member.path}/{integration_id}")).code == "integration_not_found"
    take = "DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload"
    (job,) = await member.api.owner.fetch(take, REVOKE_GRANT)
    policies = Policies("https://app.example.com", hashing=CHEAP_HASHING, egress_allow=("127.0.0.0/8",))
    async with open_pool(database_url, size=1) as pool:
        with offline_services(tmp_path, policies) as services:
            revocation = GrantRevocation(pool, services[Integrations].accounts, services[Integrations].requests)
            member.server.is_down = True
            with pytest.raises(JobFailed) as caught:
                await revocation.run(job["payload"])
            assert not caught.value.is_permanent
            member.server.is_down = False
            await revocation.run(job["payload"])
            assert len(member.server.refresh_tokens) == granted - 1
            await revocation.run(job["payload"])  # twice without harm
    assert member.server.requests["revoke"] == 3


async def test_grant_is_not_revoked_while_another_integration_has_the_same_account(
    member: ConnectingMember, database_url: str, tmp_path: Path
) -> None:
    await member.connect()
    integration_id = await member.connect()
    await member.user.delete(f"{member.path}/{integration_id}")
    (job,) = await member.api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", REVOKE_GRANT)
    async with open_pool(database_url, size=1) as pool:
        with offline_services(tmp_path) as services:
            await GrantRevocation(pool, services[Integrations].accounts, services[Integrations].requests).run(
                job["payload"]
            )
    assert member.server.requests["revoke"] == 0
