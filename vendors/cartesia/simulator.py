"""A simulated Cartesia: speech over `/tts/websocket`, recognition over `/stt/websocket` and `/stt/turns/websocket`.

The recognizer Ink finalizes texts on request, or detects turns. The voice speaks contexts over one WebSocket, each in
its own task. Like Cartesia, the simulator bills the characters sent to the voice and the audio sent to a recognizer.

The simulator follows docs/develop/vendors/cartesia.md and docs.cartesia.ai/api-reference/voices/list and …/voices/get.
Two facts about Cartesia are unknown: the error code of an account without credit, and the close code after five idle
minutes.
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode, encode
from simulator.vendors.entry import (
    ServerSetting,
    SimulatedProvider,
    SimulatorEntry,
    add_documents,
    make_timing,
    one_account,
)
from simulator.vendors.faults import FaultCut, FaultInjector, FaultKind, Role
from simulator.vendors.faulty_socket import FaultySocket, accept_socket
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import DeafEar, FaultyEar, Hearing
from simulator.vendors.server import VendorState, reset_connection
from simulator.vendors.silence import SilenceMeter
from simulator.vendors.speech_chunks import VoiceFailed, pace_chunks
from simulator.vendors.voice import SimulatedVoice, SpokenText, SpokenWord, speak, speak_clips

# From this Cartesia-Version on, errors are structured. Earlier versions send a line of text.
STRUCTURED_ERRORS: Final = "2026-03-01"


@dataclass(frozen=True, slots=True)
class CartesiaFailure:
    """An error that the vendor reports.

    Attributes:
        code: Machine-readable code; empty if there is none.
    """

    status: int
    code: str
    title: str
    message: str


class RequestRefused(Exception):
    """A client's message is answered with an error."""

    def __init__(self, failure: CartesiaFailure) -> None:
        super().__init__(failure.title)
        self.failure = failure


UNAUTHORIZED: Final = CartesiaFailure(401, "unauthorized", "Unauthorized", "The API key is invalid.")
MODEL_NOT_FOUND: Final = CartesiaFailure(404, "model_not_found", "Invalid model", "There is no such model.")
VOICE_NOT_FOUND: Final = CartesiaFailure(404, "voice_not_found", "Invalid voice", "There is no such voice.")
NO_CREDIT: Final = CartesiaFailure(402, "quota_exceeded", "Out of credits", "The credits of this month are used up.")
RATE_LIMITED: Final = CartesiaFailure(
    429, "concurrency_limited", "Too many concurrent requests", "The plan's concurrency limit is exceeded."
)
FAILED: Final = CartesiaFailure(500, "internal_error", "Internal server error", "Something went wrong.")
# Faults that refuse a handshake and close an open connection. Speech quotas apply to contexts instead.
_ENDS: Final[tuple[FaultKind, ...]] = ("refuse", "unauthorized")
_QUOTAS: Final[tuple[FaultKind, ...]] = ("no_credit", "rate_limited")


@dataclass(frozen=True, slots=True)
class AcceptedConnection(FaultySocket):
    """A WebSocket after its handshake."""

    version: str
    request_id: str

    async def send_failure(self, failure: CartesiaFailure, **more: Any) -> None:
        """Send an error event."""
        body = error_body(failure, self.version, self.request_id)
        await self.socket.send_json({"type": "error", "status_code": failure.status, **body, **more})


async def accept(state: VendorState, request: web.Request, role: Role) -> AcceptedConnection | web.Response:
    """Answer a handshake. Returns the connection, or the response if the handshake is refused."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    version = request.headers.get("cartesia-version", "") or request.query.get("cartesia_version", "")
    request_id = str(uuid.uuid4())
    failure = _find_failure(state, request, faults, version)
    # Recognizer limits count connections. Speech limits count contexts.
    if failure is None and role == "stt":
        failure = NO_CREDIT if faults.has("no_credit") else RATE_LIMITED if faults.has("rate_limited") else None
    if failure is not None:
        if version < STRUCTURED_ERRORS:
            return web.Response(status=failure.status, text=f"{failure.title}: {failure.message}")
        return web.json_response(error_body(failure, version, request_id), status=failure.status)
    ends = (*_ENDS, *_QUOTAS) if role == "stt" else _ENDS
    socket = await accept_socket(request, faults, ends)
    return AcceptedConnection(socket, request, faults, version, request_id)


def error_body(failure: CartesiaFailure, version: str, request_id: str) -> dict[str, Any]:
    """Return an error in the format of the requested API version."""
    if version < STRUCTURED_ERRORS:
        return {"error": f"{failure.title}: {failure.message}", "done": True}
    return {
        "error_code": failure.code or None,
        "title": failure.title,
        "message": failure.message,
        "request_id": request_id,
        "done": True,
    }


def _find_failure(
    state: VendorState, request: web.Request, faults: FaultInjector, version: str
) -> CartesiaFailure | None:
    if len(version) != len("2026-03-01") or version.count("-") != 2:
        return CartesiaFailure(400, "invalid_version", "Invalid version", "Cartesia-Version must be a date.")
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    named = (request.headers.get("x-api-key"), bearer, request.query.get("api_key"), request.query.get("access_token"))
    if faults.has("unauthorized") or state.key not in named:
        return UNAUTHORIZED
    return None


_PER_MS: Final = RATE // 1_000
_GARBAGE: Final = '{"type": "transcript", "text'
_KEYTERMS, _KEYTERM_CHARACTERS = 100, 1_200
_ENCODINGS: Final = ("pcm_mulaw", "pcm_s16le")
# Each threshold's minimum, maximum and default. Configured thresholds must keep this order.
_THRESHOLDS: Final = {
    "turn_start_threshold": (0.5, 0.9, 0.8),
    "turn_eager_end_threshold": (0.3, 0.6, 0.4),
    "turn_end_threshold": (0.05, 0.5, 0.2),
}


@dataclass(frozen=True, slots=True)
class RecognizerTiming:
    """Behavior of the simulated recognizers.

    Attributes:
        final_s: Time from the request for a text to the text.
        result_s: Time from a word to its result.
        segment_words: Number of words after which a text becomes final without a request.
        eager_ms: Silence after which a turn may be over.
        end_ms: Silence after which a turn is over.
        idle_s: A connection without messages is closed after this time.
    """

    final_s: float = 0.15
    result_s: float = 0.05
    segment_words: int = 6
    eager_ms: float = 300.0
    end_ms: float = 700.0
    idle_s: float = 180.0


class CartesiaRecognizers:
    """The simulated recognizers with all their connections.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        queries: Query parameters of all handshakes.
    """

    def __init__(
        self, state: VendorState, make_ear: Callable[[], Hearing], timing: RecognizerTiming | None = None
    ) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing or RecognizerTiming()
        self.queries: list[dict[str, list[str]]] = []

    def routes(self) -> list[web.AbstractRouteDef]:
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
    """A recognizer connection. Messages are read immediately and processed in order."""

    models = frozenset(("ink-2", "ink-whisper", "ink-whisper-2025-06-04"))

    def __init__(self, listening: CartesiaRecognizers, accepted: AcceptedConnection) -> None:
        self._timing = listening.timing
        self._state = listening.state
        self._accepted = accepted
        self._faults = accepted.faults
        self._ear = FaultyEar(listening.make_ear(), accepted.faults)
        self._query = accepted.request.query
        self._work: asyncio.Queue[bytes | str] = asyncio.Queue()
        self._billed = 0  # bytes of mu-law

    async def run(self) -> None:
        """Serve the connection until it ends."""
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
        """Read one message. Returns False at the end of the connection."""
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
            pass  # the client has disconnected

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
        """Confirm that the settings are accepted."""

    async def _hear(self, ulaw: bytes) -> None:
        raise NotImplementedError

    async def _obey(self, command: str) -> bool:
        """Execute a command. Returns whether the session is over."""
        raise NotImplementedError

    async def _send_unit(self, message: dict[str, Any]) -> None:
        """Send a result, or the connection's fault in its place."""
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
    """A session of `/stt/websocket`. Each text continues after the last final text."""

    def __init__(self, listening: CartesiaRecognizers, accepted: AcceptedConnection) -> None:
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
        """Return the message for the pending words. All texts but the first begin with a space, because clients
        concatenate them.
        """
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
    """A session of `/stt/turns/websocket`. Each transcript contains the whole turn."""

    models = frozenset(("ink-2",))

    def __init__(self, listening: CartesiaRecognizers, accepted: AcceptedConnection) -> None:
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
        """Send an event if the turn may be over, is over, or continues."""
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


# Fields that may differ between two inputs of a context.
_FREE: Final = ("transcript", "continue", "flush", "duration")
_NEEDED: Final = ("model_id", "transcript", "voice", "output_format", "context_id")
# The SDK's list of models (type TTSModel), and one newer model.
MODELS: Final = frozenset(
    [
        "sonic-3.6",
        "sonic-3.5",
        "sonic-3.5-2026-05-04",
        "sonic-3",
        "sonic-3-2026-01-12",
        "sonic-3-2025-10-27",
        "sonic-latest",
    ]
)
_TONE: Final = {"speed": (0.6, 1.5), "volume": (0.5, 2.0)}
_SENTENCE: Final = re.compile(r"[.!?]\s*$")
GARBAGE: Final = '{"type": "chunk", "context_id'


@dataclass(frozen=True, slots=True)
class SpeechTiming:
    """Behavior of the simulated voice.

    Attributes:
        first_audio_ms: Time from an input to its first chunk.
        chunk_ms: Length of the audio in a chunk.
        speed: Speed of the generation relative to real time.
        context_ms: A context expires this long after its last audio.
        idle_s: An unused connection is closed after this time.
        max_buffer_ms: Default of `max_buffer_delay_ms`.
        max_contexts: Maximum number of concurrent contexts on all connections.
        late_chunks: Number of chunks sent after a context was canceled.
        voice: Produces the audio.
    """

    first_audio_ms: float = 90.0
    chunk_ms: int = 100
    speed: float = 4.0
    context_ms: float = 1_000.0
    idle_s: float = 300.0
    max_buffer_ms: float = 3_000.0
    max_contexts: int = 15
    late_chunks: int = 1
    voice: SimulatedVoice = speak_clips


class _ContextFailed(Exception):
    """The vendor reported an error in place of audio."""


class CartesiaSpeech:
    """The simulated voice with all its connections.

    Attributes:
        voices: Ids of the existing voices; None accepts any id.
        cancelled: Ids of contexts that clients canceled.
        contexts: Ids of all contexts.
    """

    def __init__(
        self, state: VendorState, timing: SpeechTiming | None = None, voices: frozenset[str] | None = None
    ) -> None:
        self.state = state
        self.voices = voices
        self.timing = timing or SpeechTiming()
        self.active: set[str] = set()
        self.contexts: list[str] = []
        self.cancelled: list[str] = []

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/tts/websocket", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        accepted = await accept(self.state, request, "tts")
        if isinstance(accepted, web.Response):
            return accepted
        await _SpeechConnection(self, accepted).run()
        return accepted.socket


@dataclass(slots=True)
class _Context:
    """A context of the voice.

    Attributes:
        fields: Settings, which must be equal in all inputs.
        inputs: Texts to speak; None when the client has finished.
    """

    fields: dict[str, Any]
    inputs: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    buffered: str = ""
    flush: asyncio.TimerHandle | None = None
    spoken: int = 0  # bytes of mu-law
    flushes: int = 0
    task: "asyncio.Task[None] | None" = None

    def release_buffer(self) -> None:
        """Pass the buffered text to the voice."""
        if self.flush is not None:
            self.flush.cancel()
            self.flush = None
        if self.buffered:
            self.inputs.put_nowait(self.buffered)
        self.buffered = ""


class _SpeechConnection:
    """A voice connection."""

    def __init__(self, speech: CartesiaSpeech, accepted: AcceptedConnection) -> None:
        self._speech = speech
        self._accepted = accepted
        self._socket = accepted.socket
        self._faults = accepted.faults
        self._contexts: dict[str, _Context] = {}
        self._over: set[str] = set()  # finished, canceled or expired contexts

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            while await self._read():
                pass
        finally:
            for context in self._contexts.values():
                if context.task is not None:
                    context.task.cancel()
            self._speech.active.difference_update(self._contexts)

    async def _read(self) -> bool:
        """Read one message. Returns False at the end of the connection."""
        if self._faults.reads_nothing:
            await self._accepted.ignore_client()
            return False
        try:
            message = await self._socket.receive(self._speech.timing.idle_s)
        except TimeoutError:
            await self._socket.close(message=b"idle")
            return False
        if message.type != WSMsgType.TEXT:
            return False
        context_id = ""
        try:
            request = json.loads(message.data)
            context_id = str(request.get("context_id", ""))
            self._take(request, context_id)
        except json.JSONDecodeError:
            await self._accepted.send_failure(CartesiaFailure(400, "", "Invalid request", "The message is no JSON."))
        except RequestRefused as refused:
            more = {"context_id": context_id} if context_id else {}
            await self._accepted.send_failure(refused.failure, **more)
        return True

    def _take(self, request: dict[str, Any], context_id: str) -> None:
        """Process a request for a context. Raises RequestRefused."""
        if request.get("cancel"):
            self._cancel(context_id)
            return
        self._check(request)
        if context_id in self._over:
            raise _refuse(400, "context_expired", "The context has ended.")
        fields = {name: value for name, value in request.items() if name not in _FREE}
        context = self._contexts.get(context_id) or self._open(context_id, fields)
        if context.fields != fields:
            raise _refuse(400, "", "All inputs of a context need the same fields.")
        text = request["transcript"]
        self._speech.state.bill("tts", fields["model_id"], "characters", len(text))
        self._buffer(context, text, is_last=not request.get("continue", False), flush=bool(request.get("flush")))

    def _check(self, request: dict[str, Any]) -> None:
        missing = [name for name in _NEEDED if name not in request]
        if missing:
            raise _refuse(400, "", f"{missing[0]} is missing.")
        if request["model_id"] not in MODELS:
            raise RequestRefused(MODEL_NOT_FOUND)
        voice, voices = request["voice"], self._speech.voices
        voice_id = voice.get("id") if isinstance(voice, dict) else voice
        if not voice_id or (voices is not None and voice_id not in voices):
            raise RequestRefused(VOICE_NOT_FOUND)
        for name, (least, most) in _TONE.items():
            value = (request.get("generation_config") or {}).get(name)
            if value is not None and not least <= value <= most:
                raise _refuse(400, "", f"{name} is out of range.")
        output = request["output_format"]
        if output.get("container") != "raw" or output.get("encoding") not in _ENCODINGS:
            raise _refuse(400, "", "The simulator knows raw pcm_mulaw and pcm_s16le.")
        if output.get("sample_rate") != RATE:
            raise _refuse(400, "", "The simulator knows 8000 Hz.")

    def _open(self, context_id: str, fields: dict[str, Any]) -> _Context:
        speech = self._speech
        if self._faults.has("no_credit"):
            raise RequestRefused(NO_CREDIT)
        if self._faults.has("rate_limited") or len(speech.active) >= speech.timing.max_contexts:
            raise RequestRefused(RATE_LIMITED)
        context = self._contexts[context_id] = _Context(fields)
        speech.active.add(context_id)
        speech.contexts.append(context_id)
        context.task = asyncio.create_task(self._generate(context_id, context))
        return context

    def _buffer(self, context: _Context, text: str, *, is_last: bool, flush: bool) -> None:
        """Buffer text until it ends a sentence or the delay has passed. Without a delay, the text is spoken at once."""
        delay = context.fields.get("max_buffer_delay_ms")
        delay = self._speech.timing.max_buffer_ms if delay is None else float(delay)
        context.buffered += text
        if is_last or flush or not delay or _SENTENCE.search(context.buffered):
            context.release_buffer()
        elif context.buffered and context.flush is None:
            loop = asyncio.get_running_loop()
            context.flush = loop.call_later(delay / 1_000, context.release_buffer)
        if is_last:
            context.inputs.put_nowait(None)

    def _cancel(self, context_id: str) -> None:
        self._speech.cancelled.append(context_id)
        context = self._contexts.get(context_id)
        if context is None or context.task is None:
            return
        context.task.cancel()
        self._forget(context_id)
        if context.spoken:
            context.task = asyncio.create_task(self._send_late(context_id, context))

    async def _send_late(self, context_id: str, context: _Context) -> None:
        for _ in range(self._speech.timing.late_chunks):
            await self._send_chunk(context_id, context, speak("late")[: self._speech.timing.chunk_ms * _PER_MS])

    def _forget(self, context_id: str) -> None:
        self._over.add(context_id)
        self._contexts.pop(context_id, None)
        self._speech.active.discard(context_id)

    async def _generate(self, context_id: str, context: _Context) -> None:
        """Speak a context's inputs in order."""
        limit_s = None
        try:
            while True:
                async with asyncio.timeout(limit_s):
                    text = await context.inputs.get()
                if text is None:
                    break
                await self._speak(context_id, context, text)
                limit_s = self._speech.timing.context_ms / 1_000
            await self._send({"type": "done", "done": True, "context_id": context_id})
        except (TimeoutError, _ContextFailed):
            pass  # the context has expired
        except ConnectionError:
            pass  # the client has disconnected
        except FaultCut:
            self._accepted.reset()
        self._forget(context_id)

    async def _speak(self, context_id: str, context: _Context, text: str) -> None:
        await self._faults.wait(self._speech.timing.first_audio_ms / 1_000)
        for piece in self._speech.timing.voice(text):
            await self._send_piece(context_id, context, piece)
        context.flushes += 1
        if context.fields.get("max_buffer_delay_ms") == 0:
            await self._send(
                {
                    "type": "flush_done",
                    "done": False,
                    "flush_done": True,
                    "flush_id": context.flushes,
                    "context_id": context_id,
                }
            )

    async def _send_piece(self, context_id: str, context: _Context, piece: SpokenText) -> None:
        began_ms = context.spoken / _PER_MS
        try:
            async for chunk in pace_chunks(piece, self._speech.timing, self._faults):
                if chunk.is_garbage:
                    await self._socket.send_str(GARBAGE)
                await self._send_chunk(context_id, context, chunk.ulaw)
                if context.fields.get("add_timestamps"):
                    await self._send_times(context_id, list(_shift(chunk.words, began_ms)))
        except VoiceFailed:
            await self._accepted.send_failure(FAILED, context_id=context_id)
            raise _ContextFailed from None

    async def _send_chunk(self, context_id: str, context: _Context, ulaw: bytes) -> None:
        context.spoken += len(ulaw)
        is_ulaw = context.fields["output_format"]["encoding"] == "pcm_mulaw"
        data = base64.b64encode(ulaw if is_ulaw else decode(ulaw).astype("<i2").tobytes()).decode()
        await self._send({"type": "chunk", "data": data, "done": False, "step_time": 12.5, "context_id": context_id})

    async def _send_times(self, context_id: str, words: list[SpokenWord]) -> None:
        if words:
            times = {
                "words": [word.text for word in words],
                "start": [word.start_ms / 1_000 for word in words],
                "end": [word.end_ms / 1_000 for word in words],
            }
            await self._send({"type": "timestamps", "done": False, "context_id": context_id, "word_timestamps": times})

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._socket.closed:
            await self._socket.send_str(json.dumps({**message, "status_code": 206}))


def _refuse(status: int, code: str, message: str) -> RequestRefused:
    return RequestRefused(CartesiaFailure(status, code, "Invalid request", message))


def _shift(words: Iterable[SpokenWord], by_ms: float) -> Iterator[SpokenWord]:
    """Shift word times from a text's audio to the context's audio."""
    for word in words:
        yield SpokenWord(word.text, word.start_ms + by_ms, word.end_ms + by_ms)


@dataclass(slots=True)
class SimulatedCartesia:
    """A simulated Cartesia account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        voices: Ids of the existing voices; None accepts any id.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    speech_timing: SpeechTiming = field(default_factory=SpeechTiming)
    recognizer_timing: RecognizerTiming = field(default_factory=RecognizerTiming)
    voices: frozenset[str] | None = None

    def routes(self) -> list[web.AbstractRouteDef]:
        speech = CartesiaSpeech(self.state, self.speech_timing, self.voices)
        recognizers = CartesiaRecognizers(self.state, self.make_ear, self.recognizer_timing)
        return add_documents([*speech.routes(), *recognizers.routes()], cartesia_documents(self.state))


def cartesia_documents(state: VendorState) -> list[web.RouteDef]:
    """Return the routes `/voices` and `/voices/{id}`. Every id is a valid voice."""

    async def list_voices(request: web.Request) -> web.Response:
        return _answer(request, {"data": [_voice("f786b574-daa5-4673-aa0c-cbe3e8534c02")], "has_more": False})

    async def get_voice(request: web.Request) -> web.Response:
        return _answer(request, _voice(request.match_info["id"]))

    def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        if request.headers.get("X-API-Key") != state.key:
            version = request.headers.get("Cartesia-Version", "")
            return web.json_response(error_body(UNAUTHORIZED, version, ""), status=401)
        return web.json_response(body)

    return [web.get("/voices", list_voices), web.get("/voices/{id}", get_voice)]


def _voice(voice_id: str) -> dict[str, Any]:
    return {"id": voice_id, "name": "Simulated voice", "language": "en", "is_public": True}


def _make(state: VendorState, setting: ServerSetting) -> SimulatedCartesia:
    timing = make_timing(
        SpeechTiming,
        first_audio_ms=setting.first_audio_ms,
        chunk_ms=setting.chunk_ms,
        max_contexts=setting.most_at_once,
        voice=setting.voice,
        speed=setting.speed,
    )
    return SimulatedCartesia(state, setting.make_ear, timing)


_LISTEN: Final = {"model": "ink-2"}
_SPEAK: Final = {"model": "sonic-3.5"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": _LISTEN, "tts": _SPEAK},
    providers=(
        SimulatedProvider("ink", "stt", _LISTEN),
        SimulatedProvider("ink-turns", "stt", {**_LISTEN, "turns": True}),
        SimulatedProvider("sonic", "tts", _SPEAK),
    ),
)
