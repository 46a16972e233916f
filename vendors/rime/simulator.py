"""A simulated Rime: speech over the JSON WebSocket (`/ws3`), with a context for each clause and word times.

Text waits for `flush`; `clear` drops waiting text, and `eos` ends the connection. Syntheses are spoken one after the
other. The simulator bills the received characters. Source: docs.rime.ai, "Websockets JSON", "Segmentation & Behavior
Settings" and "Error reference". The wording of the vendor's error sentences is unknown.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, make_timing, one_account
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.faulty_socket import accept_socket
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone
from simulator.vendors.speech_chunks import VoiceFailed, pace_chunks
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

PATH: Final = "/ws3"
MODELS: Final = frozenset({"coda", "mistv2", "mistv3"})
_PER_MS: Final = RATE // 1_000
_GARBAGE: Final = '{"type": "chu'
# Statuses and sentences of refused handshakes.
_REFUSALS: Final = {
    "unauthorized": (401, "invalid apikey"),
    "no_credit": (401, "invalid subscription"),
    "rate_limited": (429, "too many concurrent requests"),
}


@dataclass(frozen=True, slots=True)
class RimeTiming:
    """Behavior of the simulated voice.

    Attributes:
        first_audio_ms: Time from a flush to its first audio.
        chunk_ms: Length of the audio in a message.
        speed: Speed of the generation relative to real time.
        voice: Produces the audio.
    """

    first_audio_ms: float = 50.0
    chunk_ms: int = 200
    speed: float = 4.0
    voice: SimulatedVoice = speak_clips


@dataclass(slots=True)
class SimulatedRime:
    """A simulated Rime account.

    Attributes:
        voices: Names of the existing speakers; None accepts any name.
        queries: Query parameters of all handshakes.
        spoken: All flushed texts.
        cleared: Number of times that clients dropped waiting text.
    """

    state: VendorState = field(default_factory=VendorState)
    timing: RimeTiming = field(default_factory=RimeTiming)
    voices: frozenset[str] | None = None
    queries: list[dict[str, str]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    cleared: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(PATH, self._speak)]

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        faults = self.state.open("tts")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        refusal = self._find_refusal(request, faults)
        if refusal is not None:
            return web.Response(status=refusal[0], text=refusal[1])
        socket = await accept_socket(request, faults)
        try:
            await _Connection(self, socket, faults, request).run()
        except FaultCut:
            reset_connection(request)
        return socket

    def _find_refusal(self, request: web.Request, faults: FaultInjector) -> tuple[int, str] | None:
        query = request.query
        if request.headers.get("Authorization") != f"Bearer {self.state.key}":
            return _REFUSALS["unauthorized"]
        if faults.fault is not None and faults.fault.kind in _REFUSALS:
            return _REFUSALS[faults.fault.kind]
        if query.get("modelId") not in MODELS:
            return 400, f"modelId {query.get('modelId')} is not supported"
        rate, speaker = query.get("samplingRate", ""), query.get("speaker", "None")
        if query.get("audioFormat") not in ("mulaw", "pcm") or not rate.isdigit() or int(rate) % RATE:
            return 400, "The simulator knows mulaw and pcm at multiples of 8000 Hz."
        if speaker == "None" or (self.voices is not None and speaker not in self.voices):
            return 400, f"speaker {speaker} is not found"
        return None


class _Connection:
    """A voice connection. Syntheses are spoken one after the other."""

    def __init__(
        self, vendor: SimulatedRime, socket: web.WebSocketResponse, faults: FaultInjector, request: web.Request
    ) -> None:
        self._vendor = vendor
        self._socket = socket
        self._faults = faults
        self._request = request
        self._model = request.query.get("modelId", "")
        self._is_mulaw = request.query["audioFormat"] == "mulaw"
        self._factor = int(request.query["samplingRate"]) // RATE
        self._text: dict[str, str] = {}  # context -> waiting text, in the order of the contexts' first words
        self._clauses: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def run(self) -> None:
        """Serve the connection until the client ends it. Raises FaultCut."""
        reading, speaking = asyncio.create_task(self._read()), asyncio.create_task(self._speak_all())
        try:
            await asyncio.wait({reading, speaking}, return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                speaking.result()
        finally:
            for task in (reading, speaking):
                task.cancel()
            await asyncio.gather(reading, speaking, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            if self._faults.reads_nothing:
                await wait_until_gone(self._request)
                return
            message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT or self._take(json.loads(message.data)):
                return

    def _take(self, message: dict[str, Any]) -> bool:
        """Process a message. Returns whether the client ended the connection."""
        match message.get("operation"):
            case "flush":
                for context, text in self._text.items():
                    self._vendor.spoken.append(text)
                    self._clauses.put_nowait((context, text))
                self._text.clear()
            case "clear":
                self._vendor.cleared += 1
                self._text.clear()
            case "eos":
                return True
            case None:
                text, context = str(message["text"]), str(message.get("contextId", ""))
                self._vendor.state.bill("tts", self._model, "characters", len(text))
                self._text[context] = self._text.get(context, "") + text
        return False

    async def _speak_all(self) -> None:
        while True:
            context, text = await self._clauses.get()
            await self._faults.wait(self._vendor.timing.first_audio_ms / 1_000)
            spoken_ms = 0.0
            for piece in self._vendor.timing.voice(text):
                await self._send_times(context, piece, spoken_ms)
                if not await self._send_audio(context, piece):
                    return
                spoken_ms += len(piece.ulaw) / _PER_MS
            await self._send({"type": "done", "contextId": context})

    async def _send_times(self, context: str, piece: SpokenText, began_ms: float) -> None:
        times = {
            "words": [word.text for word in piece.words],
            "start": [(began_ms + word.start_ms) / 1_000 for word in piece.words],
            "end": [(began_ms + word.end_ms) / 1_000 for word in piece.words],
        }
        await self._send({"type": "timestamps", "word_timestamps": times, "contextId": context})

    async def _send_audio(self, context: str, piece: SpokenText) -> bool:
        """Send the audio of a text. Returns whether the connection continues."""
        try:
            async for chunk in pace_chunks(piece, self._vendor.timing, self._faults):
                if chunk.is_garbage:
                    await self._socket.send_str(_GARBAGE)
                data = base64.b64encode(chunk.ulaw if self._is_mulaw else self._to_pcm(chunk.ulaw)).decode()
                await self._send({"type": "chunk", "data": data, "contextId": context})
        except VoiceFailed:
            await self._send({"type": "error", "message": "500 internal error", "contextId": context})
            await self._socket.close(code=1011, message=b"500 internal error")
            return False
        return True

    def _to_pcm(self, ulaw: bytes) -> bytes:
        return np.repeat(decode(ulaw), self._factor).astype("<i2").tobytes()

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)


def _make(state: VendorState, setting: ServerSetting) -> SimulatedRime:
    timing = make_timing(
        RimeTiming,
        first_audio_ms=setting.first_audio_ms,
        chunk_ms=setting.chunk_ms,
        voice=setting.voice,
        speed=setting.speed,
    )
    return SimulatedRime(state, timing)


_CODA: Final = {"model": "coda"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make), usual={"tts": _CODA}, providers=(SimulatedProvider("rime", "tts", _CODA),)
)
