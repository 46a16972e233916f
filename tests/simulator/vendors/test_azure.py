"""The simulated Azure, used by a client that follows Microsoft's description of the protocol.

`tools/azure_clients.py` tries it with the vendor's own SDKs and with pipecat's services, which need one of them.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, speak, words
from tests.simulator.vendors.azure_callers import make_azure
from vendors.azure_speech.simulator import SimulatedAzure, VendorLimits

TEXT = "i would like to book a table"
SPOKEN = "Good morning, how can I help you?"
LISTEN = "/speech/recognition/conversation/cognitiveservices/v1?language=en-US"
SPEAK = "/cognitiveservices/websocket/v1"
NOW = "2026-11-27T02:03:46.295Z"
MULAW = bytes.fromhex("524946460000000057415645666d74201000000007000100401f0000401f0000010008006461746100000000")
STEREO = MULAW[:22] + b"\x02" + MULAW[23:]
SSML = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'>"
    "<voice name='en-US-AvaMultilingualNeural'>{}</voice></speak>"
)
CONTEXT = {"synthesis": {"audio": {"outputFormat": "raw-8khz-8bit-mono-mulaw"}}}

Socket = aiohttp.ClientWebSocketResponse


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[SimulatedAzure, str]]:
    made = make_azure(TEXT)
    async with running_vendor(made.routes(), None) as address:
        yield made, address


@asynccontextmanager
async def connected(vendor: tuple[SimulatedAzure, str], path: str, **headers: str) -> AsyncIterator[Socket]:
    made, address = vendor
    sent = {"Ocp-Apim-Subscription-Key": made.state.key, "X-ConnectionId": uuid.uuid4().hex, **headers}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://{address}{path}", headers=sent) as socket,
        asyncio.timeout(30),
    ):
        yield socket


def text(path: str, request_id: str = "", body: object = None, content: str = "") -> str:
    request = f"X-RequestId:{request_id}\r\n" if request_id else ""
    return f"Path:{path}\r\n{request}X-Timestamp:{NOW}\r\n\r\n{content or json.dumps(body or {})}"


def audio(request_id: str, body: bytes) -> bytes:
    head = f"Path:audio\r\nX-RequestId:{request_id}\r\nX-Timestamp:{NOW}\r\n".encode()
    return len(head).to_bytes(2, "big") + head + body


def parse(message: aiohttp.WSMessage) -> tuple[str, Any]:
    """The path, and the body's JSON or bytes."""
    if message.type == aiohttp.WSMsgType.BINARY:
        return "audio", message.data[2 + int.from_bytes(message.data[:2], "big") :]
    head, _, body = message.data.partition("\r\n\r\n")
    path = next(line.partition(":")[2] for line in head.split("\r\n") if line.startswith("Path:"))
    return path, json.loads(body) if body else None


async def receive_turn(socket: Socket) -> list[tuple[str, Any]]:
    """All messages up to `turn.end`."""
    found: list[tuple[str, Any]] = []
    while not found or found[-1][0] != "turn.end":
        found.append(parse(await socket.receive()))
    return found


async def closing(socket: Socket) -> tuple[int | None, str]:
    """Close code and reason."""
    while (message := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
        pass
    return socket.close_code, str(message.extra or "")


async def test_a_turn_of_the_recognizer_goes_from_start_to_end(vendor: tuple[SimulatedAzure, str]) -> None:
    made, _ = vendor
    async with connected(vendor, LISTEN) as socket:
        await socket.send_str(text("speech.config"))
        for _ in range(2):
            request_id = uuid.uuid4().hex
            options = {"detailed": {"options": ["WordTimings"]}, "format": "Detailed"}
            await socket.send_str(text("speech.context", request_id, {"phraseOutput": options}))
            await socket.send_bytes(audio(request_id, MULAW))
            said = speak(TEXT)
            for at in range(0, len(said), 4_000):
                await socket.send_bytes(audio(request_id, said[at : at + 4_000]))
            await socket.send_bytes(audio(request_id, b""))
            messages = await receive_turn(socket)
            assert [messages[0][0], messages[-2][0]] == ["turn.start", "speech.endDetected"]
            phrases = [body for path, body in messages if path == "speech.phrase"]
            assert [phrase["RecognitionStatus"] for phrase in phrases] == ["Success", "EndOfDictation"]
            best = phrases[0]["NBest"][0]
            assert [word["Word"] for word in best["Words"]] == TEXT.split()
            assert best["Display"] == "I would like to book a table."
            assert best["Words"][0]["Offset"] == phrases[0]["Offset"] < 1_000_000
            hypotheses = [body["Text"] for path, body in messages if path == "speech.hypothesis"]
            assert hypotheses[-1] == TEXT
    assert made.state.total("stt", "ms") == 2 * len(said) / 8


async def test_silence_ends_a_phrase_and_the_turn_goes_on(vendor: tuple[SimulatedAzure, str]) -> None:
    async with connected(vendor, f"{LISTEN}&segmentationSilenceTimeoutMs=200") as socket:
        await socket.send_str(text("speech.config"))
        request_id = uuid.uuid4().hex
        await socket.send_bytes(audio(request_id, MULAW))
        for piece in (speak(TEXT), SILENCE * 2_400):
            for at in range(0, len(piece), 8_000):
                await socket.send_bytes(audio(request_id, piece[at : at + 8_000]))
        found = [parse(await socket.receive())]
        while found[-1][0] != "speech.phrase":
            found.append(parse(await socket.receive()))
        assert found[-1][1]["DisplayText"] == "I would like to book a table."


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["no header separator"], 1007, "Text message contains no header separator"),
        ([b"\xff\xff"], 1007, "Binary message has invalid header size"),
        ([f"X-Timestamp:{NOW}\r\n\r\n{{}}"], 1002, "Missing/Empty header. Path."),
        (["Path:speech.context\r\n\r\n{}"], 1002, "Missing/Empty header. X-RequestId."),
        ([text("speech.context", str(uuid.uuid4()))], 1002, "not specified in no-dash UUID format"),
        ([text("speech.config", content="nonsense")], 1007, "no JSON object"),
        ([audio("a" * 32, MULAW)], 1002, "speech.config"),
        ([text("speech.config"), audio("a" * 32, b"\xff" * 800)], 1007, "RIFF header"),
        ([text("speech.config"), audio("a" * 32, STEREO)], 1007, "Unsupported audio format"),
        ([text("speech.config"), audio("a" * 32, MULAW + b"\xff" * 8_200)], 1007, "too large"),
        (
            [text("speech.context", "a" * 32, {"dgi": {"Groups": [{"Items": [{"Text": "x"}] * 501}]}})],
            1007,
            "More than 500 phrases",
        ),
    ],
)
async def test_what_breaks_the_protocol_ends_the_connection(
    vendor: tuple[SimulatedAzure, str], messages: list[str | bytes], code: int, reason: str
) -> None:
    async with connected(vendor, LISTEN) as socket:
        for message in messages:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        closed = await closing(socket)
    assert closed[0] == code
    assert reason in closed[1]


async def test_an_id_of_a_request_is_used_once(vendor: tuple[SimulatedAzure, str]) -> None:
    async with connected(vendor, LISTEN) as socket:
        await socket.send_str(text("speech.config"))
        await socket.send_bytes(audio("a" * 32, MULAW))
        await socket.send_bytes(audio("a" * 32, b""))
        await receive_turn(socket)
        await socket.send_str(text("telemetry", "a" * 32))
        await socket.send_bytes(audio("a" * 32, SILENCE * 160))  # was on its way
        await socket.send_str(text("speech.context", "a" * 32))
        assert await closing(socket) == (1002, "Invalid request. Reuse of request identifiers is not allowed.")


@pytest.mark.parametrize("path", [LISTEN, SPEAK])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Ocp-Apim-Subscription-Key": "wrong"}, 401), ({"X-ConnectionId": "none"}, 400)],
)
async def test_a_handshake_needs_a_key_and_an_id(
    vendor: tuple[SimulatedAzure, str], path: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        async with connected(vendor, path, **headers):
            pass
    assert raised.value.status == status


@pytest.mark.parametrize("path", [LISTEN, SPEAK])
async def test_connections_that_are_idle_or_old_end(vendor: tuple[SimulatedAzure, str], path: str) -> None:
    made, _ = vendor
    for limits in (VendorLimits(idle_s=0.05), VendorLimits(lifetime_s=0.05)):
        made.recognizer.limits = made.speech.limits = limits
        async with connected(vendor, path) as socket:
            assert (await closing(socket))[0] == 1000


async def speak_turn(socket: Socket, ssml: str, context: object = None) -> str:
    """Sends what a turn of a voice needs; returns its id."""
    request_id = uuid.uuid4().hex
    await socket.send_str(text("speech.config"))
    await socket.send_str(text("synthesis.context", request_id, context or CONTEXT))
    await socket.send_str(text("ssml", request_id, content=ssml))
    return request_id


async def test_a_voice_sends_audio_and_words(vendor: tuple[SimulatedAzure, str]) -> None:
    made, _ = vendor
    async with connected(vendor, SPEAK) as socket:
        await speak_turn(socket, SSML.format(SPOKEN))
        messages = await receive_turn(socket)
    assert [path for path, _ in messages[:2]] == ["turn.start", "response"]
    sound = b"".join(body for path, body in messages if path == "audio")
    assert [word.text for word in find_words(decode(sound), words(SPOKEN))] == words(SPOKEN)
    marks = [mark for path, body in messages if path == "audio.metadata" for mark in body["Metadata"]]
    said = [mark["Data"]["text"]["Text"] for mark in marks if mark["Type"] == "WordBoundary"]
    assert said == [word.rstrip(",?") for word in SPOKEN.split()]
    assert marks[-1] == {"Type": "SessionEnd", "Data": {"Offset": len(sound) * 1_250}}
    assert made.state.total("tts", "characters") == len(SPOKEN)


@pytest.mark.parametrize(
    ("ssml", "context", "reason"),
    [
        (SSML.format("Fish & chips"), None, "Invalid SSML"),
        ("<speak/>", None, "Ssml should contain speak"),
        (SSML.format("x" * 66_000), None, "too long"),
        (
            SSML.format("Hi."),
            {"synthesis": {"audio": {"outputFormat": "riff-24khz-16bit-mono-pcm"}}},
            "simulator knows",
        ),
        (SSML.replace("Ava", "Nobody").format("Hi."), None, "Unsupported voice"),
    ],
)
async def test_ssml_that_the_vendor_does_not_take_ends_the_connection(
    vendor: tuple[SimulatedAzure, str], ssml: str, context: object, reason: str
) -> None:
    made, _ = vendor
    made.speech.voices = frozenset({"en-US-AvaMultilingualNeural"})
    async with connected(vendor, SPEAK) as socket:
        await speak_turn(socket, ssml, context)
        code, words_of_it = await closing(socket)
    assert code == 1007
    assert reason in words_of_it


async def test_a_turn_can_be_stopped_or_replaced(vendor: tuple[SimulatedAzure, str]) -> None:
    made, _ = vendor
    made.speech.timing = replace(made.speech.timing, speed=0.5)
    async with connected(vendor, SPEAK) as socket:
        first = await speak_turn(socket, SSML.format(SPOKEN))
        await socket.send_str(text("synthesis.control", first, {"action": "stop"}))
        assert (await receive_turn(socket))[-1] == ("turn.end", {})
        await speak_turn(socket, SSML.format(SPOKEN))
        made.speech.timing = replace(made.speech.timing, speed=200)
        await speak_turn(socket, SSML.format("Yes."))
        messages = await receive_turn(socket)
    assert made.speech.stopped == 1
    sound = b"".join(body for path, body in messages if path == "audio")
    assert [word.text for word in find_words(decode(sound), ["yes", "help"])] == ["yes"]


async def test_markup_is_billed_but_for_the_outermost(vendor: tuple[SimulatedAzure, str]) -> None:
    made, _ = vendor
    inner = "<prosody rate='+10%'>Hi.</prosody>"
    async with connected(vendor, SPEAK) as socket:
        await speak_turn(socket, SSML.format(inner))
        await receive_turn(socket)
    assert made.state.total("tts", "characters") == len(inner)
