"""The recogniser of a simulated ElevenLabs: Scribe, whose texts are committed on request or after silence."""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import RATE, encode
from simulator.vendors.elevenlabs_socket import ConnectionEnded, OpenedSocket, open_elevenlabs_socket
from simulator.vendors.faults import FaultCut
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.server import VendorState
from simulator.vendors.silence import SilenceMeter

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
    """How the recogniser behaves. commit_s: from a commit to its text. times_s: from the text to the same with times;
    None: it never comes. partial_s: from a word to its partial text. min_commit_ms: less audio is not committed.
    max_uncommitted_ms: more is committed unasked. vad_silence_ms: with the strategy `vad`. idle_s: without audio."""

    commit_s: float = 0.15
    times_s: float | None = 0.02
    partial_s: float = 0.05
    min_commit_ms: float = 300.0
    max_uncommitted_ms: float = 36_000.0
    vad_silence_ms: float = 1_500.0
    idle_s: float = 15.0


class ScribeRecogniser:
    """All sessions. make_ear: what one session hears. queries: of all handshakes. chunks: audio messages that came."""

    def __init__(self, state: VendorState, make_ear: Callable[[], Hearing], timing: ScribeTiming | None = None) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing or ScribeTiming()
        self.queries: list[dict[str, list[str]]] = []
        self.chunks = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """What the server answers."""
        return [web.get("/v1/speech-to-text/realtime", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.queries.append({name: request.query.getall(name) for name in request.query})
        opened = await open_elevenlabs_socket(self.state, request, "stt")
        if isinstance(opened, web.Response):
            return opened
        await _ScribeSession(self, opened).run()
        return opened.socket


class _ScribeSession:
    """One connection: messages are read at once and worked on in their order."""

    def __init__(self, recogniser: ScribeRecogniser, opened: OpenedSocket) -> None:
        self._recogniser = recogniser
        self._timing = recogniser.timing
        self._opened = opened
        self._socket = opened.socket
        self._faults = opened.faults
        self._query = opened.request.query
        self._ear = FaultyEar(recogniser.make_ear(), opened.faults)
        self._silence = SilenceMeter()
        self._work: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self._words: list[HeardWord] = []  # that are not committed
        self._committed_ms = 0.0
        self._received = 0  # bytes of mu-law, also those that are not heard yet

    async def run(self) -> None:
        """Serves the connection until it ends."""
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
            self._recogniser.state.bill("stt", self._query["model_id"], "ms", self._received / _PER_MS)

    async def _check(self) -> None:
        """Raises ConnectionEnded."""
        fault = self._faults.fault
        if fault is not None and fault.kind in _REFUSALS:
            await self._fail(*_REFUSALS[fault.kind])
        if self._opened.key != self._recogniser.state.key:
            await self._fail(*_REFUSALS["unauthorized"])
        keyterms = self._query.getall("keyterms", [])
        if self._query.get("model_id") not in _MODELS:
            await self._fail("invalid_request", "Invalid model_id.")
        if len(keyterms) > _KEYTERMS or any(len(one) > _KEYTERM_CHARACTERS for one in keyterms):
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
        """Takes one message; false at the end. Raises ConnectionEnded."""
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
        self._recogniser.chunks += 1
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
        """Sends one result, or the error in its place. Raises ConnectionEnded, FaultCut."""
        if self._faults.reports_error:
            await self._fail("transcriber_error", "An error occurred while transcribing the audio.")
        if await self._faults.begin_unit():
            await self._socket.send_str(_GARBAGE)
            return
        await self._send(message)

    async def _fail(self, kind: str, error: str) -> NoReturn:
        """Raises ConnectionEnded."""
        await self._opened.end({"message_type": kind, "error": error}, kind)

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._socket.closed:
            await self._socket.send_json(message)
