"""Pages behind the links in e-mails and behind redirects of connected services, in a browser."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from control.accounts.emails.service import EMAIL_JOB, EmailSender
from control.accounts.users.service import PASSWORD_RESET_JOB, Accounts
from control.services import Policies
from shared.secrets import Sealer
from tests.console.browser import needs_browser, person, running_browser
from tests.console.test_console import find_faults
from tests.control.accounts.accounts_platform import RecordingGateway
from tests.control.integrations.authorization_server import AuthorizationServer, running_server
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import User
from tests.platform.services import CHEAP_HASHING, KEY, offline_services

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = needs_browser
NEW = "violin 48 tractor plum"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, has_portal=False, egress_allow=("127.0.0.0/8",)) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with running_browser() as running:
        yield running


@pytest.fixture
async def server() -> AsyncIterator[AuthorizationServer]:
    async with running_server() as running:
        yield running


async def last_link(api: Api, to: str) -> str:
    """The view of the console in the last e-mail to an address."""
    gateway = RecordingGateway()
    sender = EmailSender(Sealer([KEY]), gateway, "us@example.com")
    rows = await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING id, payload", EMAIL_JOB)
    for row in sorted(rows, key=lambda row: int(row["id"])):
        await sender.send(row["payload"])
    text = [str(message.get_content()) for message in gateway.messages if message["To"] == to][-1]
    found = re.search(r"http\S+", text)
    assert found and found[0].startswith(f"{api.url}/console/") and "?" not in found[0]
    return found[0].removeprefix(f"{api.url}/console")


async def reset_link(api: Api, email: str) -> str:
    await api.anonymous.post("/auth/forgot-password", {"email": email})
    rows = await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", PASSWORD_RESET_JOB)
    policies = Policies(links=f"{api.url}/console", has_portal=False, public_url=api.url, hashing=CHEAP_HASHING)
    with offline_services(api.objects, policies) as services:
        async with api.owner.transaction():
            links = services[Accounts].email_links
            await links.send_password_reset(api.owner, rows[0]["payload"], datetime.now(UTC))
    return await last_link(api, email)


async def invite(api: Api, email: str) -> tuple[str, str]:
    """Returns the workspace and the link."""
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    reply = await ann.post(f"/workspaces/{workspace_id}/members", {"email": email, "role": "member"})
    assert reply.status == 201, reply.body
    return workspace_id, await last_link(api, email)


async def test_address_is_confirmed_by_the_button_not_by_opening(api: Api, browser: "Browser") -> None:
    ann = await api.sign_up(verified=False)
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        await visitor.open(await last_link(api, ann.email))
        button = visitor.page.get_by_role("button", name="Confirm this address")
        await button.wait_for()
        assert "token" not in visitor.page.url, "the token stays in the history"
        assert (await ann.get("/auth/me")).body["user"]["is_verified"] is False
        await button.click()
        await visitor.page.get_by_text("Your e-mail address is confirmed.").wait_for()
        assert (await ann.get("/auth/me")).body["user"]["is_verified"] is True
        await visitor.page.get_by_role("link", name="Continue to the console").click()
        await visitor.page.get_by_text("Create your first workspace").wait_for()
        assert await visitor.page.get_by_text("Confirm your e-mail address").count() == 0
        assert visitor.faults == []


async def test_password_is_chosen_and_a_weak_one_is_explained(api: Api, browser: "Browser") -> None:
    ann = await api.sign_up()
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.open(await reset_link(api, ann.email))
        await page.get_by_label("New password").fill("password123")
        await page.get_by_role("button", name="Set the new password").click()
        await page.get_by_role("alert").wait_for()
        await page.get_by_label("New password").fill(NEW)
        await page.get_by_role("button", name="Set the new password").click()
        await page.get_by_text("Your password is changed.").wait_for()
    assert (await api.sign_in(ann.email, NEW)).id == ann.id


async def test_invited_person_makes_an_account(api: Api, browser: "Browser") -> None:
    workspace_id, link = await invite(api, "bob@example.net")
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.open(link)
        await page.get_by_label("Your name").fill("Bob")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create account and join").click()
        await page.get_by_role("link", name="Role: member").wait_for()
        assert visitor.faults == []
    bob = await api.sign_in("bob@example.net")
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200


async def test_invited_user_joins_after_a_sign_in(api: Api, browser: "Browser") -> None:
    bob, eve = await api.sign_up(), await api.sign_up()
    workspace_id, link = await invite(api, bob.email)
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.sign_in(eve.email)
        await visitor.open(link)
        await page.get_by_role("button", name="Join the workspace").click()
        await page.get_by_role("alert").get_by_text("another address").wait_for()
        await page.get_by_role("button", name="Use another account").click()
        await page.get_by_label("E-mail address").fill(bob.email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("button", name="Join the workspace").click()
        await page.wait_for_url(f"**/console/w/{workspace_id}")
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200


@pytest.mark.parametrize("path", ["/verify-email", "/reset-password", "/invitation"])
async def test_link_without_its_token_is_explained(api: Api, browser: "Browser", path: str) -> None:
    async with person(browser, api, bypass_csp=True) as visitor:
        await visitor.open(path)
        await visitor.page.get_by_role("alert").get_by_text("incomplete").wait_for()
        assert await find_faults(visitor) == []
        await visitor.open(f"{path}#token=%22%3E%3Cscript%3E")
        await visitor.page.reload()
        assert await find_faults(visitor) == []


async def land(api: Api, server: AuthorizationServer, user: User, workspace_id: str) -> str:
    """Connects up to our page; returns the view."""
    admin = await api.admin()
    body = {"type": "calendar", "name": "C", "auth_type": "oauth2", "config": server.type_config()}
    await admin.post("/admin/integrations/available", body)
    reply = await user.post(f"/workspaces/{workspace_id}/integrations", {"integration_type": "calendar"})
    _, query = server.grant(reply.body["oauth_url"])
    reply = await api.anonymous.get(f"/integrations/oauth/callback/calendar?{query}", allow_redirects=False)
    return str(reply.headers["Location"]).removeprefix(f"{api.url}/console")


async def test_member_who_began_a_connection_completes_it(
    api: Api, browser: "Browser", server: AuthorizationServer
) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    await api.join(workspace_id, bob, "admin")
    view = await land(api, server, ann, workspace_id)
    async with person(browser, api) as other, person(browser, api) as visitor:
        await other.sign_in(bob.email)
        await other.open(view)
        await other.page.get_by_role("button", name="Complete the connection").click()
        await other.page.get_by_role("alert").wait_for()
        await visitor.page.goto(f"{api.url}/console{view}")
        # The code survives the sign-in.
        await visitor.page.get_by_label("E-mail address").fill(ann.email)
        await visitor.page.get_by_label("Password").fill(PASSWORD)
        await visitor.page.get_by_role("button", name="Sign in", exact=True).click()
        await visitor.page.get_by_role("button", name="Complete the connection").click()
        await visitor.page.wait_for_url(f"**/console/w/{workspace_id}/integrations/*")
        assert visitor.faults == []
    assert await api.owner.fetchval("SELECT count(*) FROM integrations WHERE status = 'connected'") == 1


async def test_failed_connection_is_explained_and_nothing_of_the_address_is_shown(api: Api, browser: "Browser") -> None:
    ann = await api.sign_up()
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        await visitor.open("/integrations?error=state_invalid")
        assert "used before, or is too old" in await visitor.text()
        await visitor.open("/integrations?error=%3Cscript%3Ealert")
        assert "script" not in await visitor.text()


async def test_links_for_members_lead_to_the_views_of_the_console(api: Api, browser: "Browser") -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        await visitor.open(f"/workspaces/{workspace_id}/billing/settings")
        assert visitor.page.url.endswith(f"/console/w/{workspace_id}/billing")
        await visitor.open(f"/workspaces/{workspace_id}/calls")
        assert visitor.page.url.endswith(f"/console/w/{workspace_id}/calls")
