"""An OAuth 2.0 authorization server on a socket: oauthlib's endpoints, which are not the library of our client.

It holds codes to their client, redirect URI and PKCE challenge, rotates refresh tokens, revokes, and counts requests.
A revoked refresh token, and one that was replaced, is refused with invalid_grant.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from oauthlib.oauth2 import (  # type: ignore[import-untyped]
    RequestValidator,
    WebApplicationServer,
)

CLIENT_ID = "vocalized"
CLIENT_SECRET = "secret-of-the-client"
SCOPES = ["calendar"]
# Where the account lives, as Salesforce tells it with the tokens.
INSTANCE = "eu7.example.com"
# What the library is told, because it asks for TLS; the socket is on the loopback.
BASE = "https://auth.example"


@dataclass(slots=True)
class IssuedCode:
    """A code with what it is bound to."""

    redirect_uri: str
    challenge: str
    method: str
    state: str


@dataclass(slots=True)
class AuthorizationServer:
    """requests: counted by path and grant type. rotates: a refresh replaces the refresh token. open: while it is not
    set, token requests wait after they took effect. answered: the status of each of these. is_down: 503. garbage: what
    the token endpoint answers instead."""

    url: str = ""
    lifetime_s: int = 3_600
    rotates: bool = True
    is_down: bool = False
    garbage: bytes | None = None
    requests: Counter[str] = field(default_factory=Counter)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    access_tokens: set[str] = field(default_factory=set)
    refresh_tokens: set[str] = field(default_factory=set)
    codes: dict[str, IssuedCode] = field(default_factory=dict)
    _library: Any = None

    def __post_init__(self) -> None:
        self._library = WebApplicationServer(_Validator(self), token_expires_in=lambda _: self.lifetime_s)
        self.open.set()

    def type_config(self) -> dict[str, Any]:
        """The config of an integration type at this server."""
        return {
            "base_url": "https://api.example.com",
            "oauth": {
                "authorize_url": f"{self.url}/authorize",
                "token_url": f"{self.url}/token",
                "revoke_url": f"{self.url}/revoke",
                "userinfo_url": f"{self.url}/userinfo",
                "scopes": SCOPES,
                "config_fields": ["instance_url"],
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
        }

    def grant(self, oauth_url: str) -> tuple[str, str]:
        """What the person's browser is sent back with after a click on "allow": the redirect's address, and its
        query. Raises oauthlib's errors."""
        uri = f"{BASE}/authorize?{urlsplit(oauth_url).query}"
        scopes, credentials = self._library.validate_authorization_request(uri)
        headers, _, _ = self._library.create_authorization_response(uri, scopes=scopes, credentials=credentials)
        location = urlsplit(headers["Location"])
        return f"{location.scheme}://{location.netloc}{location.path}", location.query

    async def answer_token(self, request: web.Request) -> web.Response:
        """The token endpoint."""
        body = await request.text()
        grant_type = parse_qs(body).get("grant_type", [""])[0]
        self.requests[grant_type] += 1
        if self.is_down:
            return web.Response(status=503)
        if self.garbage is not None:
            return web.Response(body=self.garbage, content_type="application/json")
        headers, answer, status = self._library.create_token_response(
            f"{BASE}/token", "POST", body, dict(request.headers)
        )
        self.answered.put_nowait(status)
        await self.open.wait()
        return web.Response(text=answer, status=status, headers=headers)

    async def answer_revocation(self, request: web.Request) -> web.Response:
        """The revocation endpoint."""
        self.requests["revoke"] += 1
        if self.is_down:
            return web.Response(status=503)
        headers, answer, status = self._library.create_revocation_response(
            f"{BASE}/revoke", "POST", await request.text(), dict(request.headers)
        )
        return web.Response(text=answer or "", status=status, headers=headers)

    async def answer_userinfo(self, request: web.Request) -> web.Response:
        """Whose token it is."""
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access_tokens:
            return web.Response(status=401)
        return web.json_response({"email": "ada@example.com"})


@asynccontextmanager
async def running_server() -> AsyncIterator[AuthorizationServer]:
    """The server until the block ends."""
    server = AuthorizationServer()
    app = web.Application()
    app.router.add_post("/token", server.answer_token)
    app.router.add_post("/revoke", server.answer_revocation)
    app.router.add_get("/userinfo", server.answer_userinfo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.open.set()
        await runner.cleanup()


class _Client:
    client_id = CLIENT_ID


class _Validator(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks of a server's records."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def validate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        return client_id == CLIENT_ID

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        request.client = _Client()
        return secrets.compare_digest(str(request.client_secret), CLIENT_SECRET) and request.client_id == CLIENT_ID

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *_: Any, **__: Any) -> bool:
        return urlsplit(redirect_uri).path.startswith("/integrations/oauth/callback/")

    def validate_response_type(self, client_id: str, response_type: str, *_: Any, **__: Any) -> bool:
        return response_type == "code"

    def validate_scopes(self, client_id: str, scopes: list[str], *_: Any, **__: Any) -> bool:
        return scopes == SCOPES

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        return True

    def save_authorization_code(self, client_id: str, code: dict[str, str], request: Any, *_: Any, **__: Any) -> None:
        self._server.codes[code["code"]] = IssuedCode(
            request.redirect_uri, request.code_challenge, request.code_challenge_method, request.state
        )

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        request.scopes = SCOPES
        request.extra_credentials = {"instance_url": f"https://{INSTANCE}"}
        return code in self._server.codes

    def get_code_challenge(self, code: str, request: Any) -> str:
        return self._server.codes[code].challenge

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        return self._server.codes[code].method

    def confirm_redirect_uri(self, client_id: str, code: str, redirect_uri: str, *_: Any, **__: Any) -> bool:
        return self._server.codes[code].redirect_uri == redirect_uri

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *_: Any, **__: Any) -> None:
        del self._server.codes[code]

    def validate_grant_type(self, client_id: str, grant_type: str, *_: Any, **__: Any) -> bool:
        return grant_type in ("authorization_code", "refresh_token")

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        return refresh_token in self._server.refresh_tokens

    def get_original_scopes(self, refresh_token: str, request: Any, *_: Any, **__: Any) -> list[str]:
        return SCOPES

    def rotate_refresh_token(self, request: Any) -> bool:
        return self._server.rotates

    def save_bearer_token(self, token: dict[str, str], request: Any, *_: Any, **__: Any) -> None:
        if self._server.rotates and request.refresh_token:
            self._server.refresh_tokens.discard(request.refresh_token)
        self._server.access_tokens.add(token["access_token"])
        if "refresh_token" in token:
            self._server.refresh_tokens.add(token["refresh_token"])

    def revoke_token(self, token: str, token_type_hint: str, request: Any, *_: Any, **__: Any) -> None:
        self._server.refresh_tokens.discard(token)
        self._server.access_tokens.discard(token)
