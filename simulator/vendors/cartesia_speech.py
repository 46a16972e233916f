"""The voice of a simulated Cartesia: contexts over one WebSocket, each a task of its own."""

import asyncio
import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.cartesia_socket import (
    FAILED,
    MODEL_NOT_FOUND,
    NO_CREDIT,
    RATE_LIMITED,
    VOICE_NOT_FOUND,
    AcceptedConnection,
    CartesiaFailure,
    RequestRefused,
    accept,
)
from simulator.vendors.faults import FaultCut
from simulator.vendors.server import VendorState
from simulator.vendors.voice import SimulatedVoice, SpokenText, SpokenWord, speak, speak_clips

# Fields that may differ between two inputs of a context.
_FREE: Final = ("transcript", "continue", "flush", "duration")
_NEEDED: Final = ("model_id", "transcript", "voice", "output_format", "context_id")
# The SDK's list (its type TTSModel), and the one that came after it.
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
_ENCODINGS: Final = ("pcm_mulaw", "pcm_s16le")
_SENTENCE: Final = re.compile(r"[.!?]\s*$")
_PER_MS: Final = RATE // 1_000
GARBAGE: Final = '{"type": "chunk", "context_id'


@dataclass(frozen=True, slots=True)
class SpeechTiming:
    """How the voice behaves. first_audio_ms: from an input to its first chunk. chunk_ms: audio of a chunk. speed: of
    generation, in times real time. context_ms: after its last audio a context is forgotten. idle_s: an unused
    connection is closed. max_buffer_ms: the default of `max_buffer_delay_ms`. max_contexts: at once, in all
    connections. late_chunks: sent of a context after it was cancelled. voice: what speaks."""

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
    """All connections of the voice. voices: ids that it knows, None for any. cancelled: ids of contexts that clients
    cancelled. contexts: ids of all."""

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
        """What the server answers."""
        return [web.get("/tts/websocket", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        accepted = await accept(self.state, request, "tts")
        if isinstance(accepted, web.Response):
            return accepted
        await _SpeechConnection(self, accepted).run()
        return accepted.socket


@dataclass(slots=True)
class _Context:
    """One context. fields: equal in all its inputs. inputs: texts to speak, None when the client has finished."""

    fields: dict[str, Any]
    inputs: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    buffered: str = ""
    flush: asyncio.TimerHandle | None = None
    spoken: int = 0  # bytes of mu-law
    flushes: int = 0
    task: "asyncio.Task[None] | None" = None

    def release_buffer(self) -> None:
        """Hands what was buffered to the voice."""
        if self.flush is not None:
            self.flush.cancel()
            self.flush = None
        if self.buffered:
            self.inputs.put_nowait(self.buffered)
        self.buffered = ""


class _SpeechConnection:
    """One WebSocket."""

    def __init__(self, speech: CartesiaSpeech, accepted: AcceptedConnection) -> None:
        self._speech = speech
        self._accepted = accepted
        self._socket = accepted.socket
        self._faults = accepted.faults
        self._contexts: dict[str, _Context] = {}
        self._over: set[str] = set()  # finished, cancelled or forgotten

    async def run(self) -> None:
        """Reads until the connection is over."""
        try:
            while await self._read():
                pass
        finally:
            for context in self._contexts.values():
                if context.task is not None:
                    context.task.cancel()
            self._speech.active.difference_update(self._contexts)

    async def _read(self) -> bool:
        """Takes one message; false at the end."""
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
        """Raises RequestRefused."""
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
        """Buffers text until it ends a sentence or the delay is over; without a delay it is spoken at once."""
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
        """Speaks a context's inputs in order."""
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
            pass  # forgotten
        except ConnectionError:
            pass  # the client has gone
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
        timing = self._speech.timing
        audio, words = piece.ulaw, list(_shift(piece.words, context.spoken / _PER_MS))
        size = timing.chunk_ms * _PER_MS
        for at in range(0, len(audio), size):
            if at:
                await self._faults.wait(timing.chunk_ms / 1_000 / timing.speed)
            if self._faults.reports_error:
                await self._accepted.send_failure(FAILED, context_id=context_id)
                raise _ContextFailed
            if await self._faults.begin_unit():
                await self._socket.send_str(GARBAGE)
            await self._send_chunk(context_id, context, audio[at : at + size])
            if context.fields.get("add_timestamps"):
                ended_ms = context.spoken / _PER_MS
                begun = [word for word in words if word.start_ms < ended_ms]
                words = words[len(begun) :]
                await self._send_times(context_id, begun)

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
    """The words with times in the context's audio."""
    for word in words:
        yield SpokenWord(word.text, word.start_ms + by_ms, word.end_ms + by_ms)
