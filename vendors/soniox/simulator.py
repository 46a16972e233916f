"""A simulated Soniox: recognition and voices over WebSockets, and a document that checks a key.

Recognition: words become final after some further words, at `finalize` (answered by `<fin>`), or with endpoint
detection after enough silence (ending in `<end>`). Long words consist of two tokens, as the vendor's do. The simulator
bills the received audio. The vendor bills how long the stream was open, which is equal at the pace of speech.

Voices: streams over one WebSocket, each in its own task. The simulator bills the received characters; the vendor bills
tokens of text and audio.

The simulator follows docs/develop/vendors/soniox.md. Two facts about Soniox are unknown: whether a wrong key fails the
handshake or a later message (here the latter, like a public test double), and whether the end of a text is spoken
before more text or `text_end` arrives (here it is).
"""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, make_timing, one_account
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.faulty_socket import end_by_refusals
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.listening_session import ListeningSession
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone
from simulator.vendors.speech_chunks import VoiceFailed, pace_chunks
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

_BYTES_PER_MS: Final = 8
_LONG_WORD: Final = 6
_FIN: Final = {"text": "<fin>", "is_final": True}
_END: Final = {"text": "<end>", "is_final": True}
_GARBAGE: Final = '{"tokens": [{"te'


@dataclass(frozen=True, slots=True)
class SonioxRefusal:
    """An error of the vendor.

    Attributes:
        code: An HTTP status.
        kind: The `error_type`.
        text: The `error_message`.
    """

    code: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenTiming:
    """Behavior of the simulated recognizer.

    Attributes:
        result_s: Time from audio or a request to its tokens.
        pending_words: Number of latest words that may change.
        endpoint_ms: Silence that counts as an endpoint.
        idle_s: A session without messages ends after this time.
    """

    result_s: float = 0.05
    pending_words: int = 4
    endpoint_ms: float = 700.0
    idle_s: float = 20.0


WRONG_KEY: Final = SonioxRefusal(401, "unauthenticated", "Incorrect API key provided. Get one at console.soniox.com")
NO_CREDIT: Final = SonioxRefusal(402, "organization_balance_exhausted", "Organization balance exhausted.")
TOO_MANY: Final = SonioxRefusal(429, "limit_exceeded", "Rate limit for your organization has been exceeded.")
_RESTART: Final = SonioxRefusal(
    503, "service_unavailable", "Cannot continue request (code 1). Please restart the request."
)
_NO_AUDIO: Final = SonioxRefusal(400, "invalid_request", "No audio received.")
_BAD_CONTROL: Final = SonioxRefusal(400, "invalid_request", "Control request invalid type.")
_BAD_START: Final = SonioxRefusal(400, "invalid_request", "Start request must be a text message.")
_TOO_SLOW: Final = SonioxRefusal(408, "request_timeout", "Request timeout.")


class SonioxSession(ListeningSession):
    """A recognition session on one connection."""

    def __init__(
        self,
        request: web.Request,
        ear: Hearing,
        faults: FaultInjector,
        timing: TokenTiming,
        find_language: Callable[[str], str],
    ) -> None:
        """Create the session.

        Args:
            request: The handshake.
            ear: The recognizer that listens to the session.
            faults: Faults of the connection.
            timing: Behavior of the session.
            find_language: Returns a word's language as its tokens report it.
        """
        super().__init__(request, ear, faults, _GARBAGE)
        self._find_language = find_language
        self._timing = timing
        self._open_words: list[HeardWord] = []  # not final yet
        self._has_spoken = False  # whether a word was spoken since the latest endpoint
        self._final_ms = 0.0
        self._has_endpoints = False
        self._received = 0  # bytes of audio

    @property
    def received_ms(self) -> float:
        """Length of all received audio."""
        return self._received / (_BYTES_PER_MS * self.step * (2 if self.is_linear else 1))

    async def open(self) -> dict[str, Any] | None:
        """Answer the handshake. Returns the first message; None if it is unreadable."""
        await self._accept()
        message = await self.socket.receive()
        try:
            start = json.loads(message.data) if message.type is WSMsgType.TEXT else None
        except ValueError:
            start = None
        if isinstance(start, dict):
            return start
        await self.refuse(_BAD_START)
        return None

    async def refuse(self, refusal: SonioxRefusal) -> None:
        """Send an error and end the session."""
        error = {"error_code": refusal.code, "error_type": refusal.kind, "error_message": refusal.text}
        await self._send({"tokens": [], **error, "request_id": str(uuid.uuid4())})
        await self.socket.close()

    async def run(self, start: dict[str, Any]) -> web.WebSocketResponse:
        """Serve the session until it ends."""
        self.is_linear = start["audio_format"] == "pcm_s16le"
        self.step = start["sample_rate"] // RATE
        self._has_endpoints = bool(start.get("enable_endpoint_detection"))
        async with self._working():
            while (message := await self._read()) is not None:
                self._received += len(message) if isinstance(message, bytes) else 0
        return self.socket

    async def _receive(self) -> WSMessage | None:
        try:
            return await self.socket.receive(self._timing.idle_s)
        except TimeoutError:
            await self.refuse(_TOO_SLOW)
            return None

    async def _hear(self, audio: bytes) -> None:
        if not audio:  # empty audio or text marks the end
            await self._finish()
        for piece in self._frames(self._to_ulaw(audio)):
            self._silence.feed(piece)
            words = self._ear.feed(piece)
            if words:
                self._open_words += words
                self._has_spoken = True
                await self._tell(self._take(keep=self._timing.pending_words))
            elif self._has_endpoints and self._has_spoken and self._silence.quiet_ms >= self._timing.endpoint_ms:
                self._has_spoken = False
                await self._tell([*self._take(), _END])

    async def _obey(self, command: str) -> None:
        if not command:
            await self._finish()
            return
        try:
            kind = json.loads(command).get("type")
        except (ValueError, AttributeError):
            kind = None
        if kind == "finalize":
            await self._finalize()
        elif kind != "keepalive":
            await self.refuse(_BAD_CONTROL)

    async def _finalize(self) -> None:
        pending = self._tokens(self._open_words, is_final=False)
        finals = self._take()
        await self._tell([*finals, _FIN])
        if self._faults.has("repeat"):
            await self._tell([*finals, _FIN])
        if self._faults.has("reorder") and pending:
            await self._send_unit(self._message(pending), self._timing.result_s)

    async def _finish(self) -> None:
        """Process the end of the audio."""
        if not self.heard_ms:
            await self.refuse(_NO_AUDIO)
            return
        await self._tell(self._take())
        await self._send({**self._message([]), "finished": True})
        await self.socket.close()

    def _take(self, keep: int = 0) -> list[dict[str, Any]]:
        """Return the tokens that become final now. The last `keep` words stay pending."""
        count = max(0, len(self._open_words) - keep)
        words, self._open_words = self._open_words[:count], self._open_words[count:]
        self._final_ms = words[-1].end_ms if words and self._open_words else self.heard_ms
        return self._tokens(words, is_final=True)

    async def _tell(self, finals: Sequence[dict[str, Any]]) -> None:
        """Send the tokens that became final, followed by tokens that may change."""
        message = self._message([*finals, *self._tokens(self._open_words, is_final=False)])
        await self._send_unit(message, self._timing.result_s)

    def _tokens(self, words: Sequence[HeardWord], *, is_final: bool) -> list[dict[str, Any]]:
        return [
            {**_token(text, start, end, is_final), "language": self._find_language(word.text)}
            for word in words
            for text, start, end in _split(word)
        ]

    def _message(self, tokens: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "tokens": tokens,
            "final_audio_proc_ms": round(self._final_ms),
            "total_audio_proc_ms": round(self.heard_ms),
        }

    async def _fail(self) -> None:
        await self.refuse(_RESTART)


def _split(word: HeardWord) -> list[tuple[str, float, float]]:
    """Return a word's tokens. The first token begins with a space."""
    if len(word.text) < _LONG_WORD:
        return [(f" {word.text}", word.start_ms, word.end_ms)]
    half = len(word.text) // 2
    middle = (word.start_ms + word.end_ms) / 2
    return [(f" {word.text[:half]}", word.start_ms, middle), (word.text[half:], middle, word.end_ms)]


def _token(text: str, start_ms: float, end_ms: float, is_final: bool) -> dict[str, Any]:
    times = {"start_ms": round(start_ms), "end_ms": round(end_ms)}
    return {"text": text, **times, "confidence": 0.97, "is_final": is_final}


SPEAK_PATH: Final = "/tts-websocket"
SPEAK_MODELS: Final = frozenset({"tts-rt-v1", "tts-rt-v2"})
VOICES: Final = frozenset({"Adrian", "Bryce", "Maya"})
MAX_STREAMS: Final = 5
MAX_TEXT: Final = 5_000
_PER_MS: Final = RATE // 1_000
_SPEECH_GARBAGE: Final = '{"audio": "//8'
_DEMANDED: Final = ("model", "language", "voice", "audio_format")

CharacterTime = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class VoiceTiming:
    """Behavior of the simulated voices.

    Attributes:
        first_audio_ms: Time from a text to its first chunk.
        chunk_ms: Length of the audio in a chunk.
        speed: Speed of the generation relative to real time.
        voice: Produces the audio.
    """

    first_audio_ms: float = 75.0
    chunk_ms: int = 100
    speed: float = 4.0
    voice: SimulatedVoice = speak_clips


class SonioxSpeech:
    """The simulated voices with all their connections.

    Attributes:
        settings: Settings of all streams.
        cancelled: Ids of the streams that clients canceled.
    """

    def __init__(self, state: VendorState, timing: VoiceTiming | None = None) -> None:
        self.state = state
        self.timing = timing or VoiceTiming()
        self.settings: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.most_streams = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(SPEAK_PATH, self._serve)]

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
    """A stream of a voice connection.

    Attributes:
        inputs: Texts to speak, then None.
    """

    settings: dict[str, Any]
    inputs: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)
    spoken_ms: float = 0.0
    has_ended: bool = False
    task: "asyncio.Task[None] | None" = None


class _Connection:
    """A voice connection."""

    def __init__(self, speech: SonioxSpeech, request: web.Request, faults: FaultInjector) -> None:
        self._speech = speech
        self._request = request
        self._faults = faults
        self.socket = web.WebSocketResponse(compress=False)
        self._streams: dict[str, _Stream] = {}

    async def run(self) -> None:
        """Serve the connection until it ends."""
        end_by_refusals(self._request, self._faults)
        await self.socket.prepare(self._request)
        try:
            while await self._read():
                pass
        finally:
            for stream in self._streams.values():
                if stream.task is not None:
                    stream.task.cancel()

    async def _read(self) -> bool:
        """Read one message. Returns False at the end of the connection."""
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
        refusal = self._find_refusal(stream_id, request) if stream is None else _find_stream_fault(stream, request)
        if refusal is not None:
            await self._refuse(stream_id, refusal)
        elif stream is None:
            self._open(stream_id, request)
        elif request.get("cancel"):
            await self._cancel(stream_id, stream)
        else:
            self._add_text(stream, str(request.get("text") or ""), is_last=bool(request.get("text_end")))

    def _find_refusal(self, stream_id: str, request: dict[str, Any]) -> SonioxRefusal | None:
        """Return why a new stream is refused; None if it is accepted."""
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
        if request["model"] not in SPEAK_MODELS:
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
        """Send an error that ends a stream. The connection stays open."""
        error = {"error_code": refusal.code, "error_type": refusal.kind, "error_message": refusal.text}
        await self._send({"stream_id": stream_id, **error})
        await self._send({"stream_id": stream_id, "terminated": True})
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.task is not None and stream.task is not asyncio.current_task():
            stream.task.cancel()

    async def _generate(self, stream_id: str, stream: _Stream) -> None:
        """Speak a stream's texts in order."""
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
        rows, began_ms = list(_character_times(piece)), stream.spoken_ms
        stream.spoken_ms += len(piece.ulaw) / _PER_MS
        try:
            async for chunk in pace_chunks(piece, self._speech.timing, self._faults):
                if chunk.is_garbage:
                    await self.socket.send_str(_SPEECH_GARBAGE)
                ends_ms = float("inf") if chunk.is_last else chunk.ended_ms
                due = [row for row in rows if row[1] < ends_ms]
                rows = rows[len(due) :]
                shifted = [(character, start + began_ms, end + began_ms) for character, start, end in due]
                await self._send_audio(stream_id, stream, chunk.ulaw, shifted)
        except VoiceFailed:
            await self._refuse(stream_id, SonioxRefusal(500, "internal_error", "The server had an error."))
            raise _StreamFailed from None

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


def _find_stream_fault(stream: _Stream, request: dict[str, Any]) -> SonioxRefusal | None:
    """Return what is wrong with a message for an existing stream; None if it is valid."""
    if request.get("cancel"):
        return None
    if "model" in request:
        return _bad_request("The stream has been started already.")
    if stream.has_ended:
        return _bad_request("The text has ended.")
    return _bad_request("Text is too long (max length 5000).") if len(request.get("text") or "") > MAX_TEXT else None


def _character_times(piece: SpokenText) -> Iterator[CharacterTime]:
    """Yield each character with its start and end in ms. A word's characters share its time equally, and a space
    follows.
    """
    for word in piece.words:
        each = (word.end_ms - word.start_ms) / len(word.text)
        for number, character in enumerate(word.text):
            yield character, word.start_ms + number * each, word.start_ms + (number + 1) * each
        yield " ", word.end_ms, word.end_ms


def _bad_request(text: str) -> SonioxRefusal:
    return SonioxRefusal(400, "invalid_request", text)


LISTEN_PATH: Final = "/transcribe-websocket"
LISTEN_MODELS: Final = frozenset({"stt-rt-v4", "stt-rt-v5", "stt-rt-v6"})
FORMATS: Final = ("mulaw", "pcm_s16le")
MAX_CONTEXT_CHARACTERS: Final = 10_000


@dataclass(slots=True)
class SimulatedSoniox:
    """A simulated Soniox account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        find_language: Returns the language of a recognized word.
        starts: The first messages of all sessions.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    timing: TokenTiming = field(default_factory=TokenTiming)
    voice_timing: VoiceTiming = field(default_factory=VoiceTiming)
    find_language: Callable[[str], str] = lambda word: "en"
    starts: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.AbstractRouteDef]:
        speech = SonioxSpeech(self.state, self.voice_timing).routes()
        return [web.get(LISTEN_PATH, self._transcribe), web.get("/v1/models", self._list_models), *speech]

    async def _list_models(self, request: web.Request) -> web.Response:
        if _key(request) != self.state.key:
            body = {"status_code": 401, "error_type": WRONG_KEY.kind, "message": WRONG_KEY.text, "request_id": "1"}
            return web.json_response(body, status=401)
        return web.json_response({"models": [_describe_model(name) for name in sorted(LISTEN_MODELS)]})

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        session = SonioxSession(request, self.make_ear(), faults, self.timing, self.find_language)
        start = await session.open()
        if start is None:
            return session.socket
        self.starts.append(start)
        refusal = self._find_refusal(start, _key(request), faults)
        if refusal is not None:
            await session.refuse(refusal)
            return session.socket
        try:
            return await session.run(start)
        finally:
            self.state.bill("stt", start["model"], "ms", session.received_ms)

    def _find_refusal(self, start: dict[str, Any], key: str, faults: FaultInjector) -> SonioxRefusal | None:
        if key and "api_key" in start:
            return _bad_request("The API key was sent twice.")
        if faults.has("unauthorized") or (key or start.get("api_key")) != self.state.key:
            return WRONG_KEY
        if faults.has("no_credit"):
            return NO_CREDIT
        if faults.has("rate_limited"):
            return TOO_MANY
        return _find_fault(start)


def _find_fault(start: dict[str, Any]) -> SonioxRefusal | None:
    """Return what is wrong with the settings, in the vendor's words; None if they are valid."""
    if start.get("model") not in LISTEN_MODELS:
        return _bad_request("Invalid model specified.")
    rate = start.get("sample_rate")
    if start.get("audio_format") not in FORMATS or not isinstance(rate, int) or rate % RATE:
        return _bad_request("The simulator knows mulaw and pcm_s16le at multiples of 8000 Hz.")
    if start.get("num_channels") != 1:
        return _bad_request("Audio data channels must be specified for PCM formats.")
    hints = start.get("language_hints") or []
    if any(len(hint) != 2 for hint in hints):
        return _bad_request("Invalid language hint.")
    if start.get("endpoint_sensitivity") is not None and start["model"] == "stt-rt-v4":
        return _bad_request("endpoint_sensitivity is not supported.")
    if len(json.dumps(start.get("context") or "", ensure_ascii=False)) > MAX_CONTEXT_CHARACTERS:
        return _bad_request("Context is too long (max length 10000).")
    return None


def _describe_model(name: str) -> dict[str, Any]:
    """Return a model's description with the fields that the SDK requires."""
    return {
        "id": name,
        "aliased_model_id": None,
        "name": f"Simulated {name}",
        "context_version": 2,
        "transcription_mode": "real_time",
        "languages": [{"code": "en", "name": "English"}],
        "supports_language_hints_strict": True,
        "supports_max_endpoint_delay": True,
        "supports_endpoint_sensitivity": name != "stt-rt-v4",
        "translation_targets": [],
        "two_way_translation_pairs": [],
        "one_way_translation": None,
        "two_way_translation": None,
    }


def _key(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _make(state: VendorState, setting: ServerSetting) -> SimulatedSoniox:
    timing = make_timing(VoiceTiming, first_audio_ms=setting.first_audio_ms, voice=setting.voice, speed=setting.speed)
    return SimulatedSoniox(state, setting.make_ear, voice_timing=timing)


_LISTEN: Final = {"model": "stt-rt-v5"}
_SPEAK: Final = {"model": "tts-rt-v2"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": _LISTEN, "tts": _SPEAK},
    providers=(SimulatedProvider("soniox", "stt", _LISTEN), SimulatedProvider("soniox-voice", "tts", _SPEAK)),
)
