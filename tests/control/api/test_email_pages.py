"""The pages behind the links in e-mails, when no portal is configured: opened as a browser without scripts would."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from control.accounts.emails.service import EMAIL_JOB, EmailSender
from control.accounts.users.service import PASSWORD_RESET_JOB, Accounts
from control.db.pool import Timeouts
from control.services import Policies
from shared.secrets import Sealer
from tests.control.accounts.accounts_platform import RecordingGateway
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import Reply
from tests.platform.services import CHEAP_HASHING, KEY, offline_services

NEW = "violin 48 tractor plum"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, has_portal=False) as running:
        yield running


class PageReader(HTMLParser):
    """What a browser and a screen reader need of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.actions: list[str] = []
        self.labels: set[str] = set()
        self.ids: list[str] = []
        self.visible_inputs: list[Mapping[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag == "form":
            assert found["method"] == "post"
            self.forms.append({})
            self.actions.append(f"/{found['action']}")  # every page is at a path of one segment
        if tag == "label":
            self.labels.add(found["for"] or "")
        if tag == "input":
            self.forms[-1][found["name"] or ""] = found.get("value") or ""
            self.visible_inputs += [] if found["type"] == "hidden" else [found]


async def last_link(api: Api, to: str) -> str:
    """The path and query of the link in the last e-mail to an address."""
    gateway = RecordingGateway()
    sender = EmailSender(Sealer([KEY]), gateway, "us@example.com")
    rows = await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING id, payload", EMAIL_JOB)
    for row in sorted(rows, key=lambda row: int(row["id"])):
        await sender.send(row["payload"])
    text = [str(message.get_content()) for message in gateway.messages if message["To"] == to][-1]
    found = re.search(r"http\S+", text)
    assert found and found[0].startswith(f"{api.url}/") and "#" not in found[0]
    parts = urlsplit(found[0])
    return f"{parts.path}?{parts.query}"


async def open_page(api: Api, link: str) -> PageReader:
    reply = await api.anonymous.get(link)
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/html; charset=utf-8"
    check_page(reply)
    return PageReader(reply.raw.decode())


async def send(api: Api, action: str, form: Mapping[str, str], **headers: str) -> Reply:
    reply = await api.anonymous.ask("POST", action, headers=headers, data=dict(form))
    check_page(reply)
    return reply


def check_page(reply: Reply) -> None:
    """Every page: strict policy, no script, one main and h1, each input labelled, ids unique."""
    html = reply.raw.decode()
    policy, page = reply.headers["Content-Security-Policy"], PageReader(html)
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert not {"script", "img", "link", "iframe"} & set(page.tags) and not re.search(r"\son\w+=|style=", html)
    assert page.tags.count("main") == page.tags.count("h1") == page.tags.count("title") == 1
    assert '<html lang="en">' in html
    assert {one["id"] for one in page.visible_inputs} == page.labels
    assert all(one.get("autocomplete") for one in page.visible_inputs)
    # Browsers cut what is longer, which nobody would notice of a password.
    assert all(("maxlength" in one) == (one["type"] != "password") for one in page.visible_inputs)
    assert not any(action.startswith("//") for action in page.actions), "a proxy may add a prefix to the path"
    assert len(set(page.ids)) == len(page.ids)
    assert reply.headers["Cache-Control"] == "no-store" and reply.headers["Referrer-Policy"] == "no-referrer"


async def test_address_is_confirmed_by_the_button_not_by_opening(api: Api) -> None:
    ann = await api.sign_up(verified=False)
    link = await last_link(api, ann.email)
    page = await open_page(api, link)
    head = await api.anonymous.ask("HEAD", link)
    assert (head.status, head.raw) == (200, b"")
    assert (await ann.get("/auth/me")).body["user"]["is_verified"] is False
    done = await send(api, page.actions[0], page.forms[0])
    assert done.status == 200 and b"Your e-mail address is confirmed" in done.raw
    assert (await ann.get("/auth/me")).body["user"]["is_verified"] is True
    again = await send(api, page.actions[0], page.forms[0])
    assert again.status == 422 and b"not valid any more" in again.raw and b"<form" not in again.raw
    assert b"accepted the first time" in again.raw, "whoever clicked twice sees this answer only"


async def reset_link(api: Api, email: str) -> str:
    await api.anonymous.post("/auth/forgot-password", {"email": email})
    rows = await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", PASSWORD_RESET_JOB)
    await run_reset_jobs(api, [row["payload"] for row in rows])
    return await last_link(api, email)


async def run_reset_jobs(api: Api, payloads: list[bytes]) -> None:
    """As a worker with the same settings does."""
    with offline_services(api.objects, Policies(links=api.url, has_portal=False, hashing=CHEAP_HASHING)) as services:
        for payload in payloads:
            async with api.owner.transaction():
                await services[Accounts].email_links.send_password_reset(api.owner, payload, datetime.now(UTC))


async def test_password_is_chosen_and_a_weak_one_is_explained(api: Api) -> None:
    ann = await api.sign_up()
    page = await open_page(api, await reset_link(api, ann.email))
    weak = await send(api, page.actions[0], page.forms[0] | {"new_password": "password123"})
    assert weak.status == 422 and b"tried first" in weak.raw and b'role="alert"' in weak.raw
    assert b"<title>Error: " in weak.raw and b"password123" not in weak.raw
    again = PageReader(weak.raw.decode())
    assert [one.get("aria-invalid") for one in again.visible_inputs] == ["true"]
    done = await send(api, again.actions[0], again.forms[0] | {"new_password": NEW})
    assert done.status == 200 and b"Your password is changed" in done.raw
    assert (await api.sign_in(ann.email, NEW)).id == ann.id
    assert (await ann.get("/auth/me")).code == "session_over"


async def invite(api: Api, email: str) -> tuple[str, str]:
    """Returns the workspace and the link."""
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    reply = await ann.post(f"/workspaces/{workspace_id}/members", {"email": email, "role": "member"})
    assert reply.status == 201, reply.body
    return workspace_id, await last_link(api, email)


async def test_invited_person_makes_an_account(api: Api) -> None:
    workspace_id, link = await invite(api, "bob@example.net")
    page = await open_page(api, link)
    assert page.actions == ["/invitation", "/accept-invitation"]
    filled = page.forms[0] | {"name": 'Bob "<b>" & Sons', "password": "short"}
    refused = await send(api, page.actions[0], filled)
    assert refused.status == 422
    kept = PageReader(refused.raw.decode())
    assert kept.forms[0]["name"] == 'Bob "<b>" & Sons' and kept.forms[1]["email"] == "" and "b" not in kept.tags
    done = await send(api, page.actions[0], filled | {"password": PASSWORD})
    assert done.status == 200 and b"You have joined the workspace" in done.raw
    bob = await api.sign_in("bob@example.net")
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
    used = await send(api, page.actions[0], filled | {"password": PASSWORD})
    assert used.status == 409 and b"accepted already" in used.raw and b"<form" not in used.raw


async def test_invited_user_joins_with_the_password(api: Api) -> None:
    bob, eve = await api.sign_up(), await api.sign_up()
    workspace_id, link = await invite(api, bob.email)
    page = await open_page(api, link)
    token = page.forms[1]["token"]
    for email, password, status, text in (
        (bob.email, "not the password", 401, b"password is wrong"),
        (eve.email, PASSWORD, 403, b"another address"),
    ):
        form = {"token": token, "email": email, "password": password}
        refused = await send(api, page.actions[1], form)
        assert refused.status == status and text in refused.raw and password.encode() not in refused.raw
        assert PageReader(refused.raw.decode()).forms[1]["email"] == email
    sessions = await api.owner.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1::uuid", bob.id)
    done = await send(api, page.actions[1], {"token": token, "email": bob.email, "password": PASSWORD})
    assert done.status == 200
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
    assert await api.owner.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1::uuid", bob.id) == sessions


@pytest.mark.parametrize("path", ["/verify-email", "/reset-password", "/invitation", "/accept-invitation"])
async def test_link_without_its_token_is_explained(api: Api, path: str) -> None:
    for query in ("", "?token=", f"?token={'a' * 201}"):
        reply = await api.anonymous.get(path + query)
        check_page(reply)
        assert reply.status == 400 and b"incomplete" in reply.raw and b"<form" not in reply.raw


async def test_a_database_that_is_away_is_a_page_with_the_form(database_url: str, valkey_url: str) -> None:
    timeouts = Timeouts(statement=0.2)
    async with running_api(database_url, valkey_url, has_portal=False, timeouts=timeouts) as api:
        async with api.owner.transaction():
            await api.owner.execute("LOCK TABLE one_time_tokens IN ACCESS EXCLUSIVE MODE")
            away = await send(api, "/verify-email", {"token": "x"})
        assert away.status == 503 and b"Try again in a moment" in away.raw and away.headers["Retry-After"] == "1"
        assert PageReader(away.raw.decode()).forms == [{"token": "x"}]


async def test_refusals_of_a_form_name_its_labels_and_not_the_fields_of_the_api(api: Api) -> None:
    _, link = await invite(api, "cid@example.net")
    page = await open_page(api, link)
    nameless = await send(api, page.actions[0], page.forms[0] | {"name": " ", "password": PASSWORD})
    assert nameless.status == 422 and b"Error: Enter a name" in nameless.raw
    form = {"token": page.forms[1]["token"], "email": "cid@example", "password": PASSWORD}
    refused = await send(api, page.actions[1], form)
    assert refused.status == 422 and b"Error: Enter an e-mail address" in refused.raw
    without_token = await send(api, page.actions[0], {"name": "Cid", "password": PASSWORD})
    assert without_token.status == 422 and b"incomplete" in without_token.raw and b"<form" not in without_token.raw
    await api.owner.execute("UPDATE invitations SET created_at = now() - interval '9 days', expires_at = now()")
    expired = await send(api, page.actions[0], page.forms[0] | {"name": "Cid", "password": PASSWORD})
    assert expired.status == 409 and b"has expired" in expired.raw and b"accepted the first time" not in expired.raw


async def test_token_is_escaped(api: Api) -> None:
    page = await open_page(api, "/verify-email?token=%22%3E%3Cscript%3E")
    assert page.forms[0]["token"] == '"><script>'
    assert (await send(api, page.actions[0], page.forms[0])).status == 422


async def test_forms_of_other_sites_and_other_bodies_are_refused(api: Api) -> None:
    ann = await api.sign_up(verified=False)
    page = await open_page(api, await last_link(api, ann.email))
    forged = await send(api, page.actions[0], page.forms[0], **{"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403 and b"another site" in forged.raw
    for raw, kind in (
        (b'{"token": "x"}', "application/json"),
        (b"token=\xff", FORM["Content-Type"]),
        (b"&".join(b"a%d=1" % number for number in range(11)), FORM["Content-Type"]),
    ):
        reply = await api.anonymous.ask("POST", page.actions[0], headers={"Content-Type": kind}, data=raw)
        check_page(reply)
        assert reply.status == 400
    own = await send(api, page.actions[0], page.forms[0], **{"Sec-Fetch-Site": "same-origin"})
    assert own.status == 200


async def test_forms_share_the_rate_limits_of_the_api(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, has_portal=False, limits={"verify-email": (1, 3600)}) as api:
        assert (await send(api, "/verify-email", {"token": "x"})).status == 422
        limited = await send(api, "/verify-email", {"token": "x"})
        assert limited.status == 429 and int(limited.headers["Retry-After"]) > 0
        assert (await api.anonymous.post("/auth/verify-email", {"token": "x"})).status == 429


async def test_with_a_portal_there_are_no_pages(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        assert (await api.anonymous.get("/verify-email?token=x")).code == "no_route"
