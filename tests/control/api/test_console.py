"""`/console`: what control serves, and how browsers keep it."""

import gzip
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web

from control.api.console import FOLDER, Console, make_policy
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.mark.parametrize("view", ["", "/", "/sign-in", "/w/0190f1c2-7c6b-7d0a-9e5f-3a1b2c4d5e6f/calls"])
async def test_each_view_is_the_same_page(api: Api, view: str) -> None:
    page = await api.anonymous.get(f"/console{view}")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Cache-Control"] == "no-cache"
    assert '<div id="app">' in page.raw.decode()


async def test_policy_allows_own_files_and_no_frames(api: Api) -> None:
    page = await api.anonymous.get("/console")
    text, policy = page.raw.decode(), page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    (import_map,) = re.findall(r'<script type="importmap">(.*?)</script>', text, re.S)
    assert f"'sha256-{b64encode(sha256(import_map.encode()).digest()).decode()}'" in policy
    assert len(re.findall(r"<script", text)) == len(re.findall(r"<script (?:src=|type=\"(?:module|importmap)\")", text))
    assert page.headers["X-Frame-Options"] == "DENY"


async def test_browsers_keep_files_forever(api: Api) -> None:
    text = (await api.anonymous.get("/console")).raw.decode()
    addresses = re.findall(r'(?:src|href)="(/console/[^"]+)"', text) + re.findall(r'": "(/console/[^"]+)"', text)
    assert len(addresses) > 12
    for address in addresses:
        reply = await api.anonymous.get(address)
        assert reply.status == 200, address
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        same = await api.anonymous.get(address, headers={"If-None-Match": reply.headers["ETag"]})
        assert (same.status, same.raw) == (304, b"")


async def test_files_are_compressed_for_those_who_accept_it(api: Api) -> None:
    (address,) = re.findall(r'href="(/console/[^"]+style\.css)"', (await api.anonymous.get("/console")).raw.decode())
    async with api.client.get(api.url + address, headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as reply:
        assert reply.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await reply.read()) == (FOLDER / "style.css").read_bytes()
    plain = await api.anonymous.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.raw == (FOLDER / "style.css").read_bytes()


async def test_a_page_of_the_release_before_gets_files_that_are_not_kept(api: Api) -> None:
    reply = await api.anonymous.get("/console/v/0123456789abcdef/style.css")
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("name", ["nothing.js", "..%2F..%2Fcontrol%2Fapp.py", "vendor/README.md", "index.html"])
async def test_no_other_file_is_served(api: Api, name: str) -> None:
    assert (await api.anonymous.get(f"/console/v/0123456789abcdef/{name}")).status == 404


async def test_addresses_follow_the_public_urls_path(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, public_url="https://example.com/voice") as api:
        text = (await api.anonymous.get("/console")).raw.decode()
        assert re.search(r'src="/voice/console/v/\w+/app\.js"', text)
        assert re.search(r'"preact": "/voice/console/v/\w+/vendor/preact\.js"', text)


def test_policy_names_the_media_nodes() -> None:
    page = '<script type="importmap">{}</script>'
    assert "connect-src 'self' wss://media.example.com;" in make_policy(page, ["wss://media.example.com/*"])
    assert "ws://127.0.0.1:*" in make_policy(page, [])


def test_a_deployment_without_the_folder_has_no_console(tmp_path: Path) -> None:
    app = web.Application()
    Console("http://127.0.0.1", folder=tmp_path).add_to(app.router)
    assert len(app.router.routes()) == 0


async def test_a_browser_that_opens_the_root_gets_the_console(api: Api) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml"}
    page = await api.anonymous.get("/", headers=browser, allow_redirects=False)
    assert (page.status, page.headers["Location"]) == (302, "console")


async def test_links_of_letters_that_were_sent_before_lead_to_the_console(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, has_portal=False) as api:
        for path in ("/verify-email", "/reset-password", "/invitation"):
            reply = await api.anonymous.get(f"{path}?token=a%22%3E%2Fb", allow_redirects=False)
            assert (reply.status, reply.headers["Location"]) == (302, f"console{path}#token=a%22%3E%2Fb")
            assert reply.headers["Cache-Control"] == "no-store"
    async with running_api(database_url, valkey_url) as api:
        assert (await api.anonymous.get("/verify-email?token=x")).code == "no_route"


async def test_single_sign_on_comes_back_to_the_console(database_url: str, valkey_url: str) -> None:
    path = "/sso/callback/0190f1c2-7c6b-7d0a-9e5f-3a1b2c4d5e6f?code=abc&state=def"
    async with running_api(database_url, valkey_url, has_portal=False) as api:
        async with api.client.get(api.url + path, allow_redirects=False) as reply:
            assert reply.status == 302
            assert reply.headers["Location"] == f"../../console{path}"
            assert reply.headers["Cache-Control"] == "no-store"
        assert (await api.anonymous.get(path)).raw == (await api.anonymous.get("/console")).raw
    async with running_api(database_url, valkey_url) as api:
        assert (await api.anonymous.get(path)).status == 404
