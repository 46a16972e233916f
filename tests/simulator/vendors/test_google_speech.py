"""The simulated Google for speech, used by the vendor's own SDK over TLS.

`tools/google_speech_clients.py` tries it with pipecat's services, too.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import Aborted, GoogleAPICallError, InvalidArgument, Unauthenticated
from google.cloud import speech_v2 as speech
from google.cloud import texttospeech_v1 as tts
from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport
from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport
from google.oauth2 import service_account
from grpc import aio

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.google_account import PROJECT, make_key_file
from simulator.vendors.voice import find_words, speak, words
from tests.media.providers.vendors.google_servers import QUICK, make_google
from vendors.google_speech.simulator import SimulatedGoogleSpeech, StreamTiming, running_google_speech

HEARD = "i would like to book a table"
TEXT = "Good morning, how can I help you?"
RECOGNIZER = f"projects/{PROJECT}/locations/global/recognizers/_"
VOICE = tts.VoiceSelectionParams(language_code="en-US", name="en-US-Chirp3-HD-Kore")

Running = tuple[SimulatedGoogleSpeech, aio.Channel]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def running(certificate: ServerCertificate) -> AsyncIterator[Running]:
    vendor = make_google(HEARD)
    async with running_google_speech(vendor, certificate) as address:
        yield vendor, open_channel(certificate, address, vendor.state.key)


def open_channel(certificate: ServerCertificate, address: str, key_file: str) -> aio.Channel:
    """A channel that signs tokens as the SDK's clients do."""
    import json

    from google.auth.transport.grpc import AuthMetadataPlugin
    from google.auth.transport.requests import Request

    made: Any = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        json.loads(key_file), scopes=["https://www.googleapis.com/auth/cloud-platform"]
    ).with_always_use_jwt_access(True)
    signing = grpc.metadata_call_credentials(AuthMetadataPlugin(made, Request()))  # type: ignore[no-untyped-call]
    tls = grpc.ssl_channel_credentials(certificate.authority.read_bytes())
    return aio.secure_channel(address, grpc.composite_channel_credentials(tls, signing))


def recognition_config(model: str = "telephony") -> speech.StreamingRecognitionConfig:
    decoding = speech.ExplicitDecodingConfig(
        encoding=speech.ExplicitDecodingConfig.AudioEncoding.MULAW, sample_rate_hertz=8_000, audio_channel_count=1
    )
    features = speech.RecognitionFeatures(enable_word_time_offsets=True)
    config = speech.RecognitionConfig(
        explicit_decoding_config=decoding, model=model, language_codes=["en-US"], features=features
    )
    return speech.StreamingRecognitionConfig(
        config=config,
        streaming_features=speech.StreamingRecognitionFeatures(interim_results=True, enable_voice_activity_events=True),
    )


async def recognize(
    channel: aio.Channel, audio: Iterable[bytes], model: str = "telephony"
) -> list[speech.StreamingRecognizeResponse]:
    client = speech.SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))

    async def requests() -> AsyncIterator[speech.StreamingRecognizeRequest]:
        yield speech.StreamingRecognizeRequest(recognizer=RECOGNIZER, streaming_config=recognition_config(model))
        for part in audio:
            yield speech.StreamingRecognizeRequest(audio=part)

    # Without a deadline of its own the SDK waits for ever for a server that ended the call before it was read.
    return [response async for response in await client.streaming_recognize(requests=requests(), timeout=60)]


def pieces(audio: bytes) -> list[bytes]:
    return [audio[at : at + 800] for at in range(0, len(audio), 800)]


async def test_the_sdk_hears_words_with_times_and_voice_activity(running: Running) -> None:
    vendor, channel = running
    audio = speak(HEARD) + SILENCE * 4_000
    responses = await recognize(channel, pieces(audio))
    final = [response.results[0] for response in responses if response.results and response.results[0].is_final]
    assert [one.alternatives[0].transcript for one in final] == [HEARD]
    assert [word.word for word in final[0].alternatives[0].words] == HEARD.split()
    events = [response.speech_event_type.name for response in responses if response.speech_event_type]
    assert events == ["SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_END"]
    assert any(response.results and not response.results[0].is_final for response in responses)
    assert vendor.state.total("stt", "ms") == len(audio) / 8


@pytest.mark.parametrize(
    ("audio", "model", "error"),
    [([b"\xff" * 25_601], "telephony", InvalidArgument), ([SILENCE * 800], "telephony_9", InvalidArgument)],
)
async def test_the_sdk_is_told_what_is_wrong(
    running: Running, audio: list[bytes], model: str, error: type[GoogleAPICallError]
) -> None:
    with pytest.raises(error):
        await recognize(running[1], audio, model)


async def test_a_stream_is_ended_after_its_longest_time(certificate: ServerCertificate) -> None:
    vendor = make_google(HEARD)
    vendor.recognizer.timing = StreamTiming(longest_s=0.3, interim_s=0.05)
    async with running_google_speech(vendor, certificate) as address:
        channel = open_channel(certificate, address, vendor.state.key)
        with pytest.raises(Aborted, match="Max duration of 5 minutes"):
            await recognize(channel, pieces(speak(HEARD)))
    assert QUICK.longest_s == 300


async def test_another_accounts_token_is_refused(certificate: ServerCertificate) -> None:
    vendor = make_google(HEARD)
    async with running_google_speech(vendor, certificate) as address:
        client = tts.TextToSpeechAsyncClient(
            transport=TextToSpeechGrpcAsyncIOTransport(channel=open_channel(certificate, address, make_key_file("b")))
        )
        with pytest.raises(Unauthenticated):
            await client.synthesize_speech(
                input=tts.SynthesisInput(text=TEXT),
                voice=VOICE,
                audio_config=tts.AudioConfig(audio_encoding=tts.AudioEncoding.MULAW, sample_rate_hertz=8_000),
            )
    assert not vendor.state.billed


async def test_the_sdk_has_a_text_spoken_in_both_ways(running: Running) -> None:
    vendor, channel = running
    client = tts.TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))
    audio = tts.StreamingAudioConfig(audio_encoding=tts.AudioEncoding.MULAW, sample_rate_hertz=8_000)

    async def requests() -> AsyncIterator[tts.StreamingSynthesizeRequest]:
        config = tts.StreamingSynthesizeConfig(voice=VOICE, streaming_audio_config=audio)
        yield tts.StreamingSynthesizeRequest(streaming_config=config)
        yield tts.StreamingSynthesizeRequest(input=tts.StreamingSynthesisInput(text=TEXT))

    streamed = b"".join([one.audio_content async for one in await client.streaming_synthesize(requests=requests())])
    answer = await client.synthesize_speech(
        input=tts.SynthesisInput(text=TEXT),
        voice=VOICE,
        audio_config=tts.AudioConfig(audio_encoding=tts.AudioEncoding.MULAW, sample_rate_hertz=8_000),
    )
    assert answer.audio_content.startswith(b"RIFF") and answer.audio_content.endswith(streamed)
    assert [word.text for word in find_words(decode(streamed), words(TEXT))] == words(TEXT)
    assert vendor.state.total("tts", "characters") == 2 * len(TEXT)
