"""Trying key, model and voice at the simulated speech vendors, as is done before they are saved."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest
from aiohttp import web

from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider
from control.voice.role_check import can_check, check_roles
from control.voice.routing.rules import VENDOR, Kind
from shared.egress import EgressGuard
from shared.errors import Invalid
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault, FaultKind, Role
from simulator.vendors.server import reset_connection, running_vendor
from tests.control.agents.strategies import offer
from vendors.cartesia.simulator import SimulatedCartesia
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.elevenlabs.simulator import SimulatedElevenLabs

KEY = "simulated-vendor-key"
Vendor = SimulatedCartesia | SimulatedDeepgram | SimulatedElevenLabs
VOICE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
# Of each vendor, what it accepts.
FINE: dict[str, dict[Kind, dict[str, Any]]] = {
    "deepgram": {"stt": {"model": "nova-3", "keyterm": ["Maple"]}, "tts": {"model": "aura-2-thalia-en"}},
    "cartesia": {"stt": {"model": "ink-2"}, "tts": {"model": "sonic-3.5", "voice_id": VOICE}},
    "elevenlabs": {
        "stt": {"model": "scribe_v2_realtime", "keyterm": ["Maple"]},
        "tts": {"model": "eleven_flash_v2_5", "voice_id": VOICE, "speed": 1.1},
    },
}
SPEAKING = ("cartesia", "elevenlabs")
SPOKEN = {"cartesia": "Hi.", "elevenlabs": "Hi. "}
KEY_WORDS = {"cartesia": "The API key is invalid", "deepgram": "Invalid credentials", "elevenlabs": "Invalid API key"}


def provider(vendor: str, address: str, kind: Kind, key: str = KEY, **changed: Any) -> KeyedProvider:
    """A provider with one role, whose address is that of its WebSocket."""
    options = {**FINE[vendor][kind], "base_url": f"ws://{address}", **changed}
    return KeyedProvider(offer(f"my-{vendor}", kinds=[kind], config={VENDOR: vendor, kind: options}), key)


def make_vendor(name: str) -> Vendor:
    voices = frozenset({VOICE})
    if name == "elevenlabs":
        return SimulatedElevenLabs(voices=voices)
    return SimulatedCartesia(voices=voices) if name == "cartesia" else SimulatedDeepgram()


@asynccontextmanager
async def running(name: str) -> AsyncIterator[tuple[Vendor, str]]:
    vendor = make_vendor(name)
    async with running_vendor(vendor.routes(), None) as address:
        yield vendor, address


async def refusal(asked: KeyedProvider, timeout_s: float = 5.0) -> Invalid:
    with pytest.raises(Invalid) as raised:
        await KeyChecker(EgressGuard(), timeout_s).check(KeyCheck(asked))
    return raised.value


@pytest.mark.parametrize("name", FINE)
async def test_what_the_vendor_accepts_is_accepted_for_next_to_nothing(name: str) -> None:
    async with running(name) as (vendor, address):
        config = {kind: {**options, "base_url": f"ws://{address}"} for kind, options in FINE[name].items()}
        both = KeyedProvider(offer(f"my-{name}", kinds=["stt", "tts"], config={VENDOR: name, **config}), KEY)
        assert set(await check_roles(both, 5.0)) == {"stt", "tts"}
        others: dict[str, list[dict[str, Any]]] = {
            "deepgram": [{"model": "flux-general-en"}],
            "cartesia": [{"turns": True}, {"model": "ink-whisper", "keyterm": ["x" * 100] * 12}],
            "elevenlabs": [{"no_verbatim": True}],
        }
        for changed in others[name]:
            assert await check_roles(provider(name, address, "stt", **changed), 5.0)
        assert vendor.state.total("stt", "ms") == 0
        assert vendor.state.total("tts", "characters") == len(SPOKEN.get(name, ""))


@pytest.mark.parametrize(
    ("name", "kind", "changed", "param", "words"),
    [
        ("deepgram", "stt", {"model": "nova-33"}, "config.stt.model", "No such model/language/tier combination"),
        ("deepgram", "stt", {"model": "flux-general-xx"}, "config.stt.model", "No such model"),
        ("deepgram", "stt", {"keyterm": ["x"] * 101}, "config.stt.keyterm", "expected `array` of length <= 100"),
        ("deepgram", "tts", {"model": "aura-2-nobody-en"}, "config.tts.model", "No such model"),
        ("cartesia", "stt", {"model": "ink-9"}, "config.stt.model", "There is no such model"),
        ("cartesia", "stt", {"model": "ink-9", "turns": True}, "config.stt.model", "There is no such model"),
        (
            "cartesia",
            "stt",
            {"turns": True, "turn_eager_end_threshold": 0.3, "turn_end_threshold": 0.4},
            "config.stt",
            "start > eager_end > end",
        ),
        ("cartesia", "tts", {"model": "sonic-99"}, "config.tts.model", "There is no such model"),
        ("cartesia", "tts", {"voice_id": "nobody"}, "config.tts.voice_id", "There is no such voice"),
        ("cartesia", "tts", {"speed": 9.0}, "config.tts.speed", "expected `float` <= 1.5"),
        ("elevenlabs", "stt", {"model": "scribe_v9"}, "config.stt.model", "Invalid model_id"),
        ("elevenlabs", "stt", {"keyterm": ["x" * 21]}, "config.stt.keyterm", "expected `str` of length <= 20"),
        ("elevenlabs", "tts", {"model": "eleven_9"}, "config.tts.model", "model_id eleven_9 does not exist"),
        ("elevenlabs", "tts", {"voice_id": "nobody"}, "config.tts.voice_id", "voice_id nobody does not exist"),
        ("elevenlabs", "tts", {"speed": 9.0}, "config.tts.speed", "expected `float` <= 1.2"),
    ],
)
async def test_the_vendors_reason_names_the_option(
    name: str, kind: Kind, changed: dict[str, Any], param: str, words: str
) -> None:
    async with running(name) as (_, address):
        refused = await refusal(provider(name, address, kind, **changed))
    assert (refused.code, refused.param) == ("provider_refused", param)
    assert words in str(refused)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in FINE.items() for kind in kinds])
async def test_a_wrong_key_is_refused_in_the_vendors_words(name: str, kind: Kind) -> None:
    async with running(name) as (_, address):
        refused = await refusal(provider(name, address, kind, "wrong-key-1234"))
    assert (refused.code, refused.param) == ("key_refused", "api_key")
    assert "wrong-key" not in str(refused)
    assert KEY_WORDS[name] in str(refused)


@pytest.mark.parametrize("name", FINE)
@pytest.mark.parametrize("fault", ["refuse", "no_credit", "rate_limited"])
@pytest.mark.parametrize("kind", ["stt", "tts"])
async def test_each_failure_of_a_vendor_is_told(name: str, kind: Kind, fault: FaultKind) -> None:
    async with running(name) as (vendor, address):
        role: Role = "stt" if kind == "stt" else "tts"
        vendor.state.faults.keep(role, Fault(fault))
        refused = await refusal(provider(name, address, kind))
    assert refused.code == "provider_refused"
    assert {"refuse": "no connection", "no_credit": "402", "rate_limited": "429"}[fault] in str(refused)


async def test_a_region_whose_host_does_not_answer_is_named() -> None:
    refused = await refusal(provider("deepgram", "127.0.0.1:9", "stt"))
    assert (refused.code, refused.param) == ("provider_refused", "config.stt.base_url")


async def test_the_certificate_of_a_wss_address_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, vendor = make_certificate(tmp_path), SimulatedDeepgram()
    async with running_vendor(vendor.routes(), certificate) as address:
        asked = provider("deepgram", address, "stt", base_url=f"wss://{address}")
        assert "no connection" in str(await refusal(asked))
        assert vendor.state.opened["stt"] == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        assert await check_roles(asked, 5.0)


async def test_what_goes_wrong_at_a_customers_address_is_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a customer could find out by us which ports and names exist."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await reader.read()
        writer.close()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    checker, told = KeyChecker(EgressGuard(["127.0.0.1/32"]), 0.5), set[str]()
    async with (
        await asyncio.start_server(greet, "127.0.0.1", 0) as other,
        await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent,
    ):
        hosts = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (other, silent)]
        urls = (f"ws://{hosts[0]}", f"wss://{hosts[0]}", f"ws://{hosts[1]}")
        for url in (*urls, "wss://127.0.0.1:9", "wss://unknown.example.com", "wss://private.example.com"):
            asked = provider("deepgram", "", "stt", base_url=url)
            with pytest.raises(Invalid) as raised:
                await checker.check(KeyCheck(asked, is_guarded=True))
            assert (raised.value.code, raised.value.param) == ("provider_refused", "config.stt.base_url")
            told.add(str(raised.value))
    assert len(told) == 1


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("ws://127.0.0.1:1/elsewhere")


async def silent(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.receive()
    await socket.receive()
    return socket


async def garbage(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str('{"type":"Resu')
    return socket


async def closing(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=1008, message=b"DATA-0000 " + KEY.encode())
    return socket


async def long_message(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("x" * 300_000)
    return socket


async def no_socket(request: web.Request) -> web.StreamResponse:
    return web.Response(text="hello")


async def reset(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.receive()
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    assert connection is not None
    connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    reset_connection(request)
    return socket


async def empty_frames(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    while request.transport is not None and not request.transport.is_closing():
        request.transport.write(bytes(65_536))  # each two of them are a frame that goes on and holds nothing
        await asyncio.sleep(0)
    return socket


async def plain_error(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.ping()
    await socket.send_str(json.dumps({"type": "Error", "description": f"no {KEY} here", "code": "X"}))
    return socket


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (redirect, "HTTP 307"),
        (silent, r"no answer within 0\.3 s"),
        (garbage, "a message that cannot be read"),
        (closing, r"closed with 1008: DATA-0000 \*\*\*"),
        (long_message, "a message that is too long"),
        (no_socket, "HTTP 200"),
        (reset, "closed with 1006"),
        (empty_frames, "no message within 100 frames"),
        (plain_error, r"error: no \*\*\* here"),
    ],
)
async def test_what_is_no_answer_is_a_failure_without_the_key(answer: Answer, reason: str) -> None:
    async with running_vendor([web.get("/v1/listen", answer)], None) as address:
        asked = provider("deepgram", address, "stt")
        with pytest.raises(Invalid, match=reason) as raised:
            await KeyChecker(EgressGuard(), 0.3 if answer is silent else 5.0).check(KeyCheck(asked))
    assert KEY not in str(raised.value)


async def test_a_role_without_a_server_is_not_asked() -> None:
    rules = KeyedProvider(offer("receptionist", kinds=["llm"]), "")
    assert not can_check(rules, "llm")
    await KeyChecker(EgressGuard()).check(KeyCheck(rules))
    assert KeyChecker(EgressGuard()).prepare(None) is None
    assert await check_roles(replace(rules), 1.0) == {}
