"""The recognisers of a simulated Cartesia: Ink with texts that are finalised on request, and Ink with turns."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, encode
from simulator.vendors.cartesia_socket import FAILED, MODEL_NOT_FOUND, AcceptedConnection, CartesiaFailure, accept
from simulator.vendors.faults import FaultCut
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.server import VendorState
from simulator.vendors.silence import SilenceMeter

_PER_MS: Final = RATE // 1_000
_GARBAGE: Final = '{"type": "transcript", "text'
_KEYTERMS, _KEYTERM_CHARACTERS = 100, 1_200
_ENCODINGS: Final = ("pcm_mulaw", "pcm_s16le")
# Range and default of each threshold, in the order that they have to keep.
_THRESHOLDS: Final = {
    "turn_start_threshold": (0.5, 0.9, 0.8),
    "turn_eager_end_threshold": (0.3, 0.6, 0.4),
    "turn_end_threshold": (0.05, 0.5, 0.2),
}


@dataclass(frozen=True, slots=True)
class RecogniserTiming:
    """How the recognisers behave. final_s: from a request for the text to it. result_s: from a word to its result.
    segment_words: after so many words a text becomes final unasked. eager_ms, end_ms: silence after which a turn may
    be over, and is. idle_s: a connection without messages is closed."""

    final_s: float = 0.15
    result_s: float = 0.05
    segment_words: int = 6
    eager_ms: float = 300.0
    end_ms: float = 700.0
    idle_s: float = 180.0


class CartesiaRecognisers:
    """All connections of the recognisers. make_ear: what one session hears. queries: of all handshakes."""

    def __init__(
        self, state: VendorState, make_ear: Callable[[], Hearing], timing: RecogniserTiming | None = None
    ) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing or RecogniserTiming()
        self.queries: list[dict[str, list[str]]] = []

    def routes(self) -> list[web.AbstractRouteDef]:
        """What the server answers."""
        return [
            web.get("/stt/websocket", self._serve_finals),
            web.get("/stt/turns/websocket", self._serve_turns),
        ]

    async def _serve_finals(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _FinalsSession)

    async def _serve_turns(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _TurnsSession)

    async def _serve(self, request: web.Request, session: "type[_Session]") -> web.StreamResponse:
        self.queries.append({name: request.query.getall(name) for name in request.query})
        accepted = await accept(self.state, request, "stt")
        if isinstance(accepted, web.Response):
            return accepted
        await session(self, accepted).run()
        return accepted.socket


class _Session:
    """One connection: messages are read at once and worked on in their order."""

    models = frozenset(("ink-2", "ink-whisper", "ink-whisper-2025-06-04"))

    def __init__(self, listening: CartesiaRecognisers, accepted: AcceptedConnection) -> None:
        self._timing = listening.timing
        self._state = listening.state
        self._accepted = accepted
        self._faults = accepted.faults
        self._ear = FaultyEar(listening.make_ear(), accepted.faults)
        self._query = accepted.request.query
        self._work: asyncio.Queue[bytes | str] = asyncio.Queue()
        self._billed = 0  # bytes of mu-law

    async def run(self) -> None:
        """Reads until the connection is over."""
        failure = self._find_failure()
        if failure is not None:
            await self._accepted.send_failure(failure)
            await self._accepted.socket.close()
            return
        worker = asyncio.create_task(self._work_off())
        try:
            await self._greet()
            while await self._read():
                pass
        finally:
            worker.cancel()
            self._state.bill("stt", self._query["model"], "ms", self._billed / _PER_MS)

    async def _read(self) -> bool:
        """Takes one message; false at the end."""
        if self._faults.reads_nothing:
            await self._accepted.ignore_client()
            return False
        try:
            message = await self._accepted.socket.receive(self._timing.idle_s)
        except TimeoutError:
            await self._accepted.socket.close(message=b"idle")
            return False
        if message.type == WSMsgType.BINARY:
            ulaw = message.data if self._query["encoding"] == "pcm_mulaw" else _to_ulaw(message.data)
            self._billed += len(ulaw)
            self._work.put_nowait(ulaw)
        elif message.type == WSMsgType.TEXT:
            self._work.put_nowait(message.data)
        else:
            return False
        return True

    async def _work_off(self) -> None:
        try:
            while True:
                item = await self._work.get()
                if isinstance(item, bytes):
                    await self._hear(item)
                elif await self._obey(item):
                    await self._accepted.socket.close()
                    return
        except FaultCut:
            self._accepted.reset()
        except ConnectionError:
            pass  # the client has gone

    def _find_failure(self) -> CartesiaFailure | None:
        if self._query.get("model", "") not in self.models:
            return MODEL_NOT_FOUND
        keyterms = self._query.getall("keyterm", [])
        if len(keyterms) > _KEYTERMS or sum(map(len, keyterms)) > _KEYTERM_CHARACTERS:
            return CartesiaFailure(400, "", "Invalid keyterm", "The keyterms are too many or too long.")
        if self._query.get("encoding") not in _ENCODINGS or self._query.get("sample_rate") != str(RATE):
            return CartesiaFailure(400, "", "Invalid format", "The simulator knows pcm_mulaw and pcm_s16le at 8000 Hz.")
        return None

    async def _greet(self) -> None:
        """Says that the settings are accepted."""

    async def _hear(self, ulaw: bytes) -> None:
        raise NotImplementedError

    async def _obey(self, command: str) -> bool:
        """Obeys a command; returns whether the session is over."""
        raise NotImplementedError

    async def _send_unit(self, message: dict[str, Any]) -> None:
        """Sends one result, or the error in its place."""
        if self._faults.reports_error:
            await self._accepted.send_failure(FAILED)
            await self._accepted.socket.close()
            raise FaultCut
        if await self._faults.begin_unit():
            await self._accepted.socket.send_str(_GARBAGE)
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._accepted.socket.send_json({**message, "request_id": self._accepted.request_id})


class _FinalsSession(_Session):
    """`/stt/websocket`. Texts are deltas from the last final one."""

    def __init__(self, listening: CartesiaRecognisers, accepted: AcceptedConnection) -> None:
        super().__init__(listening, accepted)
        self._words: list[HeardWord] = []  # not final yet
        self._finals = 0

    async def _hear(self, ulaw: bytes) -> None:
        heard = self._ear.feed(ulaw)
        if not heard:
            return
        self._words += heard
        if len(self._words) >= self._timing.segment_words:
            await self._send_final()
        else:
            await self._faults.wait(self._timing.result_s)
            await self._send_unit(self._result(is_final=False))

    async def _obey(self, command: str) -> bool:
        if command not in ("finalize", "close", "done"):
            await self._accepted.send_failure(CartesiaFailure(400, "", "Invalid command", "Unknown command."))
            return False
        await self._faults.wait(self._timing.final_s)
        await self._send_final()
        await self._send({"type": "flush_done" if command == "finalize" else "done"})
        return command != "finalize"

    async def _send_final(self) -> None:
        if not self._words:
            return
        final, interim = self._result(is_final=True), self._result(is_final=False)
        self._words = []
        self._finals += 1
        await self._send_unit(final)
        if self._faults.has("repeat"):
            await self._send(final)
        if self._faults.has("reorder"):
            await self._send(interim)

    def _result(self, *, is_final: bool) -> dict[str, Any]:
        """A blank stands before all texts but the first, because texts are joined as they are."""
        text = " ".join(word.text for word in self._words)
        times = {
            "words": [word.text for word in self._words],
            "start": [word.start_ms / 1_000 for word in self._words],
            "end": [word.end_ms / 1_000 for word in self._words],
        }
        return {
            "type": "transcript",
            "is_final": is_final,
            "text": f" {text}" if self._finals else text,
            "duration": (self._words[-1].end_ms - self._words[0].start_ms) / 1_000,
            "language": self._query.get("language", "en"),
            "words": [times],
        }


class _TurnsSession(_Session):
    """`/stt/turns/websocket`. Transcripts are those of the whole turn."""

    models = frozenset(("ink-2",))

    def __init__(self, listening: CartesiaRecognisers, accepted: AcceptedConnection) -> None:
        super().__init__(listening, accepted)
        self._silence = SilenceMeter()
        self._text: list[str] | None = None  # None between two turns
        self._is_eager = False

    def _find_failure(self) -> CartesiaFailure | None:
        failure = super()._find_failure()
        if failure is not None:
            return failure
        chosen = []
        for name, (least, most, default) in _THRESHOLDS.items():
            value = float(self._query.get(name, default))
            if not least <= value <= most:
                return CartesiaFailure(400, "invalid_threshold", "Invalid threshold", f"{name} is out of range.")
            chosen.append(value)
        if chosen != sorted(chosen, reverse=True):
            return CartesiaFailure(400, "invalid_threshold", "Invalid threshold", "start > eager_end > end.")
        return None

    async def _greet(self) -> None:
        await self._send({"type": "connected"})

    async def _hear(self, ulaw: bytes) -> None:
        for at in range(0, len(ulaw), RATE // 50):  # silence is measured in frames of 20 ms
            piece = ulaw[at : at + RATE // 50]
            self._silence.feed(piece)
            await self._hear_words(self._ear.feed(piece))
            if self._text is not None:
                await self._judge()

    async def _hear_words(self, heard: list[HeardWord]) -> None:
        if not heard:
            return
        await self._faults.wait(self._timing.result_s)
        if self._text is None:
            self._text = []
            await self._send_unit({"type": "turn.start"})
        await self._resume()
        self._text += [word.text for word in heard]
        await self._send_unit(self._event("turn.update"))

    async def _judge(self) -> None:
        """Decides whether the turn may be over, is over, or goes on."""
        quiet_ms = self._silence.quiet_ms
        if quiet_ms >= self._timing.end_ms:
            await self._end_turn()
        elif quiet_ms >= self._timing.eager_ms and not self._is_eager:
            self._is_eager = True
            await self._send_unit(self._event("turn.eager_end"))
        elif quiet_ms == 0:
            await self._resume()

    async def _resume(self) -> None:
        if self._is_eager:
            self._is_eager = False
            await self._send({"type": "turn.resume"})

    async def _end_turn(self) -> None:
        end, update = self._event("turn.end"), self._event("turn.update")
        self._text, self._is_eager = None, False
        await self._send_unit(end)
        if self._faults.has("repeat"):
            await self._send(end)
        if self._faults.has("reorder"):
            await self._send(update)

    async def _obey(self, command: str) -> bool:
        try:
            kind = json.loads(command).get("type")
        except (json.JSONDecodeError, AttributeError):
            kind = None
        if kind == "close":
            if self._text:
                await self._end_turn()
            return True
        if kind != "config":
            await self._accepted.send_failure(CartesiaFailure(400, "", "Invalid command", "Unknown command."))
        return False

    def _event(self, kind: str) -> dict[str, Any]:
        return {"type": kind, "transcript": " ".join(self._text or ())}


def _to_ulaw(pcm: bytes) -> bytes:
    return encode(np.frombuffer(pcm, "<i2"))
