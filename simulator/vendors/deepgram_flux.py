"""Deepgram's Flux, `/v2/listen`, simulated: turns with a cumulative transcript, ForceEndTurn, Configure, CloseStream.

Source: developers.deepgram.com/docs/flux, deepgram-sdk 7.17.0 (types of `listen.v2`).
"""

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from aiohttp import web

from simulator.carrier import mulaw
from simulator.vendors.deepgram_nova import ListenTiming
from simulator.vendors.deepgram_socket import Outgoing, Refused, SimulatedSocket
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.silence import SilenceMeter

# Audio between two TurnInfo messages, also without new text.
UPDATE_MS: Final = 240.0
# Silence after which the end of the turn is as good as certain.
_CERTAIN_MS: Final = 800.0
_THRESHOLDS: Final = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
_FORMATS: Final = ("numerals", "profanity_filter", "redact")
_QUERY: Final = {
    *("model", "encoding", "sample_rate", "keyterm", "language_hint", "tag", "mip_opt_out"),
    *_THRESHOLDS,
    *_FORMATS,
}


def check_flux_query(query: dict[str, str]) -> None:
    """Raises Refused for a parameter that this API does not have, or a threshold out of its range."""
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
    """One connection."""

    def __init__(
        self, socket: SimulatedSocket, ear: Hearing, timing: ListenTiming, on_forced: Callable[[], None]
    ) -> None:
        """on_forced: called for each ForceEndTurn, those included that end nothing."""
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
        """All audio that came."""
        return self._ear.heard_ms

    async def run(self) -> web.WebSocketResponse:
        """Serves the connection until it ends."""
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
        """Ends the turn, or predicts its end, if the silence suffices."""
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
