"""Requests that do not come from the carrier: forged, stale, misdirected and repeated webhooks, unexpected sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from lab.stage.platform import Platform
from simulator.carrier.network.telnyx.signature import WebhookSigner
from simulator.carrier.network.twilio.signature import sign

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLER = "+16465550123"
PATHS = ("/webhooks/calls/inbound", "/webhooks/calls/status", "/webhooks/calls/recording", "/webhooks/calls/continue")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without credentials."""
    async with aiohttp.ClientSession() as session:
        yield session


def form(platform: Platform, call: str) -> dict[str, str]:
    """Twilio's webhook of an inbound call."""
    assert platform.network_config.twilio is not None
    return {
        "CallSid": call, "AccountSid": platform.network_config.twilio.account_sid, "From": CALLER,
        "To": platform.workspace.agents["twilio"].number, "CallStatus": "ringing", "Direction": "inbound",
    }  # fmt: skip


def signed(platform: Platform, url: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Headers with Twilio's signature for this address."""
    assert platform.network_config.twilio is not None
    token = platform.network_config.twilio.auth_token
    return {
        "X-Twilio-Signature": sign(token, url, fields.items()), "Content-Type": "application/x-www-form-urlencoded"
    }  # fmt: skip


async def calls(platform: Platform, carrier_call_id: str) -> int:
    (row,) = await platform.rows("SELECT count(*) AS calls FROM calls WHERE carrier_call_id = $1", carrier_call_id)
    count: int = row["calls"]
    return count


def refusals(platform: Platform, program: str, event: str) -> list[dict[str, str]]:
    """The log entries of one event in a program's log."""
    lines = (platform.folder / f"{program}.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry for entry in entries if entry["event"] == event]


@pytest.mark.parametrize("path", PATHS)
async def test_forged_webhook_is_refused_and_logged(
    path: str, platform: Platform, session: aiohttp.ClientSession
) -> None:
    fields = form(platform, "CA" + "0" * 32)
    before = len(refusals(platform, "api", "webhook.refused"))
    other_host = signed(platform, "https://evil.example.com" + path, fields)
    other_fields = signed(platform, platform.api_url + path, fields | {"To": CALLER})
    for headers in ({"Content-Type": other_host["Content-Type"]}, other_host, other_fields):
        async with session.post(platform.api_url + path, data=urlencode(fields), headers=headers) as answer:
            assert answer.status == 403
    assert await calls(platform, fields["CallSid"]) == 0
    entries = refusals(platform, "api", "webhook.refused")[before:]
    assert len(entries) == 3
    assert CALLER not in json.dumps(entries)


async def test_stale_or_forged_telnyx_event_is_refused(platform: Platform, session: aiohttp.ClientSession) -> None:
    assert platform.network_config.telnyx is not None
    signer = WebhookSigner(platform.network_config.telnyx.signing_key)
    body = json.dumps(
        {
            "data": {
                "record_type": "event", "event_type": "call.initiated", "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
                "occurred_at": "2026-11-25T12:00:00.000000Z",
                "payload": {
                    "call_control_id": "v3:forged", "call_leg_id": "l", "call_session_id": "s", "direction": "incoming",
                    "from": CALLER, "to": platform.workspace.agents["telnyx"].number, "state": "parked",
                    "connection_id": platform.network_config.telnyx.connection_id,
                },
            }
        }
    ).encode()  # fmt: skip
    valid_headers = signer.headers(body, int(time.time()))
    for headers, sent in (
        (signer.headers(body, int(time.time()) - 3_600), body),
        (valid_headers, body.replace(b"v3:forged", b"v3:other!")),
        ({}, body),
    ):
        async with session.post(
            platform.api_url + PATHS[0], data=sent, headers=headers | {"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 403
    assert await calls(platform, "v3:forged") == 0


async def test_repeated_webhook_changes_nothing(platform: Platform, session: aiohttp.ClientSession) -> None:
    fields = form(platform, "CA" + "1" * 32)
    headers = signed(platform, platform.api_url + PATHS[0], fields)
    answers = []
    for _ in range(3):
        async with session.post(platform.api_url + PATHS[0], data=urlencode(fields), headers=headers) as answer:
            answers.append((answer.status, await answer.text()))
    assert [status for status, _ in answers] == [200] * 3
    assert all("<Connect" in text for _, text in answers), answers
    assert await calls(platform, fields["CallSid"]) == 1


@pytest.mark.parametrize("path", ["/media/twilio", "/media/twilio/made-up-token", "/media/telnyx/made-up-token"])
async def test_socket_without_a_ticket_gets_no_call(
    path: str, platform: Platform, session: aiohttp.ClientSession
) -> None:
    assert platform.network_config.twilio is not None
    before = len(refusals(platform, "media-0", "stream.refused"))
    call, url = "CA" + "2" * 32, f"ws://127.0.0.1:{platform.nodes[0].port}{path}"
    start = (
        {"event": "start", "sequence_number": "1", "stream_id": "s", "start": {
            "call_control_id": call, "client_state": "", "media_format": {
                "encoding": "PCMU", "sample_rate": 8000, "channels": 1}, "user_id": "u", "from": "", "to": ""}}
        if "telnyx" in path
        else {"event": "start", "sequenceNumber": "1", "streamSid": "MZ" + "0" * 32, "start": {
            "streamSid": "MZ" + "0" * 32, "accountSid": platform.network_config.twilio.account_sid, "callSid": call,
            "tracks": ["inbound"], "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}}
    )  # fmt: skip
    async with asyncio.timeout(30), session.ws_connect(url) as socket:
        await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await socket.send_json(start)
        message = await socket.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert socket.close_code == 1008
    assert len(refusals(platform, "media-0", "stream.refused")) == before + 1


async def test_socket_with_a_wrong_signature_is_logged_and_gets_no_call(
    platform: Platform, session: aiohttp.ClientSession
) -> None:
    url = f"ws://127.0.0.1:{platform.nodes[0].port}/media/twilio/token"
    headers = {"X-Twilio-Signature": sign("another token", url)}
    async with asyncio.timeout(30), session.ws_connect(url, headers=headers) as socket:
        await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        assert [entry["carrier"] for entry in refusals(platform, "media-0", "socket.signature_invalid")] == ["twilio"]
