"""A simulated Deepgram: Nova (`/v1/listen`), Flux (`/v2/listen`) and Aura (`/v1/speak`) over WebSockets.

- Nova: interim and final results, endpointing, Finalize, KeepAlive, CloseStream.
- Flux: turns with a cumulative transcript, ForceEndTurn, Configure, CloseStream.
- Aura: Speak, Flush, Clear and Close. Audio arrives faster than real time. Nothing is spoken before Flush. After Clear,
  audio in transit still arrives before Cleared.

Like Deepgram, the simulator bills the audio sent to a recognizer and the characters sent to a voice. It accepts the
models of deepgram-sdk 7.17.0.

Sources: deepgram-sdk 7.17.0 (types of `listen.v1`, `listen.v2`, `speak.v1`) and developers.deepgram.com:
/reference/speech-to-text/listen-streaming, /docs/finalize, /docs/endpointing, /docs/audio-keep-alive,
/docs/utterance-end, /docs/flux, /docs/tts-websocket, /docs/tts-ws-flush (20 in 60 s), /docs/tts-ws-clear,
/reference/manage/projects/list.
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier import mulaw
from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.entry import (
    ServerSetting,
    SimulatedProvider,
    SimulatorEntry,
    add_documents,
    make_timing,
    one_account,
)
from simulator.vendors.faults import FaultCut, FaultInjector, Role
from simulator.vendors.faulty_socket import end_by_refusals
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import DeafEar, FaultyEar, Hearing
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone
from simulator.vendors.silence import SilenceMeter
from simulator.vendors.voice import SimulatedVoice, speak_clips

NOVA_MODELS: Final = frozenset(
    [
        "nova-3",
        "nova-3-general",
        "nova-3-medical",
        "nova-2",
        "nova-2-general",
        "nova-2-meeting",
        "nova-2-finance",
        "nova-2-conversationalai",
        "nova-2-voicemail",
        "nova-2-video",
        "nova-2-medical",
        "nova-2-drivethru",
        "nova-2-automotive",
        "nova",
        "nova-general",
        "nova-phonecall",
        "nova-medical",
        "enhanced",
        "enhanced-general",
        "enhanced-meeting",
        "enhanced-phonecall",
        "enhanced-finance",
        "base",
    ]
)
FLUX_MODELS: Final = frozenset(("flux-general-en", "flux-general-multi"))
# (family, language) -> names of the voices
_AURA_VOICES: Final = {
    ("aura", "en"): ("angus arcas asteria athena helios hera luna orion orpheus perseus stella zeus"),
    ("aura-2", "en"): (
        "amalthea andromeda apollo arcas aries asteria athena atlas aurora callista cora cordelia delia draco "
        "electra harmonia helena hera hermes hyperion iris janus juno jupiter luna mars minerva neptune odysseus "
        "ophelia orion orpheus pandora phoebe pluto saturn selene thalia theia vesta zeus"
    ),
    ("aura-2", "es"): (
        "agustina alvaro antonia aquila carina celeste diana estrella gloria javier luciano nestor olivia selena "
        "silvia sirio valerio"
    ),
    ("aura-2", "de"): ("aurelia elara fabian julius kara lara viktoria"),
    ("aura-2", "nl"): ("beatrix cornelia daphne hestia lars leda rhea roman sander"),
    ("aura-2", "fr"): ("agathe hector"),
    ("aura-2", "it"): ("cesare cinzia demetra dionisio elio flavio livia maia melia"),
    ("aura-2", "ja"): ("ama ebisu fujin izanami uzume"),
}
AURA_MODELS: Final = frozenset(
    f"{family}-{name}-{language}" for (family, language), names in _AURA_VOICES.items() for name in names.split()
)


ENCODINGS: Final = ("mulaw", "linear16")
# An unreadable message, sent by a fault in place of a valid one.
GARBAGE: Final = '{"type":"Resu\x00\x17'
_FAILED: Final = {"type": "Error", "code": "NET-0000", "description": "internal server error"}
_REFUSALS: Final = {
    "unauthorized": (401, "INVALID_AUTH", "Invalid credentials."),
    "no_credit": (402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
    "rate_limited": (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}


class Refused(Exception):
    """The handshake is answered with an HTTP error."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text

    def response(self) -> web.Response:
        """Return the HTTP response in the vendor's format."""
        body = {"err_code": self.code, "err_msg": self.text, "request_id": str(uuid.uuid4())}
        return web.json_response(body, status=self.status, headers={"dg-error": self.text})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to the client.

    Attributes:
        text: A JSON object; None for audio.
        data: Audio.
        delay_s: Time from `send` until the message is due.
        is_unit: Whether the message counts as a unit of work, before which a fault may occur.
    """

    text: dict[str, Any] | None = None
    data: bytes = b""
    delay_s: float = 0.0
    is_unit: bool = True


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class SimulatedSocket:
    """A connection that sends messages in order, each after its delay, and applies the connection's fault."""

    def __init__(self, request: web.Request, faults: FaultInjector) -> None:
        self.request = request
        self.faults = faults
        end_by_refusals(request, faults)
        self.request_id = str(uuid.uuid4())
        self._socket = web.WebSocketResponse(compress=False)
        self._outgoing: asyncio.Queue[tuple[float, Outgoing | _Close]] = asyncio.Queue()

    async def serve(self, receive: Callable[[str | bytes], Awaitable[None]]) -> web.WebSocketResponse:
        """Run the connection until either side ends it.

        Args:
            receive: Called with each message of the client.
        """
        await self._socket.prepare(self.request)
        sender = asyncio.create_task(self._send_all())
        reader = asyncio.create_task(self._read_all(receive))
        try:
            done, _ = await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(FaultCut, ConnectionError):
                    task.result()
        finally:
            for task in (sender, reader):
                task.cancel()
            await asyncio.gather(sender, reader, return_exceptions=True)
        return self._socket

    def send(self, message: Outgoing) -> None:
        """Queue a message behind the messages already waiting."""
        self._outgoing.put_nowait((asyncio.get_running_loop().time(), message))

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection after the waiting messages are sent."""
        self._outgoing.put_nowait((0.0, _Close(code, reason)))

    def discard(self, is_unwanted: Callable[[Outgoing], bool]) -> None:
        """Drop waiting messages."""
        waiting = [self._outgoing.get_nowait() for _ in range(self._outgoing.qsize())]
        for sent_at, message in waiting:
            if isinstance(message, _Close) or not is_unwanted(message):
                self._outgoing.put_nowait((sent_at, message))

    async def _read_all(self, receive: Callable[[str | bytes], Awaitable[None]]) -> None:
        async for message in self._messages():
            await receive(message)

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            if self.faults.reads_nothing:
                await wait_until_gone(self.request)
                return
            message = await self._socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            yield message.data

    async def _send_all(self) -> None:
        while True:
            sent_at, message = await self._outgoing.get()
            if isinstance(message, _Close):
                await self._socket.close(code=message.code, message=message.reason.encode())
                return
            await self.faults.wait(message.delay_s, asyncio.get_running_loop().time() - sent_at)
            if message.is_unit and self.faults.reports_error:
                return await self._report_error()
            try:
                is_garbage = message.is_unit and await self.faults.begin_unit()
            except FaultCut:
                reset_connection(self.request)
                raise
            await self._send(message, is_garbage)

    async def _report_error(self) -> None:
        await self._socket.send_str(json.dumps(_FAILED))
        await self._socket.close(code=1011, message=_FAILED["code"].encode())

    async def _send(self, message: Outgoing, is_garbage: bool) -> None:
        if is_garbage:
            await self._socket.send_str(GARBAGE)
        elif message.text is not None:
            await self._socket.send_str(json.dumps(message.text))
        else:
            await self._socket.send_bytes(message.data)


def open_socket(request: web.Request, state: VendorState, role: Role) -> SimulatedSocket | web.Response:
    """Return the connection for an accepted request, or the response that refuses it."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    try:
        if faults.fault is not None and faults.fault.kind in _REFUSALS:
            raise Refused(*_REFUSALS[faults.fault.kind])
        _check_key(request, state.key)
    except Refused as refused:
        return refused.response()
    return SimulatedSocket(request, faults)


def check_audio(query: Iterable[tuple[str, str]]) -> None:
    """Raise Refused unless the query describes raw audio at 8 kHz in a supported encoding."""
    values = dict(query)
    if values.get("encoding") not in ENCODINGS or values.get("sample_rate") != "8000":
        raise Refused(400, "Bad Request", "Unsupported encoding or sample rate.")


def _check_key(request: web.Request, key: str) -> None:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("token", "bearer") or sent != key:
        raise Refused(*_REFUSALS["unauthorized"])


MODEL_UUID: Final = "2187e11a-3532-4498-b076-81fa530bdd49"
_CONFIDENCE: Final = 0.98


@dataclass(frozen=True, slots=True)
class ListenTiming:
    """Behavior of the simulated recognizers.

    Attributes:
        interim_ms: Length of the audio between two interim results.
        result_s: Time from the audio to its result.
        segment_ms: Length after which a segment becomes final.
        unanswered_ms: A Finalize with less audio than this since the last final result gets no answer.
        idle_s: A connection is closed after this time without audio or KeepAlive.
    """

    interim_ms: float = 300.0
    result_s: float = 0.05
    segment_ms: float = 5_000.0
    unanswered_ms: float = 20.0
    idle_s: float = 10.0


class NovaSession:
    """A recognizer connection of Nova."""

    def __init__(self, socket: SimulatedSocket, ear: Hearing, timing: ListenTiming) -> None:
        query = socket.request.query
        self._socket = socket
        self._ear = FaultyEar(ear, socket.faults)
        self._silence = SilenceMeter()
        self._timing = timing
        self._is_linear = query["encoding"] == "linear16"
        self._sends_interims = query.get("interim_results") == "true"
        self._sends_starts = query.get("vad_events") == "true"
        self._endpointing_ms = _milliseconds(query.get("endpointing", "10"))
        self._utterance_end_ms = _milliseconds(query.get("utterance_end_ms", "false"))
        self._model = query.get("model", "base-general")
        self._words: list[HeardWord] = []  # words of the segment
        self._start_ms = 0.0  # start of the segment
        self._interim_at_ms = 0.0
        self._last_word_ms = -1.0
        self._in_utterance = False
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()  # time of the latest message
        self._idle: asyncio.TimerHandle

    @property
    def billed_ms(self) -> float:
        """Length of all received audio."""
        return self._ear.heard_ms

    async def run(self) -> web.WebSocketResponse:
        """Serve the connection until it ends."""
        self._check_idle()
        try:
            return await self._socket.serve(self._receive)
        finally:
            self._idle.cancel()

    async def _receive(self, message: str | bytes) -> None:
        self._alive_at = self._loop.time()
        if isinstance(message, bytes):
            self._hear(message)
            return
        match _type(message):
            case "KeepAlive" | "Configure":
                pass
            case "Finalize":
                if self._ear.heard_ms - self._start_ms >= self._timing.unanswered_ms:
                    self._finish(from_finalize=True)
            case "CloseStream":
                self._close()
            case _:
                error = {
                    "type": "Error",
                    "variant": "SchemaError",
                    "description": "unknown variant",
                    "message": message,
                }
                self._socket.send(Outgoing(error, is_unit=False))
                self._socket.close(1008, "DATA-0000")

    def _hear(self, audio: bytes) -> None:
        if not audio:  # the vendor's documentation: "will cause unexpected closures"
            self._socket.close(1011, "DATA-0000: empty message")
            return
        ulaw = mulaw.encode(np.frombuffer(audio, "<i2")) if self._is_linear else audio
        words = self._ear.feed(ulaw)
        self._silence.feed(ulaw)
        if words and not self._in_utterance:
            self._begin_utterance(words[0])
        self._words += words
        if words:
            self._last_word_ms = words[-1].end_ms
        self._send_due()

    def _begin_utterance(self, word: HeardWord) -> None:
        self._in_utterance = True
        if self._sends_starts:
            started = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": word.start_ms / 1000}
            self._socket.send(Outgoing(started, is_unit=False))

    def _send_due(self) -> None:
        """Send the results that are due after the received audio."""
        now, quiet = self._ear.heard_ms, self._silence.quiet_ms
        if self._words and self._endpointing_ms is not None and quiet >= self._endpointing_ms:
            self._finish(speech_final=True)
        elif now - self._start_ms >= self._timing.segment_ms:
            self._finish()
        elif self._sends_interims and now - self._interim_at_ms >= self._timing.interim_ms:
            self._send(self._result(is_final=False))
        if self._in_utterance and self._utterance_end_ms is not None and quiet >= self._utterance_end_ms:
            self._in_utterance = False
            end = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": self._last_word_ms / 1000}
            self._socket.send(Outgoing(end, is_unit=False))

    def _finish(self, *, speech_final: bool = False, from_finalize: bool = False) -> None:
        """Finalize the segment and begin the next segment."""
        final = self._result(is_final=True, speech_final=speech_final, from_finalize=from_finalize)
        interim = self._result(is_final=False)
        self._send(final)
        if self._socket.faults.has("reorder"):
            self._send(interim)
        if self._socket.faults.has("repeat"):
            self._send(final)
        self._words, self._start_ms = [], self._ear.heard_ms
        self._in_utterance = self._in_utterance and self._utterance_end_ms is not None

    def _send(self, result: dict[str, Any]) -> None:
        self._interim_at_ms = self._ear.heard_ms
        self._socket.send(Outgoing(result, delay_s=self._timing.result_s))

    def _result(self, *, is_final: bool, speech_final: bool = False, from_finalize: bool = False) -> dict[str, Any]:
        alternative = {
            "transcript": " ".join(word.text for word in self._words),
            "confidence": _CONFIDENCE if self._words else 0.0,
            "words": _words(self._words),
        }
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": (self._ear.heard_ms - self._start_ms) / 1000,
            "start": self._start_ms / 1000,
            "is_final": is_final,
            "speech_final": speech_final,
            "channel": {"alternatives": [alternative]},
            "metadata": {
                "request_id": self._socket.request_id,
                "model_info": {"name": self._model, "version": "2026-01-01.0", "arch": self._model.partition("-")[0]},
                "model_uuid": MODEL_UUID,
            },
            "from_finalize": from_finalize,
        }

    def _close(self) -> None:
        self._finish()
        metadata = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._socket.request_id,
            "sha256": "0" * 64,
            "created": datetime.now(UTC).isoformat(),
            "duration": self._ear.heard_ms / 1000,
            "channels": 1,
        }
        self._socket.send(Outgoing(metadata, is_unit=False))
        self._socket.close(1000)

    def _check_idle(self) -> None:
        """Close the connection if neither audio nor KeepAlive has arrived in time."""
        left_s = self._alive_at + self._timing.idle_s - self._loop.time()
        if left_s <= 0:
            self._socket.close(1011, "NET-0001: no audio or KeepAlive within the timeout window")
        else:
            self._idle = self._loop.call_later(left_s, self._check_idle)


def _milliseconds(value: str) -> float | None:
    """Return a time in ms; None for "false", which disables the feature."""
    return None if value == "false" else float(value)


def _words(words: Sequence[HeardWord]) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text.lower().strip(".,?!"),
            "start": word.start_ms / 1000,
            "end": word.end_ms / 1000,
            "confidence": _CONFIDENCE,
            "punctuated_word": word.text,
        }
        for word in words
    ]


def _type(message: str) -> str:
    try:
        read = json.loads(message)
    except ValueError:
        return ""
    return str(read.get("type", "")) if isinstance(read, dict) else ""


# Length of the audio between two TurnInfo messages, even without new text.
UPDATE_MS: Final = 240.0
# After this much silence, the end of the turn is nearly certain.
_CERTAIN_MS: Final = 800.0
_THRESHOLDS: Final = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
_FORMATS: Final = ("numerals", "profanity_filter", "redact")
_QUERY: Final = {
    *("model", "encoding", "sample_rate", "keyterm", "language_hint", "tag", "mip_opt_out"),
    *_THRESHOLDS,
    *_FORMATS,
}


def check_flux_query(query: dict[str, str]) -> None:
    """Raise Refused for an unknown parameter or a threshold out of range."""
    unknown = set(query) - _QUERY
    if unknown:
        raise Refused(400, "INVALID_QUERY_PARAMETER", f"unknown query parameter {min(unknown)}")
    if not 0.5 <= float(query.get("eot_threshold", 0.7)) <= 1.0:
        raise Refused(400, "INVALID_QUERY_PARAMETER", "eot_threshold is out of range")
    if not 0.3 <= float(query.get("eager_eot_threshold", 0.3)) <= min(0.9, float(query.get("eot_threshold", 0.7))):
        raise Refused(400, "INVALID_QUERY_PARAMETER", "eager_eot_threshold is out of range")
    if not 500 <= int(query.get("eot_timeout_ms", 5_000)) <= 60_000:
        raise Refused(400, "INVALID_QUERY_PARAMETER", "eot_timeout_ms is out of range")


class FluxSession:
    """A recognizer connection of Flux."""

    def __init__(
        self, socket: SimulatedSocket, ear: Hearing, timing: ListenTiming, on_forced: Callable[[], None]
    ) -> None:
        """Create the session.

        Args:
            socket: The client's connection.
            ear: The recognizer that listens to the session.
            timing: Behavior of the session.
            on_forced: Called for each ForceEndTurn, even if no turn ends.
        """
        query = socket.request.query
        self._socket = socket
        self._ear = FaultyEar(ear, socket.faults)
        self._silence = SilenceMeter()
        self._timing = timing
        self._on_forced = on_forced
        self._is_linear = query["encoding"] == "linear16"
        self._threshold = float(query.get("eot_threshold", 0.7))
        self._eager = float(query["eager_eot_threshold"]) if "eager_eot_threshold" in query else None
        self._timeout_ms = float(query.get("eot_timeout_ms", 5_000))
        self._sequence = 0
        self._turn = 0
        self._words: list[HeardWord] = []
        self._start_ms = 0.0
        self._sent_at_ms = 0.0
        self._is_eager = False

    @property
    def billed_ms(self) -> float:
        """Length of all received audio."""
        return self._ear.heard_ms

    async def run(self) -> web.WebSocketResponse:
        """Serve the connection until it ends."""
        self._send({"type": "Connected"}, is_unit=False)
        return await self._socket.serve(self._receive)

    async def _receive(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._hear(message)
            return
        read = _read(message)
        match read.get("type"):
            case "ForceEndTurn":
                self._on_forced()
                if self._words:
                    self._end_turn("manual")
            case "Configure":
                self._configure(read.get("thresholds") or {})
            case "CloseStream":
                self._socket.close(1000)
            case _:
                error = {"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "unknown message"}
                self._send(error, is_unit=False)
                self._socket.close(1008)

    def _configure(self, thresholds: dict[str, Any]) -> None:
        self._threshold = float(thresholds.get("eot_threshold") or self._threshold)
        self._timeout_ms = float(thresholds.get("eot_timeout_ms") or self._timeout_ms)
        current = {"eot_threshold": self._threshold, "eot_timeout_ms": int(self._timeout_ms)}
        success = {"type": "ConfigureSuccess", "thresholds": current, "keyterms": [], "language_hints": []}
        self._send(success, is_unit=False)

    def _hear(self, audio: bytes) -> None:
        ulaw = mulaw.encode(np.frombuffer(audio, "<i2")) if self._is_linear else audio
        words = self._ear.feed(ulaw)
        self._silence.feed(ulaw)
        has_begun = not self._words and bool(words)
        if words and self._is_eager:
            self._is_eager = False
            self._send_turn("TurnResumed")
        self._words += words
        if has_begun:
            self._send_turn("StartOfTurn")
        self._judge()
        if self._ear.heard_ms - self._sent_at_ms >= UPDATE_MS:
            self._send_turn("Update")

    def _judge(self) -> None:
        """End the turn, or predict its end, if the silence is long enough."""
        confidence = self._confidence
        if not self._words:
            return
        if confidence >= self._threshold:
            self._end_turn("model")
        elif self._silence.quiet_ms >= self._timeout_ms:
            self._end_turn("timeout")
        elif self._eager is not None and confidence >= self._eager and not self._is_eager:
            self._is_eager = True
            self._send_turn("EagerEndOfTurn")

    @property
    def _confidence(self) -> float:
        return min(0.99, self._silence.quiet_ms / _CERTAIN_MS)

    def _end_turn(self, trigger: str) -> None:
        ended, late = self._turn_info("EndOfTurn") | {"trigger": trigger}, self._turn_info("Update")
        messages = [ended]
        if self._socket.faults.has("reorder"):
            messages.append(late)
        if self._socket.faults.has("repeat"):
            messages.append(ended)
        for message in messages:
            self._send(message)
        self._turn += 1
        self._words, self._start_ms, self._is_eager = [], self._ear.heard_ms, False

    def _send_turn(self, event: str) -> None:
        self._send(self._turn_info(event))

    def _turn_info(self, event: str) -> dict[str, Any]:
        self._sent_at_ms = self._ear.heard_ms
        return {
            "type": "TurnInfo",
            "event": event,
            "turn_index": self._turn,
            "audio_window_start": self._start_ms / 1000,
            "audio_window_end": self._ear.heard_ms / 1000,
            "transcript": " ".join(word.text for word in self._words),
            "words": [{"word": word.text, "confidence": 0.98} | _times(word) for word in self._words],
            "end_of_turn_confidence": self._confidence,
        }

    def _send(self, message: dict[str, Any], *, is_unit: bool = True) -> None:
        numbered = {**message, "request_id": self._socket.request_id, "sequence_id": self._sequence}
        self._sequence += 1
        self._socket.send(Outgoing(numbered, delay_s=self._timing.result_s if is_unit else 0.0, is_unit=is_unit))


def _times(word: HeardWord) -> dict[str, float]:
    return {"start": word.start_ms / 1000, "end": word.end_ms / 1000}


def _read(message: str) -> dict[str, Any]:
    try:
        read = json.loads(message)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


MAX_CHARACTERS: Final = 2_000
MAX_FLUSHES: Final = 20
FLUSH_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class SpeakTiming:
    """Behavior of the simulated voice.

    Attributes:
        first_s: Time from Flush to the first audio.
        speed: Speed of the audio relative to real time.
        chunk_ms: Length of the audio in a message.
        voice: Produces the audio.
    """

    first_s: float = 0.1
    speed: float = 4.0
    chunk_ms: int = 200
    voice: SimulatedVoice = speak_clips


class AuraSession:
    """A voice connection of Aura.

    Args:
        on_speak: Called with the number of characters of each Speak, which are billed.
    """

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
        """Serve the connection until it ends."""
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
        read = _read_aura(message)
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
        """Queue a text's audio behind the audio of earlier texts."""
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


def _read_aura(message: str | bytes) -> dict[str, Any]:
    try:
        read = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


# The limit in Deepgram's guide to keyterm prompting.
MAX_KEYTERMS = 100


@dataclass(slots=True)
class SimulatedDeepgram:
    """A simulated Deepgram account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        forced_ends: Number of ForceEndTurn messages that Flux received.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    listen_timing: ListenTiming = field(default_factory=ListenTiming)
    speak_timing: SpeakTiming = field(default_factory=SpeakTiming)
    forced_ends: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        sockets = [
            web.get("/v1/listen", self._nova),
            web.get("/v2/listen", self._flux),
            web.get("/v1/speak", self._aura),
        ]
        return add_documents(sockets, deepgram_documents(self.state))

    async def _nova(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "stt")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            _check_model(request, NOVA_MODELS)
        except Refused as refused:
            return refused.response()
        return await self._listen(request, NovaSession(socket, self.make_ear(), self.listen_timing))

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "stt")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            check_flux_query(dict(request.query))
            _check_model(request, FLUX_MODELS)
        except Refused as refused:
            return refused.response()
        session = FluxSession(socket, self.make_ear(), self.listen_timing, self._count_forced_end)
        return await self._listen(request, session)

    def _count_forced_end(self) -> None:
        self.forced_ends += 1

    async def _aura(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "tts")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            _check_model(request, AURA_MODELS)
        except Refused as refused:
            return refused.response()
        model = request.query["model"]
        session = AuraSession(
            socket, self.speak_timing, lambda count: self.state.bill("tts", model, "characters", count)
        )
        return await session.run()

    async def _listen(self, request: web.Request, session: NovaSession | FluxSession) -> web.StreamResponse:
        try:
            return await session.run()
        finally:
            self.state.bill("stt", request.query["model"], "ms", session.billed_ms)


def _check_model(request: web.Request, known: frozenset[str]) -> None:
    """Raise Refused for a model that this path does not serve, or for too many keyterms."""
    if request.query.get("model", "") not in known:
        raise Refused(400, "INVALID_QUERY_PARAMETER", "No such model/language/tier combination found.")
    if len(request.query.getall("keyterm", [])) > MAX_KEYTERMS:
        raise Refused(400, "INVALID_QUERY_PARAMETER", f"keyterm: more than {MAX_KEYTERMS}.")


_PROJECT: Final = {"project_id": "3f4b1c9e-0b8a-4c55-9d4e-6a2f0c7d1e11", "name": "Simulated project"}


def deepgram_documents(state: VendorState) -> list[web.RouteDef]:
    """Return the route `/v1/projects`."""

    async def list_projects(request: web.Request) -> web.Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token" or key != state.key:
            body = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": ""}
            return web.json_response(body, status=401)
        return web.json_response({"projects": [_PROJECT]})

    return [web.get("/v1/projects", list_projects)]


def _make(state: VendorState, setting: ServerSetting) -> SimulatedDeepgram:
    final_s, first_s = (None if ms is None else ms / 1_000 for ms in (setting.final_ms, setting.first_audio_ms))
    listen = make_timing(ListenTiming, result_s=final_s, segment_ms=setting.segment_ms)
    speak = make_timing(SpeakTiming, first_s=first_s, voice=setting.voice, speed=setting.speed)
    return SimulatedDeepgram(state, setting.make_ear, listen, speak)


_NOVA: Final = {"model": "nova-3"}
_AURA: Final = {"model": "aura-2-thalia-en"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": _NOVA, "tts": _AURA},
    providers=(
        SimulatedProvider("nova", "stt", _NOVA),
        SimulatedProvider("flux", "stt", {"model": "flux-general-en"}),
        SimulatedProvider("aura", "tts", _AURA),
    ),
)
