"""The voices of a simulated Soniox: streams over one WebSocket, each a task of its own.

Billed: the characters that a voice was sent; the vendor counts tokens of text and of audio. What it does not know of
the vendor: whether the end of a text is spoken before more text or `text_end` comes (here it is).
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.faults import Fault, FaultCut, FaultInjector
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone
from simulator.vendors.soniox_session import NO_CREDIT, TOO_MANY, WRONG_KEY, SonioxRefusal
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

PATH: Final = "/tts-websocket"
MODELS: Final = frozenset({"tts-rt-v1", "tts-rt-v2"})
VOICES: Final = frozenset({"Adrian", "Bryce", "Maya"})
MAX_STREAMS: Final = 5
MAX_TEXT: Final = 5_000
_PER_MS: Final = RATE // 1_000
_GARBAGE: Final = '{"audio": "//8'
_REFUSALS: Final = ("refuse", "unauthorized", "no_credit", "rate_limited")
_DEMANDED: Final = ("model", "language", "voice", "audio_format")

CharacterTime = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class VoiceTiming:
    """first_audio_ms: from a text to its first chunk. chunk_ms: audio of a chunk. speed: of generation, in times real
    time. voice: what speaks."""

    first_audio_ms: float = 75.0
    chunk_ms: int = 100
    speed: float = 4.0
    voice: SimulatedVoice = speak_clips


class SonioxSpeech:
    """All connections of the voices. settings: of all streams; cancelled: ids of those that clients stopped."""

    def __init__(self, state: VendorState, timing: VoiceTiming | None = None) -> None:
        self.state = state
        self.timing = timing or VoiceTiming()
        self.settings: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.most_streams = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """What the server answers."""
        return [web.get(PATH, self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("tts")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        connection = _Connection(self, request, faults)
        await connection.run()
        return connection.socket


class _StreamFailed(Exception):
    """The vendor has ended the stream with an error."""


@dataclass(slots=True)
class _Stream:
    """One stream. inputs: texts to speak, None at the end."""

    settings: dict[str, Any]
    inputs: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    spoken_ms: float = 0.0
    has_ended: bool = False
    task: "asyncio.Task[None] | None" = None


class _Connection:
    """One WebSocket."""

    def __init__(self, speech: SonioxSpeech, request: web.Request, faults: FaultInjector) -> None:
        self._speech = speech
        self._request = request
        self._faults = faults
        self.socket = web.WebSocketResponse(compress=False)
        self._streams: dict[str, _Stream] = {}

    async def run(self) -> None:
        """Reads until the connection is over."""
        self._faults.on_begin = self._begin_fault
        await self.socket.prepare(self._request)
        try:
            while await self._read():
                pass
        finally:
            for stream in self._streams.values():
                if stream.task is not None:
                    stream.task.cancel()

    def _begin_fault(self, fault: Fault) -> None:
        if fault.kind in _REFUSALS:
            reset_connection(self._request)

    async def _read(self) -> bool:
        """Takes one message; false at the end."""
        if self._faults.reads_nothing:
            await wait_until_gone(self._request)
            return False
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return False
        try:
            request = json.loads(message.data)
        except ValueError:
            request = {}
        if not request.get("keep_alive"):
            await self._take(request)
        return True

    async def _take(self, request: dict[str, Any]) -> None:
        stream_id = str(request.get("stream_id") or "")
        stream = self._streams.get(stream_id)
        refusal = self._find_refusal(stream_id, request) if stream is None else _find_fault(stream, request)
        if refusal is not None:
            await self._refuse(stream_id, refusal)
        elif stream is None:
            self._open(stream_id, request)
        elif request.get("cancel"):
            await self._cancel(stream_id, stream)
        else:
            self._add_text(stream, str(request.get("text") or ""), is_last=bool(request.get("text_end")))

    def _find_refusal(self, stream_id: str, request: dict[str, Any]) -> SonioxRefusal | None:
        """Why a stream is not begun."""
        key = self._request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._faults.has("unauthorized") or key != self._speech.state.key:
            return WRONG_KEY
        if self._faults.has("no_credit"):
            return NO_CREDIT
        if self._faults.has("rate_limited") or len(self._streams) >= MAX_STREAMS:
            return TOO_MANY
        missing = next((name for name in _DEMANDED if not request.get(name)), None)
        if not stream_id or missing is not None:
            return _bad_request(f"Missing required field: {missing or 'stream_id'}")
        if request["model"] not in MODELS:
            return _bad_request("Invalid model specified.")
        if request["voice"] not in VOICES:
            return _bad_request("Invalid voice specified.")
        if request["audio_format"] not in ("pcm_mulaw", "pcm_s16le") or request.get("sample_rate") != RATE:
            return _bad_request("The simulator knows pcm_mulaw and pcm_s16le at 8000 Hz.")
        return None

    def _open(self, stream_id: str, request: dict[str, Any]) -> None:
        stream = self._streams[stream_id] = _Stream(request)
        self._speech.settings.append(request)
        self._speech.most_streams = max(self._speech.most_streams, len(self._streams))
        stream.task = asyncio.create_task(self._generate(stream_id, stream))

    def _add_text(self, stream: _Stream, text: str, *, is_last: bool) -> None:
        if text.strip():
            self._speech.state.bill("tts", stream.settings["model"], "characters", len(text))
            stream.inputs.put_nowait(text)
        if is_last:
            stream.has_ended = True
            stream.inputs.put_nowait(None)

    async def _cancel(self, stream_id: str, stream: _Stream) -> None:
        self._speech.cancelled.append(stream_id)
        if stream.task is not None:
            stream.task.cancel()
        del self._streams[stream_id]
        await self._send({"stream_id": stream_id, "terminated": True})

    async def _refuse(self, stream_id: str, refusal: SonioxRefusal) -> None:
        """An error of a stream, which is over then; the connection stays."""
        error = {"error_code": refusal.code, "error_type": refusal.kind, "error_message": refusal.text}
        await self._send({"stream_id": stream_id, **error})
        await self._send({"stream_id": stream_id, "terminated": True})
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.task is not None and stream.task is not asyncio.current_task():
            stream.task.cancel()

    async def _generate(self, stream_id: str, stream: _Stream) -> None:
        """Speaks a stream's texts in order."""
        timing = self._speech.timing
        try:
            while (text := await stream.inputs.get()) is not None:
                await self._faults.wait(timing.first_audio_ms / 1_000)
                for piece in timing.voice(text):
                    await self._send_piece(stream_id, stream, piece)
            await self._send({"stream_id": stream_id, "audio": "", "audio_end": True})
            del self._streams[stream_id]
            await self._send({"stream_id": stream_id, "terminated": True})
        except _StreamFailed:
            pass
        except FaultCut:
            reset_connection(self._request)

    async def _send_piece(self, stream_id: str, stream: _Stream, piece: SpokenText) -> None:
        timing, rows = self._speech.timing, list(_character_times(piece))
        size, audio, began_ms = timing.chunk_ms * _PER_MS, piece.ulaw, stream.spoken_ms
        stream.spoken_ms += len(audio) / _PER_MS
        for at in range(0, len(audio), size):
            if at:
                await self._faults.wait(timing.chunk_ms / 1_000 / timing.speed)
            if self._faults.reports_error:
                await self._refuse(stream_id, SonioxRefusal(500, "internal_error", "The server had an error."))
                raise _StreamFailed
            if await self._faults.begin_unit():
                await self.socket.send_str(_GARBAGE)
            ends_ms = (at + size) / _PER_MS if at + size < len(audio) else float("inf")
            due = [row for row in rows if row[1] < ends_ms]
            rows = rows[len(due) :]
            await self._send_audio(
                stream_id, stream, audio[at : at + size], [(c, s + began_ms, e + began_ms) for c, s, e in due]
            )

    async def _send_audio(self, stream_id: str, stream: _Stream, ulaw: bytes, rows: list[CharacterTime]) -> None:
        is_mulaw = stream.settings["audio_format"] == "pcm_mulaw"
        data = ulaw if is_mulaw else decode(ulaw).astype("<i2").tobytes()
        times = {
            "characters": [character for character, _, _ in rows],
            "character_start_times_seconds": [round(start / 1_000, 4) for _, start, _ in rows],
            "character_end_times_seconds": [round(end / 1_000, 4) for _, _, end in rows],
        }
        more = {"timestamps": times} if stream.settings.get("return_timestamps") and rows else {}
        await self._send({"stream_id": stream_id, "audio": base64.b64encode(data).decode(), **more})

    async def _send(self, message: dict[str, Any]) -> None:
        if not self.socket.closed:
            await self.socket.send_json(message)


def _find_fault(stream: _Stream, request: dict[str, Any]) -> SonioxRefusal | None:
    """What is wrong with a message of a stream that is there."""
    if request.get("cancel"):
        return None
    if "model" in request:
        return _bad_request("The stream has been started already.")
    if stream.has_ended:
        return _bad_request("The text has ended.")
    return _bad_request("Text is too long (max length 5000).") if len(request.get("text") or "") > MAX_TEXT else None


def _character_times(piece: SpokenText) -> Iterator[CharacterTime]:
    """Character, start and end in ms: those of a word share its time, and a blank follows it."""
    for word in piece.words:
        each = (word.end_ms - word.start_ms) / len(word.text)
        for number, character in enumerate(word.text):
            yield character, word.start_ms + number * each, word.start_ms + (number + 1) * each
        yield " ", word.end_ms, word.end_ms


def _bad_request(text: str) -> SonioxRefusal:
    return SonioxRefusal(400, "invalid_request", text)
