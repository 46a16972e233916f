"""Attacks on people who use the console, in their browser: markup in others' texts, and pages of other sites."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from shared.events import AgentSaid, CallerSaid, PersonSaid, ToolRan, ToolStarted
from tests.console.browser import Person, needs_browser, person, running_browser
from tests.console.test_console import ADMIN_PAGES, MARKUP, MEMBER_PAGES
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import PASSWORD, Api, running_api

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = needs_browser
# As MARKUP, with what names of files may have.
FILE = "<img src=x onerror=window.owned=1>.txt"
TALK = (
    AgentSaid(0, MARKUP, 0, 1_000),
    CallerSaid(1, MARKUP, 1_500, 2_000),
    ToolStarted(1, MARKUP, "run", 2_000),
    ToolRan(1, MARKUP, ok=True, result=MARKUP, took_ms=20),
    PersonSaid("session", MARKUP, 2_100, 2_900),
)
# Chromium takes it for another site than 127.0.0.1.
EVIL = "http://localhost:9"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with running_browser() as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def find_elements(visitor: Person) -> list[str]:
    """What in the page was made from the markup, and what it did."""
    found: list[str] = await visitor.page.evaluate(
        """() => [...document.querySelectorAll('img, script:not([src]):not([type=importmap])')]
            .map((element) => element.outerHTML).concat(window.owned ? ['owned'] : [])"""
    )
    return found


async def test_markup_in_names_words_and_results_is_text_on_every_page(
    workspace: CallWorkspace, api: Api, browser: "Browser"
) -> None:
    base, ann = workspace.path, workspace.ann
    await workspace.update_workspace("name = $2", MARKUP)
    assert (await ann.put(f"{base}/agents/{workspace.agent_id}", {"name": MARKUP})).status == 200
    assert (await ann.put(f"{base}/agents/{workspace.agent_id}/draft", {"config": {"prompt": MARKUP}})).status == 200
    for path, body in (
        ("knowledge/documents", {"name": MARKUP, "text": MARKUP}),
        ("blocked-callers", {"caller": "+14155550188", "note": MARKUP}),
        ("do-not-call-numbers", {"numbers": [{"number": "+14155550189", "note": MARKUP}]}),
        ("webhook-endpoints", {"url": "https://example.com/hook", "description": MARKUP}),
        ("api-keys", {"name": MARKUP, "scopes": ["calls:read"], "expires_at": None}),
        ("campaigns", {"name": MARKUP, "agent_id": workspace.agent_id}),
    ):
        assert (await ann.post(f"{base}/{path}", body)).status < 300, path
    await api.owner.execute("UPDATE users SET name = $1 WHERE email = $2", MARKUP, ann.email)
    call_id = await workspace.insert_call(*TALK, summary=MARKUP, end_detail=MARKUP)
    running = await workspace.insert_call(*TALK, status="in_progress")
    admin = await api.admin()
    async with person(browser, api) as member, person(browser, api) as staff:
        await member.sign_in(ann.email)
        await staff.sign_in(admin.email, "/admin")
        own = [page.format(agent=workspace.agent_id) for page in MEMBER_PAGES]
        own += [f"/agents/{workspace.agent_id}/versions?before=1&after=draft", f"/live?call={running}"]
        own += [f"/calls/{call_id}{tab}" for tab in ("", "?tab=events", "?tab=details")]
        for page in own:
            await member.open(f"/w/{workspace.workspace_id}{page}")
            assert await find_elements(member) == [], page
        await member.open(f"/w/{workspace.workspace_id}/live?call={running}")
        await member.page.get_by_role("log").get_by_text(MARKUP).first.wait_for()
        assert await find_elements(member) == []
        for page in (*ADMIN_PAGES, f"/calls/{call_id}", f"/workspaces/{workspace.workspace_id}"):
            await staff.open(f"/admin{page}")
            assert await find_elements(staff) == [], page
        assert member.faults + staff.faults == []


async def test_markup_in_the_name_of_an_uploaded_file_is_text(
    workspace: CallWorkspace, api: Api, browser: "Browser"
) -> None:
    async with person(browser, api) as visitor:
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/knowledge")
        async with visitor.page.expect_file_chooser() as chooser:
            await visitor.page.get_by_role("button", name="Upload a file").first.click()
        await (await chooser.value).set_files({"name": FILE, "mimeType": "text/plain", "buffer": b"We are open."})
        await visitor.page.get_by_role("link", name=FILE).click()
        await visitor.page.get_by_role("heading", name=FILE).wait_for()
        assert await find_elements(visitor) == []
        assert visitor.faults == []


async def serve_page(visitor: Person, path: str, html: str) -> None:
    """Shows the person a page of another site."""

    async def answer(route: object) -> None:
        await route.fulfill(body=html, content_type="text/html")  # type: ignore[attr-defined]

    await visitor.context.route(f"{EVIL}{path}", answer)
    await visitor.page.goto(f"{EVIL}{path}")


async def test_pages_of_another_site_cannot_act_for_a_person(
    workspace: CallWorkspace, api: Api, browser: "Browser"
) -> None:
    url, path = api.url, f"{workspace.path}/blocked-callers"
    async with person(browser, api) as visitor:
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}")
        statuses: dict[str, int] = {}
        visitor.page.on("response", lambda reply: statuses.update({reply.url: reply.status}))
        fields = """name='{"caller":"+14155550177","x":"' value='"}'"""
        form = f"<form method=post enctype=text/plain action='{url}{path}'><input {fields}></form>"
        await serve_page(visitor, "/form", f"{form}<script>document.forms[0].submit()</script>")
        await visitor.page.wait_for_url(f"{url}{path}")
        assert statuses[f"{url}{path}"] == 401
        await serve_page(visitor, "/script", "<h1>Win a prize</h1>")
        tried = await visitor.page.evaluate(
            """async ([url, path]) => {
                const body = JSON.stringify({ caller: "+14155550178" });
                const json = { "Content-Type": "application/json" };
                const cookie = { "Vocalized-Session": "cookie" };
                const attempts = [
                    { method: "POST", body, credentials: "include", mode: "no-cors" },
                    { method: "POST", body, credentials: "include", headers: json },
                    { method: "POST", body, credentials: "include", headers: { ...json, ...cookie } },
                    { method: "GET", credentials: "include", headers: cookie },
                ];
                const found = [];
                for (const attempt of attempts)
                    found.push(await fetch(url + path, attempt).then((reply) => reply.type, () => "refused"));
                return found;
            }""",
            [url, path],
        )
        assert tried == ["refused"] * 4
        assert (await workspace.ann.get(path)).body["blocked_callers"] == []
        # The same request from the console's own page has the session.
        await visitor.open(f"/w/{workspace.workspace_id}")
        own = await visitor.page.evaluate(
            """async ([url, path]) => (await fetch(url + path, { method: "POST",
                body: JSON.stringify({ caller: "+14155550179" }),
                headers: { "Content-Type": "application/json", "Vocalized-Session": "cookie" } })).status""",
            [url, path],
        )
        assert own == 201


async def test_another_site_cannot_frame_the_console(workspace: CallWorkspace, api: Api, browser: "Browser") -> None:
    async with person(browser, api) as visitor:
        await visitor.sign_in(workspace.ann.email)
        view = f"{api.url}/console/w/{workspace.workspace_id}/settings"
        await serve_page(visitor, "/frame", f"<iframe src='{view}' onload='window.loaded = true'></iframe>")
        await visitor.page.wait_for_function("window.loaded")
        (frame,) = visitor.page.main_frame.child_frames
        assert await frame.locator("#app").count() == 0
        assert frame.url.startswith("chrome-error:")


async def test_tokens_are_in_no_address_no_console_and_no_log(
    workspace: CallWorkspace, api: Api, browser: "Browser"
) -> None:
    addresses: list[str] = []
    lines: list[str] = []
    with capture_logs() as logs:
        async with person(browser, api) as visitor:
            page = visitor.page
            page.on("request", lambda request: addresses.append(request.url))
            page.on("console", lambda line: lines.append(line.text))
            await visitor.open(f"/w/{workspace.workspace_id}/agents")
            await page.get_by_label("E-mail address").fill(workspace.ann.email)
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Sign in", exact=True).click()
            await page.get_by_role("link", name="Front desk").click()
            await page.get_by_label("Prompt", exact=True).wait_for()
            secrets = [str(cookie["value"]) for cookie in await visitor.context.cookies()]
            addresses += await page.evaluate("[location.href, document.referrer]")
    secrets.append(PASSWORD)
    assert len(secrets) >= 3 and logs
    for text in (*addresses, *lines, str(logs)):
        assert not any(secret in text for secret in secrets), text[:200]
