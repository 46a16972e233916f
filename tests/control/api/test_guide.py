"""`/docs/guide`: the documents as a site, as control serves it, and as `make docs` builds it."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import pytest
from aiohttp import ClientSession, web

from control.api.docs import Docs
from control.api.guide import TYPES, Guide
from tests.console.browser import needs_browser, running_browser

ROOT = Path(__file__).parents[3]
# `make docs` has an environment of its own.
PYTHONS = [sys.executable] if find_spec("sphinx") and find_spec("furo") else []
PYTHONS += [
    str(path) for path in (Path(os.environ.get("GUIDE", ROOT / ".venvs/guide")) / "bin/python",) if path.exists()
]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[ClientSession, str]]:
    """The site in `folder` beside the API's reference, and its address."""
    app = web.Application()
    Guide(folder).add_to(app.router)
    Docs().add_to(app.router)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession() as client:
            yield client, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "use").mkdir()
    (tmp_path / "index.html").write_text("front page")
    (tmp_path / "use" / "agents.html").write_text("agents")
    (tmp_path / "searchindex.js").write_text("Search.setIndex({})")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "content_type", "text"),
    [
        ("/docs/guide/", "text/html; charset=utf-8", "front page"),
        ("/docs/guide/use/agents.html", "text/html; charset=utf-8", "agents"),
        ("/docs/guide/searchindex.js", "text/javascript; charset=utf-8", "Search.setIndex({})"),
    ],
)
async def test_serves_the_pages_of_the_site(site: Path, path: str, content_type: str, text: str) -> None:
    async with serving(site) as (client, url):
        async with client.get(url + path) as reply:
            assert (reply.status, reply.headers["Content-Type"], await reply.text()) == (200, content_type, text)
            assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
            assert reply.headers["Cache-Control"] == "no-cache"
            known = {"If-None-Match": reply.headers["ETag"]}
        async with client.get(url + path, headers=known) as reply:
            assert reply.status == 304
        async with client.head(url + path) as reply:
            assert (reply.status, await reply.read()) == (200, b"")


async def test_leads_to_the_folder_of_the_site(site: Path) -> None:
    async with serving(site) as (client, url), client.get(f"{url}/docs/guide", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (302, "guide/")


@pytest.mark.parametrize("name", ["nothing.html", "secret.txt", "..%2Fsecret.txt", "use", "use/", "%2Fetc%2Fpasswd"])
async def test_serves_no_other_file(site: Path, name: str) -> None:
    async with serving(site) as (client, url), client.get(f"{url}/docs/guide/{name}") as reply:
        assert reply.status == 404


@pytest.mark.parametrize("path", ["/docs/guide", "/docs/guide/", "/docs/guide/use/agents.html"])
async def test_says_that_the_site_is_not_built(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path / "nothing") as (client, url), client.get(url + path) as reply:
        assert reply.status == 404
        assert "make docs" in await reply.text()


@pytest.fixture(scope="module")
def built_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it; a dead link is an error."""
    if not PYTHONS:
        pytest.skip("the site's packages are not installed (`make docs` installs them)")
    folder = tmp_path_factory.mktemp("guide") / "site"
    command = [PYTHONS[0], "-m", "tools.guide", "--output", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (built.returncode, built.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_links_of_the_site_lead_to_its_pages(built_site: Path) -> None:
    pages = list(built_site.rglob("*.html"))
    assert len(pages) > 50
    dead = [
        f"{page.relative_to(built_site)}: {link}"
        for page in pages
        for link in re.findall(r'<a [^>]*href="([^"#?]+)', page.read_text())
        if not re.match(r"[a-z]+:", link) and not (page.parent / unquote(link)).is_file()
    ]
    assert not dead


@pytest.mark.slow
def test_the_site_loads_nothing_from_other_hosts(built_site: Path) -> None:
    for page in built_site.rglob("*.html"):
        text = page.read_text()
        assert not re.search(r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//', text), page
        assert not re.search(r'<link[^>]+href="(?:https?:)?//', text), page
        assert "<script>" not in text, f"{page}: the policy forbids scripts in pages"
    for sheet in built_site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", sheet.read_text()), sheet
    assert {path.suffix for path in built_site.rglob("*") if path.is_file()} <= TYPES.keys()


@pytest.mark.slow
async def test_control_serves_the_site_with_its_search(built_site: Path) -> None:
    index = (built_site / "searchindex.js").read_text()
    assert index.startswith("Search.setIndex(") and "run/outages" in index
    async with serving(built_site) as (client, url):
        for path in ("", "search.html", "searchindex.js", "use/agents.html", "_static/start.js"):
            async with client.get(f"{url}/docs/guide/{path}") as reply:
                assert reply.status == 200, path


@pytest.mark.slow
@needs_browser
async def test_people_search_the_site_in_a_browser(built_site: Path) -> None:
    faults: list[str] = []
    async with serving(built_site) as (_, url), running_browser() as browser:
        page = await browser.new_page()
        page.on("console", lambda line: faults.append(line.text) if "Security Policy" in line.text else None)
        page.on("request", lambda request: None if request.url.startswith(url) else faults.append(request.url))
        await page.goto(f"{url}/docs/guide")
        await page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.fill("rotate keys")
        await page.keyboard.press("Enter")
        await page.locator("#search-results").get_by_role("link", name="Secret keys").first.click()
        await page.get_by_role("heading", name="Rotate a set").wait_for()
    assert not faults


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_core_finds_no_fault_in_the_site(built_site: Path, scheme: Literal["light", "dark"]) -> None:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    async with serving(built_site) as (_, url), running_browser() as browser:
        page = await (await browser.new_context(bypass_csp=True, color_scheme=scheme)).new_page()
        for path in ("", "run/alerts.html", "use/quick-start.html", "search.html?q=keys"):
            await page.goto(f"{url}/docs/guide/{path}")
            await page.evaluate(axe)
            result = await page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})")
            assert [fault["id"] for fault in result["violations"]] == [], path
