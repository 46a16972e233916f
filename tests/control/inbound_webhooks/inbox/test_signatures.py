"""Real requests with right, wrong, old, foreign and missing signatures; all public vectors."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

import pytest
from aiohttp import ClientSession, web
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from yarl import URL

from control.http.cors import Cors
from control.http.headers import default_headers
from control.http.metrics import HttpMetrics
from control.http.middleware import EdgeMiddleware
from control.http.origin import OriginReader
from control.inbound_webhooks.routes import read_request, verified_reader
from control.inbound_webhooks.service import WebhookMetrics
from control.inbound_webhooks.source import BadSignature, SourceReader, WebhookOptions
from control.inbound_webhooks.telnyx.signature import TelnyxKeys, TelnyxReader
from control.inbound_webhooks.telnyx.wire import TelnyxEvent
from control.inbound_webhooks.twilio.signature import TwilioReader, TwilioTokens
from shared.twilio_signature import SETTINGS_HEADER
from tests.platform.webhook_reply import PUBLIC_URL
from tests.platform.webhooks import (
    ACCOUNT,
    SEED,
    SUBACCOUNT,
    SUBTOKEN,
    TOKEN,
    WebhookPlatform,
    public_key,
    telnyx_headers,
)

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
INBOUND = "/webhooks/calls/inbound"
OTHER_SEED = bytes(range(32))
SPEC = Path(__file__).parents[3] / "spec" / "vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(SPEC.read_text())["vectors"]
TWILIO = [vector for vector in VECTORS if vector["provider"] == "twilio" and "auth_token" in vector]
(TELNYX,) = [vector for vector in VECTORS if vector["provider"] == "telnyx"]


@dataclass(slots=True)
class ReaderServer:
    """Reads and verifies requests at any path. messages: those whose signature was right, parsed."""

    url: str
    client: ClientSession
    messages: list[object] = field(default_factory=list)

    async def post(self, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Returns the status and the code of the error."""
        async with self.client.post(self.url + target, data=body, headers=headers) as response:
            answer = await response.json()
            return response.status, answer.get("error", {}).get("code", "")


@asynccontextmanager
async def running_reader(options: WebhookOptions, now: datetime) -> AsyncIterator[ReaderServer]:
    """Behind the real middleware, with the readers of both carriers."""
    readers: list[SourceReader[Any]] = [TelnyxReader(options), TwilioReader(options)]
    servers: list[ReaderServer] = []

    async def handler(http_request: web.Request) -> web.Response:
        request = await read_request(http_request, options.body_timeout_s)
        reader = verified_reader(request, readers, WebhookMetrics(), now)
        servers[0].messages.append(reader.parse(request, now))
        return web.json_response({})

    edge = EdgeMiddleware(OriginReader(()), Cors(()), default_headers(PUBLIC_URL), HttpMetrics())
    app = web.Application(middlewares=[edge.middleware()], client_max_size=65_536)
    app.router.add_post("/{any:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as client:
            servers.append(ReaderServer(f"http://127.0.0.1:{runner.addresses[0][1]}", client))
            yield servers[0]
    finally:
        await runner.cleanup()


def _signed(token: str, url: str, fields: dict[str, str] | None = None) -> str:
    """Returns a signature made by Twilio's own SDK."""
    return str(RequestValidator(token).compute_signature(url, fields or {}))


@pytest.mark.parametrize(
    ("secret", "settings", "status"),
    [
        ("secret", "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", 200),
        ("secret", "algorithm=HMAC_SHA1, key=webhooks_sharedkey_1", 200),
        ("secret", "key=webhooks_sharedkey_1", 200),
        (TOKEN, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", 403),
        ("secret", "key=webhooks_sharedkey_2,algorithm=HMAC_SHA256", 403),
        ("secret", "key=webhooks_sharedkey_1,algorithm=HMAC_MD5", 403),
        ("secret", "", 403),
        ("secret", "nonsense", 403),
    ],
)
async def test_shared_key_of_a_webhook_rule(secret: str, settings: str, status: int) -> None:
    options = WebhookOptions(
        PUBLIC_URL, twilio_tokens=((ACCOUNT, TOKEN),), twilio_shared_keys=(("webhooks_sharedkey_1", "secret"),)
    )
    fields = {"CallSid": "CA1", "AccountSid": ACCOUNT, "ForwardedFrom": ""}
    algorithm = "HMAC_SHA256" if "SHA256" in settings else "HMAC_SHA1"
    signature = RequestValidator(secret).compute_signature(PUBLIC_URL + INBOUND, fields, algorithm)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature, SETTINGS_HEADER: settings}
    async with running_reader(options, datetime.now(UTC)) as server:
        answered, _ = await server.post(INBOUND, urlencode(fields).encode(), headers)
    assert answered == status


@pytest.mark.parametrize("vector", TWILIO, ids=[vector["id"] for vector in TWILIO])
async def test_twilio_vectors(vector: dict[str, Any]) -> None:
    parts = urlsplit(vector["url"])
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    options = WebhookOptions(base, twilio_tokens=(("AC1", vector["auth_token"]),))
    if "raw_body" in vector:
        body, kind = vector["raw_body"].encode(), JSON
    else:
        body, kind = urlencode(vector["params"], doseq=True).encode(), FORM
    signature = vector.get("expected") or vector["signature_to_reject"]
    target = urlunsplit(("", "", parts.path, parts.query, ""))
    async with running_reader(options, datetime.now(UTC)) as server:
        status, code = await server.post(target, body, {"Content-Type": kind, "X-Twilio-Signature": signature})
        if vector.get("expected_valid") is False:
            assert (status, code) == (403, "bad_signature")
            return
        # Some vectors are no calls: their signature is right, and their CallSid is missing.
        assert (status, code) in {(200, ""), (400, "malformed")}
        assert (status == 200) == ("CallSid" in vector["params"])
        wrong, _ = await server.post(target + "1", body, {"Content-Type": kind, "X-Twilio-Signature": signature})
        assert wrong == 403


@pytest.mark.parametrize("port", ["", ":443"])
async def test_default_port_is_optional(port: str) -> None:
    vector = next(vector for vector in TWILIO if vector["id"] == "twilio-form-https-443")
    options = WebhookOptions(f"https://mycompany.com{port}", twilio_tokens=(("AC1", "12345"),))
    async with running_reader(options, datetime.now(UTC)) as server:
        headers = {"Content-Type": FORM, "X-Twilio-Signature": vector["expected"]}
        body = urlencode(vector["params"]).encode()
        assert (await server.post("/myapp.php?foo=1&bar=2", body, headers))[0] == 200


async def test_telnyx_vector() -> None:
    options = WebhookOptions("https://x", telnyx_public_keys=(TELNYX["public_key_base64"],))
    headers = {"Content-Type": JSON, **TELNYX["headers"]}
    body = TELNYX["payload"].encode()
    signed_at = datetime.fromtimestamp(int(TELNYX["timestamp"]), UTC)
    async with running_reader(options, signed_at + timedelta(seconds=299)) as server:
        assert (await server.post("/", body, headers))[0] == 200
        assert cast(TelnyxEvent, server.messages[0]).id == "test-id"
        assert await server.post("/", body + b" ", headers) == (403, "bad_signature")
    for offset in (timedelta(seconds=301), timedelta(seconds=-301)):
        async with running_reader(options, signed_at + offset) as server:
            assert await server.post("/", body, headers) == (403, "bad_signature")


async def test_old_and_new_keys_are_valid() -> None:
    now = datetime.now(UTC)
    options = WebhookOptions(
        PUBLIC_URL,
        twilio_tokens=(("AC1", "old"), ("AC1", "new")),
        telnyx_public_keys=(public_key(OTHER_SEED), public_key()),
    )
    body = b'{"data":{"id":"e","event_type":"call.initiated"}}'
    async with running_reader(options, now) as server:
        for seed in (SEED, OTHER_SEED):
            headers = {"Content-Type": JSON, **telnyx_headers(body, now, seed)}
            assert (await server.post("/", body, headers))[0] == 200
    tokens = TwilioTokens(options.twilio_tokens)
    for token in ("old", "new"):
        tokens.check("https://x/", _signed(token, "https://x/"), "AC1")
    with pytest.raises(BadSignature, match="wrong"):
        tokens.check("https://x/", _signed("older", "https://x/"), "AC1")


async def test_account_is_verified_by_its_own_token(platform: WebhookPlatform) -> None:
    fields = {"CallSid": "CC1", "CallStatus": "ringing", "AccountSid": SUBACCOUNT}
    assert (await platform.post_twilio(INBOUND, fields, token=SUBTOKEN)).status == 200
    assert (await platform.post_twilio(INBOUND, fields, token=TOKEN)).status == 403
    assert (await platform.post_twilio(INBOUND, fields | {"AccountSid": ACCOUNT}, token=SUBTOKEN)).status == 403
    assert (await platform.post_twilio(INBOUND, fields | {"AccountSid": "AC" + "c" * 32})).status == 403
    refused = "vocalized_control_webhooks_refused_total"
    assert platform.metric(refused, carrier="twilio", reason="wrong") == 2
    assert platform.metric(refused, carrier="twilio", reason="unknown_account") == 1


async def test_signature_of_another_url_is_refused(platform: WebhookPlatform) -> None:
    fields = {"CallSid": "CC2", "CallStatus": "ringing", "AccountSid": ACCOUNT}
    body = urlencode(fields).encode()
    for url in (
        f"https://evil.example.com{INBOUND}",
        f"{PUBLIC_URL}/webhooks/calls/status",
        f"{PUBLIC_URL}{INBOUND}?call=1",
        platform.url + INBOUND,
    ):
        signature = _signed(TOKEN, url, fields)
        headers = {"X-Twilio-Signature": signature, "X-Forwarded-Host": "evil.example.com"}
        assert (await platform.post(INBOUND, body, FORM, headers)).status == 403
    assert await platform.stored_events() == []


async def test_unsigned_and_forged_requests_are_refused(platform: WebhookPlatform) -> None:
    body = urlencode({"CallSid": "CC3", "CallStatus": "ringing", "AccountSid": ACCOUNT}).encode()
    event = platform.telnyx_body("call.initiated", "e-1", {"call_control_id": "v3:1", "direction": "incoming"})
    for path in (INBOUND, "/webhooks/calls/status", "/webhooks/calls/recording", "/webhooks/calls/continue"):
        assert (await platform.post(path, body, FORM)).status == 403
        assert (await platform.post(path, body, FORM, {"X-Twilio-Signature": "x"})).status == 403
        assert (await platform.post(path, event, JSON)).status == 403
        assert (await platform.post_telnyx_body(event, path=path, seed=OTHER_SEED)).status == 403
        assert (
            await platform.post_telnyx_body(event, path=path, at=platform.clock() - timedelta(seconds=301))
        ).status == 403
        wrong_headers = telnyx_headers(event, platform.clock())
        for header in ({"telnyx-timestamp": "soon"}, {"telnyx-signature-ed25519": "%%"}):
            assert (await platform.post(path, event, JSON, wrong_headers | header)).status == 403
    assert await platform.stored_events() == []
    assert platform.telnyx_api.received == []
    assert json.loads((await platform.post(INBOUND, body, FORM)).text)["error"]["code"] == "bad_signature"


async def test_every_request_is_refused_without_keys() -> None:
    body = b'{"data":{"id":"e","event_type":"call.initiated"}}'
    async with running_reader(WebhookOptions(PUBLIC_URL), datetime.now(UTC)) as server:
        headers = {"Content-Type": JSON, **telnyx_headers(body, datetime.now(UTC))}
        assert (await server.post("/", body, headers))[0] == 403
        headers = {"Content-Type": FORM, "X-Twilio-Signature": _signed("", PUBLIC_URL + "/")}
        assert (await server.post("/", b"", headers))[0] == 403


async def test_unsigned_requests_need_the_setting_and_wrong_ones_are_refused() -> None:
    options = WebhookOptions(PUBLIC_URL, twilio_tokens=((ACCOUNT, TOKEN),), require_twilio_signature=False)
    body = b"CallSid=CA1"
    async with running_reader(options, datetime.now(UTC)) as server:
        assert (await server.post("/", body, {"Content-Type": FORM}))[0] == 200
        assert (await server.post("/", body, {"Content-Type": FORM, "X-Twilio-Signature": "x"}))[0] == 403
        event = b'{"data":{"id":"e","event_type":"call.initiated"}}'
        assert (await server.post("/", event, {"Content-Type": JSON}))[0] == 403


async def test_percent_encoding_of_the_url_is_preserved() -> None:
    options = WebhookOptions(PUBLIC_URL, twilio_tokens=((ACCOUNT, TOKEN),))
    target = "/a%2Fb/%7Ec?x=%c3%A4+b&call=%31"
    async with running_reader(options, datetime.now(UTC)) as server:
        headers = {"Content-Type": FORM, "X-Twilio-Signature": _signed(TOKEN, PUBLIC_URL + target, {"CallSid": "CA1"})}
        async with server.client.post(
            URL(server.url + target, encoded=True), data=b"CallSid=CA1", headers=headers
        ) as response:
            assert response.status == 200


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"data":' + b"[" * 60_000, b"{" * 60_000], ids=["[", "data", "{"])
async def test_deeply_nested_json_is_malformed(body: bytes) -> None:
    now = datetime.now(UTC)
    options = WebhookOptions(PUBLIC_URL, twilio_tokens=((ACCOUNT, TOKEN),), telnyx_public_keys=(public_key(),))
    async with running_reader(options, now) as server:
        headers = {"Content-Type": JSON}
        assert await server.post("/", body, headers | {"X-Twilio-Signature": "x"}) == (400, "not_json")
        assert await server.post("/", body, headers) == (403, "bad_signature")
        assert await server.post("/", body, headers | telnyx_headers(body, now)) == (400, "malformed")


async def test_unsupported_bodies_are_refused() -> None:
    options = WebhookOptions(PUBLIC_URL, telnyx_public_keys=(public_key(),), body_timeout_s=0.3)
    now = datetime.now(UTC)
    async with running_reader(options, now) as server:
        assert await server.post("/", b"<x/>", {"Content-Type": "text/xml"}) == (415, "unsupported_body")
        assert await server.post("/", b"x" * 65_537, {"Content-Type": FORM}) == (413, "too_large")
        too_many_fields = urlencode([(f"f{number}", "") for number in range(301)]).encode()
        assert await server.post("/", too_many_fields, {"Content-Type": FORM}) == (400, "broken_body")
        assert await server.post("/", b"a=\xff", {"Content-Type": FORM}) == (400, "broken_body")
        for broken in (b"[]", b"{}", b"no", b'{"data": []}', b'{"data":{"id":1,"event_type":"x"}}'):
            headers = {"Content-Type": JSON, **telnyx_headers(broken, now)}
            assert await server.post("/", broken, headers) == (400, "malformed")


def test_invalid_key_is_named_by_its_position() -> None:
    with pytest.raises(ValueError, match="number 2"):
        TelnyxKeys([public_key(), "secret-nonsense"])
    with pytest.raises(ValueError, match="number 1"):
        TelnyxKeys([base64.b64encode(b"short").decode()])


def test_tokens_are_not_in_the_repr() -> None:
    assert TOKEN not in repr(replace(WebhookOptions(PUBLIC_URL), twilio_tokens=((ACCOUNT, TOKEN),)))
