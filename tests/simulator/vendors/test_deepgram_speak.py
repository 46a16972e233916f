"""The simulated voice, used by Deepgram's own SDK and by pipecat's service, over TLS."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deepgram.core.events import EventType
from deepgram.speak.v1.types import SpeakV1Metadata, SpeakV1Text
from pipecat.frames.frames import Frame, TTSAudioRawFrame, TTSStoppedFrame

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.voice import find_words, words
from tests.simulator.vendors.deepgram_clients import make_deepgram, running_deepgram, sdk_client, wait_until
from tests.simulator.vendors.pipecat_services import run_voice
from vendors.deepgram.simulator import SpeakTiming

pytestmark = [
    pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`AudioContext:DeprecationWarning"),
]

TEXT = "Your table is booked."
AURA = {"model": "aura-2-thalia-en", "encoding": "mulaw", "sample_rate": "8000"}


@pytest.fixture
async def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Any]]:
    simulated = make_deepgram()
    simulated.speak_timing = SpeakTiming(first_s=0.01, speed=100)
    async with running_deepgram(simulated, make_certificate(tmp_path), monkeypatch) as address:
        yield address, simulated


def heard(audio: bytes, text: str) -> list[str]:
    """The words of the text that are in mu-law audio."""
    return [spoken.text for spoken in find_words(decode(audio), words(text))]


def _type(message: Any) -> str:
    """The SDK reads Cleared by the type that it has for Flushed, and keeps its name."""
    return str(getattr(message, "type", ""))


async def test_the_sdk_speaks(vendor: tuple[str, Any]) -> None:
    address, simulated = vendor
    received: list[Any] = []
    async with sdk_client(address, simulated.state.key).speak.v1.connect(**AURA) as connection:
        connection.on(EventType.MESSAGE, received.append)
        listening = asyncio.create_task(connection.start_listening())
        await connection.send_text(SpeakV1Text(text=TEXT))
        await asyncio.sleep(0.05)
        assert [type(one) for one in received] == [SpeakV1Metadata]  # nothing is spoken before Flush
        await connection.send_flush()
        await wait_until(lambda: _type(received[-1]) == "Flushed")
        audio = b"".join(one for one in received if isinstance(one, bytes))
        assert heard(audio, TEXT) == words(TEXT)
        await connection.send_text(SpeakV1Text(text=TEXT * 20))
        await connection.send_flush()
        await wait_until(lambda: isinstance(received[-1], bytes))
        await connection.send_clear()
        await wait_until(lambda: _type(received[-1]) == "Cleared")
        assert [_type(one) for one in received].count("Flushed") == 1
        for _ in range(19):
            await connection.send_flush()
        await wait_until(lambda: any(_type(one) == "Warning" for one in received))
        await connection.send_close()
        await listening
    assert simulated.state.total("tts", "characters") == 21 * len(TEXT)


async def test_pipecat_speaks(vendor: tuple[str, Any]) -> None:
    from pipecat.services.deepgram.tts import DeepgramTTSService  # it defines classes that it has deprecated itself

    address, simulated = vendor
    service = DeepgramTTSService(
        api_key=simulated.state.key,
        base_url=f"wss://{address}",
        sample_rate=8_000,
        settings=DeepgramTTSService.Settings(voice="aura-2-thalia-en"),
    )

    def has_stopped(frames: list[Frame]) -> bool:
        return any(isinstance(frame, TTSStoppedFrame) for frame in frames)

    pushed = await run_voice(service, TEXT, has_stopped)
    audio = b"".join(frame.audio for frame in pushed if isinstance(frame, TTSAudioRawFrame))
    found = find_words(np.frombuffer(audio, "<i2"), words(TEXT))
    assert [spoken.text for spoken in found] == words(TEXT)
