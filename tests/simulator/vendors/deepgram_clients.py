"""A simulated Deepgram over TLS, what a caller says to it, and the official SDK's client for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment

from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import speak, word_times
from vendors.deepgram.simulator import ListenTiming, SimulatedDeepgram

QUICK = ListenTiming(interim_ms=100, result_s=0.005)


def known_speech(*texts: str) -> KnownSpeech:
    """What an ear needs to hear these texts in the simulated voice."""
    return KnownSpeech([KnownRecording(speak(text), _words(text)) for text in texts])


def _words(text: str) -> tuple[KnownWord, ...]:
    return tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(text))


def make_deepgram(*texts: str, timing: ListenTiming = QUICK) -> SimulatedDeepgram:
    """A vendor whose recognizers know these texts."""
    speech = known_speech(*texts)
    return SimulatedDeepgram(make_ear=lambda: Ear(speech), listen_timing=timing)


@asynccontextmanager
async def running_deepgram(
    vendor: SimulatedDeepgram, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Runs it, and lets clients trust it; yields its host and port."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    async with running_vendor(vendor.routes(), certificate) as address:
        yield address


def frames(text: str, silence_ms: int = 300) -> list[bytes]:
    """The text in the simulated voice and silence after it, in frames of 20 ms."""
    audio = speak(text) + SILENCE * (silence_ms * 8)
    return [audio[at : at + FRAME] for at in range(0, len(audio), FRAME)]


def sdk_client(address: str, key: str) -> AsyncDeepgramClient:
    """The official SDK's client for this address."""
    environment = DeepgramClientEnvironment(
        base=f"https://{address}",
        production=f"wss://{address}",
        agent=f"wss://{address}",
        agent_rest=f"https://{address}",
    )
    return AsyncDeepgramClient(api_key=key, environment=environment)


async def wait_until(is_done: Callable[[], bool], limit_s: float = 30.0) -> None:
    """Waits for a condition that other tasks bring about."""
    async with asyncio.timeout(limit_s):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
