"""The voices of a simulated Google: Text-to-Speech v1, `StreamingSynthesize` and `SynthesizeSpeech`.

Source: the published messages (google-cloud-texttospeech 2.38) and docs/vendors/google-speech.md.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.cloud.texttospeech_v1.types import cloud_tts as tts
from grpc import aio

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.google_calls import GARBAGE, GoogleCall
from simulator.vendors.server import VendorState
from simulator.vendors.voice import SimulatedVoice, speak_clips

_NAME: Final = re.compile(r"([a-z]{2,3}-[A-Z]{2})-(Chirp3-HD|Neural2|Wavenet|Standard|Studio)-[A-Za-z]+")
_STREAMING: Final = "chirp3-hd"
_MAX_TEXT: Final = 5_000
_PER_MS: Final = RATE // 1_000
_Encoding = tts.AudioEncoding


@dataclass(frozen=True, slots=True)
class SynthesisTiming:
    """How voices behave. first_audio_s: from a text to its first audio. chunk_ms: audio of one message. speed: of
    generation, in times real time. idle_s: a stream without text is ended."""

    first_audio_s: float = 0.1
    chunk_ms: int = 200
    speed: float = 4.0
    idle_s: float = 5.0
    voice: SimulatedVoice = speak_clips


class GoogleVoices:
    """All requests. voices: names of the voices that were asked for, one a stream or request. texts: what was sent.
    pronunciations: of each stream, by the phrase. unknown_sounds: signs of IPA that the voices' languages lack."""

    def __init__(self, state: VendorState, timing: SynthesisTiming) -> None:
        self.state = state
        self.timing = timing
        self.voices: list[str] = []
        self.texts: list[str] = []
        self.pronunciations: list[dict[str, str]] = []
        self.unknown_sounds = ""

    def methods(self) -> dict[str, Any]:
        """What the server answers."""
        return {
            "StreamingSynthesize": grpc.stream_stream_rpc_method_handler(
                self._stream, tts.StreamingSynthesizeRequest.deserialize
            ),
            "SynthesizeSpeech": grpc.unary_unary_rpc_method_handler(
                self._answer, tts.SynthesizeSpeechRequest.deserialize
            ),
        }

    async def _stream(
        self, requests: AsyncIterator[tts.StreamingSynthesizeRequest], context: aio.ServicerContext[Any, Any]
    ) -> None:
        call = GoogleCall(self.state, "tts", context)
        await call.run(self._serve_stream(call, requests))

    async def _serve_stream(self, call: GoogleCall, requests: AsyncIterator[tts.StreamingSynthesizeRequest]) -> None:
        await call.admit()
        first = await anext(requests, None)
        if first is None or "streaming_config" not in first:
            await call.refuse_argument("The first request must contain a streaming config.")
        config = first.streaming_config
        audio = config.streaming_audio_config
        model = await self._find_model(call, config.voice)
        if model != _STREAMING:
            await call.refuse_argument("Currently, only Chirp 3: HD voices are supported for streaming synthesis.")
        if audio.audio_encoding not in (_Encoding.MULAW, _Encoding.PCM) or audio.sample_rate_hertz != RATE:
            await call.refuse_argument("The simulator knows MULAW and PCM at 8000 Hz.")
        told = config.custom_pronunciations.pronunciations
        self.pronunciations.append({one.phrase: one.pronunciation for one in told})
        if wrong := [one.phrase for one in told if not set(one.pronunciation).isdisjoint(self.unknown_sounds)]:
            await call.refuse_argument(
                f"The following custom pronunciation phrases are invalid: {', '.join(wrong)}. "
                "Please ensure the phrases are well-structured."
            )
        while (request := await self._next(call, requests)) is not None:
            self._take(model, request.input.text)
            await self._speak(call, request.input.text, is_linear=audio.audio_encoding == _Encoding.PCM)

    async def _next(
        self, call: GoogleCall, requests: AsyncIterator[tts.StreamingSynthesizeRequest]
    ) -> tts.StreamingSynthesizeRequest | None:
        if call.faults.reads_nothing:
            await asyncio.Event().wait()
        try:
            async with asyncio.timeout(self.timing.idle_s):
                return await anext(requests, None)
        except TimeoutError:
            await call.fail(
                grpc.StatusCode.ABORTED,
                "Stream aborted due to long duration elapsed without input sent. "
                "Input must be sent continuously, at least every 5s seconds.",
            )

    async def _speak(self, call: GoogleCall, text: str, *, is_linear: bool) -> None:
        await call.faults.wait(self.timing.first_audio_s)
        size = self.timing.chunk_ms * _PER_MS
        for spoken in self.timing.voice(text):
            for at in range(0, len(spoken.ulaw), size):
                part = spoken.ulaw[at : at + size]
                content = decode(part).astype("<i2").tobytes() if is_linear else part
                answer = tts.StreamingSynthesizeResponse(audio_content=content)
                await call.send(tts.StreamingSynthesizeResponse.serialize(answer))
                await call.faults.wait(len(part) / _PER_MS / 1_000 / self.timing.speed)

    async def _answer(self, request: tts.SynthesizeSpeechRequest, context: aio.ServicerContext[Any, Any]) -> bytes:
        call = GoogleCall(self.state, "tts", context)
        return await call.run(self._answer_once(call, request))

    async def _answer_once(self, call: GoogleCall, request: tts.SynthesizeSpeechRequest) -> bytes:
        await call.admit()
        model = await self._find_model(call, request.voice)
        if request.audio_config.audio_encoding != _Encoding.MULAW or request.audio_config.sample_rate_hertz != RATE:
            await call.refuse_argument("The simulator knows MULAW at 8000 Hz.")
        if len(request.input.text.encode()) > _MAX_TEXT:
            await call.refuse_argument(f"Either `input.text` or `input.ssml` is longer than the limit of {_MAX_TEXT}.")
        self._take(model, request.input.text)
        await call.faults.wait(self.timing.first_audio_s)
        if call.faults.reports_error:
            await call.fail(grpc.StatusCode.INTERNAL, "Internal error encountered.")
        if call.faults.has("cut"):
            await call.fail(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer.")
        if await call.faults.begin_unit():
            return GARBAGE
        ulaw = b"".join(one.ulaw for one in self.timing.voice(request.input.text))
        answer = tts.SynthesizeSpeechResponse(audio_content=_wave_header(len(ulaw)) + ulaw)
        content: bytes = tts.SynthesizeSpeechResponse.serialize(answer)
        return content

    async def _find_model(self, call: GoogleCall, voice: tts.VoiceSelectionParams) -> str:
        """The family of a voice."""
        self.voices.append(voice.name)
        found = _NAME.fullmatch(voice.name)
        if found is None or found[1] != voice.language_code:
            await call.refuse_argument(f"Voice '{voice.name}' does not exist. Is it misspelled?")
        return found[2].lower()

    def _take(self, model: str, text: str) -> None:
        self.texts.append(text)
        self.state.bill("tts", model, "characters", len(text))


def _wave_header(size: int) -> bytes:
    """Of mu-law (format 7) at 8 kHz, as the service puts it before the samples."""
    form = struct.pack("<HH", 7, 1) + struct.pack("<II", RATE, RATE) + struct.pack("<HHH", 1, 8, 0)
    return (
        b"RIFF" + struct.pack("<I", 4 + 8 + len(form) + 8 + size) + b"WAVE"
        b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    )
