"""A provider on a socket that answers what a test says: to forge tokens, rotate keys, and fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jwt as signing
from joserfc.jwk import ECKey, RSAKey

from tests.platform.api import listening


@dataclass(slots=True)
class ForgingPeer:
    """keys: that it publishes. token: of the next exchange. userinfo: of people. requests: forms of exchanges.
    overrides: of its discovery document. status: of all its answers."""

    issuer: str = ""
    keys: list[RSAKey | ECKey] = field(default_factory=list)
    token: str = ""
    userinfo: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    key_requests: int = 0

    def sign(self, claims: dict[str, Any], key: RSAKey | ECKey | None = None, algorithm: str = "RS256") -> str:
        """An ID token by this key, or the first of the published ones."""
        used = key or self.keys[0]
        header = {"alg": algorithm, "kid": used.kid}
        return signing.encode(header, claims, used, algorithms=[algorithm])

    def app(self) -> web.Application:
        """Its endpoints."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_get("/userinfo", self._userinfo)
        app.router.add_post("/token", self._token)
        return app

    async def _discovery(self, request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        return web.json_response(document | self.overrides, status=self.status)

    async def _jwks(self, request: web.Request) -> web.Response:
        self.key_requests += 1
        keys = [key.as_dict(private=False) for key in self.keys]
        return web.json_response({"keys": keys}, status=self.status)

    async def _userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer access"
        return web.json_response(self.userinfo)

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.requests.append(form | {"authorization": request.headers.get("Authorization", "")})
        if not self.token:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": self.token, "access_token": "access", "token_type": "Bearer"})


@asynccontextmanager
async def forging_peer() -> AsyncIterator[ForgingPeer]:
    """On a free port, with one RSA key."""
    peer = ForgingPeer(keys=[new_key()])
    async with listening(peer.app()) as url:
        peer.issuer = url
        yield peer


def new_key() -> RSAKey:
    """With an id of its own."""
    return RSAKey.generate_key(2048, auto_kid=True)
