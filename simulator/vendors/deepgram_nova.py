"""Deepgram's Nova, `/v1/listen`, simulated: interim and final results, endpointing, Finalize, KeepAlive, CloseStream.

Source: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/finalize, /docs/endpointing,
/docs/audio-keep-alive, /docs/utterance-end; deepgram-sdk 7.17.0 (types of `listen.v1`).
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from aiohttp import web

from simulator.carrier import mulaw
from simulator.vendors.deepgram_socket import Outgoing, SimulatedSocket
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.silence import SilenceMeter

MODEL_UUID: Final = "2187e11a-3532-4498-b076-81fa530bdd49"
_CONFIDENCE: Final = 0.98


@dataclass(frozen=True, slots=True)
class ListenTiming:
    """interim_ms: audio between two interim results. result_s: from the audio to the result about it. segment_ms: a
    longer segment becomes final. unanswered_ms: a Finalize with less audio since the last final gets no answer.
    idle_s: without audio or KeepAlive, then the connection is closed."""

    interim_ms: float = 300.0
    result_s: float = 0.05
    segment_ms: float = 5_000.0
    unanswered_ms: float = 20.0
    idle_s: float = 10.0


class NovaSession:
    """One connection. billed_ms: audio that came."""

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
        self._words: list[HeardWord] = []  # of the segment
        self._start_ms = 0.0  # of the segment
        self._interim_at_ms = 0.0
        self._last_word_ms = -1.0
        self._in_utterance = False
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()  # when the latest message came
        self._idle: asyncio.TimerHandle

    @property
    def billed_ms(self) -> float:
        """All audio that came."""
        return self._ear.heard_ms

    async def run(self) -> web.WebSocketResponse:
        """Serves the connection until it ends."""
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
        if not audio:  # "will cause unexpected closures"
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
        """Sends what is due after the audio so far."""
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
        """Makes the segment final and begins the next one."""
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
        """Closes the connection when neither audio nor KeepAlive came."""
        left_s = self._alive_at + self._timing.idle_s - self._loop.time()
        if left_s <= 0:
            self._socket.close(1011, "NET-0001: no audio or KeepAlive within the timeout window")
        else:
            self._idle = self._loop.call_later(left_s, self._check_idle)


def _milliseconds(value: str) -> float | None:
    """A time in ms; None for "false", which turns its feature off."""
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
