"""A simulated ElevenLabs: voices over the multi-context WebSocket, and recognition by Scribe.

Scribe commits texts on request or after silence. The voices speak contexts over one WebSocket, each in its own task.
Like ElevenLabs, the simulator bills the characters sent to a voice and the audio sent to the recognizer.

The simulator follows docs/develop/vendors/elevenlabs.md and elevenlabs.io/docs/api-reference/voices/get and
…/models/list. Two facts about ElevenLabs are unknown: whether a wrong key fails the handshake or a later message (here
the latter, because a key may also be in the first message), and the close code after an error of Scribe.
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

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
from simulator.vendors.faults import FaultCut, Role
from simulator.vendors.faulty_socket import FaultySocket, accept_socket
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import DeafEar, FaultyEar, Hearing
from simulator.vendors.server import VendorState, reset_connection
from simulator.vendors.silence import SilenceMeter
from simulator.vendors.speech_chunks import VoiceFailed, pace_chunks
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

POLICY_VIOLATION: Final = 1008


class ConnectionEnded(Exception):
    """The vendor has ended the connection."""


@dataclass(frozen=True, slots=True)
class OpenedSocket(FaultySocket):
    """A WebSocket after its handshake.

    Attributes:
        key: The key sent in the handshake; empty if there was none.
    """

    key: str

    async def end(self, last: dict[str, Any] | None, reason: str) -> NoReturn:
        """Send a last message, if any, and close. Raises ConnectionEnded."""
        if not self.socket.closed:
            if last is not None:
                await self.socket.send_json(last)
            await self.socket.close(code=POLICY_VIOLATION, message=reason.encode()[:120])
        raise ConnectionEnded


async def open_elevenlabs_socket(state: VendorState, request: web.Request, role: Role) -> OpenedSocket | web.Response:
    """Answer a handshake. Returns the socket, or a response if a fault resets the connection."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    socket = await accept_socket(request, faults)
    key = request.headers.get("xi-api-key", "") or request.query.get("token", "")
    return OpenedSocket(socket, request, faults, key)


_MODELS: Final = frozenset(["scribe_v2_realtime"])
_FORMATS: Final = ("ulaw_8000", "pcm_8000")
_STRATEGIES: Final = ("manual", "vad")
_KEYTERMS, _KEYTERM_CHARACTERS = 50, 20
_PER_MS: Final = RATE // 1_000
_GARBAGE: Final = '{"message_type": "committed_tran'
_REFUSALS: Final = {
    "unauthorized": ("auth_error", "Invalid API key."),
    "no_credit": ("quota_exceeded", "You have exceeded your quota."),
    "rate_limited": ("rate_limited", "You are rate limited."),
}


@dataclass(frozen=True, slots=True)
class ScribeTiming:
    """Behavior of the simulated recognizer.

    Attributes:
        commit_s: Time from a commit to its text.
        times_s: Time from the text to its second version with word times. None never sends word times.
        partial_s: Time from a word to its partial text.
        min_commit_ms: Shorter audio cannot be committed.
        max_uncommitted_ms: Longer audio is committed without a request.
        vad_silence_ms: Silence that causes a commit with the strategy `vad`.
        idle_s: A session without audio is closed after this time.
    """

    commit_s: float = 0.15
    times_s: float | None = 0.02
    partial_s: float = 0.05
    min_commit_ms: float = 300.0
    max_uncommitted_ms: float = 36_000.0
    vad_silence_ms: float = 1_500.0
    idle_s: float = 15.0


class ScribeRecognizer:
    """The simulated recognizer with all its sessions.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        queries: Query parameters of all handshakes.
        chunks: Number of audio messages received.
    """

    def __init__(self, state: VendorState, make_ear: Callable[[], Hearing], timing: ScribeTiming | None = None) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing or ScribeTiming()
        self.queries: list[dict[str, list[str]]] = []
        self.chunks = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/v1/speech-to-text/realtime", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.queries.append({name: request.query.getall(name) for name in request.query})
        opened = await open_elevenlabs_socket(self.state, request, "stt")
        if isinstance(opened, web.Response):
            return opened
        await _ScribeSession(self, opened).run()
        return opened.socket


class _ScribeSession:
    """A recognizer connection. Messages are read immediately and processed in order."""

    def __init__(self, recognizer: ScribeRecognizer, opened: OpenedSocket) -> None:
        self._recognizer = recognizer
        self._timing = recognizer.timing
        self._opened = opened
        self._socket = opened.socket
        self._faults = opened.faults
        self._query = opened.request.query
        self._ear = FaultyEar(recognizer.make_ear(), opened.faults)
        self._silence = SilenceMeter()
        self._work: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self._words: list[HeardWord] = []  # words that are not committed yet
        self._committed_ms = 0.0
        self._received = 0  # bytes of mu-law received, including audio not processed yet

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            await self._check()
        except ConnectionEnded:
            return
        worker = asyncio.create_task(self._work_off())
        try:
            await self._send(
                {"message_type": "session_started", "session_id": str(uuid.uuid4()), "config": self._config()}
            )
            while await self._read():
                pass
        except ConnectionEnded:
            pass
        finally:
            worker.cancel()
            self._recognizer.state.bill("stt", self._query["model_id"], "ms", self._received / _PER_MS)

    async def _check(self) -> None:
        """Check the key and the query. Raises ConnectionEnded."""
        fault = self._faults.fault
        if fault is not None and fault.kind in _REFUSALS:
            await self._fail(*_REFUSALS[fault.kind])
        if self._opened.key != self._recognizer.state.key:
            await self._fail(*_REFUSALS["unauthorized"])
        keyterms = self._query.getall("keyterms", [])
        if self._query.get("model_id") not in _MODELS:
            await self._fail("invalid_request", "Invalid model_id.")
        if len(keyterms) > _KEYTERMS or any(len(keyterm) > _KEYTERM_CHARACTERS for keyterm in keyterms):
            await self._fail("invalid_request", "The keyterms are too many or too long.")
        if self._query.get("audio_format", "pcm_16000") not in _FORMATS:
            await self._fail("invalid_request", "The simulator knows the audio_format ulaw_8000 and pcm_8000.")
        if self._query.get("commit_strategy", "manual") not in _STRATEGIES:
            await self._fail("invalid_request", "Invalid commit_strategy.")

    def _config(self) -> dict[str, Any]:
        return {
            "sample_rate": RATE,
            "audio_format": self._query.get("audio_format"),
            "language_code": self._query.get("language_code"),
            "commit_strategy": self._query.get("commit_strategy", "manual"),
            "model_id": self._query["model_id"],
            "include_timestamps": self._has_times,
        }

    @property
    def _has_times(self) -> bool:
        return self._query.get("include_timestamps") == "true"

    async def _read(self) -> bool:
        """Read one message. Returns False at the end of the connection. Raises ConnectionEnded."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            message = await self._socket.receive(self._timing.idle_s)
        except TimeoutError:
            await self._socket.close()
            return False
        if message.type != WSMsgType.TEXT:
            return False
        try:
            request = json.loads(message.data)
            audio = base64.b64decode(request["audio_base_64"], validate=True)
        except (ValueError, KeyError):
            await self._fail("input_error", "The message is no input_audio_chunk.")
        self._recognizer.chunks += 1
        is_ulaw = self._query.get("audio_format") == "ulaw_8000"
        ulaw = audio if is_ulaw else encode(np.frombuffer(audio, "<i2"))
        self._received += len(ulaw)
        self._work.put_nowait((ulaw, bool(request.get("commit"))))
        return True

    async def _work_off(self) -> None:
        try:
            while True:
                ulaw, commits = await self._work.get()
                await self._hear(ulaw)
                if commits:
                    await self._commit()
        except FaultCut:
            self._opened.reset()
        except (ConnectionError, ConnectionEnded):
            pass

    async def _hear(self, ulaw: bytes) -> None:
        heard = self._ear.feed(ulaw)
        self._silence.feed(ulaw)
        self._words += heard
        if heard:
            await self._faults.wait(self._timing.partial_s)
            await self._send_unit({"message_type": "partial_transcript", "text": self._text()})
        is_over = self._query.get("commit_strategy") == "vad" and self._silence.quiet_ms >= self._timing.vad_silence_ms
        if self._uncommitted_ms >= self._timing.max_uncommitted_ms or (is_over and self._words):
            await self._send_commit()

    @property
    def _uncommitted_ms(self) -> float:
        return self._ear.heard_ms - self._committed_ms

    async def _commit(self) -> None:
        if self._uncommitted_ms < self._timing.min_commit_ms:
            seconds = self._uncommitted_ms / 1_000
            error = f"Commit request ignored: only {seconds:.2f}s of uncommitted audio."
            await self._send({"message_type": "commit_throttled", "error": error})
            return
        await self._faults.wait(self._timing.commit_s)
        await self._send_commit()

    async def _send_commit(self) -> None:
        words = [
            {"text": word.text, "start": word.start_ms / 1_000, "end": word.end_ms / 1_000, "type": "word"}
            for word in self._words
        ]
        plain: dict[str, Any] = {"message_type": "committed_transcript", "text": self._text()}
        timed: dict[str, Any] = {
            "message_type": "committed_transcript_with_timestamps",
            "text": self._text(),
            "language_code": self._query.get("language_code", "en"),
            "words": words,
        }
        self._words, self._committed_ms = [], self._ear.heard_ms
        both = [timed, plain] if self._faults.has("reorder") else [plain, timed]
        if not self._has_times or self._timing.times_s is None:
            both = [plain]
        for number, message in enumerate(both * 2 if self._faults.has("repeat") else both):
            if number:
                await self._faults.wait(self._timing.times_s or 0.0)
                await self._send(message)
            else:
                await self._send_unit(message)

    def _text(self) -> str:
        return " ".join(word.text for word in self._words)

    async def _send_unit(self, message: dict[str, Any]) -> None:
        """Send a result, or the connection's fault in its place. Raises ConnectionEnded or FaultCut."""
        if self._faults.reports_error:
            await self._fail("transcriber_error", "An error occurred while transcribing the audio.")
        if await self._faults.begin_unit():
            await self._socket.send_str(_GARBAGE)
            return
        await self._send(message)

    async def _fail(self, kind: str, error: str) -> NoReturn:
        """Send an error and end the connection. Raises ConnectionEnded."""
        await self._opened.end({"message_type": kind, "error": error}, kind)

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._socket.closed:
            await self._socket.send_json(message)


# Models in the SDK and pipecat that this WebSocket supports.
MODELS: Final = frozenset(
    ["eleven_flash_v2_5", "eleven_flash_v2", "eleven_turbo_v2_5", "eleven_turbo_v2", "eleven_multilingual_v2"]
)
_SCHEDULE: Final = (120, 160, 250, 290)
_MAX_CONTEXTS: Final = 5
_DEFAULT_CONTEXT: Final = "default"
_RANGES: Final = {"stability": (0.0, 1.0), "similarity_boost": (0.0, 1.0), "style": (0.0, 1.0), "speed": (0.7, 1.2)}
_SPEECH_GARBAGE: Final = '{"audio": "//8'
# Field names in the vendor's documentation -> field names that its server may use instead.
_SNAKE: Final = {
    "contextId": "context_id",
    "isFinal": "is_final",
    "charStartTimesMs": "char_start_times_ms",
    "charDurationsMs": "char_durations_ms",
}

CharacterTime = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class GenerationTiming:
    """Behavior of the simulated voices.

    Attributes:
        first_audio_ms: Time from a text to its first chunk.
        chunk_ms: Length of the audio in a chunk.
        speed: Speed of the generation relative to real time.
        max_generating: Maximum number of texts spoken at the same time on all connections.
        uses_snake: Whether field names use snake case, such as `context_id`.
        closes_silently: Whether errors are reported only by the close frame.
        voice: Produces the audio.
    """

    first_audio_ms: float = 75.0
    chunk_ms: int = 100
    speed: float = 4.0
    max_generating: int = 30
    uses_snake: bool = False
    closes_silently: bool = False
    voice: SimulatedVoice = speak_clips


class MultiContextSpeech:
    """The simulated voices with all their connections.

    Attributes:
        voices: Ids of the existing voices; None accepts any id.
        contexts: Ids of all contexts.
        closed: Ids of the contexts that clients closed.
        queries: Query parameters of all handshakes.
        generating: Number of texts being spoken.
    """

    def __init__(
        self, state: VendorState, timing: GenerationTiming | None = None, voices: frozenset[str] | None = None
    ) -> None:
        self.state = state
        self.timing = timing or GenerationTiming()
        self.voices = voices
        self.contexts: list[str] = []
        self.closed: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.generating = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/v1/text-to-speech/{voice_id}/multi-stream-input", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        opened = await open_elevenlabs_socket(self.state, request, "tts")
        if isinstance(opened, web.Response):
            return opened
        await _SpokenConnection(self, opened).run()
        return opened.socket


@dataclass(slots=True)
class _SpokenContext:
    """A context of the voice.

    Attributes:
        inputs: Texts to speak, then None.
        settings: `voice_settings` of the context's first message.
    """

    settings: dict[str, Any] | None
    inputs: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    schedule: list[float] = field(default_factory=lambda: list(_SCHEDULE))
    buffered: str = ""
    is_closed: bool = False
    task: "asyncio.Task[None] | None" = None

    def add(self, text: str, *, at_once: bool) -> None:
        """Buffer text until the schedule's length is reached."""
        self.buffered += text
        if not self.buffered.strip() or not (at_once or len(self.buffered) >= self.schedule[0]):
            return
        if len(self.schedule) > 1:
            self.schedule.pop(0)
        self.inputs.put_nowait(self.buffered)
        self.buffered = ""

    def close(self) -> None:
        """End the context. Buffered text is dropped; text already passed to the voice is spoken."""
        if not self.is_closed:
            self.is_closed, self.buffered = True, ""
            self.inputs.put_nowait(None)


class _SpokenConnection:
    """A voice connection."""

    def __init__(self, speech: MultiContextSpeech, opened: OpenedSocket) -> None:
        self._speech = speech
        self._opened = opened
        self._socket = opened.socket
        self._faults = opened.faults
        query = opened.request.query
        self._model = query.get("model_id", "")
        self._voice_id = opened.request.match_info["voice_id"]
        self._format = query.get("output_format", "mp3_44100")
        self._is_auto = query.get("auto_mode") == "true"
        self._is_synced = query.get("sync_alignment") == "true"
        self._inactivity_s = float(query.get("inactivity_timeout", 20))
        self._contexts: dict[str, _SpokenContext] = {}
        self._key = opened.key

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            while await self._read():
                pass
        except ConnectionEnded:
            pass
        finally:
            for context in self._contexts.values():
                if context.task is not None:
                    context.task.cancel()

    async def _read(self) -> bool:
        """Read one message. Returns False at the end of the connection. Raises ConnectionEnded."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            message = await self._socket.receive(self._inactivity_s)
        except TimeoutError:
            await self._fail("input_timeout_exceeded", "No messages within the inactivity timeout.")
        if message.type != WSMsgType.TEXT:
            return False
        try:
            request = json.loads(message.data)
        except json.JSONDecodeError:
            await self._fail("invalid_message", "The message is no JSON.")
        if request.get("close_socket"):
            await self._finish()
            return False
        await self._take(request)
        return True

    async def _take(self, request: dict[str, Any]) -> None:
        """Process a message. Raises ConnectionEnded."""
        text = str(request.get("text") or "")
        context_id = request.get("context_id") or request.get("contextId") or ""
        if not context_id and not text and not request.get("flush"):
            return  # an empty message only keeps the connection alive
        context_id = context_id or _DEFAULT_CONTEXT
        context = self._contexts.get(context_id)
        if request.get("close_context"):
            self._speech.closed.append(context_id)
            if context is not None:
                context.close()
            return
        if context is None or context.is_closed:
            context = await self._open(context_id, request)
        elif request.get("voice_settings") not in (None, context.settings):
            await self._fail("invalid_message", "voice_settings can only be provided in the first message.")
        if text.strip():
            self._speech.state.bill("tts", self._model, "characters", len(text))
        context.add(text, at_once=self._is_auto or bool(request.get("flush")))

    async def _open(self, context_id: str, request: dict[str, Any]) -> _SpokenContext:
        """Open a context. Raises ConnectionEnded."""
        await self._check(request)
        if len(self._contexts) >= _MAX_CONTEXTS:
            limit = f"Maximum simultaneous contexts per WebSocket connection exceeded ({_MAX_CONTEXTS})."
            await self._fail("max_active_conversations", limit)
        context = self._contexts[context_id] = _SpokenContext(request.get("voice_settings"))
        schedule = (request.get("generation_config") or {}).get("chunk_length_schedule")
        context.schedule = list(schedule or context.schedule)
        self._speech.contexts.append(context_id)
        context.task = asyncio.create_task(self._generate(context_id, context))
        return context

    async def _check(self, request: dict[str, Any]) -> None:
        """Check a new context against the account's limits and the request. Raises ConnectionEnded."""
        speech, settings = self._speech, request.get("voice_settings") or {}
        if self._faults.has("unauthorized") or speech.state.key not in (self._key, request.get("xi_api_key")):
            await self._fail("invalid_api_key", "Invalid API key.")
        if self._faults.has("no_credit"):
            await self._fail("quota_exceeded", "This request exceeds your quota. You have 0 credits remaining.")
        if self._faults.has("rate_limited") or speech.generating >= speech.timing.max_generating:
            await self._fail("too_many_concurrent_requests", "Too many concurrent requests.")
        if self._model not in MODELS:
            await self._fail("model_not_found", f"A model with model_id {self._model} does not exist.")
        if speech.voices is not None and self._voice_id not in speech.voices:
            await self._fail("voice_id_does_not_exist", f"A voice with voice_id {self._voice_id} does not exist.")
        for name, (least, most) in _RANGES.items():
            if settings.get(name) is not None and not least <= settings[name] <= most:
                await self._fail("invalid_voice_settings", f"{name} must be from {least} to {most}.")
        if self._format not in _FORMATS:
            await self._fail("invalid_output_format", "The simulator knows ulaw_8000 and pcm_8000.")

    async def _fail(self, code: str, message: str) -> NoReturn:
        """Send an error and end the connection. Raises ConnectionEnded."""
        last = None if self._speech.timing.closes_silently else {"message": message, "error": code, "code": 1008}
        await self._opened.end(last, message)

    async def _finish(self) -> None:
        """Speak the text already passed to the voice, then close."""
        for context in self._contexts.values():
            context.close()
        await asyncio.gather(*(one.task for one in self._contexts.values() if one.task), return_exceptions=True)
        await self._socket.close()

    async def _generate(self, context_id: str, context: _SpokenContext) -> None:
        """Speak a context's texts in order."""
        try:
            while (text := await context.inputs.get()) is not None:
                self._speech.generating += 1
                try:
                    await self._speak(context_id, text)
                finally:
                    self._speech.generating -= 1
            await self._send({"isFinal": True, "contextId": context_id})
            if self._contexts.get(context_id) is context:
                del self._contexts[context_id]
        except (ConnectionError, ConnectionEnded):
            pass
        except FaultCut:
            self._opened.reset()

    async def _speak(self, context_id: str, text: str) -> None:
        await self._faults.wait(self._speech.timing.first_audio_ms / 1_000)
        for piece in self._speech.timing.voice(text):
            await self._send_piece(context_id, piece)

    async def _send_piece(self, context_id: str, piece: SpokenText) -> None:
        rows = list(_character_times(piece))
        try:
            async for chunk in pace_chunks(piece, self._speech.timing, self._faults):
                if chunk.is_garbage:
                    await self._socket.send_str(_SPEECH_GARBAGE)
                ends_ms = chunk.ended_ms if self._is_synced and not chunk.is_last else float("inf")
                due = [row for row in rows if row[1] < ends_ms]
                rows = rows[len(due) :]
                await self._send_audio(context_id, chunk.ulaw, due, chunk.began_ms)
        except VoiceFailed:
            await self._fail("internal_server_error", "Something went wrong.")

    async def _send_audio(self, context_id: str, ulaw: bytes, rows: list[CharacterTime], began_ms: float) -> None:
        data = ulaw if self._format == "ulaw_8000" else decode(ulaw).astype("<i2").tobytes()
        alignment = {
            "chars": [character for character, _, _ in rows],
            "charStartTimesMs": [round(start - began_ms) for _, start, _ in rows],
            "charDurationsMs": [round(duration) for _, _, duration in rows],
        }
        both = {"alignment": alignment, "normalizedAlignment": alignment} if rows else {"alignment": None}
        await self._send({"audio": base64.b64encode(data).decode(), **both, "isFinal": None, "contextId": context_id})

    async def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message)
        if self._speech.timing.uses_snake:
            text = re.sub("|".join(_SNAKE), lambda found: _SNAKE[found[0]], text)
        if not self._socket.closed:
            await self._socket.send_str(text)


def _character_times(piece: SpokenText) -> Iterator[CharacterTime]:
    """Yield each character with its start and duration in ms. A word's characters share its time equally, and a space
    follows.
    """
    for word in piece.words:
        each = (word.end_ms - word.start_ms) / len(word.text)
        for number, character in enumerate(word.text):
            yield character, word.start_ms + number * each, each
        yield " ", word.end_ms, 0.0


@dataclass(slots=True)
class SimulatedElevenLabs:
    """A simulated ElevenLabs account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        voices: Ids of the existing voices; None accepts any id.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    speech_timing: GenerationTiming = field(default_factory=GenerationTiming)
    recognizer_timing: ScribeTiming = field(default_factory=ScribeTiming)
    voices: frozenset[str] | None = None

    def routes(self) -> list[web.AbstractRouteDef]:
        speech = MultiContextSpeech(self.state, self.speech_timing, self.voices)
        recognizer = ScribeRecognizer(self.state, self.make_ear, self.recognizer_timing)
        return add_documents([*speech.routes(), *recognizer.routes()], elevenlabs_documents(self.state))


def elevenlabs_documents(state: VendorState) -> list[web.RouteDef]:
    """Return the routes `/v1/voices/{id}` (every id is a valid voice) and `/v1/models`."""

    async def get_voice(request: web.Request) -> web.Response:
        return _answer(
            request, {"voice_id": request.match_info["id"], "name": "Simulated voice", "category": "premade"}
        )

    async def list_models(request: web.Request) -> web.Response:
        return _answer(request, [{"model_id": "eleven_flash_v2_5", "name": "Eleven Flash v2.5"}])

    def _answer(request: web.Request, body: Any) -> web.Response:
        if request.headers.get("xi-api-key") != state.key:
            detail = {"status": "invalid_api_key", "message": "Invalid API key"}
            return web.json_response({"detail": detail}, status=401)
        return web.json_response(body)

    return [web.get("/v1/voices/{id}", get_voice), web.get("/v1/models", list_models)]


def _make(state: VendorState, setting: ServerSetting) -> SimulatedElevenLabs:
    timing = make_timing(
        GenerationTiming,
        first_audio_ms=setting.first_audio_ms,
        max_generating=setting.most_at_once,
        voice=setting.voice,
        speed=setting.speed,
    )
    return SimulatedElevenLabs(state, setting.make_ear, timing)


_LISTEN: Final = {"model": "scribe_v2_realtime"}
_SPEAK: Final = {"model": "eleven_flash_v2_5"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": _LISTEN, "tts": _SPEAK},
    providers=(SimulatedProvider("scribe", "stt", _LISTEN), SimulatedProvider("eleven-flash", "tts", _SPEAK)),
)
