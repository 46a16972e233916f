"""Who is not the carrier: forged, stale, misdirected and repeated webhooks, and sockets that nobody asked for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from simulator.carrier.network.telnyx_side.signing import Signer
from simulator.carrier.network.twilio_side.signature import sign
from vocalized.rehearse.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLER = "+16465550123"
PATHS = ("/webhooks/calls/inbound", "/webhooks/calls/status", "/webhooks/calls/recording", "/webhooks/calls/continue")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Anybody's."""
    async with aiohttp.ClientSession() as session:
        yield session


def form(stage: Stage, call: str) -> dict[str, str]:
    """As Twilio tells of a call that comes in."""
    assert stage.config.twilio is not None
    return {
        "CallSid": call, "AccountSid": stage.config.twilio.account_sid, "From": CALLER,
        "To": stage.desk.agents["twilio"].number, "CallStatus": "ringing", "Direction": "inbound",
    }  # fmt: skip


def signed(stage: Stage, url: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Twilio's header for this address."""
    assert stage.config.twilio is not None
    token = stage.config.twilio.auth_token
    return {
        "X-Twilio-Signature": sign(token, url, fields.items()), "Content-Type": "application/x-www-form-urlencoded"
    }  # fmt: skip


async def calls(stage: Stage, carrier_call_id: str) -> int:
    (row,) = await stage.desk.rows("SELECT count(*) AS calls FROM calls WHERE carrier_call_id = $1", carrier_call_id)
    count: int = row["calls"]
    return count


def refusals(stage: Stage, program: str, event: str) -> list[dict[str, str]]:
    """What a program has logged of those whom it refused."""
    lines = (stage.folder / f"{program}.log").read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [one for one in told if one["event"] == event]


@pytest.mark.parametrize("path", PATHS)
async def test_a_forged_webhook_is_refused_and_logged(path: str, stage: Stage, session: aiohttp.ClientSession) -> None:
    fields = form(stage, "CA" + "0" * 32)
    before = len(refusals(stage, "api", "webhook.refused"))
    other_host = signed(stage, "https://evil.example.com" + path, fields)
    other_fields = signed(stage, stage.url + path, fields | {"To": CALLER})
    for headers in ({"Content-Type": other_host["Content-Type"]}, other_host, other_fields):
        async with session.post(stage.url + path, data=urlencode(fields), headers=headers) as answer:
            assert answer.status == 403
    assert await calls(stage, fields["CallSid"]) == 0
    told = refusals(stage, "api", "webhook.refused")[before:]
    assert len(told) == 3
    assert CALLER not in json.dumps(told)


async def test_a_stale_or_forged_event_of_telnyx_is_refused(stage: Stage, session: aiohttp.ClientSession) -> None:
    assert stage.config.telnyx is not None
    signer = Signer(stage.config.telnyx.signing_key)
    body = json.dumps(
        {
            "data": {
                "record_type": "event", "event_type": "call.initiated", "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
                "occurred_at": "2026-11-25T12:00:00.000000Z",
                "payload": {
                    "call_control_id": "v3:forged", "call_leg_id": "l", "call_session_id": "s", "direction": "incoming",
                    "from": CALLER, "to": stage.desk.agents["telnyx"].number, "state": "parked",
                    "connection_id": stage.config.telnyx.connection_id,
                },
            }
        }
    ).encode()  # fmt: skip
    good = signer.headers(body, int(time.time()))
    for headers, sent in (
        (signer.headers(body, int(time.time()) - 3_600), body),
        (good, body.replace(b"v3:forged", b"v3:other!")),
        ({}, body),
    ):
        async with session.post(
            stage.url + PATHS[0], data=sent, headers=headers | {"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 403
    assert await calls(stage, "v3:forged") == 0


async def test_a_webhook_that_comes_again_changes_nothing(stage: Stage, session: aiohttp.ClientSession) -> None:
    fields = form(stage, "CA" + "1" * 32)
    headers = signed(stage, stage.url + PATHS[0], fields)
    answers = []
    for _ in range(3):
        async with session.post(stage.url + PATHS[0], data=urlencode(fields), headers=headers) as answer:
            answers.append((answer.status, await answer.text()))
    assert [status for status, _ in answers] == [200] * 3
    assert all("<Connect" in text for _, text in answers), answers
    assert await calls(stage, fields["CallSid"]) == 1


@pytest.mark.parametrize("path", ["/media/twilio", "/media/twilio/made-up-token", "/media/telnyx/made-up-token"])
async def test_a_socket_that_nobody_asked_for_gets_no_call(
    path: str, stage: Stage, session: aiohttp.ClientSession
) -> None:
    assert stage.config.twilio is not None
    before = len(refusals(stage, "media-0", "stream.refused"))
    call, url = "CA" + "2" * 32, f"ws://127.0.0.1:{stage.nodes[0].port}{path}"
    start = (
        {"event": "start", "sequence_number": "1", "stream_id": "s", "start": {
            "call_control_id": call, "client_state": "", "media_format": {
                "encoding": "PCMU", "sample_rate": 8000, "channels": 1}, "user_id": "u", "from": "", "to": ""}}
        if "telnyx" in path
        else {"event": "start", "sequenceNumber": "1", "streamSid": "MZ" + "0" * 32, "start": {
            "streamSid": "MZ" + "0" * 32, "accountSid": stage.config.twilio.account_sid, "callSid": call,
            "tracks": ["inbound"], "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}}
    )  # fmt: skip
    async with asyncio.timeout(10), session.ws_connect(url) as socket:
        await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await socket.send_json(start)
        message = await socket.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert socket.close_code == 1008
    assert len(refusals(stage, "media-0", "stream.refused")) == before + 1


async def test_a_socket_with_a_wrong_signature_is_refused_and_logged(
    stage: Stage, session: aiohttp.ClientSession
) -> None:
    url = f"ws://127.0.0.1:{stage.nodes[0].port}/media/twilio/token"
    headers = {"X-Twilio-Signature": sign("another token", url)}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(url, headers=headers)
    assert refused.value.status == 403
    assert [one["reason"] for one in refusals(stage, "media-0", "socket.refused")] == ["forged"]
