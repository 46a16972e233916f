"""The recogniser of a simulated Google: Speech-to-Text v2, `StreamingRecognize`.

Source: the published messages (google-cloud-speech 2.41) and what public issues quote of the service: see
docs/vendors/google-speech.md. The sentences of errors are the service's own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import grpc
import numpy as np
from google.cloud.speech_v2.types import cloud_speech as speech
from grpc import aio

from simulator.carrier.mulaw import RATE, encode
from simulator.vendors.google_account import PROJECT
from simulator.vendors.google_calls import GoogleCall
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.server import VendorState
from simulator.vendors.silence import SilenceMeter

MODELS: Final = frozenset(("telephony", "telephony_short", "chirp_2", "chirp_3", "latest_long", "long", "short"))
_MAX_BYTES: Final = 25_600
_PER_MS: Final = RATE // 1_000
_Encoding = speech.ExplicitDecodingConfig.AudioEncoding
_Event = speech.StreamingRecognizeResponse.SpeechEventType


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """How streams behave. final_s: from the end of the audio to the last text. interim_s: from a word to its text.
    endpoint_ms: silence after which words become final. longest_s: of a stream. idle_s: without audio."""

    final_s: float = 0.3
    interim_s: float = 0.05
    endpoint_ms: float = 800.0
    longest_s: float = 300.0
    idle_s: float = 10.0


class GoogleRecogniser:
    """All streams. make_ear: what one stream hears. configs: of all streams. sent_bytes: of audio, of each stream."""

    def __init__(self, state: VendorState, make_ear: Callable[[], Hearing], timing: StreamTiming) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing
        self.configs: list[speech.StreamingRecognitionConfig] = []
        self.sent_bytes: list[int] = []

    def methods(self) -> dict[str, Any]:
        """What the server answers."""
        decode = speech.StreamingRecognizeRequest.deserialize
        return {"StreamingRecognize": grpc.stream_stream_rpc_method_handler(self._serve, decode)}

    async def _serve(
        self, requests: AsyncIterator[speech.StreamingRecognizeRequest], context: aio.ServicerContext[Any, Any]
    ) -> None:
        call = GoogleCall(self.state, "stt", context)
        await call.run(self._recognise(call, requests))

    async def _recognise(self, call: GoogleCall, requests: AsyncIterator[speech.StreamingRecognizeRequest]) -> None:
        await call.admit()
        stream = _Stream(self, call)
        await stream.configure(await anext(requests, None))
        try:
            async with asyncio.timeout(self.timing.longest_s):
                await stream.serve(requests)
        except TimeoutError:
            await call.fail(grpc.StatusCode.ABORTED, "Max duration of 5 minutes reached for stream.")
        finally:
            stream.bill()


class _Stream:
    def __init__(self, recogniser: GoogleRecogniser, call: GoogleCall) -> None:
        self._recogniser = recogniser
        self._timing = recogniser.timing
        self._call = call
        self._ear = FaultyEar(recogniser.make_ear(), call.faults)
        self._silence = SilenceMeter()
        self._model = ""
        self._is_linear = False
        self._features = speech.StreamingRecognitionFeatures()
        self._words: list[HeardWord] = []  # that are not final
        self._received = 0  # bytes of mu-law
        self._is_speaking = False

    async def configure(self, request: speech.StreamingRecognizeRequest | None) -> None:
        """Takes the first message."""
        if request is None or "streaming_config" not in request:
            await self._call.refuse_argument("Streaming config is missing in the first request.")
        config = request.streaming_config
        self._recogniser.configs.append(config)
        decoding = config.config.explicit_decoding_config
        self._model = config.config.model
        location = request.recognizer.split("/")
        if location[:3] != ["projects", PROJECT, "locations"] or location[4:] != ["recognizers", "_"]:
            await self._call.fail(grpc.StatusCode.NOT_FOUND, "Unable to find Recognizer.")
        if self._model not in MODELS:
            await self._call.refuse_argument(f'The model "{self._model}" does not exist in the location.')
        if not config.config.language_codes or any("-" not in one for one in config.config.language_codes):
            await self._call.refuse_argument("The language is not supported by the model.")
        if self._model == "telephony" and "adaptation" in config.config:
            await self._call.refuse_argument("Recognizer does not support feature: speech_adaptation_boost")
        if decoding.encoding not in (_Encoding.MULAW, _Encoding.LINEAR16) or decoding.sample_rate_hertz != RATE:
            await self._call.refuse_argument("The simulator knows MULAW and LINEAR16 at 8000 Hz.")
        self._is_linear = decoding.encoding == _Encoding.LINEAR16
        self._features = config.streaming_features

    async def serve(self, requests: AsyncIterator[speech.StreamingRecognizeRequest]) -> None:
        """Hears the audio until its end, then tells the last words."""
        while (request := await self._next(requests)) is not None:
            if "streaming_config" in request or len(request.audio) > _MAX_BYTES:
                size = len(request.audio)
                await self._call.refuse_argument(
                    f"Audio chunk can be of a maximum of {_MAX_BYTES} bytes. Received audio of {size} bytes instead."
                )
            await self._hear(encode(np.frombuffer(request.audio, "<i2")) if self._is_linear else request.audio)
        await self._call.faults.wait(self._timing.final_s)
        await self._send_final()

    def bill(self) -> None:
        """Whole milliseconds of the audio that came."""
        self._recogniser.sent_bytes.append(self._received)
        self._recogniser.state.bill("stt", self._model, "ms", self._received / _PER_MS)

    async def _next(
        self, requests: AsyncIterator[speech.StreamingRecognizeRequest]
    ) -> speech.StreamingRecognizeRequest | None:
        if self._call.faults.reads_nothing:
            await asyncio.Event().wait()
        try:
            async with asyncio.timeout(self._timing.idle_s):
                return await anext(requests, None)
        except TimeoutError:
            await self._call.fail(grpc.StatusCode.ABORTED, "Stream timed out after receiving no more client requests.")

    async def _hear(self, ulaw: bytes) -> None:
        self._received += len(ulaw)
        heard = self._ear.feed(ulaw)
        self._silence.feed(ulaw)
        await self._tell_activity(is_speaking=self._silence.quiet_ms < 200)
        self._words += heard
        if heard and self._features.interim_results:
            await self._call.faults.wait(self._timing.interim_s)
            await self._send([self._result(is_final=False)])
        if self._words and self._silence.quiet_ms >= self._timing.endpoint_ms:
            await self._send_final()

    async def _tell_activity(self, *, is_speaking: bool) -> None:
        if is_speaking == self._is_speaking:
            return
        self._is_speaking = is_speaking
        if self._features.enable_voice_activity_events and not self._call.faults.has("deaf"):
            kind = _Event.SPEECH_ACTIVITY_BEGIN if is_speaking else _Event.SPEECH_ACTIVITY_END
            offset = timedelta(milliseconds=self._ear.heard_ms)
            told = speech.StreamingRecognizeResponse(speech_event_type=kind, speech_event_offset=offset)
            await self._call.context.write(speech.StreamingRecognizeResponse.serialize(told))

    async def _send_final(self) -> None:
        if not self._words:
            return
        final, interim = self._result(is_final=True), self._result(is_final=False)
        self._words = []
        await self._send([final])
        if self._call.faults.has("repeat"):
            await self._send([final])
        if self._call.faults.has("reorder"):
            await self._send([interim])

    async def _send(self, results: list[speech.StreamingRecognitionResult]) -> None:
        response = speech.StreamingRecognizeResponse(results=results)
        await self._call.send(speech.StreamingRecognizeResponse.serialize(response))

    def _result(self, *, is_final: bool) -> speech.StreamingRecognitionResult:
        words = [
            speech.WordInfo(
                word=one.text,
                start_offset=timedelta(milliseconds=one.start_ms),
                end_offset=timedelta(milliseconds=one.end_ms),
            )
            for one in self._words
        ]
        text = " ".join(one.text for one in self._words)
        best = speech.SpeechRecognitionAlternative(
            transcript=text, confidence=0.9 if is_final else 0.0, words=words if is_final else []
        )
        return speech.StreamingRecognitionResult(
            alternatives=[best],
            is_final=is_final,
            stability=0.0 if is_final else 0.9,
            result_end_offset=timedelta(milliseconds=self._ear.heard_ms),
            language_code="en-us",
        )
