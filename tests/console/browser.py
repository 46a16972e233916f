"""Debian's Chromium, driven by Playwright, and the pages that a person opens in it."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.platform.api import PASSWORD, Api

pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed (apt-get install chromium)")
# A browser asks its maker for updates otherwise.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
# Long, so that a loaded machine does not fail a test.
PATIENCE_MS = 30_000


@dataclass(slots=True)
class Person:
    """Somebody in front of a browser. faults: what the browser reported: errors of scripts, violations of the policy,
    and requests to other hosts."""

    page: Page
    context: BrowserContext
    url: str
    faults: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Opens a view, and waits until it shows its data."""
        await self.page.goto(f"{self.url}/console{path}")
        await self.settled()

    async def settled(self) -> None:
        """Waits until the view has its heading and no longer loads anything."""
        await self.page.locator("h1").wait_for()
        await expect(self.page.locator(".loading")).to_have_count(0, timeout=PATIENCE_MS)

    async def sign_in(self, email: str, audience: str = "") -> None:
        """Signs in by the API, as the sign-in page does."""
        reply = await self.context.request.post(
            f"{self.url}{audience}/auth/login",
            data=json.dumps({"email": email, "password": PASSWORD}),
            headers={"Content-Type": "application/json", "Vocalized-Session": "cookie"},
        )
        assert reply.status == 200, await reply.text()

    async def await_focus(self, element: Locator) -> None:
        """Waits until the element has the keyboard's focus."""
        await expect(element).to_be_focused(timeout=PATIENCE_MS)

    async def text(self) -> str:
        """What the page shows."""
        return str(await self.page.locator("body").inner_text())


@asynccontextmanager
async def running_browser(*arguments: str) -> AsyncIterator[Browser]:
    """Chromium until the block ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*_ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def person(browser: Browser, api: Api, **options: Any) -> AsyncIterator[Person]:
    """A person with a browser of their own. options: of Playwright's new_context."""
    context = await browser.new_context(**({"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options))
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    found = Person(page, context, api.url)
    page.on("pageerror", lambda error: found.faults.append(f"error: {error}"))
    page.on("console", lambda line: found.faults.append(line.text) if "Security Policy" in line.text else None)
    page.on("request", lambda request: _check(found, request.url))
    try:
        yield found
    finally:
        await context.close()


def _check(found: Person, url: str) -> None:
    if not url.startswith((found.url, "blob:", "data:")):
        found.faults.append(f"request to {url}")
