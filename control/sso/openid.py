"""OpenID Connect Core 1.0 client: discovery, the code flow with PKCE (RFC 7636) and nonce, keys, and ID tokens."""

import asyncio
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import jwt
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWKError, PyJWKSetError

from control.integrations.vendor_http import VendorAnswer, VendorHttp, VendorRequest, VendorUnreachable
from control.sso.rules import SsoPerson
from shared.egress import EgressRefused

Fetch = Callable[[str, str], Awaitable[dict[str, Any]]]
# Signatures by keys that the provider publishes. `none` and signatures by the client secret, which we also hold, are
# refused.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# Tolerated difference between our clock and the provider's clock, in seconds.
LEEWAY_S: Final = 60
LONGEST_SUBJECT: Final = 255  # OpenID Connect Core, section 2.
_SCOPE: Final = "openid email profile"
_LONGEST_TOKEN: Final = 16_384
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
KEPT_S: Final = 600.0
# An unknown key, for example after a rotation, fetches the key set again at most this often (seconds): forged tokens
# must not flood the provider.
REFETCH_S: Final = 30.0
MOST_SETS: Final = 1_000
MOST_KEYS: Final = 50


class ProviderRefused(Exception):
    """The provider's answers cannot be used. The message is shown to the workspace's owners and contains no secret."""


class SignInRefused(Exception):
    """This sign-in is invalid: its code, its token, or the token's claims."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The contents of a discovery document.

    Attributes:
        takes_basic: Whether the token endpoint accepts the client secret in a header.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class ClientAccount:
    """Our client account at the provider."""

    client_id: str
    secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """Secrets of a sign-in: state for the browser, nonce for the ID token, and verifier for the code (PKCE)."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


def make_authorize_url(metadata: ProviderMetadata, client: ClientAccount, new: NewSignIn, email: str) -> str:
    """Return the address at which the person signs in.

    Args:
        email: Login hint, which the provider may fill in.
    """
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": _SCOPE,
        "state": new.state,
        "nonce": new.nonce,
        "code_challenge": _b64(sha256(new.verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "login_hint": email,
    }
    mark = "&" if "?" in metadata.authorization_endpoint else "?"
    return f"{metadata.authorization_endpoint}{mark}{urlencode(query)}"


class OpenIdClient:
    """Sends requests to OpenID providers.

    Each method takes `owner`, the workspace that causes the request. The share of DNS look-ups per owner is limited.
    """

    def __init__(self, http: VendorHttp) -> None:
        self._http = http
        self._keys = SigningKeys(self._fetch_keys)

    async def discover(self, issuer: str, owner: str) -> ProviderMetadata:
        """Return the provider's metadata. Raises ProviderRefused.

        Source: OpenID Connect Discovery, section 4.
        """
        document = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", owner)
        if document.get("issuer") != issuer:
            raise ProviderRefused(
                "its discovery document names another issuer; copy the issuer exactly as written there"
            )
        supported = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        userinfo = document.get("userinfo_endpoint")
        return ProviderMetadata(
            issuer=issuer,
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=self._endpoint(document, "jwks_uri"),
            userinfo_endpoint=self._endpoint(document, "userinfo_endpoint") if userinfo is not None else None,
            takes_basic=isinstance(supported, list) and "client_secret_basic" in supported,
        )

    async def complete(
        self, metadata: ProviderMetadata, client: ClientAccount, code: str, sign_in: NewSignIn, owner: str
    ) -> SsoPerson:
        """Exchange a code for the person who signed in. Raises SignInRefused and ProviderRefused.

        Args:
            sign_in: The sign-in that the code belongs to.
        """
        tokens = await self._exchange(metadata, client, code, sign_in.verifier, owner)
        claims = await self._check_id_token(metadata, client, tokens.get("id_token"), sign_in.nonce, owner)
        if "email" not in claims and metadata.userinfo_endpoint is not None:
            claims |= await self._userinfo(metadata.userinfo_endpoint, tokens.get("access_token"), claims["sub"], owner)
        return _read_person(claims)

    async def _exchange(
        self, metadata: ProviderMetadata, client: ClientAccount, code: str, verifier: str, owner: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = dict(_FORM)
        if metadata.takes_basic:  # Form-encoded before base64 (RFC 6749, section 2.3.1).
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": client.secret}
        body = urlencode(form).encode()
        answer = await self._send(VendorRequest("POST", metadata.token_endpoint, headers, body, owner))
        document = answer.json()
        if not answer.is_success or not isinstance(document, dict):
            raise SignInRefused(_error_of(document) or f"the provider answers with HTTP {answer.status}")
        return document

    async def _check_id_token(
        self, metadata: ProviderMetadata, client: ClientAccount, token: object, nonce: str, owner: str
    ) -> dict[str, Any]:
        """Validate an ID token and return its claims (OpenID Connect Core, section 3.1.3.7)."""
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise SignInRefused("the provider sent no ID token")
        key, algorithm = await self._find_key(metadata, token, owner)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=client.client_id,
                issuer=metadata.issuer,
                leeway=LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.InvalidTokenError as error:
            raise SignInRefused(f"its ID token is invalid ({type(error).__name__})") from None
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client.client_id:
            raise SignInRefused("its ID token was issued to another client")
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInRefused("its ID token belongs to another sign-in")
        return claims

    async def _find_key(self, metadata: ProviderMetadata, token: str, owner: str) -> tuple[Any, str]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise SignInRefused("its ID token cannot be read") from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise SignInRefused("its ID token is signed in a way that we do not accept")
        key = await self._keys.find(metadata.jwks_uri, owner, key_id, algorithm)
        if key is None:
            raise SignInRefused("its ID token is signed by a key that the provider does not publish")
        return key, algorithm

    async def _userinfo(self, url: str, token: object, subject: object, owner: str) -> dict[str, Any]:
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            return {}
        document = await self._get(url, owner, {"Authorization": f"Bearer {token}"})
        if document.get("sub") != subject:  # OpenID Connect Core, section 5.3.4.
            raise SignInRefused("its user info is about somebody else")
        return document

    async def _fetch_keys(self, url: str, owner: str) -> dict[str, Any]:
        return await self._get(url, owner)

    async def _get(self, url: str, owner: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = await self._send(VendorRequest("GET", url, headers or {}, owner=owner))
        document = answer.json()
        if not answer.is_success or not isinstance(document, dict):
            raise ProviderRefused(f"the provider answers with HTTP {answer.status}, or not with JSON")
        return document

    async def _send(self, request: VendorRequest) -> VendorAnswer:
        try:
            return await self._http.send(request)
        except VendorUnreachable as error:
            raise ProviderRefused(str(error)) from None

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        value = document.get(name)
        if not isinstance(value, str) or len(value) > 2_000:
            raise ProviderRefused(f"its discovery document has no {name}")
        try:
            self._http.guard.check_url(value)
        except EgressRefused as refused:
            raise ProviderRefused(f"{name}: {refused}") from None
        return value


def _read_person(claims: Mapping[str, Any]) -> SsoPerson:
    subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise SignInRefused("its subject cannot be read")
    if not isinstance(email, str):
        raise SignInRefused("the provider sends no e-mail address; allow the scope `email`")
    if claims.get("email_verified", True) not in (True, "true"):  # Some providers send text.
        raise SignInRefused("the provider has not verified the e-mail address")
    return SsoPerson(subject, email, name if isinstance(name, str) else "")


def _error_of(document: object) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    return error[:100] if isinstance(error, str) and error.isprintable() else ""


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(slots=True)
class _KeySet:
    keys: list[PyJWK]
    fetched_at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SigningKeys:
    """The public keys of providers, cached for KEPT_S seconds."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] | None = None) -> None:
        """Create an empty cache.

        Args:
            fetch: Returns the document at an address, on behalf of a workspace.
        """
        self._fetch = fetch
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        # Keyed by address and workspace, so that a workspace cannot observe the look-ups of another workspace.
        self._sets: OrderedDict[tuple[str, str], _KeySet] = OrderedDict()

    async def find(self, url: str, owner: str, key_id: object, algorithm: str) -> Any:
        """Return the public key with this id that can sign with this algorithm, or None.

        Without an id, a key is chosen only if exactly one key fits. Raises the errors of `fetch`.
        """
        known = self._sets.setdefault((url, owner), _KeySet([], float("-inf")))
        self._sets.move_to_end((url, owner))
        if len(self._sets) > MOST_SETS:
            self._sets.popitem(last=False)
        async with known.lock:
            age = self._clock() - known.fetched_at
            if age > KEPT_S or (_choose(known.keys, key_id, algorithm) is None and age > REFETCH_S):
                await self._refresh(known, url, owner)
            found = _choose(known.keys, key_id, algorithm)
            return None if found is None else found.key

    async def _refresh(self, known: _KeySet, url: str, owner: str) -> None:
        known.keys = _parse(await self._fetch(url, owner))
        known.fetched_at = self._clock()


def _parse(document: dict[str, Any]) -> list[PyJWK]:
    """Parse a key set. Returns an empty list for any other document, and leaves out keys that PyJWT cannot use."""
    try:
        return list(PyJWKSet.from_dict(document).keys)[:MOST_KEYS]
    except (PyJWKError, PyJWKSetError, TypeError, ValueError, AttributeError):
        return []


def _choose(keys: list[PyJWK], key_id: object, algorithm: str) -> PyJWK | None:
    fitting = [key for key in keys if key.public_key_use in (None, "sig") and _fits(key, algorithm)]
    if key_id is not None:
        return next((key for key in fitting if key.key_id == key_id), None)
    return fitting[0] if len(fitting) == 1 else None


def _fits(key: PyJWK, algorithm: str) -> bool:
    """Return whether a key can sign with this algorithm.

    PyJWT treats an RSA key without `alg` as RS256, although it may sign with the other RSA algorithms, too.
    """
    family = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
    return key.key_type == family
