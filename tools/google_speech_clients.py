"""Tries the simulated Google for speech with pipecat's services: python -m tools.google_speech_clients

Not part of the suite, because pipecat's voices for Google want the SDK of Gemini, too. In an environment of its own:

    uv venv clients && uv pip install --python clients/bin/python -r requirements/dev.txt google-genai==3.6.1
    clients/bin/python -m tools.google_speech_clients

The vendor's own SDK is tried in the suite (tests/simulator/vendors/test_google_speech.py). Nothing leaves the machine:
the services' clients are led to the simulator.
"""

import asyncio
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request
from google.cloud.speech_v2 import SpeechAsyncClient
from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport
from google.cloud.texttospeech_v1 import TextToSpeechAsyncClient
from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport
from google.oauth2 import service_account
from grpc import aio
from pipecat.frames.frames import Frame, TranscriptionFrame, TTSAudioRawFrame, TTSStoppedFrame

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.voice import find_words, speak, word_times, words
from tests.simulator.vendors.pipecat_services import run_service, run_voice
from vendors.google_speech.simulator import SimulatedGoogleSpeech, running_google_speech

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pipecat.services.google.stt import GoogleSTTService
    from pipecat.services.google.tts import GoogleTTSService

HEARD: Final = "i would like to book a table"
SPOKEN: Final = "Good morning, how can I help you?"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


async def main() -> None:
    """Runs all checks. Raises AssertionError."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        known = tuple(
            KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(HEARD)
        )
        speech = KnownSpeech([KnownRecording(speak(HEARD), known)])
        vendor = SimulatedGoogleSpeech(make_ear=lambda: Ear(speech))
        async with running_google_speech(vendor, certificate) as address:
            channel = open_channel(certificate, address, vendor.state.key)
            print("recogniser:", await check_recognizer(vendor, channel))
            print("voice:", await check_voice(vendor, channel))


def open_channel(certificate: ServerCertificate, address: str, key_file: str) -> aio.Channel:
    """A channel whose calls carry the account's own tokens."""
    made: Any = service_account.Credentials.from_service_account_info(json.loads(key_file), scopes=[_SCOPE])
    signing = grpc.metadata_call_credentials(AuthMetadataPlugin(made.with_always_use_jwt_access(True), Request()))
    tls = grpc.ssl_channel_credentials(certificate.authority.read_bytes())
    return aio.secure_channel(address, grpc.composite_channel_credentials(tls, signing))


async def check_recognizer(vendor: SimulatedGoogleSpeech, channel: aio.Channel) -> str:
    """The service streams linear audio and gets a final text after silence."""
    service: Any = GoogleSTTService(credentials=vendor.state.key, sample_rate=8_000)
    service._client = SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
    audio = speak(HEARD) + SILENCE * 8_000
    frames = [decode(audio[at : at + 160]).astype(np.int16).tobytes() for at in range(0, len(audio), 160)]
    pushed = await run_service(service, frames, lambda found: any(map(is_final, found)))
    text = next(str(one.text) for one in pushed if isinstance(one, TranscriptionFrame))
    require(text == HEARD)
    return text


def is_final(frame: Frame) -> bool:
    """Whether it holds a final text."""
    return isinstance(frame, TranscriptionFrame)


async def check_voice(vendor: SimulatedGoogleSpeech, channel: aio.Channel) -> str:
    """The service has a text spoken over a stream."""
    service: Any = GoogleTTSService(
        credentials=vendor.state.key,
        sample_rate=8_000,
        settings=GoogleTTSService.Settings(voice="en-US-Chirp3-HD-Kore"),
    )
    service._client = TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))
    pushed = await run_voice(service, SPOKEN, lambda found: any(isinstance(one, TTSStoppedFrame) for one in found))
    audio = b"".join(one.audio for one in pushed if isinstance(one, TTSAudioRawFrame))
    found = [word.text for word in find_words(np.frombuffer(audio, "<i2"), words(SPOKEN))]
    require(found == words(SPOKEN))
    return " ".join(found)


def require(is_so: bool) -> None:
    """Raises AssertionError unless it is so."""
    if not is_so:
        raise AssertionError("the client understood something else")


if __name__ == "__main__":
    asyncio.run(main())
