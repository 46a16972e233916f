"""The simulated vendors as a program: OAuth with PKCE by oauthlib's client, and tokens that outlive the program."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from oauthlib.oauth2 import WebApplicationClient  # type: ignore[import-untyped]

from vocalized.free_port import free_port
from vocalized.stack.process import running_server

ROOT = Path(__file__).parents[3]
KEY, CLIENT, SECRET = "key-of-the-vendors", "client", "secret-of-the-client"
# The library asks for TLS; the socket is on the loopback.
_TLS = "https://vendor.example.com"
CALLBACK = "https://api.example.com/integrations/oauth/callback/calendar"


@dataclass(slots=True)
class Vendors:
    """The running program, and a client of its OAuth server."""

    session: aiohttp.ClientSession
    url: str
    client: Any

    def make_authorize_url(self, **changes: str) -> str:
        """The address of the page; changes: of its parameters."""
        verifier = self.client.create_code_verifier(64)
        self.client.create_code_challenge(verifier, "S256")
        values = {"code_challenge": self.client.code_challenge, "code_challenge_method": "S256"} | changes
        redirect_uri = values.pop("redirect_uri", CALLBACK)
        url: str = self.client.prepare_request_uri(f"{_TLS}/authorize", redirect_uri, ["calendar"], "state", **values)
        return url.replace(_TLS, f"{self.url}/oauth")

    async def decide(self, url: str, decision: str = "allow") -> Mapping[str, str]:
        """The query of the redirect that a decision leads to."""
        async with self.session.post(url, data={"decision": decision}, allow_redirects=False) as answer:
            assert answer.status == 302 and answer.headers["Location"].startswith(CALLBACK)
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}

    async def exchange(self, **form: str) -> tuple[int, Any]:
        """Status and answer of the token endpoint."""
        form = {"client_id": CLIENT, "client_secret": SECRET, **form}
        async with self.session.post(f"{self.url}/oauth/token", data=form) as answer:
            return answer.status, await answer.json()

    async def redeem(self, code: str, **changes: str) -> tuple[int, Any]:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
            "code_verifier": self.client.code_verifier,
        }  # fmt: skip
        return await self.exchange(**(form | changes))

    async def status(self, path: str, token: str) -> int:
        """The status of a request with this token."""
        async with self.session.get(self.url + path, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status


@asynccontextmanager
async def running_vendors(folder: Path) -> AsyncIterator[Vendors]:
    config = folder / "config.json"
    prefix = CALLBACK.rpartition("/")[0]
    config.write_text(json.dumps({"key": KEY, "client_id": CLIENT, "client_secret": SECRET, "redirect_prefix": prefix}))
    port = free_port()
    command = [sys.executable, "-m", "simulator.integrations", "--port", str(port), "--config", str(config)]
    command += ["--state", str(folder / "tokens.json")]
    async with (
        running_server(command, ROOT, port, folder / "log", name="integrations", probe="/healthz"),
        aiohttp.ClientSession() as session,
    ):
        yield Vendors(session, f"http://127.0.0.1:{port}", WebApplicationClient(CLIENT))


async def test_access_is_granted_refreshed_revoked_and_outlives_the_program(tmp_path: Path) -> None:
    events = "/calendar/v3/calendars/primary/events"
    async with running_vendors(tmp_path) as vendors:
        url = vendors.make_authorize_url()
        granted = await vendors.decide(url)
        assert granted["state"] == "state"
        assert (await vendors.redeem(granted["code"], code_verifier="x" * 43))[1] == {"error": "invalid_grant"}
        assert (await vendors.redeem(granted["code"]))[0] == 400, "a code is used once"
        status, tokens = await vendors.redeem((await vendors.decide(url))["code"])
        assert (status, tokens["scope"], tokens["instance_url"]) == (200, "calendar", vendors.url)
        assert [await vendors.status(events, token) for token in (tokens["access_token"], KEY, "other")] == [
            200, 200, 401,
        ]  # fmt: skip
        assert await vendors.decide(url, "deny") == {"state": "state", "error": "access_denied"}
    async with running_vendors(tmp_path) as vendors:
        assert await vendors.status("/oauth/userinfo", tokens["access_token"]) == 200
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        status, refreshed = await vendors.exchange(**refresh)
        assert status == 200 and await vendors.status(events, refreshed["access_token"]) == 200
        assert (await vendors.exchange(**(refresh | {"client_secret": "wrong"})))[1] == {"error": "invalid_client"}
        async with vendors.session.post(f"{vendors.url}/oauth/revoke", data={"token": tokens["refresh_token"]}) as end:
            assert end.status == 200
        assert (await vendors.exchange(**refresh))[1] == {"error": "invalid_grant"}
        assert (tmp_path / "tokens.json").stat().st_mode & 0o077 == 0


async def test_browser_is_sent_to_the_platform_only(tmp_path: Path) -> None:
    async with running_vendors(tmp_path) as vendors:
        for change in ({"redirect_uri": "https://evil.example.com/"}, {"code_challenge_method": "plain"}):
            url = vendors.make_authorize_url(**change)
            async with vendors.session.post(url, allow_redirects=False) as answer:
                assert answer.status == 400
