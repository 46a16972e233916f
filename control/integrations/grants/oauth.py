"""OAuth 2.0 requests: the code flow with PKCE (RFC 6749, 7636), token refresh, and revocation (RFC 7009).

Authlib composes the requests. `VendorHttp` sends them and guards their destinations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard

from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request  # type: ignore[import-untyped]
from authlib.oauth2.rfc7009 import prepare_revoke_token_request  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from control.integrations.grants.rules import ObtainedGrant, VendorCredentials
from control.integrations.types.rules import OAuthConfig, find_value
from control.integrations.vendor_http import VendorAnswer, VendorHttp, VendorRequest, VendorUnreachable

# RFC 7636, section 4.1 allows 43 to 128 characters.
VERIFIER_LENGTH: Final = 64
MAX_TOKEN_CHARACTERS: Final = 16_384
# Limit for the granted scopes as one string, and for each value that becomes a setting.
MAX_FIELD_CHARACTERS: Final = 4_000
MAX_LIFETIME_S: Final = 366 * 86_400
# Lifetime of a refreshable token if the vendor states none. Salesforce omits it, and its sessions last 2 hours.
ASSUMED_LIFETIME_S: Final = 3_600
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
# Error codes that mean the grant is no longer valid: `invalid_grant` is RFC 6749 (section 5.2), the others are Slack's.
_GRANT_OVER: Final = frozenset({"invalid_grant", "invalid_refresh_token", "token_expired", "token_revoked"})


class GrantRefused(Exception):
    """The vendor reports that the code or the refresh token is invalid or expired."""


class ClientRefused(Exception):
    """The vendor refuses the request because of our client id, our client secret or the type's config.

    Args:
        error: The vendor's error code.
    """

    def __init__(self, error: str) -> None:
        super().__init__(f"the vendor refuses the request: {error}")
        self.error = error


@dataclass(frozen=True, slots=True)
class OAuthClientAccount:
    """The platform's OAuth client at the vendor.

    Attributes:
        redirect_uri: The redirect address as registered at the vendor.
    """

    config: OAuthConfig
    redirect_uri: str
    secret: str = field(repr=False)


def new_verifier() -> str:
    """Return a random PKCE code verifier."""
    verifier: str = generate_token(VERIFIER_LENGTH)
    return verifier


def make_authorize_url(client: OAuthClientAccount, state: str, verifier: str) -> str:
    """Return the address at the vendor where a person grants access."""
    config = client.config
    url: str = prepare_grant_uri(
        config.authorize_url,
        config.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=config.scopes,
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        **config.authorize_params,
    )
    return url


class OAuthRequests:
    """Sends OAuth requests to vendors. In each method, `owner` is the id of the workspace that the request is made
    for."""

    def __init__(self, http: VendorHttp) -> None:
        self._http = http

    async def exchange_code(
        self, client: OAuthClientAccount, code: str, verifier: str, now: datetime, owner: str
    ) -> ObtainedGrant:
        """Exchange an authorization code for a grant. Raises GrantRefused, ClientRefused, VendorUnreachable."""
        body = prepare_token_request(
            "authorization_code", redirect_uri=client.redirect_uri, code=code, code_verifier=verifier
        )
        return await self._fetch_grant(client, body, now, owner, "")

    async def refresh(self, client: OAuthClientAccount, refresh_token: str, now: datetime, owner: str) -> ObtainedGrant:
        """Refresh a grant. The refresh token stays valid unless the vendor sends a new one (RFC 6749, section 6).

        Raises GrantRefused, ClientRefused, VendorUnreachable.
        """
        body = prepare_token_request("refresh_token", refresh_token=refresh_token)
        return await self._fetch_grant(client, body, now, owner, refresh_token)

    async def find_account(self, config: OAuthConfig, access_token: str, owner: str) -> str | None:
        """Return the name of the account at the vendor, or None if the vendor does not report it.

        Raises VendorUnreachable.
        """
        if config.userinfo_url is None:
            return None
        headers = {"Authorization": f"Bearer {access_token}"}
        answer = await self._http.send(VendorRequest("GET", config.userinfo_url, headers, owner=owner))
        found = find_value(answer.json(), config.account) if answer.is_success else None
        return found[:200] if isinstance(found, str) and found.isprintable() else None

    async def revoke(self, client: OAuthClientAccount, credentials: VendorCredentials, owner: str) -> None:
        """Revoke the grant. Do nothing if the vendor has no revocation endpoint.

        A vendor reports an unknown token as revoked (RFC 7009, section 2.2). Raises ClientRefused, VendorUnreachable.
        """
        if client.config.revoke_url is None:
            return
        hint = client.config.revoke if credentials.refresh_token else "access_token"
        token = credentials.refresh_token if hint == "refresh_token" else credentials.access_token
        body, _ = prepare_revoke_token_request(token, hint)
        answer = await self._post(client, client.config.revoke_url, body, owner)
        error = _error_of(answer)
        if not answer.is_success and error not in (*_GRANT_OVER, "invalid_token"):
            _raise_refused(answer, error)

    async def _fetch_grant(
        self, client: OAuthClientAccount, body: str, now: datetime, owner: str, refresh_token: str
    ) -> ObtainedGrant:
        answer = await self._post(client, client.config.token_url, body, owner)
        error = _error_of(answer)
        if error in _GRANT_OVER:
            raise GrantRefused(error)
        if error or not answer.is_success:
            _raise_refused(answer, error)
        return _parse_grant(answer.json(), client.config, now, refresh_token)

    async def _post(self, client: OAuthClientAccount, url: str, body: str, owner: str) -> VendorAnswer:
        auth = ClientAuth(client.config.client_id, client.secret, client.config.token_auth)
        url, headers, body = auth.prepare("POST", url, dict(_FORM), body)
        return await self._http.send(VendorRequest("POST", url, headers, body.encode(), owner))


def _raise_refused(answer: VendorAnswer, error: str) -> None:
    """Raise VendorUnreachable for server errors and rate limits, and ClientRefused for other statuses."""
    if answer.status >= 500 or answer.status in (408, 429):
        raise VendorUnreachable(f"the vendor answers with HTTP {answer.status}")
    raise ClientRefused(error or f"HTTP {answer.status}")


def _error_of(answer: VendorAnswer) -> str:
    """Return the vendor's error code. Slack sends errors with HTTP 200."""
    document = answer.json()
    error = document.get("error") if isinstance(document, Mapping) else None
    return error[:100] if isinstance(error, str) and error.isprintable() else ""


def _parse_grant(document: Any, config: OAuthConfig, now: datetime, refresh_token: str) -> ObtainedGrant:
    token = _token(document.get("access_token")) if isinstance(document, Mapping) else ""
    if not token:
        raise ClientRefused("its answer has no access_token")
    if str(document.get("token_type", "bearer")).lower() not in ("bearer", "bot", "user"):  # bot and user: Slack
        raise ClientRefused("its token is not a bearer token")
    scope, renewal = document.get("scope"), _token(document.get("refresh_token")) or refresh_token
    return ObtainedGrant(
        credentials=VendorCredentials(token, renewal),
        expires_at=_expiry(document.get("expires_in", ASSUMED_LIFETIME_S if renewal else None), now),
        scopes=scope.replace(",", " ").split()[:50] if _is_line(scope) else list(config.scopes),
        fields={name: value for name in config.config_fields if _is_line(value := document.get(name))},
    )


def _token(value: Any) -> str:
    """Return the token, or an empty string if a header cannot carry it (RFC 6749, appendix A)."""
    fits = isinstance(value, str) and len(value) <= MAX_TOKEN_CHARACTERS and value.isascii() and value.isprintable()
    return value if fits else ""


def _is_line(value: Any) -> TypeGuard[str]:
    """Return whether the database can store the value. A value that cannot be stored would lose the refresh token."""
    return isinstance(value, str) and len(value) <= MAX_FIELD_CHARACTERS and value.isprintable()


def _expiry(seconds: Any, now: datetime) -> datetime | None:
    """Return when the token expires, or None if the vendor does not state it."""
    try:
        lifetime = float(seconds)
    except (TypeError, ValueError, OverflowError):  # OverflowError: more than 308 digits
        return None
    return now + timedelta(seconds=min(lifetime, MAX_LIFETIME_S)) if lifetime > 0 else None
