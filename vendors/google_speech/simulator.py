"""A simulated Google Cloud for speech: Speech-to-Text v2 (`StreamingRecognize`) and Text-to-Speech v1
(`StreamingSynthesize`, `SynthesizeSpeech`) over gRPC and TLS.

The messages are the ones in Google's SDK. Faults during a stream are gRPC statuses. Like Google, the simulator bills
the audio sent to a recognizer and the characters sent to a voice. Error messages are the service's own.

Sources: the published messages (google-cloud-speech 2.41, google-cloud-texttospeech 2.38), quotations in public issues
(docs/develop/vendors/google-speech.md), docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

import grpc
import numpy as np
from aiohttp import web
from google.cloud.speech_v2.types import cloud_speech as speech
from google.cloud.texttospeech_v1.types import cloud_tts as tts
from grpc import aio

from simulator.carrier.mulaw import RATE, decode, encode
from simulator.vendors.certificate import NAMED_SERVER_FILE, ServerCertificate
from simulator.vendors.entry import (
    ServerSetting,
    SimulatedProvider,
    SimulatedServer,
    SimulatorEntry,
    make_timing,
    one_account,
)
from simulator.vendors.faults import Fault, FaultCut, FaultInjector, Role
from simulator.vendors.google_account import PROJECT, TokenCheck, make_key_file
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.protocol_front import ProtocolFront
from simulator.vendors.script import DeafEar, FaultyEar, Hearing
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.silence import SilenceMeter
from simulator.vendors.voice import SimulatedVoice, speak_clips

T = TypeVar("T")

# An unreadable message: the field is longer than the message.
GARBAGE: Final = b"\x0a\xff\x01"
# The minimum duration of a refusal. grpc.aio clients lose the status of a refusal that arrives during their writes.
ROUND_TRIP_S: Final = 0.05
_REFUSALS: Final = {
    "refuse": (grpc.StatusCode.UNAVAILABLE, "Connection reset by peer."),
    "unauthorized": (grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."),
    "no_credit": (grpc.StatusCode.PERMISSION_DENIED, "This API method requires billing to be enabled."),
    "rate_limited": (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Requests'."),
}


class GoogleCall:
    """A gRPC call for one role. Its methods raise by aborting the call."""

    def __init__(self, state: VendorState, role: Role, context: aio.ServicerContext[Any, Any]) -> None:
        self.context = context
        self.faults: FaultInjector = state.open(role)
        self._state = state

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the call's work. A fault that refuses the open call ends the work."""
        task = asyncio.create_task(work)
        struck: list[str] = []

        def begin_fault(fault: Fault) -> None:
            if fault.kind in _REFUSALS:
                struck.append(fault.kind)
                task.cancel()

        self.faults.on_begin = begin_fault
        try:
            return await task
        except asyncio.CancelledError:
            if not struck:  # the client has disconnected
                raise
        finally:
            task.cancel()
        await self.fail(*_REFUSALS[struck[0]])

    async def admit(self) -> None:
        """Refuse a call with a refusal fault or without a valid token."""
        fault = self.faults.fault
        if fault is not None and fault.kind in _REFUSALS:
            await self._refuse(fault.kind)
        headers = dict(self.context.invocation_metadata() or ())
        if TokenCheck(self._state.key).find_fault(str(headers.get("authorization", ""))):
            await self._refuse("unauthorized")

    async def _refuse(self, kind: str) -> None:
        await asyncio.sleep(ROUND_TRIP_S)
        await self.fail(*_REFUSALS[kind])

    async def fail(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End the call with this status."""
        await self.context.abort(code, details)
        raise AssertionError  # unreachable: abort raises

    async def refuse_argument(self, details: str) -> NoReturn:
        """End the call because its request is invalid."""
        await asyncio.sleep(ROUND_TRIP_S)
        await self.fail(grpc.StatusCode.INVALID_ARGUMENT, details)

    async def send(self, message: bytes) -> None:
        """Send a result, or the call's fault in its place."""
        if self.faults.reports_error:
            await self.fail(grpc.StatusCode.INTERNAL, "Internal error encountered.")
        try:
            is_garbage = await self.faults.begin_unit()
        except FaultCut:
            await self.fail(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer.")
        await self.context.write(GARBAGE if is_garbage else message)


MODELS: Final = frozenset(("telephony", "telephony_short", "chirp_2", "chirp_3", "latest_long", "long", "short"))
_MAX_BYTES: Final = 25_600
_PER_MS: Final = RATE // 1_000
_Encoding = speech.ExplicitDecodingConfig.AudioEncoding
_Event = speech.StreamingRecognizeResponse.SpeechEventType


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Behavior of the simulated recognizer.

    Attributes:
        final_s: Time from the end of the audio to the last text.
        interim_s: Time from a word to its text.
        endpoint_ms: Silence after which words become final.
        longest_s: Maximum length of a stream.
        idle_s: A stream without audio ends after this time.
    """

    final_s: float = 0.3
    interim_s: float = 0.05
    endpoint_ms: float = 800.0
    longest_s: float = 300.0
    idle_s: float = 10.0


class GoogleRecognizer:
    """The simulated recognizer with all its streams.

    Attributes:
        make_ear: Makes the recognizer that listens to a new stream.
        configs: Configurations of all streams.
        sent_bytes: Bytes of audio received by each stream.
    """

    def __init__(self, state: VendorState, make_ear: Callable[[], Hearing], timing: StreamTiming) -> None:
        self.state = state
        self.make_ear = make_ear
        self.timing = timing
        self.configs: list[speech.StreamingRecognitionConfig] = []
        self.sent_bytes: list[int] = []

    def methods(self) -> dict[str, Any]:
        """Return the gRPC handlers by method."""
        decode = speech.StreamingRecognizeRequest.deserialize
        return {"StreamingRecognize": grpc.stream_stream_rpc_method_handler(self._serve, decode)}

    async def _serve(
        self, requests: AsyncIterator[speech.StreamingRecognizeRequest], context: aio.ServicerContext[Any, Any]
    ) -> None:
        call = GoogleCall(self.state, "stt", context)
        await call.run(self._recognize(call, requests))

    async def _recognize(self, call: GoogleCall, requests: AsyncIterator[speech.StreamingRecognizeRequest]) -> None:
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
    def __init__(self, recognizer: GoogleRecognizer, call: GoogleCall) -> None:
        self._recognizer = recognizer
        self._timing = recognizer.timing
        self._call = call
        self._ear = FaultyEar(recognizer.make_ear(), call.faults)
        self._silence = SilenceMeter()
        self._model = ""
        self._is_linear = False
        self._features = speech.StreamingRecognitionFeatures()
        self._words: list[HeardWord] = []  # words that are not final
        self._received = 0  # bytes of mu-law
        self._is_speaking = False

    async def configure(self, request: speech.StreamingRecognizeRequest | None) -> None:
        """Process the stream's first message."""
        if request is None or "streaming_config" not in request:
            await self._call.refuse_argument("Streaming config is missing in the first request.")
        config = request.streaming_config
        self._recognizer.configs.append(config)
        decoding = config.config.explicit_decoding_config
        self._model = config.config.model
        location = request.recognizer.split("/")
        if location[:3] != ["projects", PROJECT, "locations"] or location[4:] != ["recognizers", "_"]:
            await self._call.fail(grpc.StatusCode.NOT_FOUND, "Unable to find Recognizer.")
        if self._model not in MODELS:
            await self._call.refuse_argument(f'The model "{self._model}" does not exist in the location.')
        if not config.config.language_codes or any(
            "-" not in language_code for language_code in config.config.language_codes
        ):
            await self._call.refuse_argument("The language is not supported by the model.")
        if self._model == "telephony" and "adaptation" in config.config:
            await self._call.refuse_argument("Recognizer does not support feature: speech_adaptation_boost")
        if decoding.encoding not in (_Encoding.MULAW, _Encoding.LINEAR16) or decoding.sample_rate_hertz != RATE:
            await self._call.refuse_argument("The simulator knows MULAW and LINEAR16 at 8000 Hz.")
        self._is_linear = decoding.encoding == _Encoding.LINEAR16
        self._features = config.streaming_features

    async def serve(self, requests: AsyncIterator[speech.StreamingRecognizeRequest]) -> None:
        """Process the audio until its end, then send the last words."""
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
        """Bill the received audio in whole milliseconds."""
        self._recognizer.sent_bytes.append(self._received)
        self._recognizer.state.bill("stt", self._model, "ms", self._received / _PER_MS)

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
                word=word.text,
                start_offset=timedelta(milliseconds=word.start_ms),
                end_offset=timedelta(milliseconds=word.end_ms),
            )
            for word in self._words
        ]
        text = " ".join(word.text for word in self._words)
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


_NAME: Final = re.compile(r"([a-z]{2,3}-[A-Z]{2})-(Chirp3-HD|Neural2|Wavenet|Standard|Studio)-[A-Za-z]+")
_STREAMING: Final = "chirp3-hd"
_MAX_TEXT: Final = 5_000
_VoiceEncoding = tts.AudioEncoding


@dataclass(frozen=True, slots=True)
class SynthesisTiming:
    """Behavior of the simulated voices.

    Attributes:
        first_audio_s: Time from a text to its first audio.
        chunk_ms: Length of the audio in a message.
        speed: Speed of the generation relative to real time.
        idle_s: A stream without text ends after this time.
    """

    first_audio_s: float = 0.1
    chunk_ms: int = 200
    speed: float = 4.0
    idle_s: float = 5.0
    voice: SimulatedVoice = speak_clips


class GoogleVoices:
    """The simulated voices with all their requests.

    Attributes:
        voices: Name of the voice in each stream or request.
        texts: All received texts.
        pronunciations: Pronunciations of each stream by phrase.
        unknown_sounds: IPA symbols that the voices' languages lack.
    """

    def __init__(self, state: VendorState, timing: SynthesisTiming) -> None:
        self.state = state
        self.timing = timing
        self.voices: list[str] = []
        self.texts: list[str] = []
        self.pronunciations: list[dict[str, str]] = []
        self.unknown_sounds = ""

    def methods(self) -> dict[str, Any]:
        """Return the gRPC handlers by method."""
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
        if audio.audio_encoding not in (_VoiceEncoding.MULAW, _VoiceEncoding.PCM) or audio.sample_rate_hertz != RATE:
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
            await self._speak(call, request.input.text, is_linear=audio.audio_encoding == _VoiceEncoding.PCM)

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
        if (
            request.audio_config.audio_encoding != _VoiceEncoding.MULAW
            or request.audio_config.sample_rate_hertz != RATE
        ):
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
        """Return the family of a voice. Refuses the call if the voice does not exist."""
        self.voices.append(voice.name)
        found = _NAME.fullmatch(voice.name)
        if found is None or found[1] != voice.language_code:
            await call.refuse_argument(f"Voice '{voice.name}' does not exist. Is it misspelled?")
        return found[2].lower()

    def _take(self, model: str, text: str) -> None:
        self.texts.append(text)
        self.state.bill("tts", model, "characters", len(text))


def _wave_header(size: int) -> bytes:
    """Return a WAV header for mu-law (format 7) at 8 kHz, as the service sends it before the samples."""
    form = struct.pack("<HH", 7, 1) + struct.pack("<II", RATE, RATE) + struct.pack("<HHH", 1, 8, 0)
    return (
        b"RIFF" + struct.pack("<I", 4 + 8 + len(form) + 8 + size) + b"WAVE"
        b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    )


def _make_state() -> VendorState:
    return VendorState(key=make_key_file("simulated"))


@dataclass(slots=True)
class SimulatedGoogleSpeech:
    """A simulated Google Cloud project.

    Attributes:
        make_ear: Makes the recognizer that listens to a new stream.
        state: The account, whose key is a service account's key file.
    """

    state: VendorState = field(default_factory=_make_state)
    make_ear: Callable[[], Hearing] = DeafEar
    recognizer_timing: StreamTiming = field(default_factory=StreamTiming)
    voice_timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    recognizer: GoogleRecognizer = field(init=False)
    voices: GoogleVoices = field(init=False)

    def __post_init__(self) -> None:
        self.recognizer = GoogleRecognizer(self.state, self.make_ear, self.recognizer_timing)
        self.voices = GoogleVoices(self.state, self.voice_timing)


@asynccontextmanager
async def running_google_speech(vendor: SimulatedGoogleSpeech, certificate: ServerCertificate) -> AsyncIterator[str]:
    """Serve the vendor on a free port and yield `localhost:PORT`."""
    pem = (certificate.authority.parent / NAMED_SERVER_FILE).read_bytes()
    server = aio.server()
    server.add_generic_rpc_handlers(_handlers(vendor))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    await server.start()
    try:
        yield f"localhost:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def running_google_address(
    vendor: SimulatedGoogleSpeech, certificate: ServerCertificate, port: int
) -> AsyncIterator[None]:
    """Serve the vendor on this port of `localhost`, with the documents over HTTP on the same port, as Google does.

    Raises:
        OSError: The port is taken.
    """
    async with AsyncExitStack() as running:
        grpc_address = await running.enter_async_context(running_google_speech(vendor, certificate))
        serving = running_vendor(google_documents(vendor.state), certificate)
        http_address = await running.enter_async_context(serving)
        front = ProtocolFront(_port(grpc_address), _port(http_address))
        await running.enter_async_context(front.running(port))
        yield


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _handlers(vendor: SimulatedGoogleSpeech) -> tuple[Any, ...]:
    return (
        grpc.method_handlers_generic_handler("google.cloud.speech.v2.Speech", vendor.recognizer.methods()),
        grpc.method_handlers_generic_handler("google.cloud.texttospeech.v1.TextToSpeech", vendor.voices.methods()),
    )


def google_documents(state: VendorState) -> list[web.RouteDef]:
    """Return the route `/v1/voices`. Its tokens must come from the account whose key file is the state's key."""

    async def list_voices(request: web.Request) -> web.Response:
        if TokenCheck(state.key).find_fault(request.headers.get("Authorization", "")):
            message = "Request had invalid authentication credentials."
            error = {"code": 401, "message": message, "status": "UNAUTHENTICATED"}
            return web.json_response({"error": error}, status=401)
        voice = {"name": "en-US-Chirp3-HD-Kore", "languageCodes": ["en-US"], "naturalSampleRateHertz": 24_000}
        return web.json_response({"voices": [voice]})

    return [web.get("/v1/voices", list_voices)]


def _make(state: VendorState, setting: ServerSetting) -> SimulatedGoogleSpeech:
    final_s, first_s = (None if ms is None else ms / 1_000 for ms in (setting.final_ms, setting.first_audio_ms))
    return SimulatedGoogleSpeech(
        state,
        setting.make_ear,
        make_timing(StreamTiming, final_s=final_s),
        make_timing(SynthesisTiming, first_audio_s=first_s, voice=setting.voice, speed=setting.speed),
    )


@asynccontextmanager
async def _run(
    server: SimulatedServer, certificate: ServerCertificate | None, port: int, cancels: bool
) -> AsyncIterator[str]:
    """Serve the vendor over TLS, which gRPC clients always use. With a fixed port, the documents are also served."""
    assert isinstance(server, SimulatedGoogleSpeech) and certificate is not None
    if not port:
        async with running_google_speech(server, certificate) as address:
            yield address
        return
    async with running_google_address(server, certificate, port):
        yield f"localhost:{port}"


_VOICE: Final = {"model": "chirp3-hd", "voice_id": "Kore"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"stt": {"model": "telephony"}, "tts": _VOICE},
    providers=(
        SimulatedProvider("chirp", "stt", {"model": "chirp_3", "location": "us"}),
        SimulatedProvider("kore", "tts", _VOICE),
    ),
    scheme="https",
    host="localhost",
    has_key_file=True,
    run=_run,
)
