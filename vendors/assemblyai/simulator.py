"""A simulated AssemblyAI: streaming recognition over `/v3/ws`, and temporary tokens, which check a key.

Models of `universal-streaming` send each word as soon as it is recognized, and their confidence that the turn has ended
grows during silence. Universal-3 models send a text at first and again in silence. They end a turn by punctuation,
which simulated speech does not have.

Like AssemblyAI, the simulator bills the time a session is open. The simulator follows
docs/develop/vendors/assemblyai.md. It is unknown whether the vendor refuses an account by HTTP status or by an Error
message and a close frame. The simulator does the latter unless `refuses_by_http` is set.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, one_account
from simulator.vendors.faults import FaultInjector
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.listening_session import ListeningSession
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection

_BYTES_PER_MS: Final = 8
LEAST_MS, MOST_MS = 50.0, 1_000.0
# Audio may run this far ahead of real time. A public report quotes "Received 314.9 sec. audio in 1.312326 sec".
MOST_AHEAD_MS: Final = 310_000.0
# After this much silence, the end of a turn is certain.
_CERTAIN_MS: Final = 1_000.0
_GARBAGE: Final = '{"type": "Turn", "turn_or'
# The maximum length of the reason in a close frame.
_REASON_BYTES: Final = 123


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Why the vendor ends a session.

    Attributes:
        code: Code in the Error message and in the close frame.
        text: Description in both.
    """

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Delays of a simulated session.

    Attributes:
        result_s: Time from the audio to its message.
    """

    result_s: float = 0.05


class UniversalSession(ListeningSession):
    """A simulated streaming session on one connection."""

    def __init__(self, request: web.Request, ear: Hearing, faults: FaultInjector, timing: StreamTiming) -> None:
        super().__init__(request, ear, faults, _GARBAGE)
        query = request.query
        self._timing = timing
        self.is_linear = query.get("encoding") == "pcm_s16le"
        self._is_universal_3 = not query.get("speech_model", "").startswith("universal-streaming")
        self._formats = self._is_universal_3 or query.get("format_turns", "false") == "true"
        self._threshold = float(query.get("end_of_turn_confidence_threshold", 0.4))
        self._min_ms = float(query.get("min_turn_silence", 100 if self._is_universal_3 else 400))
        self._max_ms = float(query.get("max_turn_silence", 1_000 if self._is_universal_3 else 1_280))
        self._order = 0
        self._words: list[HeardWord] = []
        self._is_told = False  # whether the confidence was sent in this silence
        self._began = time.monotonic()
        self.is_terminated = False

    async def refuse(self, reason: SessionEnded) -> web.WebSocketResponse:
        """Accept the handshake and immediately end the session with this reason."""
        await self.socket.prepare(self._request)
        await self._end(reason)
        return self.socket

    async def run(self) -> web.WebSocketResponse:
        """Serve the connection until it ends."""
        await self._accept()
        async with self._working():
            await self._send({"type": "Begin", "id": str(uuid.uuid4()), "expires_at": int(time.time()) + 10_800})
            while (message := await self._read()) is not None:
                self.is_terminated = self.is_terminated or _command(message) == "Terminate"
        return self.socket

    async def _hear(self, audio: bytes) -> None:
        ulaw = self._to_ulaw(audio)
        ended = self._find_excess(len(ulaw) / _BYTES_PER_MS)
        if ended is not None:
            await self._end(ended)
            return
        for piece in self._frames(ulaw):
            self._silence.feed(piece)
            await self._hear_words(self._ear.feed(piece))

    def _find_excess(self, length_ms: float) -> SessionEnded | None:
        """Return the error for an audio message that is too short, too long or too far ahead of real time."""
        if not LEAST_MS <= length_ms <= MOST_MS:
            return SessionEnded(3007, f"Input duration violation: {length_ms:g} ms. Expected between 50 and 1000 ms")
        elapsed_ms = (time.monotonic() - self._began) * 1_000
        if self.heard_ms + length_ms - elapsed_ms > MOST_AHEAD_MS:
            return SessionEnded(3007, "Audio Transmission Rate Exceeded")
        return None

    async def _hear_words(self, heard: list[HeardWord]) -> None:
        if heard:
            is_first, self._is_told = not self._words, False
            self._words += heard
            if is_first and self._is_universal_3:
                await self._send({"type": "SpeechStarted", "timestamp": round(self._words[0].start_ms)})
            if is_first or not self._is_universal_3:
                await self._send_turn()
        if self._words:
            await self._judge()

    async def _judge(self) -> None:
        """End the turn, or send its confidence once per silence."""
        quiet_ms = self._silence.quiet_ms
        is_sure = not self._is_universal_3 and self._confidence >= self._threshold and quiet_ms >= self._min_ms
        if is_sure or quiet_ms >= self._max_ms:
            await self._end_turn()
        elif quiet_ms >= min(self._min_ms, 160) and not self._is_told:
            self._is_told = True
            await self._send_turn()

    @property
    def _confidence(self) -> float:
        return round(min(0.99, self._silence.quiet_ms / _CERTAIN_MS), 6)

    async def _obey(self, command: str) -> None:
        kind = _command(command)
        if kind == "ForceEndpoint" and self._words:
            await self._end_turn()
        elif kind == "Terminate":
            if self._words:
                await self._end_turn()
            session_s = round(time.monotonic() - self._began)
            audio_s = round(self.heard_ms / 1_000)
            termination = {"audio_duration_seconds": audio_s, "session_duration_seconds": session_s}
            await self._send({"type": "Termination", **termination})
            await self.socket.close()
        elif kind not in ("ForceEndpoint", "UpdateConfiguration", "KeepAlive"):
            await self._end(SessionEnded(3006, f"Invalid Message Type: {kind}"))

    async def _end_turn(self) -> None:
        plain, partial = self._turn(has_ended=True, is_formatted=False), self._turn(has_ended=False)
        ended = [self._turn(has_ended=True, is_formatted=True)] if self._formats else []
        if not self._is_universal_3:
            ended.insert(0, plain)
        self._words, self._is_told = [], False
        self._order += 1
        for message in ended:
            await self._tell(message)
        if self._faults.has("repeat"):
            await self._tell(ended[-1])
        if self._faults.has("reorder"):
            await self._tell(partial)

    async def _send_turn(self) -> None:
        await self._tell(self._turn(has_ended=False))

    def _turn(self, *, has_ended: bool, is_formatted: bool = False) -> dict[str, Any]:
        texts = [word.text for word in self._words]
        if is_formatted:
            texts = [texts[0][:1].upper() + texts[0][1:], *texts[1:]]
            texts[-1] += "."
        elif self._is_universal_3:
            texts[-1] += "—"
        is_final = has_ended or not self._is_universal_3
        known = texts if has_ended or self._is_universal_3 else texts[:-1]
        return {
            "type": "Turn",
            "turn_order": self._order,
            "turn_is_formatted": is_formatted,
            "end_of_turn": has_ended,
            "transcript": " ".join(known),
            "utterance": "",
            "end_of_turn_confidence": 1.0 if has_ended and self._is_universal_3 else self._confidence,
            "words": [
                {
                    "text": text,
                    "start": round(word.start_ms),
                    "end": round(word.end_ms),
                    "confidence": 0.98,
                    "word_is_final": is_final and (has_ended or index < len(texts) - 1),
                }
                for index, (text, word) in enumerate(zip(texts, self._words, strict=True))
            ],
        }

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._send_unit(message, self._timing.result_s)

    async def _fail(self) -> None:
        await self._end(SessionEnded(3005, "Session Cancelled: An error occurred"))

    async def _end(self, reason: SessionEnded) -> None:
        await self._send({"type": "Error", "error_code": reason.code, "error": reason.text})
        await self.socket.close(code=reason.code, message=reason.text.encode()[:_REASON_BYTES])


def _command(message: str | bytes) -> str:
    """Return the `type` of a JSON message; empty for audio and for invalid JSON."""
    try:
        found = json.loads(message) if isinstance(message, str) else None
    except ValueError:
        return ""
    return str(found.get("type", "")) if isinstance(found, dict) else ""


MODELS: Final = frozenset(
    {
        *("universal-streaming-english", "universal-streaming-multilingual", "whisper-rt"),
        *("u3-rt-pro", "universal-3-5-pro", "universal-3-6-pro"),
    }
)
ENCODINGS: Final = ("pcm_mulaw", "pcm_s16le")
MAX_KEYTERMS: Final = 100
# Errors for a key or an account that is not accepted.
UNAUTHORIZED: Final = SessionEnded(1008, "Unauthorized Connection: Missing Authorization header")
NO_CREDIT: Final = SessionEnded(1008, "Unauthorized Connection: Insufficient account balance")
TOO_MANY: Final = SessionEnded(3009, "Unauthorized Connection: Too many concurrent sessions")
_HTTP_STATUS: Final = {UNAUTHORIZED: 401, NO_CREDIT: 402, TOO_MANY: 429}


@dataclass(slots=True)
class SimulatedAssemblyAi:
    """A simulated AssemblyAI account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        queries: Query parameters of all handshakes.
        heard_ms: Audio received by each ended session.
        unterminated: Number of sessions that ended without Terminate. The vendor would bill each for three hours.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    timing: StreamTiming = field(default_factory=StreamTiming)
    refuses_by_http: bool = False
    queries: list[dict[str, str]] = field(default_factory=list)
    heard_ms: list[float] = field(default_factory=list)
    unterminated: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/v3/ws", self._stream), web.get("/v3/token", self._make_token)]

    async def _make_token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self.state.key:
            return web.json_response({"error": UNAUTHORIZED.text}, status=401)
        return web.json_response({"token": uuid.uuid4().hex, "expires_in_seconds": 60})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        refusal = self._find_refusal(request, faults)
        if refusal is not None and self.refuses_by_http:
            return web.json_response({"error": refusal.text}, status=_HTTP_STATUS.get(refusal, 400))
        session = UniversalSession(request, self.make_ear(), faults, self.timing)
        if refusal is not None:
            return await session.refuse(refusal)
        began = time.monotonic()
        try:
            return await session.run()
        finally:
            self.state.bill("stt", request.query["speech_model"], "ms", (time.monotonic() - began) * 1_000)
            self.heard_ms.append(session.heard_ms)
            self.unterminated += not session.is_terminated

    def _find_refusal(self, request: web.Request, faults: FaultInjector) -> SessionEnded | None:
        query = request.query
        if faults.has("unauthorized") or self.state.key not in (
            request.headers.get("Authorization"),
            query.get("token"),
        ):
            return UNAUTHORIZED
        if faults.has("no_credit"):
            return NO_CREDIT
        if faults.has("rate_limited"):
            return TOO_MANY
        if query.get("speech_model") not in MODELS:
            return SessionEnded(3006, "Invalid speech_model")
        if query.get("encoding") not in ENCODINGS or query.get("sample_rate") != "8000":
            return SessionEnded(3006, "The simulator knows pcm_mulaw and pcm_s16le at 8000 Hz.")
        if len(_read_list(query.get("keyterms_prompt", "[]"))) > MAX_KEYTERMS:
            return SessionEnded(3006, f"Invalid keyterms_prompt: more than {MAX_KEYTERMS}")
        return None


def _read_list(text: str) -> list[str]:
    """Parse a list in the query; invalid JSON counts as a single text."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return found if isinstance(found, list) else [text]


def _make(state: VendorState, setting: ServerSetting) -> SimulatedAssemblyAi:
    return SimulatedAssemblyAi(state, setting.make_ear)


ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": {"model": "universal-streaming-english"}},
    providers=(
        SimulatedProvider("universal", "stt", {"model": "universal-streaming-english"}),
        SimulatedProvider("universal-3", "stt", {"model": "universal-3-6-pro"}),
    ),
)
