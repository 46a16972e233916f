"""Two simulated Googles for speech, and the chains of a plan that names one after the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from media.command import VENDORS
from media.providers.factory import ProviderFactory
from simulator.vendors.certificate import make_certificate
from simulator.vendors.google_account import make_key_file
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from tests.media.providers.vendors.cartesia_servers import DEADLINES, CartesiaCall
from vendors.google_speech.simulator import SimulatedGoogleSpeech, StreamTiming, SynthesisTiming, running_google_speech

QUICK = StreamTiming(final_s=0.01, interim_s=0.001)
FAST = SynthesisTiming(first_audio_s=0.01, speed=100)


def make_google(*texts: str, key: str = "a") -> SimulatedGoogleSpeech:
    """One that knows these texts."""
    recordings = [
        KnownRecording(
            speak(text),
            tuple(KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(text)),
        )
        for text in texts
    ]
    speech = KnownSpeech(recordings)
    state = VendorState(key=make_key_file(key))
    return SimulatedGoogleSpeech(state, lambda: Ear(speech), QUICK, FAST)


@asynccontextmanager
async def running_call(
    kind: str,
    servers: dict[str, SimulatedGoogleSpeech],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    **options: Any,
) -> AsyncIterator[CartesiaCall]:
    """Runs the servers; yields a call whose providers of this kind are they, in their order."""
    certificate = make_certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    standin = [{"provider": "standin"}]
    plan: dict[str, Any] = {"agent": {}, **dict.fromkeys(("stt", "llm", "tts"), standin), kind: []}
    (first, one), (second, other) = servers.items()
    async with (
        running_google_speech(one, certificate) as a,
        running_google_speech(other, certificate) as b,
        aiohttp.ClientSession() as http,
    ):
        for name, server, address in ((first, one, a), (second, other, b)):
            chosen = {"base_url": f"https://{address}", "api_key": server.state.key, **options}
            plan[kind].append({"provider": name, "vendor": "google-speech", "options": chosen})
        factory = ProviderFactory(VENDORS, http, deadlines=DEADLINES)
        try:
            yield CartesiaCall(factory, plan)
        finally:
            await factory.close()
