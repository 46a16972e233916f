"""Speech vendors at addresses that customers gave: the checked address is connected to, in the name of the host."""

import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from media.providers.factory import ProviderFactory
from media.providers.ports import ProviderError
from shared.egress import EgressGuard
from shared.plan import decode_plan
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from vendors.cartesia import media as cartesia_media
from vendors.cartesia.simulator import SimulatedCartesia
from vendors.deepgram import media as deepgram_media
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.standin import media as standin_media

HOST = "speech.example.com"
VENDORS = (cartesia_media.VENDOR, deepgram_media.VENDOR, standin_media.VENDOR)
ROLES = [("deepgram", "stt"), ("deepgram", "tts"), ("cartesia", "stt"), ("cartesia", "tts")]
PATHS = ("/v1/listen", "/v1/speak", "/stt/websocket", "/tts/websocket")
# What some resolver reads as a private address, and other hosts that must not be reached.
FORBIDDEN = [
    *("127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.2]", "[64:ff9b::7f00:2]", "[fe80::1]"),
    *(
        "0177.0.0.2",
        "2130706434",
        "0x7f.2",
        "127.2",
        "\u2460\u2461\u2466.0.0.2",
        "127\u30020\u30020\u30022",
        "localhost\u200b",
    ),
]


class Names:
    """Answers of the name server in their order; the last one stays."""

    def __init__(self, *answers: str) -> None:
        self.asked, self._answers = 0, answers

    def look_up(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        family = socket.AF_INET6 if ":" in answer else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (answer, port))]


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Both vendors with a certificate for HOST."""
    certificate = make_certificate(tmp_path, (HOST,))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    routes = [*SimulatedDeepgram().routes(), *SimulatedCartesia().routes()]
    async with running_vendor(routes, certificate) as address:
        yield int(address.rpartition(":")[2])


async def connect(vendor: str, kind: str, base_url: str, guard: EgressGuard) -> None:
    """Uses the guarded provider as a call does. Raises ProviderError."""
    options: dict[str, Any] = {"base_url": base_url, "api_key": "simulated-vendor-key"}
    chain = [{"provider": "mine", "vendor": vendor, "options": options, "guarded": True}]
    chains = {name: [{"provider": "standin"}] for name in ("stt", "llm", "tts")} | {kind: chain}
    plan = decode_plan(msgspec.json.encode({"agent": {}, **chains}))
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http, guard=guard)
        providers = factory.build(plan, lambda failed: None, lambda usage: None)
        try:
            member = next(one for one in providers.members if getattr(one, "name", "") == "mine")
            await _use(member, kind)
        finally:
            await factory.close()


async def _use(member: Any, kind: str) -> None:
    if kind == "stt":
        session = await member.open("en", lambda event: None)
        await session.close()
        return

    async def text() -> AsyncIterator[str]:
        yield "Hello."

    speech = member.stream(text(), "en")
    assert (await anext(speech)).audio
    await speech.aclose()


@pytest.mark.parametrize(("vendor", "kind"), ROLES)
async def test_the_name_is_resolved_once_and_a_rebound_one_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch, vendor: str, kind: str
) -> None:
    names = Names("127.0.0.1", "127.0.0.2") if kind == "stt" else Names("127.0.0.1")  # a voice prepares a connection
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    guard = EgressGuard(["127.0.0.1/32"])
    await connect(vendor, kind, f"wss://{HOST}:{port}", guard)
    assert names.asked == 1 or kind == "tts"
    monkeypatch.setattr(socket, "getaddrinfo", Names("127.0.0.2").look_up)
    with pytest.raises(ProviderError, match="cannot connect: EgressRefused"):
        await connect(vendor, kind, f"wss://{HOST}:{port}", guard)


async def test_the_certificate_has_to_be_the_hosts(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names("127.0.0.1").look_up)
    with pytest.raises(ProviderError, match="cannot connect"):
        await connect("deepgram", "stt", f"wss://other.example.com:{port}", EgressGuard(["127.0.0.1/32"]))


@pytest.mark.parametrize("host", FORBIDDEN)
async def test_no_private_address_is_connected_to_in_any_spelling(port: int, host: str) -> None:
    for vendor, kind in ROLES:
        with pytest.raises(ProviderError, match="cannot connect"):
            await connect(vendor, kind, f"wss://{host}:{port}", EgressGuard(["127.0.0.1/32"]))


@pytest.mark.parametrize(("vendor", "kind"), ROLES)
async def test_a_redirect_of_the_handshake_is_not_followed(vendor: str, kind: str) -> None:
    reached: list[str] = []

    async def inside(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response()

    def redirect(target: str) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": f"http://{target}{request.path}"})

        return answer

    async with (
        running_vendor([web.get("/{path:.*}", inside)], None) as private,
        running_vendor([web.get(path, redirect(private)) for path in PATHS], None) as address,
    ):
        with pytest.raises(ProviderError, match="HTTP 302"):
            await connect(vendor, kind, f"ws://{address}", EgressGuard(["127.0.0.1/32"]))
    assert reached == []
