"""One session of a simulated Soniox: tokens that may change, and how they become final.

Words become final some words later, at `finalize`, which is answered by `<fin>`, and with endpoint detection after
enough silence, which ends in `<end>`. Long words come in two tokens, as the vendor's do.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from simulator.carrier.mulaw import RATE
from simulator.vendors.faults import FaultInjector
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.listening_session import ListeningSession
from simulator.vendors.script import Hearing

_BYTES_PER_MS: Final = 8
_LONG_WORD: Final = 6
_FIN: Final = {"text": "<fin>", "is_final": True}
_END: Final = {"text": "<end>", "is_final": True}
_GARBAGE: Final = '{"tokens": [{"te'


@dataclass(frozen=True, slots=True)
class SonioxRefusal:
    """An error of the vendor's. code: an HTTP status; kind: `error_type`."""

    code: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenTiming:
    """result_s: from audio or a request to its tokens. pending_words: so many words may change. endpoint_ms: silence
    that is an endpoint. idle_s: without a message the session ends."""

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
    """One connection."""

    def __init__(
        self,
        request: web.Request,
        ear: Hearing,
        faults: FaultInjector,
        timing: TokenTiming,
        find_language: Callable[[str], str],
    ) -> None:
        """find_language: of a word, as its tokens tell it."""
        super().__init__(request, ear, faults, _GARBAGE)
        self._find_language = find_language
        self._timing = timing
        self._open_words: list[HeardWord] = []  # not final yet
        self._has_spoken = False  # since the latest endpoint
        self._final_ms = 0.0
        self._has_endpoints = False
        self._received = 0  # bytes of audio

    @property
    def received_ms(self) -> float:
        """All audio that came."""
        return self._received / (_BYTES_PER_MS * self.step * (2 if self.is_linear else 1))

    async def open(self) -> dict[str, Any] | None:
        """Answers the handshake; the first message, None where there is none that can be read."""
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
        """Tells an error, and ends the session."""
        error = {"error_code": refusal.code, "error_type": refusal.kind, "error_message": refusal.text}
        await self._send({"tokens": [], **error, "request_id": str(uuid.uuid4())})
        await self.socket.close()

    async def run(self, start: dict[str, Any]) -> web.WebSocketResponse:
        """Serves the session until it is over."""
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
        if not audio:  # the end, as an empty text
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
        """The end of the audio."""
        if not self.heard_ms:
            await self.refuse(_NO_AUDIO)
            return
        await self._tell(self._take())
        await self._send({**self._message([]), "finished": True})
        await self.socket.close()

    def _take(self, keep: int = 0) -> list[dict[str, Any]]:
        """The tokens that become final now. keep: so many words stay as they are."""
        count = max(0, len(self._open_words) - keep)
        words, self._open_words = self._open_words[:count], self._open_words[count:]
        self._final_ms = words[-1].end_ms if words and self._open_words else self.heard_ms
        return self._tokens(words, is_final=True)

    async def _tell(self, finals: Sequence[dict[str, Any]]) -> None:
        """Sends what became final, and after it what may change."""
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
    """A word's tokens, the first of which has a blank before it."""
    if len(word.text) < _LONG_WORD:
        return [(f" {word.text}", word.start_ms, word.end_ms)]
    half = len(word.text) // 2
    middle = (word.start_ms + word.end_ms) / 2
    return [(f" {word.text[:half]}", word.start_ms, middle), (word.text[half:], middle, word.end_ms)]


def _token(text: str, start_ms: float, end_ms: float, is_final: bool) -> dict[str, Any]:
    times = {"start_ms": round(start_ms), "end_ms": round(end_ms)}
    return {"text": text, **times, "confidence": 0.97, "is_final": is_final}
