"""Tries the simulated Azure with the vendor's own SDKs and pipecat's services: python -m tools.azure_clients

Not part of the suite, because the SDK for Python is a proprietary binary of 7 MB. In an environment of its own:

    uv venv clients && uv pip install --python clients/bin/python -r requirements/dev.txt
    uv pip install --python clients/bin/python azure-cognitiveservices-speech==1.53.0
    npm install --prefix clients microsoft-cognitiveservices-speech-sdk@1.52.0     # needs node; left out without --node
    clients/bin/python -m tools.azure_clients [--node clients/node_modules]

Nothing leaves the machine.
"""

import argparse
import asyncio
import os
import queue
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import azure.cognitiveservices.speech as sdk
import numpy as np
from pipecat.frames.frames import (
    InterimTranscriptionFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.services.azure.stt import AzureSTTService
from pipecat.services.azure.tts import AzureTTSService

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, speak, word_times, words
from tests.simulator.vendors.pipecat_services import run_service, run_voice
from vendors.azure_speech.simulator import ListenTiming, SimulatedAzure, SynthesisTiming, find_phrases

TEXT: Final = "i would like to book a table"
WRITTEN: Final = "I would like to book a table."
SPOKEN: Final = "Good morning, how can I help you?"
VOICE: Final = "en-US-AvaMultilingualNeural"
NODE_CLIENT: Final = Path(__file__).with_name("azure_client.cjs")
LIMIT_S: Final = 60.0


async def main(node_modules: str) -> None:
    """Runs all checks. Raises AssertionError."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = os.environ["NODE_EXTRA_CA_CERTS"] = str(certificate.authority)
        vendor = make_vendor()
        async with running_vendor(vendor.routes(), certificate) as address, asyncio.timeout(LIMIT_S):
            client = SdkClient(f"wss://{address}", vendor.state.key, certificate)
            print("Python, recogniser:", await asyncio.to_thread(client.recognize))
            require(find_phrases(vendor.recognizer.contexts[-1]) == ["Maple"])
            print("Python, voice:", await asyncio.to_thread(client.speak))
            print("Python, a wrong key:", await asyncio.to_thread(client.refuse_key))
            if node_modules:
                print("JavaScript:", await run_node(node_modules, f"wss://{address}", vendor.state.key))
        # pipecat's services give their SDK no certificate, so that they meet a server without TLS.
        with running_apart(vendor) as address:
            print("pipecat, recogniser:", await check_pipecats_recognizer(vendor, address))
            print("pipecat, voice:", await check_pipecats_voice(vendor, address))


def make_vendor() -> SimulatedAzure:
    """One that knows the text, and speaks fast."""
    known = tuple(KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(TEXT))
    speech = KnownSpeech([KnownRecording(speak(TEXT), known)])
    quick, fast = ListenTiming(result_s=0.001), SynthesisTiming(first_audio_ms=5, speed=50)
    return SimulatedAzure(make_ear=lambda: Ear(speech), recognizer_timing=quick, speech_timing=fast)


@contextmanager
def running_apart(vendor: SimulatedAzure) -> Iterator[str]:
    """Runs the vendor in a thread: pipecat's recognizer stops its SDK on its own event loop, and waits there for the
    server."""
    loop, addresses, ended = asyncio.new_event_loop(), queue.Queue[str](), asyncio.Event()

    async def serve() -> None:
        async with running_vendor(vendor.routes(), None) as address:
            addresses.put(address)
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield addresses.get(timeout=LIMIT_S)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(LIMIT_S)


class SdkClient:
    """The SDK for Python, which has threads of its own."""

    def __init__(self, host: str, key: str, certificate: ServerCertificate) -> None:
        self._host, self._key = host, key
        self._authority = certificate.authority.read_text()

    def recognize(self) -> str:
        """Sends mu-law, as we do; returns the texts."""
        config = self._config(self._key)
        config.output_format = sdk.OutputFormat.Detailed
        config.request_word_level_timestamps()
        mulaw = sdk.audio.AudioStreamWaveFormat.MULAW
        form = sdk.audio.AudioStreamFormat(8_000, 8, 1, wave_stream_format=mulaw)
        stream = sdk.audio.PushAudioInputStream(form)
        recognizer = sdk.SpeechRecognizer(config, sdk.audio.AudioConfig(stream=stream))
        sdk.PhraseListGrammar.from_recognizer(recognizer).addPhrase("Maple")
        found: list[str] = []
        interim: list[str] = []
        ended = threading.Event()
        recognizer.recognized.connect(lambda event: found.append(event.result.text))
        recognizer.recognizing.connect(lambda event: interim.append(event.result.text))
        recognizer.session_stopped.connect(lambda event: ended.set())
        recognizer.start_continuous_recognition()
        stream.write(speak(TEXT) + SILENCE * 8_000)
        stream.close()
        require(ended.wait(LIMIT_S))
        recognizer.stop_continuous_recognition()
        require([text for text in found if text] == [WRITTEN] and TEXT in interim)
        return " ".join(found).strip()

    def speak(self) -> str:
        """Returns the words that the SDK timed."""
        config = self._config(self._key)
        config.speech_synthesis_voice_name = VOICE
        config.set_speech_synthesis_output_format(sdk.SpeechSynthesisOutputFormat.Raw8Khz8BitMonoMULaw)
        voice = sdk.SpeechSynthesizer(config, None)
        timed: list[str] = []
        voice.synthesis_word_boundary.connect(lambda event: timed.append(event.text))
        result = voice.speak_text(SPOKEN)
        require(result.reason == sdk.ResultReason.SynthesizingAudioCompleted)
        require([word.text for word in find_words(decode(result.audio_data), words(SPOKEN))] == words(SPOKEN))
        return " ".join(timed)

    def refuse_key(self) -> str:
        """Returns what the SDK makes of it."""
        details = sdk.SpeechSynthesizer(self._config("wrong"), None).speak_text(SPOKEN).cancellation_details
        require(details.error_code == sdk.CancellationErrorCode.AuthenticationFailure)
        return str(details.error_code)

    def _config(self, key: str) -> Any:
        config = sdk.SpeechConfig(subscription=key, host=self._host)
        config.set_property_by_name("OPENSSL_SINGLE_TRUSTED_CERT", self._authority)
        config.set_property_by_name("OPENSSL_SINGLE_TRUSTED_CERT_CRL_CHECK", "false")
        config.set_property_by_name("OPENSSL_DISABLE_CRL_CHECK", "true")
        return config


async def run_node(node_modules: str, url: str, key: str) -> str:
    """Runs the SDK for JavaScript; returns its words."""
    with tempfile.NamedTemporaryFile() as audio:
        audio.write(speak(TEXT) + SILENCE * 8_000)
        audio.flush()
        environment = {**os.environ, "NODE_PATH": node_modules}
        arguments = (str(NODE_CLIENT), url, key, audio.name, VOICE, SPOKEN)
        process = await asyncio.create_subprocess_exec(
            "node", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    said, timed, length = out.decode().splitlines()
    require(said == WRITTEN and timed.split() == [word.strip(",?") for word in SPOKEN.split()])
    require(int(length) == len(speak(SPOKEN)))
    return f"{said} / {timed}"


async def check_pipecats_recognizer(vendor: SimulatedAzure, address: str) -> str:
    """pipecat's service, at the path that it is given."""
    endpoint = f"ws://{address}/stt/speech/recognition/conversation/cognitiveservices/v1"
    service = AzureSTTService(api_key=vendor.state.key, private_endpoint=endpoint, sample_rate=8_000)
    samples = decode(speak(TEXT) + SILENCE * 8_000).astype("<i2").tobytes()
    frames = [samples[at : at + 320] for at in range(0, len(samples), 320)]
    pushed = await run_service(service, frames, lambda found: any(isinstance(one, TranscriptionFrame) for one in found))
    require(any(isinstance(one, InterimTranscriptionFrame) for one in pushed))
    found = [one.text for one in pushed if isinstance(one, TranscriptionFrame)]
    require(found == [WRITTEN])
    return found[0]


async def check_pipecats_voice(vendor: SimulatedAzure, address: str) -> str:
    """pipecat's service."""
    endpoint = f"ws://{address}/tts/cognitiveservices/websocket/v1"
    settings = AzureTTSService.Settings(voice=VOICE, rate="1.1", language="en-US")
    service = AzureTTSService(api_key=vendor.state.key, private_endpoint=endpoint, sample_rate=8_000, settings=settings)
    pushed = await run_voice(service, SPOKEN, lambda found: any(isinstance(one, TTSStoppedFrame) for one in found))
    audio = b"".join(frame.audio for frame in pushed if isinstance(frame, TTSAudioRawFrame))
    require([word.text for word in find_words(np.frombuffer(audio, "<i2"), words(SPOKEN))] == words(SPOKEN))
    return " ".join(frame.text for frame in pushed if isinstance(frame, TTSTextFrame))


def require(is_so: bool) -> None:
    """Raises AssertionError unless it is so."""
    if not is_so:
        raise AssertionError("the client understood something else")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--node", default="", metavar="NODE_MODULES", help="where the SDK for JavaScript is")
    asyncio.run(main(parser.parse_args().node))
