"""ID tokens that a provider must not pass with, rotation of its keys, and a provider that fails."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from control.integrations.vendor_http import VendorHttp
from control.sso.openid import (
    ClientAccount,
    NewSignIn,
    OpenIdClient,
    ProviderRefused,
    SigningKeys,
    SignInRefused,
    make_authorize_url,
)
from control.sso.rules import SsoPerson
from shared.egress import EgressGuard
from tests.control.sso.forging_peer import ForgingPeer, forging_peer, new_key

CLIENT = ClientAccount("vocalized", "a secret/with: signs", "https://app.example.com/sso/callback")
SIGN_IN = NewSignIn("state", "the nonce", "the verifier")


@pytest.fixture
async def peer() -> AsyncIterator[ForgingPeer]:
    async with forging_peer() as running:
        yield running


def make_client(**allow: Any) -> OpenIdClient:
    return OpenIdClient(VendorHttp(EgressGuard(["127.0.0.0/8"]), 5.0))


def claims(peer: ForgingPeer, **others: Any) -> dict[str, Any]:
    now = int(time.time())
    valid = {
        "iss": peer.issuer,
        "sub": "ada",
        "aud": CLIENT.client_id,
        "iat": now,
        "exp": now + 300,
        "nonce": SIGN_IN.nonce,
        "email": "ada@example.com",
        "name": "Ada",
    }
    return {name: value for name, value in (valid | others).items() if value is not None}


async def complete(peer: ForgingPeer, client: OpenIdClient | None = None) -> SsoPerson:
    client = client or make_client()
    return await client.complete(await client.discover(peer.issuer, ""), CLIENT, "the code", SIGN_IN, "")


async def test_a_valid_token_tells_who_signed_in(peer: ForgingPeer) -> None:
    peer.token = peer.sign(claims(peer))
    assert await complete(peer) == SsoPerson("ada", "ada@example.com", "Ada")
    (request,) = peer.requests
    assert request["code"] == "the code" and request["code_verifier"] == SIGN_IN.verifier
    assert request["authorization"].startswith("Basic ") and "client_secret" not in request
    peer.overrides = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    peer.token = peer.sign(claims(peer))
    await complete(peer)
    assert peer.requests[1]["client_secret"] == CLIENT.secret and not peer.requests[1]["authorization"]


async def test_the_authorize_url_has_state_nonce_and_challenge(peer: ForgingPeer) -> None:
    url = make_authorize_url(await make_client().discover(peer.issuer, ""), CLIENT, SIGN_IN, "ada@example.com")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["state"] == SIGN_IN.state and query["nonce"] == SIGN_IN.nonce
    assert query["code_challenge_method"] == "S256" and query["code_challenge"] != SIGN_IN.verifier
    assert query["redirect_uri"] == CLIENT.redirect_uri and query["scope"].split()[0] == "openid"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": ["vocalized", "another client"]},
        {"azp": "another client"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1_000},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"email": 7},
        {"email_verified": False},
        {"email_verified": "false"},
    ],
    ids=str,
)
async def test_a_token_with_wrong_claims_is_refused(wrong: dict[str, Any], peer: ForgingPeer) -> None:
    peer.token = peer.sign(claims(peer, **wrong))
    with pytest.raises(SignInRefused):
        await complete(peer)


async def test_a_token_by_another_key_is_refused(peer: ForgingPeer) -> None:
    stranger = new_key()
    peer.token = peer.sign(claims(peer), stranger)
    with pytest.raises(SignInRefused, match="does not publish"):
        await complete(peer)
    forged = new_key()
    forged.ensure_kid()
    head, body, _ = peer.sign(claims(peer)).split(".")
    peer.token = f"{head}.{body}.{peer.sign(claims(peer), forged).split('.')[2]}"
    with pytest.raises(SignInRefused, match="InvalidSignature"):
        await complete(peer)


def unsigned(head: dict[str, Any], body: dict[str, Any]) -> str:
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, body))


async def test_no_signature_and_the_clients_secret_are_no_signatures(peer: ForgingPeer) -> None:
    peer.token = unsigned({"alg": "none"}, claims(peer)) + "."
    with pytest.raises(SignInRefused, match="do not accept"):
        await complete(peer)
    text = unsigned({"alg": "HS256", "kid": peer.keys[0].kid}, claims(peer))
    public = peer.keys[0].as_pem(private=False)
    for secret in (CLIENT.secret.encode(), public):
        mac = urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).decode().rstrip("=")
        peer.token = f"{text}.{mac}"
        with pytest.raises(SignInRefused, match="do not accept"):
            await complete(peer)


async def test_rejects_an_invalid_token(peer: ForgingPeer) -> None:
    for token in ("x", "a.b.c", "A" * 20_000, unsigned({"alg": "RS256", "kid": 7}, {}) + ".AAAA"):
        peer.token = token
        with pytest.raises(SignInRefused):
            await complete(peer)
    peer.token = ""
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await complete(peer)


async def test_rotated_keys_are_fetched_when_a_token_names_one(peer: ForgingPeer) -> None:
    now = [0.0]
    client = make_client()
    client._keys = SigningKeys(client._fetch_keys, clock=lambda: now[0])
    peer.token = peer.sign(claims(peer))
    await complete(peer, client)
    await complete(peer, client)
    assert peer.key_requests == 1
    peer.keys = [ECKey.generate_key("P-256", auto_kid=True), peer.keys[0]]
    peer.token = peer.sign(claims(peer), algorithm="ES256")
    with pytest.raises(SignInRefused):  # asked again no more often than every 30 s
        await complete(peer, client)
    assert peer.key_requests == 1
    now[0] = 31.0
    assert (await complete(peer, client)).subject == "ada"
    assert peer.key_requests == 2
    peer.keys = peer.keys[:1]
    peer.token = peer.sign(claims(peer), algorithm="ES256")
    now[0] = 700.0
    assert (await complete(peer, client)).subject == "ada"
    assert peer.key_requests == 3


async def test_user_info_is_of_the_same_person(peer: ForgingPeer) -> None:
    peer.token = peer.sign(claims(peer, email=None))
    peer.userinfo = {"sub": "ada", "email": "ada@example.com", "email_verified": True}
    assert (await complete(peer)).email == "ada@example.com"
    peer.userinfo = {"sub": "eve", "email": "ada@example.com"}
    with pytest.raises(SignInRefused, match="somebody else"):
        await complete(peer)
    peer.userinfo = {"sub": "ada"}
    with pytest.raises(SignInRefused, match="no e-mail address"):
        await complete(peer)


@pytest.mark.parametrize(
    "overrides",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
async def test_a_document_that_cannot_be_used_is_refused(overrides: dict[str, Any], peer: ForgingPeer) -> None:
    peer.overrides = overrides
    with pytest.raises(ProviderRefused):
        await make_client().discover(peer.issuer, "")


async def test_a_provider_that_fails_is_away(peer: ForgingPeer) -> None:
    peer.status = 500
    with pytest.raises(ProviderRefused, match="HTTP 500"):
        await make_client().discover(peer.issuer, "")
    with pytest.raises(ProviderRefused):
        await make_client().discover("http://127.0.0.1:9", "")
    with pytest.raises(ProviderRefused):
        await OpenIdClient(VendorHttp(EgressGuard(), 5.0)).discover(peer.issuer, "")
