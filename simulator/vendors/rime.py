"""A simulated Rime: speech over its JSON WebSocket (`/ws3`), with a context for each clause and the times of words.

Text waits for `flush`; `clear` drops what waits, `eos` ends the connection. Billed: the characters that were sent.
Source: docs.rime.ai/api-reference/endpoint/websockets-json.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.server import VendorState, reset_connection
from simulator.vendors.voice import speak, word_times

PATH: Final = "/ws3"
CHUNK_MS: Final = 200


@dataclass(slots=True)
class SimulatedRime:
    """first_s: from flush to the first audio. speed: how much faster than real time audio comes. spoken: the texts that
    were flushed."""

    state: VendorState = field(default_factory=VendorState)
    first_s: float = 0.05
    speed: float = 4.0
    spoken: list[str] = field(default_factory=list)
    cleared: int = 0

    def routes(self) -> list[web.RouteDef]:
        """All addresses."""
        return [web.get(PATH, self._speak)]

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("tts")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        status = self._find_refusal(request, faults)
        if status:
            return web.json_response({"error": "refused"}, status=status)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        try:
            await _Connection(self, socket, faults, request).run()
        except FaultCut:
            reset_connection(request)
        return socket

    def _find_refusal(self, request: web.Request, faults: FaultInjector) -> int:
        query = request.query
        if faults.has("unauthorized") or request.headers.get("Authorization") != f"Bearer {self.state.key}":
            return 401
        if faults.has("no_credit"):
            return 402
        if faults.has("rate_limited"):
            return 429
        rate = query.get("samplingRate", "")
        is_known = query.get("audioFormat") == "pcm" and rate.isdigit() and int(rate) % RATE == 0
        return 0 if is_known and query.get("speaker", "None") != "None" else 400


class _Connection:
    """One connection; clauses are spoken one after the other."""

    def __init__(
        self, vendor: SimulatedRime, socket: web.WebSocketResponse, faults: FaultInjector, request: web.Request
    ) -> None:
        self._vendor = vendor
        self._socket = socket
        self._faults = faults
        self._model = request.query.get("modelId", "")
        self._factor = int(request.query["samplingRate"]) // RATE
        self._text: dict[str, str] = {}  # by context, in the order of their first words
        self._clauses: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def run(self) -> None:
        """Until the client ends it. Raises FaultCut."""
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
        async for message in self._socket:
            if self._faults.reads_nothing:
                await asyncio.Event().wait()
            if message.type is WSMsgType.TEXT and self._take(json.loads(message.data)):
                return

    def _take(self, message: dict[str, Any]) -> bool:
        """Whether the client ended the connection."""
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
            await self._faults.wait(self._vendor.first_s)
            await self._send_times(context, text)
            await self._send_audio(context, text)
            await self._send({"type": "done", "contextId": context})

    async def _send_times(self, context: str, text: str) -> None:
        words = word_times(text)
        times = {
            "words": [word.text for word in words],
            "start": [word.start_ms / 1_000 for word in words],
            "end": [word.end_ms / 1_000 for word in words],
        }
        await self._send({"type": "timestamps", "word_timestamps": times, "contextId": context})

    async def _send_audio(self, context: str, text: str) -> None:
        audio, size = speak(text), CHUNK_MS * RATE // 1_000
        for at in range(0, len(audio), size):
            if self._faults.has("error") and self._faults.is_due:
                await self._send({"type": "error", "message": "internal error", "contextId": context})
                return
            is_garbage = await self._faults.begin_unit()
            samples = np.repeat(decode(audio[at : at + size]), self._factor).astype("<i2")
            data = base64.b64encode(samples.tobytes()).decode()
            if is_garbage:
                await self._socket.send_str('{"type": "chu')
            else:
                await self._send({"type": "chunk", "data": data, "contextId": context})
            await self._faults.wait(CHUNK_MS / 1_000 / self._vendor.speed)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)
