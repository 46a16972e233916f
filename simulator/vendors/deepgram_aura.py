"""Deepgram's Aura, `/v1/speak`, simulated: Speak, Flush, Clear and Close; audio comes faster than it is spoken.

Nothing is spoken before Flush. What was on its way when Clear came still arrives before Cleared.
Source: developers.deepgram.com/docs/tts-websocket, /docs/tts-ws-flush (20 in 60 s), /docs/tts-ws-clear; deepgram-sdk
7.17.0 (types of `speak.v1`).
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.deepgram_socket import Outgoing, SimulatedSocket
from simulator.vendors.voice import SimulatedVoice, speak_clips

MAX_CHARACTERS: Final = 2_000
MAX_FLUSHES: Final = 20
FLUSH_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class SpeakTiming:
    """first_s: from Flush to the first audio. speed: how much faster than real time audio comes. chunk_ms: of audio in
    a message. voice: what speaks."""

    first_s: float = 0.1
    speed: float = 4.0
    chunk_ms: int = 200
    voice: SimulatedVoice = speak_clips


class AuraSession:
    """One connection. on_speak: gets the number of characters of each Speak, which are billed."""

    def __init__(self, socket: SimulatedSocket, timing: SpeakTiming, on_speak: Callable[[int], None]) -> None:
        self._socket = socket
        self._timing = timing
        self._on_speak = on_speak
        self._is_linear = socket.request.query["encoding"] == "linear16"
        self._model = socket.request.query["model"]
        self._text = ""
        self._sequence = 0
        self._busy_until = 0.0
        self._flushes: deque[float] = deque()

    async def run(self) -> web.WebSocketResponse:
        """Serves the connection until it ends."""
        metadata = {
            "type": "Metadata",
            "request_id": self._socket.request_id,
            "model_name": self._model,
            "model_version": "2026-01-01.0",
            "model_uuid": "ecb76e9d-f2db-4127-8060-79b05590d22f",
        }
        self._socket.send(Outgoing(metadata, is_unit=False))
        return await self._socket.serve(self._receive)

    async def _receive(self, message: str | bytes) -> None:
        read = _read(message)
        match read.get("type"):
            case "Speak" if len(text := str(read.get("text", ""))) <= MAX_CHARACTERS:
                self._on_speak(len(text))
                self._text += text
            case "Flush":
                self._flush()
            case "Clear":
                self._text, self._busy_until = "", 0.0
                self._socket.discard(lambda waiting: waiting.delay_s > 0)
                self._acknowledge("Cleared")
            case "Close":
                self._socket.close(1000)
            case "Speak":
                self._socket.close(1009, "BIG-0000")
            case _:
                self._socket.close(1008, "DATA-0000")

    def _flush(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._flushes and self._flushes[0] <= now - FLUSH_WINDOW_S:
            self._flushes.popleft()
        if len(self._flushes) >= MAX_FLUSHES:
            warning = {"type": "Warning", "code": "FLUSH_LIMIT", "description": "too many Flush messages"}
            self._socket.send(Outgoing(warning, is_unit=False))
            return
        self._flushes.append(now)
        text, self._text = self._text, ""
        if not self._socket.faults.has("deaf"):
            self._speak(text, now)

    def _speak(self, text: str, now: float) -> None:
        """Sends the audio of a text after that of the texts before it."""
        size = self._timing.chunk_ms * RATE // 1_000
        audio = b"".join(piece.ulaw for piece in self._timing.voice(text))
        begins = max(now + self._timing.first_s, self._busy_until)
        for at in range(0, len(audio), size):
            chunk = audio[at : at + size]
            data = decode(chunk).astype("<i2").tobytes() if self._is_linear else chunk
            self._socket.send(Outgoing(data=data, delay_s=begins + at / RATE / self._timing.speed - now))
        self._busy_until = begins + len(audio) / RATE / self._timing.speed
        self._acknowledge("Flushed", self._busy_until - now)

    def _acknowledge(self, kind: str, delay_s: float = 0.0) -> None:
        message = {"type": kind, "sequence_id": self._sequence}
        self._sequence += 1
        self._socket.send(Outgoing(message, delay_s=delay_s, is_unit=False))


def _read(message: str | bytes) -> dict[str, Any]:
    try:
        read = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
