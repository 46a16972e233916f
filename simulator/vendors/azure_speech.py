"""The voices of a simulated Azure speech service: one turn after another over a WebSocket, each from its SSML.

Written from docs/vendors/azure.md. What it does not know of the vendor: the order of words and audio (here the words of
a piece come before it), and when a stopped turn ends (here at once).
"""

import asyncio
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree

from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.azure_messages import (
    ProtocolBroken,
    SpeechMessage,
    make_audio,
    make_text,
    read_binary,
    read_text,
)
from simulator.vendors.azure_socket import THROTTLED, THROTTLED_REASON, AzureSocket, VendorLimits, open_azure_socket
from simulator.vendors.faults import FaultCut
from simulator.vendors.server import VendorState
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

PATHS: Final = ("/tts/cognitiveservices/websocket/v1", "/cognitiveservices/websocket/v1")
MAX_SSML_BYTES: Final = 64 * 1_024
TICKS_PER_MS: Final = 10_000
_FORMATS: Final = ("raw-8khz-8bit-mono-mulaw", "raw-8khz-16bit-mono-pcm")
_PER_MS: Final = RATE // 1_000
_SYNTHESIS: Final = "{http://www.w3.org/2001/10/synthesis}"
_VOICE_TAGS: Final = re.compile(r"</?(speak|voice)\b[^>]*>|<\?xml[^>]*\?>")
_GARBAGE: Final = "Path:audio.metad"


@dataclass(frozen=True, slots=True)
class SynthesisTiming:
    """first_audio_ms: from the SSML to the first audio. chunk_ms: audio of a message. speed: of generation, in times
    real time. max_speaking: turns that are spoken at once, in all connections. times_words: words come with offsets
    that rise; else all are 0, as of some voices. can_stop: `synthesis.control` ends a turn. voice: what speaks."""

    first_audio_ms: float = 75.0
    chunk_ms: int = 100
    speed: float = 4.0
    max_speaking: int = 200
    times_words: bool = True
    can_stop: bool = True
    voice: SimulatedVoice = speak_clips


@dataclass(slots=True)
class AzureSpeech:
    """All connections. voices: names that there are, None for any. ssml: what was spoken. contexts: of all turns.
    stopped: turns that a client stopped. speaking: turns that are spoken now."""

    state: VendorState
    timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    voices: frozenset[str] | None = None
    ssml: list[str] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    stopped: int = 0
    speaking: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """What the server answers."""
        return [web.get(path, self._serve) for path in PATHS]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        opened = await open_azure_socket(self.state, request, "tts", self.limits)
        if isinstance(opened, web.Response):
            return opened
        await _SpeakingConnection(self, opened).run()
        return opened.socket


class _SpeakingConnection:
    """One WebSocket. A turn that comes while another is spoken takes its place."""

    def __init__(self, speech: AzureSpeech, opened: AzureSocket) -> None:
        self._speech = speech
        self._opened = opened
        self._faults = opened.faults
        self._is_configured = False
        self._contexts: dict[str, dict[str, Any]] = {}
        self._over: set[str] = set()
        self._turn: asyncio.Task[None] | None = None
        self._request_id = ""

    async def run(self) -> None:
        """Reads until the connection is over."""
        ends_at = time.monotonic() + self._speech.limits.lifetime_s
        try:
            while await self._read(ends_at - time.monotonic()):
                pass
        except ProtocolBroken as broken:
            await self._opened.end(broken.code, str(broken))
        except ConnectionError:
            pass  # the client has gone
        finally:
            await self._cancel()

    async def _read(self, left_s: float) -> bool:
        """Takes one message; false at the end. Raises ProtocolBroken."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            async with asyncio.timeout(min(left_s, self._speech.limits.idle_s)):
                message = await self._opened.socket.receive()
        except TimeoutError:
            await self._opened.end(1000, "Exceeded maximum websocket connection idle duration.")
            return False
        if message.type == WSMsgType.TEXT:
            await self._take(read_text(message.data))
        elif message.type == WSMsgType.BINARY:
            read_binary(message.data)
        return message.type in (WSMsgType.TEXT, WSMsgType.BINARY)

    async def _take(self, message: SpeechMessage) -> None:
        """Raises ProtocolBroken."""
        if message.path == "speech.config":
            message.json()
            self._is_configured = True
        elif message.path == "synthesis.context":
            self._contexts[message.request_id] = message.json()
            self._speech.contexts.append(message.json())
        elif message.path == "synthesis.control":
            await self._stop(message)
        elif message.path == "ssml":
            await self._begin(message)

    async def _begin(self, message: SpeechMessage) -> None:
        """Raises ProtocolBroken."""
        if not self._is_configured or message.request_id not in self._contexts:
            raise ProtocolBroken(1007, "speech.config and synthesis.context have to come before ssml.")
        if message.request_id in self._over:
            raise ProtocolBroken(1002, "Invalid request. Reuse of request identifiers is not allowed.")
        self._over.add(message.request_id)
        speech, ssml = self._speech, message.body.decode()
        if self._faults.has("rate_limited") or speech.speaking >= speech.timing.max_speaking:
            raise ProtocolBroken(THROTTLED, THROTTLED_REASON)
        text = self._read_ssml(ssml)
        await self._require_voice(message.request_id, ssml)
        speech.ssml.append(ssml)
        speech.state.bill("tts", "neural", "characters", len(_VOICE_TAGS.sub("", ssml)))
        await self._cancel()
        self._request_id = message.request_id
        self._turn = asyncio.create_task(self._speak(message.request_id, text))

    def _read_ssml(self, ssml: str) -> str:
        """The text. Raises ProtocolBroken."""
        if len(ssml.encode()) > MAX_SSML_BYTES:
            raise ProtocolBroken(1007, "SSML text is too long.")
        try:
            root = ElementTree.fromstring(ssml)  # of our own client, on this machine
        except ElementTree.ParseError as error:
            raise ProtocolBroken(1007, f"Invalid SSML: {error}") from None
        voice = root.find(f"{_SYNTHESIS}voice")
        if root.tag != f"{_SYNTHESIS}speak" or root.get("version") is None or voice is None:
            raise ProtocolBroken(1007, "Ssml should contain speak with version, and at least one voice.")
        return "".join(voice.itertext())

    async def _require_voice(self, request_id: str, ssml: str) -> None:
        """A voice that there is not is told behind the turn's start. Raises ProtocolBroken."""
        name = ElementTree.fromstring(ssml).find(f"{_SYNTHESIS}voice").get("name", "")  # type: ignore[union-attr]
        if self._speech.voices is not None and name not in self._speech.voices:
            await self._opened.socket.send_str(make_text("turn.start", request_id, {"context": {}}))
            raise ProtocolBroken(1007, f"Unsupported voice {name}.")

    async def _stop(self, message: SpeechMessage) -> None:
        """Raises ProtocolBroken."""
        is_stop = message.json().get("action") == "stop" and self._speech.timing.can_stop
        if is_stop and message.request_id == self._request_id and self._turn:
            self._speech.stopped += 1
            await self._cancel()
            await self._opened.socket.send_str(make_text("turn.end", message.request_id, {}))

    async def _cancel(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.gather(self._turn, return_exceptions=True)
            self._turn = None

    async def _speak(self, request_id: str, text: str) -> None:
        self._speech.speaking += 1
        try:
            stream_id = await self._start(request_id)
            spoken_ms = 0.0
            for piece in self._speech.timing.voice(text):
                await self._send_piece(request_id, stream_id, piece, spoken_ms)
                spoken_ms += len(piece.ulaw) / _PER_MS
            await self._send_metadata(request_id, [{"Type": "SessionEnd", "Data": {"Offset": _ticks(spoken_ms)}}])
            await self._opened.socket.send_bytes(make_audio(request_id, stream_id, b""))
            self._turn = None
            await self._opened.socket.send_str(make_text("turn.end", request_id, {}))
        except ConnectionError:
            pass
        except FaultCut:
            self._opened.reset()
        finally:
            self._speech.speaking -= 1

    async def _start(self, request_id: str) -> str:
        """The id of the turn's audio."""
        tag, stream_id = uuid.uuid4().hex, uuid.uuid4().hex.upper()
        socket = self._opened.socket
        await socket.send_str(make_text("turn.start", request_id, {"context": {"serviceTag": tag}}))
        audio = {"type": "inline", "streamId": stream_id}
        await socket.send_str(make_text("response", request_id, {"context": {"serviceTag": tag}, "audio": audio}))
        await self._faults.wait(self._speech.timing.first_audio_ms / 1_000)
        return stream_id

    async def _send_piece(self, request_id: str, stream_id: str, piece: SpokenText, began_ms: float) -> None:
        timing = self._speech.timing
        size, left = timing.chunk_ms * _PER_MS, list(piece.words)
        for at in range(0, len(piece.ulaw), size):
            if at:
                await self._faults.wait(timing.chunk_ms / 1_000 / timing.speed)
            if self._faults.reports_error:
                await self._opened.end(1011, "Internal Server Error.")
                raise ConnectionError
            if await self._faults.begin_unit():
                await self._opened.socket.send_str(_GARBAGE)
            due = [word for word in left if word.start_ms < (at + size) / _PER_MS]
            left = left[len(due) :]
            marks = [self._mark(word.text, began_ms + word.start_ms, word.end_ms - word.start_ms) for word in due]
            if marks:
                await self._send_metadata(request_id, marks)
            await self._send_audio(request_id, stream_id, piece.ulaw[at : at + size])

    def _mark(self, text: str, at_ms: float, length_ms: float) -> dict[str, Any]:
        """A word; its punctuation is told apart, and left out here."""
        word = {"Text": text.rstrip(".,!?;:"), "Length": len(text.rstrip(".,!?;:")), "BoundaryType": "WordBoundary"}
        offset = _ticks(at_ms) if self._speech.timing.times_words else 0
        return {"Type": "WordBoundary", "Data": {"Offset": offset, "Duration": _ticks(length_ms), "text": word}}

    async def _send_metadata(self, request_id: str, marks: list[dict[str, Any]]) -> None:
        await self._opened.socket.send_str(make_text("audio.metadata", request_id, {"Metadata": marks}))

    async def _send_audio(self, request_id: str, stream_id: str, ulaw: bytes) -> None:
        output = self._contexts[request_id].get("synthesis", {}).get("audio", {}).get("outputFormat", "")
        if output not in _FORMATS:
            await self._opened.end(1007, f"The simulator knows {' and '.join(_FORMATS)}.")
            raise ConnectionError
        data = ulaw if output == _FORMATS[0] else decode(ulaw).astype("<i2").tobytes()
        await self._opened.socket.send_bytes(make_audio(request_id, stream_id, data))


def _ticks(ms: float) -> int:
    """Units of 100 ns."""
    return round(ms * TICKS_PER_MS)
