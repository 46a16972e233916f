"""Without a portal, a vendor's redirect leads to pages of ours: one to confirm by signing in, one that says why not."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.control.integrations.authorisation_server import AuthorisationServer, running_server
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import User

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[AuthorisationServer]:
    async with running_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str, server: AuthorisationServer) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, has_portal=False, egress_allow=("127.0.0.0/8",)) as running:
        admin = await running.admin()
        body = {"type": "calendar", "name": "C", "auth_type": "oauth2", "config": server.type_config()}
        assert (await admin.post("/admin/integrations/available", body)).status == 201
        yield running


async def land(api: Api, server: AuthorisationServer, user: User, workspace_id: str) -> str:
    """Connects up to our page; returns its path with the query."""
    reply = await user.post(f"/workspaces/{workspace_id}/integrations", {"integration_type": "calendar"})
    _, query = server.grant(reply.body["oauth_url"])
    reply = await api.anonymous.get(f"/integrations/oauth/callback/calendar?{query}", allow_redirects=False)
    location = urlsplit(reply.headers["Location"])
    assert f"{location.scheme}://{location.netloc}" == api.url
    return f"{location.path}?{location.query}"


async def send(api: Api, page: str, email: str, password: str = PASSWORD) -> tuple[int, str]:
    """Sends the page's form."""
    token = urlsplit(page).query.removeprefix("token=")
    data = {"email": email, "password": password, "token": token}
    reply = await api.anonymous.ask("POST", "/confirm-integration", data=data)
    return reply.status, reply.raw.decode()


async def test_member_who_began_confirms_by_signing_in(api: Api, server: AuthorisationServer) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    await api.join(workspace_id, bob, "admin")
    page = await land(api, server, ann, workspace_id)
    shown = await api.anonymous.get(page)
    assert shown.status == 200 and "Do so only if you began it yourself" in shown.raw.decode()
    assert (await send(api, page, ann.email, "wrong password 1"))[0] == 401
    assert (await send(api, page, bob.email))[0] == 404, "another member confirmed"
    assert await api.owner.fetchval("SELECT count(*) FROM integrations WHERE status = 'connected'") == 0
    status, text = await send(api, page, ann.email)
    assert status == 200 and "The connection is complete" in text
    assert await api.owner.fetchval("SELECT count(*) FROM integrations WHERE status = 'connected'") == 1
    assert (await send(api, page, ann.email))[0] == 404


async def test_member_who_lost_the_role_confirms_nothing(api: Api, server: AuthorisationServer) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    await api.join(workspace_id, bob, "admin")
    page = await land(api, server, bob, workspace_id)
    demote = "UPDATE workspace_members SET role = 'viewer' WHERE user_id = $1::text::uuid"
    await api.owner.execute(demote, bob.id)
    assert (await send(api, page, bob.email))[0] == 403
    assert (
        await api.owner.fetchval(
            "SELECT count(*) FROM integrations WHERE workspace_id = $1::text::uuid AND status <> 'connecting'",
            workspace_id,
        )
        == 0
    )


async def test_failure_is_explained_and_nothing_of_the_address_is_shown(api: Api) -> None:
    reply = await api.anonymous.get("/integrations/oauth/callback/calendar?error=%3Cscript%3E", allow_redirects=False)
    assert reply.headers["Location"] == f"{api.url}/integration-failed?error=state_invalid"
    shown = await api.anonymous.get("/integration-failed?error=state_invalid")
    assert "used before, or is too old" in shown.raw.decode()
    assert "Content-Security-Policy" in shown.headers
    other = await api.anonymous.get("/integration-failed?error=%3Cscript%3Ealert")
    assert other.status == 200 and b"script" not in other.raw
