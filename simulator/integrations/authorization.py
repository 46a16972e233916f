"""The OAuth 2.0 server of the simulated services: a consent page, tokens, refresh and revocation.

Follows RFC 6749 (code flow, refresh), RFC 7636 (PKCE, S256 only), RFC 7009 (revocation) and OpenID Connect Core 1.0,
section 5.3 (userinfo).
"""

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

LIFETIME_S: Final = 3_600
ACCOUNT: Final = "front.desk@example.com"
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated vendor</title>
<body style="font: 1rem sans-serif; max-width: 32rem; margin: 4rem auto"><h1>Simulated vendor</h1>
<p>An application asks for access to the account {account}:</p><p>{scopes}</p>
<form method="post" action="{action}"><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form></body></html>"""


class GrantError(Exception):
    """The token endpoint refuses a request.

    Attributes:
        error: Error code of RFC 6749, section 5.2.
    """

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """The values that an authorization code is bound to."""

    redirect_uri: str
    challenge: str
    scope: str


@dataclass(slots=True)
class AuthorizationServer:
    """An OAuth server with one client and one account.

    Attributes:
        redirect_prefix: Prefix of each redirect URI.
        url: The server's URL.
        state: The file that stores the tokens for the next start.
    """

    client_id: str
    client_secret: str
    redirect_prefix: str
    url: str
    state: Path
    codes: dict[str, IssuedCode] = field(default_factory=dict)
    expiry: dict[str, float] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)

    def load(self) -> None:
        """Load the tokens of an earlier start."""
        if self.state.exists():
            stored = json.loads(self.state.read_text())
            self.expiry, self.refresh_tokens = stored["access_tokens"], set(stored["refresh_tokens"])

    def accepts(self, access_token: str) -> bool:
        """Return whether the token was issued, is not revoked and has not expired."""
        return self.expiry.get(access_token, 0.0) > time.time()

    def routes(self) -> list[web.RouteDef]:
        """Return the OAuth endpoints."""
        return [
            web.get("/oauth/authorize", self.show_page),
            web.post("/oauth/authorize", self.decide),
            web.post("/oauth/token", self.issue),
            web.post("/oauth/revoke", self.revoke),
            web.get("/oauth/userinfo", self.describe_account),
        ]

    async def show_page(self, request: web.Request) -> web.Response:
        """Show the consent page in the browser."""
        self._require_valid(request.query)
        page = _PAGE.format(
            account=ACCOUNT, scopes=escape(request.query.get("scope", "")), action=escape(request.path_qs)
        )
        return web.Response(text=page, content_type="text/html")

    async def decide(self, request: web.Request) -> web.Response:
        """Redirect the browser with a code, or with access_denied after "Deny"."""
        query = request.query
        self._require_valid(query)
        answer = {"state": query.get("state", "")}
        if (await request.post()).get("decision") == "deny":
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(24)
            issued = IssuedCode(query["redirect_uri"], query["code_challenge"], query.get("scope", ""))
            self.codes[answer["code"]] = issued
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(answer)}")

    async def issue(self, request: web.Request) -> web.Response:
        """Issue tokens. Like Salesforce, the response contains `instance_url`."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            refresh_token, scope = self._take_grant(form)
        except GrantError as refused:
            return web.json_response({"error": refused.error}, status=400)
        access_token = secrets.token_urlsafe(24)
        self.refresh_tokens.add(refresh_token)
        self.expiry[access_token] = time.time() + LIFETIME_S
        self._save()
        answer: dict[str, Any] = {
            "access_token": access_token, "token_type": "Bearer", "expires_in": LIFETIME_S,
            "refresh_token": refresh_token, "instance_url": self.url,
        }  # fmt: skip
        return web.json_response(answer | ({"scope": scope} if scope else {}))

    async def revoke(self, request: web.Request) -> web.Response:
        """End a grant. An unknown token is not an error (RFC 7009, section 2.2)."""
        token = str((await request.post()).get("token", ""))
        self.refresh_tokens.discard(token)
        self.expiry.pop(token, None)
        self._save()
        return web.json_response({})

    async def describe_account(self, request: web.Request) -> web.Response:
        """Return the token's account under all field names that the vendors use."""
        if not self.accepts(read_bearer(request)):
            return web.json_response({"error": "invalid_token"}, status=401)
        names = ("email", "userPrincipalName", "preferred_username")
        return web.json_response(dict.fromkeys(names, ACCOUNT))

    def _require_valid(self, query: Mapping[str, str]) -> None:
        """Refuse a request with an unknown client or redirect URI without a redirect (RFC 6749, section 4.1.2.1)."""
        is_known = query.get("client_id") == self.client_id
        is_known &= query.get("redirect_uri", "").startswith(self.redirect_prefix)
        has_proof = query.get("code_challenge_method") == "S256" and bool(query.get("code_challenge"))
        if not is_known or not has_proof or query.get("response_type") != "code":
            raise web.HTTPBadRequest(text="invalid_request")

    def _take_grant(self, form: Mapping[str, str]) -> tuple[str, str]:
        """Return a refresh token and the granted scope. Raises GrantError."""
        secret = form.get("client_secret", "")
        if form.get("client_id") != self.client_id or not secrets.compare_digest(secret, self.client_secret):
            raise GrantError("invalid_client")
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.refresh_tokens:
                raise GrantError("invalid_grant")
            return form["refresh_token"], ""
        if form.get("grant_type") != "authorization_code":
            raise GrantError("unsupported_grant_type")
        issued = self.codes.pop(form.get("code", ""), None)
        challenge = _challenge(form.get("code_verifier", ""))
        if issued is None or (issued.redirect_uri, issued.challenge) != (form.get("redirect_uri"), challenge):
            raise GrantError("invalid_grant")
        return secrets.token_urlsafe(24), issued.scope

    def _save(self) -> None:
        """Replace the state file atomically. Expired tokens are left out."""
        now = time.time()
        self.expiry = {token: end for token, end in self.expiry.items() if end > now}
        part = self.state.with_suffix(".part")
        part.touch(mode=0o600)
        tokens = {"access_tokens": self.expiry, "refresh_tokens": sorted(self.refresh_tokens)}
        part.write_text(json.dumps(tokens))
        part.replace(self.state)


def read_bearer(request: web.Request) -> str:
    """Return the token of a request; empty if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
