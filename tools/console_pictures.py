"""`python -m tools.console_pictures`: pictures of every page of the console, in each width and theme.

The platform of `python -m vocalized up` must run. `--fill` adds examples of what the pages show to its first workspace.
Run `vocalized call` before, so that there are calls.
"""

import argparse
import asyncio
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
from playwright.async_api import Browser, async_playwright

ROOT: Final = Path(__file__).parents[1]
WIDTHS: Final = {390: 844, 1440: 900}
Theme = Literal["light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
PATIENCE_MS: Final = 30_000
OPEN_PAGES: Final = (
    "/sign-in",
    "/sign-up",
    "/forgot-password",
    "/verify-email#token=x",
    "/reset-password#token=x",
    "/invitation#token=x",
)
# Pages made by hand. `{agent}` and `{call}` become ids; the lists of nouns come from the console's table.
MEMBER_PAGES: Final = (
    "",
    "/live",
    "/calls",
    "/calls/{call}",
    "/calls/{call}?tab=events",
    "/calls/{call}?tab=details",
    "/agents",
    "/agents?create=1",
    "/agents/{agent}",
    "/agents/{agent}?section=voice",
    "/agents/{agent}?section=turns",
    "/agents/{agent}?section=tools",
    "/agents/{agent}?section=transfer",
    "/agents/{agent}?section=hours",
    "/agents/{agent}?section=recording",
    "/agents/{agent}?section=outbound",
    "/agents/{agent}?section=after",
    "/agents/{agent}?section=limits",
    "/agents/{agent}/versions",
    "/agents/{agent}/test",
    "/agents/{agent}/details",
    "/numbers/buy",
    "/analytics",
    "/billing",
    "/settings",
)
ADMIN_PAGES: Final = ("", "/live", "/audit")


@dataclass(frozen=True, slots=True)
class Platform:
    """Where the platform is, and what its first sign-ins are."""

    url: str
    user: Mapping[str, str]
    admin: Mapping[str, str]
    workspace_id: str
    agent_id: str


def nouns(table: str) -> list[str]:
    """The nouns of a table in console/resources.js: `RESOURCES` or `ADMIN_RESOURCES`."""
    text = (ROOT / "console/resources.js").read_text()
    body = text.split(f"export const {table} = {{")[1].split("\n};")[0]
    return re.findall(r'^  "?([\w-]+)"?: \{', body, re.M)


def read_platform(state: Path) -> Platform:
    """The running platform of a state folder."""
    found = json.loads((state / "addresses.json").read_text())
    return Platform(found["control"], found["user"], found["admin"], found["workspace_id"], found["agent_id"])


class Client:
    """The API, signed in as a user and as a member of the staff."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._tokens: dict[bool, str] = {}

    async def sign_in(self, account: Mapping[str, str], *, staff: bool = False) -> None:
        """Keeps the token."""
        path = "/admin/auth/login" if staff else "/auth/login"
        self._tokens[staff] = (await self.ask("POST", path, dict(account)))["token"]

    async def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer; empty for a refusal, because an example may exist already."""
        token = self._tokens.get(path.startswith("/admin/"), "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
            answer = await response.json() if response.content_type == "application/json" else {}
            if response.status >= 400:
                print(f"{method} {path}: {response.status} {answer.get('error', {}).get('code', '')}")
                return {}
            return dict(answer)


async def fill(client: Client, platform: Platform) -> None:
    """Adds an example of each noun."""
    base, agent = f"/workspaces/{platform.workspace_id}", platform.agent_id
    examples: Sequence[tuple[str, dict[str, Any]]] = (
        (f"{base}/knowledge/documents", {"name": "Price list 2027", "text": "# Prices\n\nA crown costs 480 dollars."}),
        (
            f"{base}/http-tools",
            {
                "name": "check_stock",
                "config": {"description": "Looks up the stock.", "url": "https://example.com/stock", "method": "GET"},
            },
        ),
        (f"{base}/webhook-endpoints", {"url": "https://example.com/hooks/vocalized", "description": "CRM"}),
        (f"{base}/api-keys", {"name": "CRM", "scopes": ["calls:read", "agents:read"], "expires_at": _in_days(90)}),
        (f"{base}/members", {"email": "ada.lovelace@example.com", "role": "admin"}),
        (f"{base}/do-not-call-numbers", {"numbers": [{"number": "+14155550191", "note": "Asked by mail"}]}),
        (f"{base}/blocked-callers", {"caller": "+14155550188", "note": "Calls at night and hangs up"}),
        (f"{base}/privacy/exports", {}),
        (f"{base}/privacy/deletions", {"phone_number": "+14155550177"}),
        (f"{base}/sso/domains", {"domain": "harbor-dental.example"}),
        (f"{base}/agents", {"name": "Night desk", "config": {"prompt": "You take messages.", "greeting": "Hello."}}),
        (
            "/admin/billing/tax-rates",
            {"country": "DE", "name": "VAT", "basis_points": 1900, "valid_from": _in_days(1)},
        ),
        ("/admin/billing/exchange-rates", {"currency": "eur", "usd": 1.08}),
        (f"/admin/billing/workspaces/{platform.workspace_id}/credits", {"amount": 50.0, "reason": "Welcome"}),
    )
    for path, body in examples:
        await client.ask("POST", path, body)
    made = await client.ask("POST", f"{base}/campaigns", {"name": "Recall December", "agent_id": agent})
    if made:
        recipients = [{"phone_number": f"+1415555012{digit}", "reference": f"P-{digit}"} for digit in range(5)]
        path = f"{base}/campaigns/{made['campaign']['id']}/recipients"
        await client.ask("POST", path, {"recipients": recipients})


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def list_views(client: Client, platform: Platform) -> tuple[list[str], list[str]]:
    """The views of the workspace, and those of the staff: pages, lists, and the first detail of each list."""
    base = f"/w/{platform.workspace_id}"
    calls = (await client.ask("GET", f"/workspaces/{platform.workspace_id}/calls?limit=50")).get("calls", [])
    call = next((call["id"] for call in calls if not call["is_test"]), calls[0]["id"] if calls else "none")
    members = [base + page.format(agent=platform.agent_id, call=call) for page in MEMBER_PAGES]
    members += [f"{base}/{noun}" for noun in nouns("RESOURCES")]
    staff = [f"/admin{page}" for page in ADMIN_PAGES] + [f"/admin/{noun}" for noun in nouns("ADMIN_RESOURCES")]
    return ["/", "/account", *members], staff


async def photograph(browser: Browser, platform: Platform, out: Path, width: int, theme: Theme, args: Any) -> list[str]:
    """Takes one picture of each view. Returns what the browser reported."""
    faults: list[str] = []
    async with aiohttp.ClientSession() as session:
        client = Client(session, platform.url)
        await client.sign_in(platform.user)
        members, staff = await list_views(client, platform)
    groups: Sequence[tuple[Mapping[str, str] | None, str, Sequence[str]]] = (
        (None, "", OPEN_PAGES),
        (platform.user, "", members),
        (platform.admin, "/admin", ["/admin/sign-in", *staff]),
    )
    for account, audience, views in groups:
        context = await browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]},
            color_scheme=theme,
            locale=args.language,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        if account:
            await context.request.post(
                f"{platform.url}{audience}/auth/login",
                data=json.dumps(dict(account)),
                headers={"Content-Type": "application/json", "Vocalized-Session": "cookie"},
            )
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error of a script: {error}"))
        details: list[str] = []
        for view in (view for view in views if args.only in view):
            details += await _take(page, platform.url, view, out, width, theme, faults)
        for view in details:
            await _take(page, platform.url, view, out, width, theme, faults)
        await context.close()
    return faults


async def _take(page: Any, url: str, view: str, out: Path, width: int, theme: Theme, faults: list[str]) -> list[str]:
    """One picture. Returns the first detail that a list of nouns leads to."""
    await page.goto(f"{url}/console{view}")
    await page.locator("h1").first.wait_for()
    for _ in range(100):
        if not await page.locator(".loading").count():
            break
        await page.wait_for_timeout(100)
    await page.wait_for_timeout(300)
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(f"{view}: wider than {width} px")
    name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "id", view).strip("/") or "home"
    path = out / f"{re.sub(r'[^a-z0-9-]+', '_', name)}-{width}-{theme}.png"
    await page.screenshot(path=path, full_page=True, animations="disabled")
    noun = view.rpartition("/")[2]
    if noun not in (*nouns("RESOURCES"), *nouns("ADMIN_RESOURCES")):
        return []
    first = page.locator("a.row-link").first
    if not await first.count():
        return []
    href = str(await first.get_attribute("href"))
    return [href.partition("/console")[2]]


async def run(args: argparse.Namespace) -> int:
    """Returns the exit code: 1 if the browser reported a fault."""
    platform = read_platform(args.state)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.fill:
        async with aiohttp.ClientSession() as session:
            client = Client(session, platform.url)
            await client.sign_in(platform.user)
            await client.sign_in(platform.admin, staff=True)
            await fill(client, platform)
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for width in args.width or WIDTHS:
            for theme in args.theme or THEMES:
                faults += await photograph(browser, platform, args.out, width, theme, args)
        await browser.close()
    print("\n".join(faults) or f"pictures are in {args.out}")
    return 1 if faults else 0


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(prog="python -m tools.console_pictures", description=__doc__)
    parser.add_argument("--state", type=Path, default=ROOT / "var/up", help="state folder of `vocalized up`")
    parser.add_argument("--out", type=Path, default=ROOT / "var/pictures", help="folder for the pictures")
    parser.add_argument("--fill", action="store_true", help="add examples first")
    parser.add_argument("--only", default="", help="only views whose address has this part")
    parser.add_argument("--language", default="en-US", help="locale of the browser, such as de-DE")
    parser.add_argument("--width", type=int, action="append", choices=WIDTHS)
    parser.add_argument("--theme", action="append", choices=THEMES)
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
