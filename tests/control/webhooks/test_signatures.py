"""Who is let in: real requests with right, wrong, old, foreign and missing signatures; all public vectors."""

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
from control.http.headers import standing_headers
from control.http.metrics import HttpMetrics
from control.http.middleware import Edge
from control.http.origin import Origins
from control.webhooks.inbox import Inbox
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.signatures import BadSignature, TelnyxKeys, TwilioTokens
from control.webhooks.telnyx_event import Event
from tests.control.webhooks.reply import PUBLIC
from tests.control.webhooks.stage import (
    ACCOUNT,
    SEED,
    SUBACCOUNT,
    SUBTOKEN,
    TOKEN,
    World,
    public_key,
    telnyx_headers,
)

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
INBOUND = "/webhooks/calls/inbound"
OTHER_SEED = bytes(range(32))
SPEC = Path(__file__).parents[2] / "spec" / "vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(SPEC.read_text())["vectors"]
TWILIO = [vector for vector in VECTORS if vector["provider"] == "twilio" and "auth_token" in vector]
(TELNYX,) = [vector for vector in VECTORS if vector["provider"] == "telnyx"]


@dataclass(slots=True)
class Door:
    """The reading part of the webhooks at any address."""

    url: str
    client: ClientSession
    let_in: list[object] = field(default_factory=list)

    async def knock(self, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status, and the error's code."""
        async with self.client.post(self.url + target, data=body, headers=headers) as response:
            told = await response.json()
            return response.status, told.get("error", {}).get("code", "")


@asynccontextmanager
async def door(options: WebhookOptions, now: datetime) -> AsyncIterator[Door]:
    """Behind the real edge; lets anybody in whose signature is good, whatever they say."""
    inbox = Inbox(
        options,
        TwilioTokens(options.twilio_tokens, required=options.require_twilio_signature),
        TelnyxKeys(options.telnyx_public_keys),
        WebhookMetrics(),
    )
    made: list[Door] = []

    async def handler(request: web.Request) -> web.Response:
        made[0].let_in.append(await inbox.read(request, now))
        return web.json_response({})

    edge = Edge(Origins(()), Cors(()), standing_headers(PUBLIC), HttpMetrics())
    app = web.Application(middlewares=[edge.middleware()], client_max_size=65_536)
    app.router.add_post("/{any:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as client:
            made.append(Door(f"http://127.0.0.1:{runner.addresses[0][1]}", client))
            yield made[0]
    finally:
        await runner.cleanup()


def _signed(token: str, url: str, fields: dict[str, str] | None = None) -> str:
    """By Twilio's own SDK."""
    return str(RequestValidator(token).compute_signature(url, fields or {}))


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
    async with door(options, datetime.now(UTC)) as there:
        status, code = await there.knock(target, body, {"Content-Type": kind, "X-Twilio-Signature": signature})
        if vector.get("expected_valid") is False:
            assert (status, code) == (403, "bad_signature")
            return
        # Some of the samples are no calls: they get past the signature, and are told that CallSid is missing.
        assert (status, code) in {(200, ""), (400, "malformed")}
        assert (status == 200) == ("CallSid" in vector["params"])
        wrong, _ = await there.knock(target + "1", body, {"Content-Type": kind, "X-Twilio-Signature": signature})
        assert wrong == 403


@pytest.mark.parametrize("port", ["", ":443"])
async def test_the_usual_port_may_be_there_or_not(port: str) -> None:
    vector = next(one for one in TWILIO if one["id"] == "twilio-form-https-443")
    options = WebhookOptions(f"https://mycompany.com{port}", twilio_tokens=(("AC1", "12345"),))
    async with door(options, datetime.now(UTC)) as there:
        headers = {"Content-Type": FORM, "X-Twilio-Signature": vector["expected"]}
        body = urlencode(vector["params"]).encode()
        assert (await there.knock("/myapp.php?foo=1&bar=2", body, headers))[0] == 200


async def test_the_telnyx_vector() -> None:
    options = WebhookOptions("https://x", telnyx_public_keys=(TELNYX["public_key_base64"],))
    headers = {"Content-Type": JSON, **TELNYX["headers"]}
    body = TELNYX["payload"].encode()
    signed_at = datetime.fromtimestamp(int(TELNYX["timestamp"]), UTC)
    async with door(options, signed_at + timedelta(seconds=299)) as there:
        assert (await there.knock("/", body, headers))[0] == 200
        assert cast(Event, there.let_in[0]).id == "test-id"
        assert await there.knock("/", body + b" ", headers) == (403, "bad_signature")
    for late in (timedelta(seconds=301), timedelta(seconds=-301)):
        async with door(options, signed_at + late) as there:
            assert await there.knock("/", body, headers) == (403, "bad_signature")


async def test_keys_and_tokens_rotate() -> None:
    now = datetime.now(UTC)
    options = WebhookOptions(
        PUBLIC,
        twilio_tokens=(("AC1", "old"), ("AC1", "new")),
        telnyx_public_keys=(public_key(OTHER_SEED), public_key()),
    )
    body = b'{"data":{"id":"e","event_type":"call.initiated"}}'
    async with door(options, now) as there:
        for seed in (SEED, OTHER_SEED):
            headers = {"Content-Type": JSON, **telnyx_headers(body, now, seed)}
            assert (await there.knock("/", body, headers))[0] == 200
    tokens = TwilioTokens(options.twilio_tokens)
    for token in ("old", "new"):
        tokens.check("https://x/", _signed(token, "https://x/"), "AC1")
    with pytest.raises(BadSignature, match="wrong"):
        tokens.check("https://x/", _signed("older", "https://x/"), "AC1")


async def test_an_account_is_signed_for_by_its_own_token(world: World) -> None:
    fields = {"CallSid": "CC1", "CallStatus": "ringing", "AccountSid": SUBACCOUNT}
    assert (await world.twilio(INBOUND, fields, token=SUBTOKEN)).status == 200
    assert (await world.twilio(INBOUND, fields, token=TOKEN)).status == 403
    assert (await world.twilio(INBOUND, fields | {"AccountSid": ACCOUNT}, token=SUBTOKEN)).status == 403
    assert (await world.twilio(INBOUND, fields | {"AccountSid": "AC" + "c" * 32})).status == 403
    refused = "vocalized_control_webhooks_refused_total"
    assert world.figure(refused, carrier="twilio", reason="wrong") == 2
    assert world.figure(refused, carrier="twilio", reason="unknown_account") == 1


async def test_a_signature_for_another_address_is_none(world: World) -> None:
    fields = {"CallSid": "CC2", "CallStatus": "ringing", "AccountSid": ACCOUNT}
    body = urlencode(fields).encode()
    for url in (
        f"https://evil.example.com{INBOUND}",
        f"{PUBLIC}/webhooks/calls/status",
        f"{PUBLIC}{INBOUND}?call=1",
        world.url + INBOUND,
    ):
        signature = _signed(TOKEN, url, fields)
        headers = {"X-Twilio-Signature": signature, "X-Forwarded-Host": "evil.example.com"}
        assert (await world.post(INBOUND, body, FORM, headers)).status == 403
    assert await world.events() == []


async def test_unsigned_and_forged_requests_change_nothing(world: World) -> None:
    body = urlencode({"CallSid": "CC3", "CallStatus": "ringing", "AccountSid": ACCOUNT}).encode()
    event = world.event("call.initiated", "e-1", {"call_control_id": "v3:1", "direction": "incoming"})
    for path in (INBOUND, "/webhooks/calls/status", "/webhooks/calls/recording", "/webhooks/calls/continue"):
        assert (await world.post(path, body, FORM)).status == 403
        assert (await world.post(path, body, FORM, {"X-Twilio-Signature": "x"})).status == 403
        assert (await world.post(path, event, JSON)).status == 403
        assert (await world.sent(event, path=path, seed=OTHER_SEED)).status == 403
        assert (await world.sent(event, path=path, at=world.clock() - timedelta(seconds=301))).status == 403
        odd = telnyx_headers(event, world.clock())
        for header in ({"telnyx-timestamp": "soon"}, {"telnyx-signature-ed25519": "%%"}):
            assert (await world.post(path, event, JSON, odd | header)).status == 403
    assert await world.events() == []
    assert world.exchange.tried == []
    assert json.loads((await world.post(INBOUND, body, FORM)).text)["error"]["code"] == "bad_signature"


async def test_without_keys_nobody_is_let_in() -> None:
    body = b'{"data":{"id":"e","event_type":"call.initiated"}}'
    async with door(WebhookOptions(PUBLIC), datetime.now(UTC)) as there:
        headers = {"Content-Type": JSON, **telnyx_headers(body, datetime.now(UTC))}
        assert (await there.knock("/", body, headers))[0] == 403
        headers = {"Content-Type": FORM, "X-Twilio-Signature": _signed("", PUBLIC + "/")}
        assert (await there.knock("/", b"", headers))[0] == 403


async def test_unsigned_is_let_in_only_where_that_is_set_and_wrong_never() -> None:
    options = WebhookOptions(PUBLIC, twilio_tokens=((ACCOUNT, TOKEN),), require_twilio_signature=False)
    body = b"CallSid=CA1"
    async with door(options, datetime.now(UTC)) as there:
        assert (await there.knock("/", body, {"Content-Type": FORM}))[0] == 200
        assert (await there.knock("/", body, {"Content-Type": FORM, "X-Twilio-Signature": "x"}))[0] == 403
        event = b'{"data":{"id":"e","event_type":"call.initiated"}}'
        assert (await there.knock("/", event, {"Content-Type": JSON}))[0] == 403


async def test_escapes_in_the_address_are_signed_as_they_stand() -> None:
    options = WebhookOptions(PUBLIC, twilio_tokens=((ACCOUNT, TOKEN),))
    target = "/a%2Fb/%7Ec?x=%c3%A4+b&call=%31"
    async with door(options, datetime.now(UTC)) as there:
        headers = {"Content-Type": FORM, "X-Twilio-Signature": _signed(TOKEN, PUBLIC + target, {"CallSid": "CA1"})}
        async with there.client.post(
            URL(there.url + target, encoded=True), data=b"CallSid=CA1", headers=headers
        ) as response:
            assert response.status == 200


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"data":' + b"[" * 60_000, b"{" * 60_000], ids=["[", "data", "{"])
async def test_what_is_nested_too_deeply_is_malformed(body: bytes) -> None:
    now = datetime.now(UTC)
    options = WebhookOptions(PUBLIC, twilio_tokens=((ACCOUNT, TOKEN),), telnyx_public_keys=(public_key(),))
    async with door(options, now) as there:
        headers = {"Content-Type": JSON}
        assert await there.knock("/", body, headers | {"X-Twilio-Signature": "x"}) == (400, "not_json")
        assert await there.knock("/", body, headers) == (403, "bad_signature")
        assert await there.knock("/", body, headers | telnyx_headers(body, now)) == (400, "malformed")


async def test_what_no_carrier_sends_is_refused() -> None:
    options = WebhookOptions(PUBLIC, telnyx_public_keys=(public_key(),), body_timeout_s=0.3)
    now = datetime.now(UTC)
    async with door(options, now) as there:
        assert await there.knock("/", b"<x/>", {"Content-Type": "text/xml"}) == (415, "unsupported_body")
        assert await there.knock("/", b"x" * 65_537, {"Content-Type": FORM}) == (413, "too_large")
        many = urlencode([(f"f{number}", "") for number in range(301)]).encode()
        assert await there.knock("/", many, {"Content-Type": FORM}) == (400, "broken_body")
        assert await there.knock("/", b"a=\xff", {"Content-Type": FORM}) == (400, "broken_body")
        for broken in (b"[]", b"{}", b"no", b'{"data": []}', b'{"data":{"id":1,"event_type":"x"}}'):
            headers = {"Content-Type": JSON, **telnyx_headers(broken, now)}
            assert await there.knock("/", broken, headers) == (400, "malformed")


def test_a_key_that_is_none_is_named_by_its_place() -> None:
    with pytest.raises(ValueError, match="number 2"):
        TelnyxKeys([public_key(), "secret-nonsense"])
    with pytest.raises(ValueError, match="number 1"):
        TelnyxKeys([base64.b64encode(b"short").decode()])


def test_options_show_no_token() -> None:
    assert TOKEN not in repr(replace(WebhookOptions(PUBLIC), twilio_tokens=((ACCOUNT, TOKEN),)))
