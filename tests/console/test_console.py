"""What people do in the console, in a browser, against the API."""

import json
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from control.accounts.rules import AccountPolicy
from tests.console.browser import Person, needs_browser, person, running_browser
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import User
from tools.console_pictures import nouns

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = needs_browser
MARKUP = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
# Of each kind of page: made by hand, lists and details of the table, forms.
MEMBER_PAGES = (
    "",
    "/live",
    "/calls",
    "/agents",
    "/agents/{agent}",
    "/agents/{agent}?section=voice",
    "/agents/{agent}?section=tools",
    "/agents/{agent}/versions",
    "/agents/{agent}/test",
    "/agents/{agent}/details",
    "/phone-numbers",
    "/campaigns",
    "/knowledge",
    "/http-tools",
    "/mcp-servers",
    "/integrations",
    "/messages",
    "/analytics",
    "/billing",
    "/invoices",
    "/webhooks",
    "/api-keys",
    "/members",
    "/invitations",
    "/do-not-call",
    "/blocked-callers",
    "/verified-numbers",
    "/addresses",
    "/privacy",
    "/exports",
    "/accesses",
    "/sso-domains",
    "/providers",
    "/settings",
)
ADMIN_PAGES = (
    "",
    "/live",
    "/calls",
    "/workspaces",
    "/users",
    "/phone-numbers",
    "/invoices",
    "/balances",
    "/tax-rates",
    "/exchange-rates",
    "/tiers",
    "/providers",
    "/templates",
    "/integration-types",
    "/settings",
    "/audit",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with running_browser() as running:
        yield running


async def make_workspace(api: Api, agent_name: str = "Front desk") -> tuple[User, str, str]:
    """An owner with a workspace and an agent; their ids."""
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    config = {"prompt": "You answer for Acme Dental.", "greeting": "Hello."}
    reply = await ann.post(f"/workspaces/{workspace_id}/agents", {"name": agent_name, "config": config})
    assert reply.status == 201, reply.body
    return ann, workspace_id, reply.body["agent"]["id"]


async def test_from_sign_up_to_a_published_agent(api: Api, browser: "Browser") -> None:
    async with person(browser, api) as ada:
        page = ada.page
        await ada.open("/sign-up")
        await page.get_by_label("Your name").fill("Ada Lovelace")
        await page.get_by_label("E-mail address").fill("ada@example.com")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await page.get_by_label("Name of the business").fill("Harbor Dental")
        await page.get_by_role("button", name="Create workspace").click()
        await page.get_by_role("link", name="Choose a template").click()
        await page.get_by_role("button", name="Dental front desk").click()
        await page.get_by_role("button", name="Create agent").click()
        prompt = page.get_by_label("Prompt", exact=True)
        await prompt.fill("You answer for Harbor Dental.")
        await page.get_by_role("button", name="Save draft").click()
        await page.get_by_role("button", name="Compare and publish").click()
        await page.get_by_role("dialog").get_by_text("You answer for Harbor Dental.").wait_for()
        await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
        await page.get_by_text("Version 2").first.wait_for()
        assert ada.faults == []
    ada_again = await api.sign_in("ada@example.com")
    (workspace,) = (await ada_again.get("/auth/me")).body["workspaces"]
    (agent,) = (await ada_again.get(f"/workspaces/{workspace['id']}/agents")).body["agents"]
    config = (await ada_again.get(f"/workspaces/{workspace['id']}/agents/{agent['id']}")).body["agent"]["config"]
    assert config["prompt"] == "You answer for Harbor Dental."


async def test_sign_in_shows_the_apis_refusal_and_returns_to_the_view(api: Api, browser: "Browser") -> None:
    ann, workspace_id, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.open(f"/w/{workspace_id}/agents?status=draft")
        await page.get_by_label("E-mail address").fill(ann.email)
        await page.get_by_label("Password").fill("not the password")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("alert").wait_for()
        assert "Request" in await page.get_by_role("alert").inner_text()
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("link", name="Front desk").wait_for()
        assert page.url.endswith(f"/console/w/{workspace_id}/agents?status=draft")


async def test_scripts_cannot_read_the_session(api: Api, browser: "Browser") -> None:
    ann, workspace_id, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}")
        assert await visitor.page.evaluate("document.cookie") == ""
        stored = await visitor.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
        assert "eyJ" not in stored
        await visitor.page.get_by_role("button", name="Sign out").click()
        await visitor.page.get_by_label("E-mail address").wait_for()
        await visitor.page.go_back()
        await visitor.page.get_by_label("E-mail address").wait_for()


async def test_the_session_is_renewed_while_it_is_used(database_url: str, valkey_url: str, browser: "Browser") -> None:
    async with running_api(database_url, valkey_url, access_token_s=1) as api, person(browser, api) as visitor:
        await api.sign_up("ida@example.com")
        await visitor.sign_in("ida@example.com")
        await visitor.open("/account")
        for _ in range(2):
            # The token is good for a second, by the clock of the server.
            await visitor.page.wait_for_timeout(1_500)
            await visitor.page.reload()
            await visitor.settled()
            assert "ida@example.com" in await visitor.text()


async def test_texts_of_others_are_shown_as_text(api: Api, browser: "Browser") -> None:
    ann, workspace_id, agent_id = await make_workspace(api, MARKUP)
    base = f"/workspaces/{workspace_id}"
    await ann.put(f"{base}/agents/{agent_id}/draft", {"config": {"prompt": MARKUP, "facts": {"x": MARKUP}}})
    assert (await ann.post(f"{base}/knowledge/documents", {"name": MARKUP, "text": MARKUP})).status < 300
    assert (await ann.post(f"{base}/blocked-callers", {"caller": "+14155550188", "note": MARKUP})).status < 300
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        for path in ("", "/agents", f"/agents/{agent_id}", f"/agents/{agent_id}/versions?before=1&after=draft"):
            await visitor.open(f"/w/{workspace_id}{path}")
            assert await visitor.page.evaluate("window.owned") is None
        for path in ("/knowledge", "/blocked-callers"):
            await visitor.open(f"/w/{workspace_id}{path}")
            assert MARKUP[:60] in await visitor.text()
        assert visitor.faults == []


async def test_a_viewer_is_offered_nothing_that_the_role_forbids(api: Api, browser: "Browser") -> None:
    _, workspace_id, agent_id = await make_workspace(api)
    viewer = await api.member(workspace_id, "viewer")
    async with person(browser, api) as visitor:
        await visitor.sign_in(viewer.email)
        await visitor.open(f"/w/{workspace_id}/agents")
        assert await visitor.page.get_by_role("button", name="New agent").count() == 0
        await visitor.open(f"/w/{workspace_id}/campaigns")
        assert await visitor.page.get_by_role("button", name="New campaign").count() == 0
        await visitor.open(f"/w/{workspace_id}/agents/{agent_id}")
        assert await visitor.page.get_by_label("Prompt", exact=True).is_disabled()


async def test_lists_make_change_and_delete_by_forms(api: Api, browser: "Browser") -> None:
    ann, workspace_id, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}/blocked-callers")
        await page.get_by_role("button", name="Block a caller").first.click()
        await page.get_by_role("dialog").get_by_label("Caller").fill("not a number")
        await page.get_by_role("dialog").get_by_role("button", name="Block a caller").click()
        await page.get_by_role("dialog").get_by_role("alert").wait_for()
        await page.get_by_role("dialog").get_by_label("Caller").fill("+14155550188")
        await page.get_by_role("dialog").get_by_role("button", name="Block a caller").click()
        await page.get_by_role("cell", name="+14155550188").wait_for()
        await page.get_by_role("button", name="Unblock").click()
        await page.get_by_role("dialog").get_by_role("button", name="Unblock").click()
        await page.get_by_text("Nothing here yet.").wait_for()
        assert visitor.faults == []


async def test_new_key_is_shown_once(api: Api, browser: "Browser") -> None:
    ann, workspace_id, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}/api-keys")
        await page.get_by_role("button", name="New key").first.click()
        await page.get_by_role("dialog").get_by_label("Name").fill("Reports")
        await page.get_by_role("dialog").get_by_role("checkbox").first.check()
        await page.get_by_role("dialog").get_by_role("button", name="New key").click()
        await page.get_by_text("it is shown only once").wait_for()
        assert "vk_live_" in await page.get_by_role("dialog").inner_text()
        await page.get_by_role("button", name="Done").click()
        await page.get_by_role("cell", name="Reports").wait_for()
        assert "vk_live_" not in await visitor.text()


async def test_speaks_german(api: Api, browser: "Browser") -> None:
    async with person(browser, api, locale="de-DE") as visitor:
        await visitor.open("/sign-in")
        assert await visitor.page.locator("html").get_attribute("lang") == "de"
        await visitor.page.get_by_role("button", name="Anmelden", exact=True).wait_for()


def test_every_noun_is_checked_for_accessibility() -> None:
    assert {f"/{noun}" for noun in nouns("RESOURCES")} <= set(MEMBER_PAGES)
    assert {f"/{noun}" for noun in nouns("ADMIN_RESOURCES")} <= set(ADMIN_PAGES)


async def test_a_session_shows_nothing_of_another_workspace(api: Api, browser: "Browser") -> None:
    _, workspace_id, agent_id = await make_workspace(api, "Secret desk")
    bob, _, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        await visitor.sign_in(bob.email)
        for path in ("", "/agents", f"/agents/{agent_id}", "/api-keys"):
            await visitor.open(f"/w/{workspace_id}{path}")
            assert "You are no member of this workspace." in await visitor.text()
            assert "Secret desk" not in await visitor.text()


async def test_first_view_is_light(api: Api, browser: "Browser") -> None:
    ann, workspace_id, _ = await make_workspace(api)
    async with person(browser, api) as visitor:
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}")
        sizes = await visitor.page.evaluate(
            "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
            ".map(entry => [entry.name, entry.encodedBodySize])"
        )
    weight = sum(size for name, size in sizes)
    assert weight <= 250_000, sorted(sizes, key=lambda entry: -entry[1])[:5]


async def find_faults(visitor: Person) -> list[str]:
    """What axe-core finds in the view as it is."""
    await visitor.page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
    result: dict[str, Any] = await visitor.page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})")
    return [
        f"{found['id']}: {found['nodes'][0]['html'][:200]} {found['nodes'][0]['failureSummary'][:200]}"
        for found in result["violations"]
    ]


async def check_pages(visitor: Person, paths: list[str]) -> list[str]:
    """What is wrong with these views: faults that axe-core finds, width beyond a phone's, what the browser reports."""
    wrong = []
    for path in paths:
        await visitor.open(path)
        wrong += [f"{path}: {fault}" for fault in await find_faults(visitor)]
        if await visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{path}: wider than the window")
    return wrong + visitor.faults


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_members_pages_are_accessible(api: Api, browser: "Browser", width: int, theme: str) -> None:
    ann, workspace_id, agent_id = await make_workspace(api)
    paths = [f"/w/{workspace_id}{path.format(agent=agent_id)}" for path in MEMBER_PAGES]
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme, "bypass_csp": True}
    async with person(browser, api, **options) as visitor:
        wrong = await check_pages(visitor, ["/sign-in", "/sign-up", "/forgot-password"])
        await visitor.sign_in(ann.email)
        assert wrong + await check_pages(visitor, [*paths, "/", "/account"]) == []


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (360, "light")])
async def test_the_staffs_pages_are_accessible(api: Api, browser: "Browser", width: int, theme: str) -> None:
    admin = await api.admin()
    await make_workspace(api)
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme, "bypass_csp": True}
    async with person(browser, api, **options) as visitor:
        await visitor.sign_in(admin.email, "/admin")
        paths = ["/admin/sign-in", *(f"/admin{path}" for path in ADMIN_PAGES)]
        assert await check_pages(visitor, paths) == []


async def test_signs_in_with_a_second_factor(api: Api, browser: "Browser") -> None:
    ann = await api.sign_up()
    offer = (await ann.post("/auth/totp", {"password": PASSWORD})).body
    codes = pyotp.TOTP(offer["secret"])
    assert (await ann.post("/auth/totp/confirm", {"code": codes.now()})).status == 204
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.open("/sign-in")
        await page.get_by_label("E-mail address").fill(ann.email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_label("Code of your authenticator app").fill(offer["recovery_codes"][0])
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_text("Create your first workspace").wait_for()
        assert visitor.faults == []


async def test_asks_again_who_is_there_before_a_sensitive_action(
    database_url: str, valkey_url: str, browser: "Browser"
) -> None:
    accounts = AccountPolicy(recent_s=0)
    async with running_api(database_url, valkey_url, accounts=accounts) as api, person(browser, api) as visitor:
        ann, workspace_id, _ = await make_workspace(api)
        page = visitor.page
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}/settings")
        await page.get_by_role("button", name="Delete workspace").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete workspace").click()
        again = page.get_by_role("dialog", name="Is it still you?")
        await again.get_by_label("Password").fill("not the password")
        await again.get_by_role("button", name="Continue").click()
        await again.get_by_role("alert").wait_for()
        await again.get_by_role("button", name="Close").click()
        await again.wait_for(state="detached")
        assert (await ann.get(f"/workspaces/{workspace_id}")).status == 200


async def test_is_used_by_keyboard_alone(api: Api, browser: "Browser") -> None:
    ann, workspace_id, agent_id = await make_workspace(api)
    async with person(browser, api) as visitor:
        page = visitor.page
        await visitor.sign_in(ann.email)
        await visitor.open(f"/w/{workspace_id}/agents")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.get_by_role("link", name="Front desk").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("Prompt", exact=True).wait_for()
        assert page.url.endswith(f"/agents/{agent_id}")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.get_by_role("button", name="API").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("dialog").wait_for(state="detached")
        await visitor.await_focus(page.get_by_role("button", name="API"))
        assert visitor.faults == []
