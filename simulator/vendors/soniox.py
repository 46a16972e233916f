"""A simulated Soniox: real-time transcription over a WebSocket.

The first message is the configuration, then audio; `finalize` makes all that was heard final, ended by a token `<fin>`.
Errors are a message with `error_code`, after which the vendor closes. Billed: the audio that was sent.
Source: soniox.com/docs/stt/api-reference/websocket-api and /docs/stt/rt/manual-finalization. pipecat 1.14 sends the key
in a header.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, encode
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection

PATH: Final = "/transcribe-websocket"
FINALISED: Final = "<fin>"
_PCM: Final = "pcm_s16le"
_MODELS: Final = "stt-rt-"
_REFUSALS: Final = {
    "unauthorized": (401, "Incorrect API key provided."),
    "no_credit": (402, "Your organization's balance is exhausted."),
    "rate_limited": (429, "Rate limit exceeded for requests per minute."),
}


@dataclass(slots=True)
class SimulatedSoniox:
    """make_ear: what each new session hears. final_s: from `finalize` to the final tokens."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    final_s: float = 0.05

    def routes(self) -> list[web.RouteDef]:
        """All addresses."""
        return [web.get(PATH, self._transcribe)]

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        session = _Session(self, socket, faults)
        try:
            await session.run(request.headers.get("Authorization", "").removeprefix("Bearer "))
        except FaultCut:
            reset_connection(request)
        finally:
            self.state.bill("stt", session.model, "ms", session.heard_ms)
        return socket


class _Session:
    """One connection."""

    def __init__(self, vendor: SimulatedSoniox, socket: web.WebSocketResponse, faults: FaultInjector) -> None:
        self._vendor = vendor
        self._socket = socket
        self._faults = faults
        self._ear: Hearing = DeafEar() if faults.has("deaf") else vendor.make_ear()
        self._open: list[HeardWord] = []  # not final yet
        self._factor = 1
        self.model = ""

    @property
    def heard_ms(self) -> float:
        """How much audio came."""
        return self._ear.heard_ms

    async def run(self, key: str) -> None:
        """Reads until the connection is over. Raises FaultCut."""
        config = json.loads(await self._socket.receive_str())
        refusal = self._find_refusal(config, config.get("api_key") or key)
        if refusal is not None:
            await self._refuse(*refusal)
            return
        self.model = config["model"]
        async for message in self._socket:
            if self._faults.reads_nothing:
                await asyncio.Event().wait()
            if message.type is WSMsgType.BINARY:
                await self._hear(message.data)
            elif message.data == "":
                await self._send([*self._take(), *_end_token()], finished=True)
                return
            elif json.loads(message.data).get("type") == "finalize":
                await self._faults.wait(self._vendor.final_s)
                await self._send([*self._take(), *_end_token()])

    def _find_refusal(self, config: dict[str, Any], key: str) -> tuple[int, str] | None:
        for kind, refusal in _REFUSALS.items():
            if self._faults.fault is not None and self._faults.fault.kind == kind:
                return refusal
        if key != self._vendor.state.key:
            return _REFUSALS["unauthorized"]
        if not str(config.get("model", "")).startswith(_MODELS):
            return 400, "Model not found."
        rate = config.get("sample_rate")
        if config.get("audio_format") != _PCM or not isinstance(rate, int) or rate % RATE:
            return 400, "The simulator knows pcm_s16le at multiples of 8000 Hz."
        self._factor = rate // RATE
        return None

    async def _refuse(self, code: int, message: str) -> None:
        await self._socket.send_json({"tokens": [], "error_code": code, "error_message": message})
        await self._socket.close()

    async def _hear(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2")[:: self._factor]
        words = self._ear.feed(encode(samples))
        self._open += words
        if words:
            await self._send([_token(word, is_final=False) for word in self._open])

    def _take(self) -> list[dict[str, Any]]:
        """The words that become final now."""
        taken, self._open = self._open, []
        return [_token(word, is_final=True) for word in taken]

    async def _send(self, tokens: list[dict[str, Any]], *, finished: bool = False) -> None:
        if self._faults.has("error") and self._faults.is_due:
            await self._refuse(503, "Cannot continue request. Please restart the request.")
            return
        if await self._faults.begin_unit():
            await self._socket.send_str('{"tokens": [{"te')
            return
        await self._socket.send_json({"tokens": tokens, **({"finished": True} if finished else {})})


def _token(word: HeardWord, *, is_final: bool) -> dict[str, Any]:
    times = {"start_ms": round(word.start_ms), "end_ms": round(word.end_ms)}
    return {"text": f" {word.text}", **times, "confidence": 0.97, "is_final": is_final}


def _end_token() -> list[dict[str, Any]]:
    return [{"text": FINALISED, "is_final": True}]
