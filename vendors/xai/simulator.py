"""A simulated xAI: streaming recognition over `/v1/stt`, and a document that checks a key.

The simulator follows docs/develop/vendors/xai.md and bills the received audio. Two facts about xAI are unknown: how a
handshake is refused (here as xAI's chat API does), and the answer to `finalize` after silence (here none).
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, one_account
from simulator.vendors.faults import FaultInjector
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.listening_session import ListeningSession
from simulator.vendors.openai_request import Refusal, no_credit, rate_limited, wrong_key
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection

MODELS: Final = frozenset({"grok-voice-transcribe-2.0", "grok-stt"})
MAX_KEYTERMS, KEYTERM_CHARACTERS = 100, 50
# After this much silence, Smart Turn is certain.
_CERTAIN_MS: Final = 1_000.0
_GARBAGE: Final = '{"type": "transcript.par'


@dataclass(frozen=True, slots=True)
class TranscriptTiming:
    """Behavior of the simulated recognizer.

    Attributes:
        result_s: Time from the audio to its message.
        chunk_words: Number of words after which a chunk is final.
        pause_ms: Silence after which Smart Turn sends its confidence.
    """

    result_s: float = 0.05
    chunk_words: int = 6
    pause_ms: float = 160.0


@dataclass(slots=True)
class SimulatedXai:
    """A simulated xAI account.

    Attributes:
        make_ear: Makes the recognizer that listens to a new session.
        queries: Query parameters of all handshakes; each value is a list.
    """

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    timing: TranscriptTiming = field(default_factory=TranscriptTiming)
    queries: list[dict[str, list[str]]] = field(default_factory=list)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/v1/stt", self._stream), web.get("/v1/api-key", self._describe_key)]

    async def _describe_key(self, request: web.Request) -> web.Response:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key != self.state.key:
            return _refuse(wrong_key("xai", key))
        return web.json_response({"redacted_api_key": "xai-...", "name": "simulated", "acls": ["api-key:endpoint:*"]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.queries.append({name: request.query.getall(name) for name in request.query})
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        refusal = self._find_refusal(request, faults)
        if refusal is not None:
            return _refuse(refusal)
        session = _Session(request, self.make_ear(), faults, self.timing)
        try:
            return await session.run()
        finally:
            self.state.bill("stt", request.query.get("model", ""), "ms", session.heard_ms)

    def _find_refusal(self, request: web.Request, faults: FaultInjector) -> Refusal | None:
        key, query = request.headers.get("Authorization", "").removeprefix("Bearer "), request.query
        if faults.has("unauthorized") or key != self.state.key:
            return wrong_key("xai", key)
        if faults.has("no_credit"):
            return no_credit("xai")
        if faults.has("rate_limited"):
            return rate_limited("xai")
        if query.get("model", "grok-stt") not in MODELS:
            return Refusal(
                400, "", f"The model {query['model']} does not exist.", type="Client specified an invalid argument"
            )
        if query.get("encoding") not in ("mulaw", "pcm") or query.get("sample_rate") != "8000":
            return Refusal(400, "", "The simulator knows mulaw and pcm at 8000 Hz.")
        terms = query.getall("keyterm", [])
        if len(terms) > MAX_KEYTERMS or any(len(term) > KEYTERM_CHARACTERS for term in terms):
            return Refusal(400, "", f"keyterm: at most {MAX_KEYTERMS} of {KEYTERM_CHARACTERS} characters.")
        return None


class _Session(ListeningSession):
    """A recognition session on one connection."""

    def __init__(self, request: web.Request, ear: Hearing, faults: FaultInjector, timing: TranscriptTiming) -> None:
        super().__init__(request, ear, faults, _GARBAGE)
        query = request.query
        self._timing = timing
        self.is_linear = query.get("encoding") == "pcm"
        self._has_interims = query.get("interim_results") == "true"
        self._endpointing_ms = float(query.get("endpointing", 400))
        self._smart_turn = float(query["smart_turn"]) if "smart_turn" in query else None
        self._timeout_ms = float(query.get("smart_turn_timeout", 3_000))
        self._chunks: list[HeardWord] = []  # words of the utterance in final chunks
        self._words: list[HeardWord] = []  # words of the utterance that are not final
        self._utterance_ms = 0.0
        self._chunk_ms = 0.0
        self._is_told = False  # whether the confidence was sent in this silence

    async def run(self) -> web.WebSocketResponse:
        """Serve the connection until it ends."""
        await self._accept()
        async with self._working():
            await self._send({"type": "transcript.created", "id": str(uuid.uuid4())})
            while await self._read() is not None:
                pass
        return self.socket

    async def _hear(self, audio: bytes) -> None:
        for piece in self._frames(self._to_ulaw(audio)):
            self._silence.feed(piece)
            heard = self._ear.feed(piece)
            if heard:
                self._words += heard
                self._is_told = False
                await self._tell_words()
            if self._words or self._chunks:
                await self._judge()

    async def _tell_words(self) -> None:
        if len(self._words) >= self._timing.chunk_words:
            await self._tell(self._partial(self._words, self._chunk_ms, is_final=True))
            self._chunks += self._words
            self._words, self._chunk_ms = [], self.heard_ms
        elif self._has_interims:
            await self._tell(self._partial(self._words, self._chunk_ms))

    async def _judge(self) -> None:
        """End the utterance after enough silence, or send the confidence that it has ended."""
        quiet_ms, is_smart = self._silence.quiet_ms, self._smart_turn is not None
        is_sure = not is_smart or self._confidence >= (self._smart_turn or 0.0)
        if (quiet_ms >= self._endpointing_ms and is_sure) or quiet_ms >= self._timeout_ms:
            await self._end_utterance()
        elif is_smart and quiet_ms >= self._timing.pause_ms and self._words and not self._is_told:
            self._is_told = True
            await self._tell(self._partial(self._words, self._chunk_ms))

    async def _end_utterance(self) -> None:
        words, partial = [*self._chunks, *self._words], self._partial(self._words, self._chunk_ms)
        final = self._partial(words, self._utterance_ms, is_final=True, speech_final=True)
        self._chunks, self._words, self._is_told = [], [], False
        self._utterance_ms = self._chunk_ms = self.heard_ms
        await self._tell(final)
        if self._faults.has("repeat"):
            await self._tell(final)
        if self._faults.has("reorder"):
            await self._tell(partial)

    @property
    def _confidence(self) -> float:
        is_pause = self._silence.quiet_ms >= self._timing.pause_ms
        return round(min(0.99, self._silence.quiet_ms / _CERTAIN_MS), 2) if is_pause else 0.0

    def _partial(
        self, words: list[HeardWord], start_ms: float, *, is_final: bool = False, speech_final: bool = False
    ) -> dict[str, Any]:
        told = [
            {"text": word.text, "start": _s(word.start_ms), "end": _s(word.end_ms), "confidence": 0.97}
            for word in words
        ]
        confidence = {} if self._smart_turn is None else {"end_of_turn_confidence": self._confidence}
        return {
            "type": "transcript.partial",
            "text": " ".join(word.text for word in words),
            "words": told,
            "is_final": is_final,
            "speech_final": speech_final,
            "start": _s(start_ms),
            "duration": _s(self.heard_ms - start_ms),
            **confidence,
        }

    async def _obey(self, command: str) -> None:
        try:
            kind = str(json.loads(command).get("type", ""))
        except (ValueError, AttributeError):
            kind = ""
        if kind.lower() == "finalize":
            if self._words or self._chunks:
                await self._end_utterance()
        elif kind == "audio.done":
            if self._words or self._chunks:
                await self._end_utterance()
            await self._send({"type": "transcript.done", "text": "", "words": [], "duration": _s(self.heard_ms)})
            await self.socket.close()
        else:
            await self._send({"type": "error", "message": "Invalid message: expected audio.done or finalize"})

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._send_unit(message, self._timing.result_s)

    async def _fail(self) -> None:
        await self._send({"type": "error", "message": "The transcription pipeline failed."})
        await self.socket.close(code=1011)


def _s(ms: float) -> float:
    """Return seconds with two decimals, as the vendor sends them."""
    return round(ms / 1_000, 2)


def _refuse(refusal: Refusal) -> web.Response:
    return web.json_response(refusal.body("xai"), status=refusal.status)


def _make(state: VendorState, setting: ServerSetting) -> SimulatedXai:
    return SimulatedXai(state, setting.make_ear)


_GROK: Final = {"model": "grok-voice-transcribe-2.0"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make), usual={"stt": _GROK}, providers=(SimulatedProvider("grok", "stt", _GROK),)
)
