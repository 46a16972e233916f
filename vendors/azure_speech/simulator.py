"""A simulated Azure speech service: recognition and voices over WebSockets, and the list of voices.

Messages have headers before their body. A binary message begins with the length of its headers: 16 bits, big-endian.
The recognizer handles turns over one WebSocket, each from its audio to `turn.end`. The voices speak one turn after
another over a WebSocket, each from its SSML. Like Azure, the simulator bills the audio sent to the recognizer, and the
characters of the SSML without its `speak` and `voice` tags.

The simulator follows docs/develop/vendors/azure.md. These facts about Azure are unknown:

- Whether a full account is refused by HTTP 429 or by a close frame after the handshake. Both have been observed
  (`VendorLimits.throttles_by_http`).
- How much silence ends a turn without a request (`ListenTiming.silence_ms`).
- The answer to audio without speech (here `EndOfDictation`), and the refusal of an unknown language (here 1007).
- The order of words and audio (here a chunk's words precede it), and when a stopped turn ends (here at once).
"""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from simulator.carrier.mulaw import RATE, decode, encode
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, make_timing, one_account
from simulator.vendors.faults import FaultCut, FaultInjector, Role
from simulator.vendors.faulty_socket import FaultySocket, accept_socket
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import DeafEar, FaultyEar, Hearing
from simulator.vendors.server import VendorState, reset_connection
from simulator.vendors.silence import SilenceMeter
from simulator.vendors.speech_chunks import VoiceFailed, pace_chunks
from simulator.vendors.voice import SimulatedVoice, SpokenText, speak_clips

THROTTLED: Final = 4429
THROTTLED_REASON: Final = (
    "The request is throttled because you have exceeded the concurrent request limit allowed for your sub"
)
# The maximum length of the reason in a close frame.
_REASON_BYTES: Final = 123
_CONNECTION_ID: Final = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")


class ConnectionEnded(Exception):
    """The vendor has ended the connection."""


@dataclass(frozen=True, slots=True)
class VendorLimits:
    """Limits of the simulated service.

    Attributes:
        throttles_by_http: Whether a full account is refused in the handshake.
        idle_s: A connection without messages is closed after this time.
        lifetime_s: Every connection is closed after this time.
    """

    throttles_by_http: bool = False
    idle_s: float = 180.0
    lifetime_s: float = 600.0


@dataclass(frozen=True, slots=True)
class AzureSocket(FaultySocket):
    """A WebSocket after its handshake."""

    async def end(self, code: int, reason: str) -> None:
        """Close the socket with a code and a reason."""
        if not self.socket.closed:
            await self.socket.close(code=code, message=reason.encode()[:_REASON_BYTES])


def find_key(request: web.Request) -> str:
    """Return the key or token of a request from any of the places where clients put it."""
    return (
        request.headers.get("Ocp-Apim-Subscription-Key", "")
        or request.query.get("Ocp-Apim-Subscription-Key", "")
        or request.headers.get("Authorization", "").removeprefix("Bearer ")
    )


def refuse(status: int, message: str) -> web.Response:
    """Return an error response of the gateway in front of the service."""
    return web.json_response({"error": {"code": str(status), "message": message}}, status=status)


def refuse_key() -> web.Response:
    """Return the response to a wrong key."""
    return refuse(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


async def open_azure_socket(
    state: VendorState, request: web.Request, role: Role, limits: VendorLimits
) -> AzureSocket | web.Response:
    """Answer a handshake. Returns the socket, or the response if the handshake is refused or the connection reset."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    refusal = _find_refusal(state, request, faults, limits)
    if refusal is not None:
        return refusal
    socket = await accept_socket(request, faults)
    return AzureSocket(socket, request, faults)


def _find_refusal(
    state: VendorState, request: web.Request, faults: FaultInjector, limits: VendorLimits
) -> web.Response | None:
    if faults.has("unauthorized") or find_key(request) != state.key:
        return refuse_key()
    if faults.has("no_credit"):
        return refuse(403, "Out of call volume quota. Quota will be replenished in 12 days.")
    if faults.has("rate_limited") and limits.throttles_by_http:
        return refuse(429, "Requests have exceeded rate limit.")
    if not _CONNECTION_ID.match(request.headers.get("X-ConnectionId") or request.query.get("X-ConnectionId", "")):
        return refuse(400, "X-ConnectionId is missing or no UUID.")
    return None


_LINE: Final = "\r\n"
_END: Final = "\r\n\r\n"
_REQUEST_ID: Final = re.compile(r"[0-9a-fA-F]{32}\Z")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\Z")


class ProtocolBroken(Exception):
    """A client's message violates the protocol. The exception's message is the reason in the close frame.

    Attributes:
        code: Code of the close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class SpeechMessage:
    """A message of a client.

    Attributes:
        path: The `Path` header in lower case.
        request_id: The `X-RequestId` header.
        body: The body; text is UTF-8.
    """

    path: str
    request_id: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises ProtocolBroken if the body is anything else."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProtocolBroken(1007, f"Invalid payload of {self.path}: no JSON object.")
        return found


def read_text(text: str) -> SpeechMessage:
    """Parse a client's text message. Raises ProtocolBroken."""
    head, separator, body = text.partition(_END)
    if not separator:
        raise ProtocolBroken(1007, "Incorrect message format. Text message contains no header separator.")
    return _make(head, body.encode())


def read_binary(message: bytes) -> SpeechMessage:
    """Parse a client's binary message. Raises ProtocolBroken."""
    length = int.from_bytes(message[:2], "big")
    if len(message) < 2 or len(message) < 2 + length:
        raise ProtocolBroken(1007, "Incorrect message format. Binary message has invalid header size.")
    try:
        head = message[2 : 2 + length].decode()
    except UnicodeDecodeError:
        raise ProtocolBroken(
            1007, "Incorrect message format. Binary message headers decoding into UTF-8 failed."
        ) from None
    return _make(head, message[2 + length :])


def make_text(path: str, request_id: str, body: object = None) -> str:
    """Return a text message of the service.

    Args:
        path: The `Path` header.
        request_id: The `X-RequestId` header.
        body: Encoded as JSON; None sends no body.
    """
    text = "" if body is None else json.dumps(body, ensure_ascii=False)
    headers = (f"X-RequestId:{request_id}", "Content-Type:application/json; charset=utf-8", f"Path:{path}")
    return _LINE.join(headers) + _END + text


def make_audio(request_id: str, stream_id: str, audio: bytes) -> bytes:
    """Return a binary message of the service. The message without audio ends a turn's audio."""
    headers = [f"X-RequestId:{request_id}", f"X-StreamId:{stream_id}", "Path:audio"]
    if audio:
        headers.insert(1, "Content-Type:audio/x-wav")
    head = (_LINE.join(headers) + _LINE).encode()
    return len(head).to_bytes(2, "big") + head + audio


def _make(head: str, body: bytes) -> SpeechMessage:
    """Parse the headers. Raises ProtocolBroken if a required header is missing or malformed."""
    headers: dict[str, str] = {}
    for line in filter(None, head.split(_LINE)):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    for name in ("Path", "X-RequestId", "X-Timestamp"):
        if not headers.get(name.lower()) and not (name == "X-RequestId" and headers.get("path") == "speech.config"):
            raise ProtocolBroken(1002, f"Missing/Empty header. {name}.")
    request_id = headers.get("x-requestid", "")
    if request_id and not _REQUEST_ID.match(request_id):
        raise ProtocolBroken(
            1002, "Invalid request. X-RequestId header value was not specified in no-dash UUID format."
        )
    if not _TIMESTAMP.match(headers["x-timestamp"]):
        raise ProtocolBroken(1002, "Invalid request. X-Timestamp header value is not of ISO 8601 format.")
    return SpeechMessage(headers["path"].lower(), request_id.lower(), body)


LISTEN_PATHS: Final = (
    "/speech/recognition/conversation/cognitiveservices/v1",
    "/speech/recognition/interactive/cognitiveservices/v1",
    "/stt/speech/recognition/conversation/cognitiveservices/v1",
    "/speech/universal/v2",
    "/stt/speech/universal/v2",
)
MODEL: Final = "realtime"
MAX_PHRASES: Final = 500
MAX_CHUNK: Final = 8_192
TICKS_PER_MS: Final = 10_000
_FRAME: Final = 160
_BYTES_PER_MS: Final = 8
_HEADER: Final = 44
_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[a-z]{4})?-[a-z]{2}\Z", re.IGNORECASE)
_GARBAGE: Final = "Path:speech.phr"
_MULAW, _PCM = 7, 1


@dataclass(frozen=True, slots=True)
class ListenTiming:
    """Delays of the simulated recognizer.

    Attributes:
        result_s: Time from the audio to its message.
        segment_ms: Silence after which a phrase ends.
        silence_ms: Silence after which the vendor ends a turn without a request.
    """

    result_s: float = 0.05
    segment_ms: float = 500.0
    silence_ms: float = 30_000.0


@dataclass(slots=True)
class AzureRecognizer:
    """The simulated recognizer with all its connections.

    Attributes:
        queries: Query parameters of all handshakes.
        contexts: `speech.context` bodies of all requests.
        requests: Ids of all turns.
        telemetry: Number of turns that clients acknowledged.
    """

    state: VendorState
    make_ear: Callable[[], Hearing]
    timing: ListenTiming = field(default_factory=ListenTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    queries: list[dict[str, str]] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(path, self._serve) for path in LISTEN_PATHS]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        opened = await open_azure_socket(self.state, request, "stt", self.limits)
        if isinstance(opened, web.Response):
            return opened
        if opened.faults.has("rate_limited"):
            await opened.end(THROTTLED, THROTTLED_REASON)
            return opened.socket
        connection = _ListeningConnection(self, opened)
        try:
            await connection.run()
        finally:
            self.state.bill("stt", MODEL, "ms", connection.heard_ms)
        return opened.socket


@dataclass(slots=True)
class _ListenedTurn:
    """A turn of the recognizer.

    Attributes:
        request_id: The turn's request id.
        began_ms: Start of the turn's audio within the connection's audio.
        rate: Sample rate from the WAV header; 0 until the header arrives.
        format_tag: Format from the WAV header; 0 until the header arrives.
        primary: The recognized language as reported in results.
        phrase_end_ms: End of the last phrase.
    """

    request_id: str
    began_ms: float
    format_tag: int = 0
    rate: int = 0
    words: list[HeardWord] = field(default_factory=list)
    said: bool = False
    is_asked: bool = False


class _ListeningConnection:
    """A recognizer connection. Messages are read immediately and processed in order."""

    def __init__(self, recognizer: AzureRecognizer, opened: AzureSocket) -> None:
        self._recognizer = recognizer
        self._opened = opened
        self._faults = opened.faults
        self._timing = recognizer.timing
        self._ear = FaultyEar(recognizer.make_ear(), opened.faults)
        self._silence = SilenceMeter()
        self._work: asyncio.Queue[SpeechMessage] = asyncio.Queue()
        self._turn: _ListenedTurn | None = None
        self._over: set[str] = set()
        self._context: dict[str, Any] = {}
        self._is_configured = False
        query = opened.request.query
        self._is_detailed = query.get("format") == "detailed"
        self._times_words = query.get("wordLevelTimestamps") == "true"
        self._language = query.get("language", "")
        self._segment_ms = float(query.get("segmentationSilenceTimeoutMs", self._timing.segment_ms))

    @property
    def heard_ms(self) -> float:
        """Length of all received audio."""
        return self._ear.heard_ms

    async def run(self) -> None:
        """Serve the connection until it ends."""
        worker = asyncio.create_task(self._work_off())
        ends_at = time.monotonic() + self._recognizer.limits.lifetime_s
        try:
            while await self._read(ends_at - time.monotonic()):
                pass
        except ProtocolBroken as broken:
            await self._opened.end(broken.code, str(broken))
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def _read(self, left_s: float) -> bool:
        """Read one message. Returns False at the end of the connection. Raises ProtocolBroken."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            async with asyncio.timeout(min(left_s, self._recognizer.limits.idle_s)):
                message = await self._opened.socket.receive()
        except TimeoutError:
            await self._opened.end(1000, "Exceeded maximum websocket connection duration.")
            return False
        if message.type == WSMsgType.TEXT:
            self._work.put_nowait(read_text(message.data))
        elif message.type == WSMsgType.BINARY:
            self._work.put_nowait(read_binary(message.data))
        return message.type in (WSMsgType.TEXT, WSMsgType.BINARY)

    async def _work_off(self) -> None:
        try:
            while not self._opened.socket.closed:
                await self._take(await self._work.get())
        except ProtocolBroken as broken:
            await self._opened.end(broken.code, str(broken))
        except FaultCut:
            self._opened.reset()

    async def _take(self, message: SpeechMessage) -> None:
        """Process a message. Raises ProtocolBroken."""
        if message.request_id in self._over and message.path == "audio":
            return  # the client sent the audio before it received the turn's end
        if message.request_id in self._over and message.path != "telemetry":
            raise ProtocolBroken(1002, "Invalid request. Reuse of request identifiers is not allowed.")
        if message.path == "speech.config":
            message.json()
            self._is_configured = True
        elif message.path == "speech.context":
            self._set_context(message.json())
        elif message.path == "audio":
            await self._hear(message)

    def _set_context(self, context: dict[str, Any]) -> None:
        """Store the settings of a `speech.context`. Raises ProtocolBroken."""
        if len(find_phrases(context)) > MAX_PHRASES:
            raise ProtocolBroken(1007, f"More than {MAX_PHRASES} phrases.")
        output = context.get("phraseOutput") or {}
        options = (output.get("detailed") or {}).get("options") or ()
        self._is_detailed = self._is_detailed or str(output.get("format", "")).lower() == "detailed"
        self._times_words = self._times_words or "WordTimings" in options
        segmentation = ((context.get("phraseDetection") or {}).get("conversation") or {}).get("segmentation") or {}
        self._segment_ms = float(segmentation.get("segmentationSilenceTimeoutMs", self._segment_ms))
        self._context = context
        self._recognizer.contexts.append(context)

    async def _hear(self, message: SpeechMessage) -> None:
        """Process audio. Raises ProtocolBroken."""
        if not self._is_configured:
            raise ProtocolBroken(1002, "The first message has to be speech.config.")
        if len(message.body) > MAX_CHUNK:
            raise ProtocolBroken(1007, "Audio chunk is too large.")
        turn, audio = self._turn, message.body
        if turn is None or turn.request_id != message.request_id:
            turn, audio = await self._begin(message), message.body[_HEADER:]
        if not message.body:
            await self._end_audio(turn)
            return
        ulaw = _to_mulaw(audio, turn)
        for at in range(0, len(ulaw), _FRAME):
            piece = ulaw[at : at + _FRAME]
            self._silence.feed(piece)
            await self._hear_words(turn, self._ear.feed(piece))
            if turn is not self._turn:
                # The turn ended by itself. The client sends the unrecognized audio again.
                return

    async def _begin(self, message: SpeechMessage) -> _ListenedTurn:
        """Begin a turn with its first audio. Raises ProtocolBroken."""
        turn = _ListenedTurn(message.request_id, self.heard_ms)
        turn.format_tag, turn.rate = _read_header(message.body)
        languages = (self._context.get("languageId") or {}).get("languages") or [self._language]
        locale = (self._context.get("phraseDetection") or {}).get("language")
        for language in [locale] if locale and languages == [""] else languages:
            if not _LOCALE.match(language):
                raise ProtocolBroken(1007, f"Specified language {language!r} is not supported.")
        self._turn, self._silence = turn, SilenceMeter()
        self._recognizer.requests.append(message.request_id)
        await self._send(turn, "turn.start", {"context": {"serviceTag": uuid.uuid4().hex}})
        return turn

    async def _hear_words(self, turn: _ListenedTurn, heard: list[HeardWord]) -> None:
        if heard:
            if not turn.words:
                await self._send(turn, "speech.startDetected", {"Offset": _ticks(heard[0].start_ms - turn.began_ms)})
            turn.words += heard
            await self._send_unit(turn, "speech.hypothesis", self._hypothesis(turn, turn.words))
        elif turn.words and self._silence.quiet_ms >= self._segment_ms:
            await self._end_phrase(turn)
        elif self._silence.quiet_ms >= self._timing.silence_ms and not turn.words:
            await self._end_turn(turn, "InitialSilenceTimeout")

    async def _end_audio(self, turn: _ListenedTurn) -> None:
        if turn.words:
            await self._end_phrase(turn)
        await self._end_turn(turn, "EndOfDictation")

    async def _end_turn(self, turn: _ListenedTurn, status: str) -> None:
        at = _ticks(self.heard_ms - turn.began_ms)
        await self._send(turn, "speech.phrase", {"RecognitionStatus": status, "Offset": at, "Duration": 0})
        await self._send(turn, "speech.endDetected", {"Offset": at})
        self._over.add(turn.request_id)
        self._turn = None
        await self._send_unit(turn, "turn.end", None)

    async def _end_phrase(self, turn: _ListenedTurn) -> None:
        words, turn.words = turn.words, []
        phrase = self._phrase(turn, words)
        await self._send_unit(turn, "speech.phrase", phrase)
        if self._faults.has("repeat"):
            await self._send_unit(turn, "speech.phrase", phrase)
        if self._faults.has("reorder"):
            await self._send_unit(turn, "speech.hypothesis", self._hypothesis(turn, words))

    def _hypothesis(self, turn: _ListenedTurn, words: list[HeardWord]) -> dict[str, Any]:
        text = " ".join(word.text.lower() for word in words)
        return {"Text": text, **_extent(turn, words), **self._primary()}

    def _phrase(self, turn: _ListenedTurn, words: list[HeardWord]) -> dict[str, Any]:
        lexical = " ".join(word.text.lower() for word in words)
        display = lexical[:1].upper() + lexical[1:] + "."
        head = {"Id": uuid.uuid4().hex, "RecognitionStatus": "Success", **_extent(turn, words), **self._primary()}
        if not self._is_detailed:
            return {**head, "DisplayText": display}
        best: dict[str, Any] = {"Confidence": 0.93, "Lexical": lexical, "ITN": lexical, "MaskedITN": lexical}
        best["Display"] = display
        if self._times_words:
            best["Words"] = [{"Word": word.text.lower(), **_extent(turn, [word])} for word in words]
        return {**head, "DisplayText": display, "NBest": [best]}

    def _primary(self) -> dict[str, Any]:
        languages = (self._context.get("languageId") or {}).get("languages")
        return {"PrimaryLanguage": {"Language": languages[0], "Confidence": "High"}} if languages else {}

    async def _send_unit(self, turn: _ListenedTurn, path: str, body: dict[str, Any] | None) -> None:
        """Send a result, or the connection's fault in its place."""
        await self._faults.wait(self._timing.result_s)
        if self._faults.reports_error:
            await self._send(turn, "speech.phrase", {"RecognitionStatus": "Error", "Offset": 0, "Duration": 0})
            await self._opened.end(1011, "Internal error.")
        elif await self._faults.begin_unit():
            await self._opened.socket.send_str(_GARBAGE)
        else:
            await self._send(turn, path, body)

    async def _send(self, turn: _ListenedTurn, path: str, body: dict[str, Any] | None) -> None:
        if not self._opened.socket.closed:
            await self._opened.socket.send_str(make_text(path, turn.request_id, body))


def find_phrases(context: dict[str, Any]) -> list[str]:
    """Return the expected phrases of a `speech.context`. SDKs differ in the capitalization of its field names."""
    lists = context.get("dgi") or {}
    groups = lists.get("groups") or lists.get("Groups") or []
    items = (item for group in groups for item in group.get("items") or group.get("Items") or ())
    return [str(item.get("text") or item.get("Text")) for item in items]


def _read_header(wav: bytes) -> tuple[int, int]:
    """Return the format and sample rate of a WAV header. Raises ProtocolBroken if the service does not support the
    format.
    """
    if wav[:4] != b"RIFF" or wav[8:16] != b"WAVEfmt " or len(wav) < _HEADER:
        raise ProtocolBroken(1007, "The audio does not begin with a RIFF header.")
    tag, channels = int.from_bytes(wav[20:22], "little"), int.from_bytes(wav[22:24], "little")
    rate, bits = int.from_bytes(wav[24:28], "little"), int.from_bytes(wav[34:36], "little")
    if channels != 1 or (tag, rate, bits) not in ((_MULAW, 8_000, 8), (_PCM, 8_000, 16), (_PCM, 16_000, 16)):
        raise ProtocolBroken(1007, "Unsupported audio format.")
    return tag, rate


def _to_mulaw(audio: bytes, turn: _ListenedTurn) -> bytes:
    if turn.format_tag == _MULAW:
        return audio
    samples: NDArray[np.int16] = np.frombuffer(audio, "<i2")
    return encode(samples[:: turn.rate // 8_000])


def _extent(turn: _ListenedTurn, words: list[HeardWord]) -> dict[str, int]:
    start = words[0].start_ms - turn.began_ms
    return {"Offset": _ticks(start), "Duration": _ticks(words[-1].end_ms - turn.began_ms - start)}


def _ticks(ms: float) -> int:
    """Convert milliseconds to ticks of 100 ns."""
    return round(ms * TICKS_PER_MS)


SPEAK_PATHS: Final = ("/tts/cognitiveservices/websocket/v1", "/cognitiveservices/websocket/v1")
MAX_SSML_BYTES: Final = 64 * 1_024
_FORMATS: Final = ("raw-8khz-8bit-mono-mulaw", "raw-8khz-16bit-mono-pcm")
_PER_MS: Final = RATE // 1_000
_SYNTHESIS: Final = "{http://www.w3.org/2001/10/synthesis}"
_VOICE_TAGS: Final = re.compile(r"</?(speak|voice)\b[^>]*>|<\?xml[^>]*\?>")
_SPEECH_GARBAGE: Final = "Path:audio.metad"


@dataclass(frozen=True, slots=True)
class SynthesisTiming:
    """Behavior of the simulated voices.

    Attributes:
        first_audio_ms: Time from the SSML to the first audio.
        chunk_ms: Length of the audio in a message.
        speed: Speed of the generation relative to real time.
        max_speaking: Maximum number of concurrent turns on all connections.
        times_words: Whether words have increasing offsets. If not, all offsets are 0, as with some of Azure's voices.
        can_stop: Whether `synthesis.control` ends a turn.
        voice: Produces the audio.
    """

    first_audio_ms: float = 75.0
    chunk_ms: int = 100
    speed: float = 4.0
    max_speaking: int = 200
    times_words: bool = True
    can_stop: bool = True
    voice: SimulatedVoice = speak_clips


@dataclass(slots=True)
class AzureSpeech:
    """The simulated voices with all their connections.

    Attributes:
        voices: Names of the existing voices; None accepts any name.
        ssml: All SSML that was spoken.
        contexts: `synthesis.context` bodies of all turns.
        stopped: Number of turns that clients stopped.
        speaking: Number of turns being spoken.
    """

    state: VendorState
    timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    voices: frozenset[str] | None = None
    ssml: list[str] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    stopped: int = 0
    speaking: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(path, self._serve) for path in SPEAK_PATHS]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        opened = await open_azure_socket(self.state, request, "tts", self.limits)
        if isinstance(opened, web.Response):
            return opened
        await _SpeakingConnection(self, opened).run()
        return opened.socket


class _SpeakingConnection:
    """A voice connection. A new turn replaces the turn that is being spoken."""

    def __init__(self, speech: AzureSpeech, opened: AzureSocket) -> None:
        self._speech = speech
        self._opened = opened
        self._faults = opened.faults
        self._is_configured = False
        self._contexts: dict[str, dict[str, Any]] = {}
        self._over: set[str] = set()
        self._turn: asyncio.Task[None] | None = None
        self._request_id = ""

    async def run(self) -> None:
        """Read messages until the connection ends."""
        ends_at = time.monotonic() + self._speech.limits.lifetime_s
        try:
            while await self._read(ends_at - time.monotonic()):
                pass
        except ProtocolBroken as broken:
            await self._opened.end(broken.code, str(broken))
        except ConnectionError:
            pass  # the client has disconnected
        finally:
            await self._cancel()

    async def _read(self, left_s: float) -> bool:
        """Read one message. Returns False at the end of the connection. Raises ProtocolBroken."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            async with asyncio.timeout(min(left_s, self._speech.limits.idle_s)):
                message = await self._opened.socket.receive()
        except TimeoutError:
            await self._opened.end(1000, "Exceeded maximum websocket connection idle duration.")
            return False
        if message.type == WSMsgType.TEXT:
            await self._take(read_text(message.data))
        elif message.type == WSMsgType.BINARY:
            read_binary(message.data)
        return message.type in (WSMsgType.TEXT, WSMsgType.BINARY)

    async def _take(self, message: SpeechMessage) -> None:
        """Process a message. Raises ProtocolBroken."""
        if message.path == "speech.config":
            message.json()
            self._is_configured = True
        elif message.path == "synthesis.context":
            self._contexts[message.request_id] = message.json()
            self._speech.contexts.append(message.json())
        elif message.path == "synthesis.control":
            await self._stop(message)
        elif message.path == "ssml":
            await self._begin(message)

    async def _begin(self, message: SpeechMessage) -> None:
        """Start speaking a turn. Raises ProtocolBroken."""
        if not self._is_configured or message.request_id not in self._contexts:
            raise ProtocolBroken(1007, "speech.config and synthesis.context have to come before ssml.")
        if message.request_id in self._over:
            raise ProtocolBroken(1002, "Invalid request. Reuse of request identifiers is not allowed.")
        self._over.add(message.request_id)
        speech, ssml = self._speech, message.body.decode()
        if self._faults.has("rate_limited") or speech.speaking >= speech.timing.max_speaking:
            raise ProtocolBroken(THROTTLED, THROTTLED_REASON)
        text = self._read_ssml(ssml)
        await self._require_voice(message.request_id, ssml)
        speech.ssml.append(ssml)
        speech.state.bill("tts", "neural", "characters", len(_VOICE_TAGS.sub("", ssml)))
        await self._cancel()
        self._request_id = message.request_id
        self._turn = asyncio.create_task(self._speak(message.request_id, text))

    def _read_ssml(self, ssml: str) -> str:
        """Return the text in the SSML. Raises ProtocolBroken."""
        if len(ssml.encode()) > MAX_SSML_BYTES:
            raise ProtocolBroken(1007, "SSML text is too long.")
        try:
            root = ElementTree.fromstring(ssml)  # safe: the SSML comes from our own client on this machine
        except ElementTree.ParseError as error:
            raise ProtocolBroken(1007, f"Invalid SSML: {error}") from None
        voice = root.find(f"{_SYNTHESIS}voice")
        if root.tag != f"{_SYNTHESIS}speak" or root.get("version") is None or voice is None:
            raise ProtocolBroken(1007, "Ssml should contain speak with version, and at least one voice.")
        return "".join(voice.itertext())

    async def _require_voice(self, request_id: str, ssml: str) -> None:
        """Check the voice's name. Raises ProtocolBroken after `turn.start`, because the service reports an unknown
        voice only then.
        """
        name = ElementTree.fromstring(ssml).find(f"{_SYNTHESIS}voice").get("name", "")  # type: ignore[union-attr]
        if self._speech.voices is not None and name not in self._speech.voices:
            await self._opened.socket.send_str(make_text("turn.start", request_id, {"context": {}}))
            raise ProtocolBroken(1007, f"Unsupported voice {name}.")

    async def _stop(self, message: SpeechMessage) -> None:
        """Process `synthesis.control`. Raises ProtocolBroken."""
        is_stop = message.json().get("action") == "stop" and self._speech.timing.can_stop
        if is_stop and message.request_id == self._request_id and self._turn:
            self._speech.stopped += 1
            await self._cancel()
            await self._opened.socket.send_str(make_text("turn.end", message.request_id, {}))

    async def _cancel(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.gather(self._turn, return_exceptions=True)
            self._turn = None

    async def _speak(self, request_id: str, text: str) -> None:
        self._speech.speaking += 1
        try:
            stream_id = await self._start(request_id)
            spoken_ms = 0.0
            for piece in self._speech.timing.voice(text):
                await self._send_piece(request_id, stream_id, piece, spoken_ms)
                spoken_ms += len(piece.ulaw) / _PER_MS
            await self._send_metadata(request_id, [{"Type": "SessionEnd", "Data": {"Offset": _ticks(spoken_ms)}}])
            await self._opened.socket.send_bytes(make_audio(request_id, stream_id, b""))
            self._turn = None
            await self._opened.socket.send_str(make_text("turn.end", request_id, {}))
        except ConnectionError:
            pass
        except FaultCut:
            self._opened.reset()
        finally:
            self._speech.speaking -= 1

    async def _start(self, request_id: str) -> str:
        """Start the turn's response. Returns the id of its audio stream."""
        tag, stream_id = uuid.uuid4().hex, uuid.uuid4().hex.upper()
        socket = self._opened.socket
        await socket.send_str(make_text("turn.start", request_id, {"context": {"serviceTag": tag}}))
        audio = {"type": "inline", "streamId": stream_id}
        await socket.send_str(make_text("response", request_id, {"context": {"serviceTag": tag}, "audio": audio}))
        await self._faults.wait(self._speech.timing.first_audio_ms / 1_000)
        return stream_id

    async def _send_piece(self, request_id: str, stream_id: str, piece: SpokenText, began_ms: float) -> None:
        try:
            async for chunk in pace_chunks(piece, self._speech.timing, self._faults):
                if chunk.is_garbage:
                    await self._opened.socket.send_str(_SPEECH_GARBAGE)
                lengths = ((word, word.end_ms - word.start_ms) for word in chunk.words)
                marks = [self._mark(word.text, began_ms + word.start_ms, length_ms) for word, length_ms in lengths]
                if marks:
                    await self._send_metadata(request_id, marks)
                await self._send_audio(request_id, stream_id, chunk.ulaw)
        except VoiceFailed:
            await self._opened.end(1011, "Internal Server Error.")
            raise ConnectionError from None

    def _mark(self, text: str, at_ms: float, length_ms: float) -> dict[str, Any]:
        """Return a word boundary without the word's punctuation, which the service reports separately."""
        word = {"Text": text.rstrip(".,!?;:"), "Length": len(text.rstrip(".,!?;:")), "BoundaryType": "WordBoundary"}
        offset = _ticks(at_ms) if self._speech.timing.times_words else 0
        return {"Type": "WordBoundary", "Data": {"Offset": offset, "Duration": _ticks(length_ms), "text": word}}

    async def _send_metadata(self, request_id: str, marks: list[dict[str, Any]]) -> None:
        await self._opened.socket.send_str(make_text("audio.metadata", request_id, {"Metadata": marks}))

    async def _send_audio(self, request_id: str, stream_id: str, ulaw: bytes) -> None:
        output = self._contexts[request_id].get("synthesis", {}).get("audio", {}).get("outputFormat", "")
        if output not in _FORMATS:
            await self._opened.end(1007, f"The simulator knows {' and '.join(_FORMATS)}.")
            raise ConnectionError
        data = ulaw if output == _FORMATS[0] else decode(ulaw).astype("<i2").tobytes()
        await self._opened.socket.send_bytes(make_audio(request_id, stream_id, data))


@dataclass(slots=True)
class SimulatedAzure:
    """A simulated Azure resource.

    Attributes:
        make_ear: Makes the recognizer that listens to a new connection.
        voices: Names of the existing voices; None accepts any name.
        recognizer: Created by `routes`.
        speech: Created by `routes`.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    recognizer_timing: ListenTiming = field(default_factory=ListenTiming)
    speech_timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    voices: frozenset[str] | None = None
    recognizer: AzureRecognizer = field(init=False)
    speech: AzureSpeech = field(init=False)

    def __post_init__(self) -> None:
        self.recognizer = AzureRecognizer(self.state, self.make_ear, self.recognizer_timing, self.limits)
        self.speech = AzureSpeech(self.state, self.speech_timing, self.limits, self.voices)

    def routes(self) -> list[web.AbstractRouteDef]:
        paths = ("/cognitiveservices/voices/list", "/tts/cognitiveservices/voices/list")
        documents = [web.get(path, self._list_voices) for path in paths]
        return [*self.recognizer.routes(), *self.speech.routes(), *documents]

    async def _list_voices(self, request: web.Request) -> web.Response:
        if find_key(request) != self.state.key:
            return refuse_key()
        names = sorted(self.voices or {"en-US-AvaMultilingualNeural"})
        return web.json_response([{"ShortName": name, "Locale": name[:5], "VoiceType": "Neural"} for name in names])


def _make_server(state: VendorState, setting: ServerSetting) -> SimulatedAzure:
    timing = make_timing(
        SynthesisTiming,
        first_audio_ms=setting.first_audio_ms,
        max_speaking=setting.most_at_once,
        voice=setting.voice,
        speed=setting.speed,
    )
    return SimulatedAzure(state, setting.make_ear, speech_timing=timing)


_LISTEN: Final = {"model": "realtime"}
_SPEAK: Final = {"model": "neural"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make_server),
    usual={"stt": _LISTEN, "tts": _SPEAK},
    providers=(SimulatedProvider("azure-ear", "stt", _LISTEN), SimulatedProvider("azure-voice", "tts", _SPEAK)),
)
