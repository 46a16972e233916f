"""The recogniser of a simulated Azure speech service: turns over one WebSocket, each from its audio to `turn.end`.

Written from docs/vendors/azure.md. What it does not know of the vendor: how long a silence ends a turn by itself
(`ListenTiming.silence_ms`), what answers the end of audio in which nothing was said (here `EndOfDictation`), and how a
language is refused that it does not know (here 1007).
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from simulator.carrier.mulaw import encode
from simulator.vendors.azure_messages import ProtocolBroken, SpeechMessage, make_text, read_binary, read_text
from simulator.vendors.azure_socket import THROTTLED, THROTTLED_REASON, AzureSocket, VendorLimits, open_azure_socket
from simulator.vendors.faults import FaultCut
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.server import VendorState
from simulator.vendors.silence import SilenceMeter

PATHS: Final = (
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
    """result_s: from the audio to its message. segment_ms: silence after which a phrase ends. silence_ms: silence after
    which the vendor ends a turn by itself."""

    result_s: float = 0.05
    segment_ms: float = 500.0
    silence_ms: float = 30_000.0


@dataclass(slots=True)
class AzureRecogniser:
    """All connections. queries, contexts: of all handshakes and requests. requests: ids of all turns. telemetry: how
    many turns were acknowledged."""

    state: VendorState
    make_ear: Callable[[], Hearing]
    timing: ListenTiming = field(default_factory=ListenTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    queries: list[dict[str, str]] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def routes(self) -> list[web.AbstractRouteDef]:
        """What the server answers."""
        return [web.get(path, self._serve) for path in PATHS]

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
    """request_id: its own. began_ms: where its audio begins in the connection's. rate, format_tag: of its WAV header;
    0 before it came. primary: the language that was recognised, in results. phrase_end_ms: where the last phrase
    ended."""

    request_id: str
    began_ms: float
    format_tag: int = 0
    rate: int = 0
    words: list[HeardWord] = field(default_factory=list)
    said: bool = False
    is_asked: bool = False


class _ListeningConnection:
    """One WebSocket: messages are read at once and worked on in their order."""

    def __init__(self, recogniser: AzureRecogniser, opened: AzureSocket) -> None:
        self._recogniser = recogniser
        self._opened = opened
        self._faults = opened.faults
        self._timing = recogniser.timing
        self._ear = FaultyEar(recogniser.make_ear(), opened.faults)
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
        """All audio that came."""
        return self._ear.heard_ms

    async def run(self) -> None:
        """Serves the connection until it is over."""
        worker = asyncio.create_task(self._work_off())
        ends_at = time.monotonic() + self._recogniser.limits.lifetime_s
        try:
            while await self._read(ends_at - time.monotonic()):
                pass
        except ProtocolBroken as broken:
            await self._opened.end(broken.code, str(broken))
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def _read(self, left_s: float) -> bool:
        """Takes one message; false at the end. Raises ProtocolBroken."""
        if self._faults.reads_nothing:
            await self._opened.ignore_client()
            return False
        try:
            async with asyncio.timeout(min(left_s, self._recogniser.limits.idle_s)):
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
        """Raises ProtocolBroken."""
        if message.request_id in self._over and message.path == "audio":
            return  # was on its way
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
        """Raises ProtocolBroken."""
        if len(find_phrases(context)) > MAX_PHRASES:
            raise ProtocolBroken(1007, f"More than {MAX_PHRASES} phrases.")
        output = context.get("phraseOutput") or {}
        options = (output.get("detailed") or {}).get("options") or ()
        self._is_detailed = self._is_detailed or str(output.get("format", "")).lower() == "detailed"
        self._times_words = self._times_words or "WordTimings" in options
        segmentation = ((context.get("phraseDetection") or {}).get("conversation") or {}).get("segmentation") or {}
        self._segment_ms = float(segmentation.get("segmentationSilenceTimeoutMs", self._segment_ms))
        self._context = context
        self._recogniser.contexts.append(context)

    async def _hear(self, message: SpeechMessage) -> None:
        """Raises ProtocolBroken."""
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
                return  # ended by itself; the client sends again what was not recognised

    async def _begin(self, message: SpeechMessage) -> _ListenedTurn:
        """Raises ProtocolBroken."""
        turn = _ListenedTurn(message.request_id, self.heard_ms)
        turn.format_tag, turn.rate = _read_header(message.body)
        languages = (self._context.get("languageId") or {}).get("languages") or [self._language]
        locale = (self._context.get("phraseDetection") or {}).get("language")
        for language in [locale] if locale and languages == [""] else languages:
            if not _LOCALE.match(language):
                raise ProtocolBroken(1007, f"Specified language {language!r} is not supported.")
        self._turn, self._silence = turn, SilenceMeter()
        self._recogniser.requests.append(message.request_id)
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
        """A result, before which the connection's fault may begin."""
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
    """The phrases to expect in a `speech.context`; SDKs spell its names with small and with capital letters."""
    lists = context.get("dgi") or {}
    groups = lists.get("groups") or lists.get("Groups") or []
    items = (item for group in groups for item in group.get("items") or group.get("Items") or ())
    return [str(item.get("text") or item.get("Text")) for item in items]


def _read_header(wav: bytes) -> tuple[int, int]:
    """Format and samples a second of a WAV header. Raises ProtocolBroken for what the service does not take."""
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
    """Units of 100 ns."""
    return round(ms * TICKS_PER_MS)
