"""The simulated ElevenLabs, used by pipecat's services for it and by a client that follows the vendor's reference.

`tools/elevenlabs_clients.py` tries it with the vendor's own SDK.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from pipecat.frames.frames import (
    InterimTranscriptionFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    VADUserStoppedSpeakingFrame,
)

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, speak, word_times, words
from tests.simulator.vendors.cartesia_callers import caller_frames
from tests.simulator.vendors.pipecat_elevenlabs import ElevenLabsRealtimeSTTService, ElevenLabsTTSService
from tests.simulator.vendors.pipecat_services import run_service, run_voice
from vendors.elevenlabs.simulator import GenerationTiming, ScribeTiming, SimulatedElevenLabs

TEXT = "Good morning, how can I help you?"
HEARD = "i would like to book a table"
FAST = GenerationTiming(first_audio_ms=5, chunk_ms=200, speed=200)
QUICK = ScribeTiming(commit_s=0.01, times_s=0.002, partial_s=0.001)
SPEAK = "/v1/text-to-speech/v/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000"
LISTEN = "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000"

Socket = aiohttp.ClientWebSocketResponse


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def vendor(
    certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[SimulatedElevenLabs, str]]:
    monkeypatch.setenv("SSL_CERT_FILE", str(Path(certificate.authority)))
    known = tuple(KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(HEARD))
    speech = KnownSpeech([KnownRecording(speak(HEARD), known)])
    made = SimulatedElevenLabs(make_ear=lambda: Ear(speech), speech_timing=FAST, recognizer_timing=QUICK)
    async with running_vendor(made.routes(), certificate) as address:
        yield made, address


@asynccontextmanager
async def connected(vendor: tuple[SimulatedElevenLabs, str], path: str, key: str = "") -> AsyncIterator[Socket]:
    made, address = vendor
    headers = {"xi-api-key": key or made.state.key}
    tls = ssl.create_default_context()  # reads the variable; aiohttp's own was made before it was set
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"wss://{address}{path}", headers=headers, ssl=tls) as socket,
    ):
        yield socket


async def receive_until(socket: Socket, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not found or not is_last(found[-1]):
            found.append(await socket.receive_json())
    return found


def chunk(ulaw: bytes, *, commit: bool = False) -> dict[str, Any]:
    audio = base64.b64encode(ulaw).decode()
    return {"message_type": "input_audio_chunk", "audio_base_64": audio, "commit": commit, "sample_rate": 8_000}


def is_final(message: dict[str, Any]) -> bool:
    return bool(message.get("isFinal"))


def heard(messages: list[dict[str, Any]], text: str = TEXT) -> list[str]:
    audio = b"".join(base64.b64decode(message.get("audio") or "") for message in messages)
    return [word.text for word in find_words(decode(audio), words(text))]


async def test_text_waits_for_the_schedule_or_a_flush(vendor: tuple[SimulatedElevenLabs, str]) -> None:
    async with connected(vendor, SPEAK) as socket:
        schedule = {"chunk_length_schedule": [60]}
        await socket.send_json({"text": " ", "context_id": "a", "generation_config": schedule})
        await socket.send_json({"text": "Good morning, ", "context_id": "a"})
        await socket.send_json({"text": "how can I help you? ", "context_id": "a"})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.receive()
    async with connected(vendor, SPEAK) as socket:
        await socket.send_json({"text": " ", "context_id": "a"})
        await socket.send_json({"text": f"{TEXT} ", "context_id": "a", "flush": True})
        await socket.send_json({"context_id": "a", "close_context": True})
        messages = await receive_until(socket, is_final)
    assert heard(messages) == words(TEXT)
    spoken = "".join(
        character for message in messages if message.get("alignment") for character in message["alignment"]["chars"]
    )
    assert spoken.split() == TEXT.split()


async def test_a_context_that_is_closed_speaks_what_was_flushed_and_drops_the_rest(
    vendor: tuple[SimulatedElevenLabs, str],
) -> None:
    async with connected(vendor, SPEAK) as socket:
        await socket.send_json({"text": "Good morning, ", "context_id": "a", "flush": True})
        await socket.send_json({"text": "how can I help you? ", "context_id": "a"})
        await socket.send_json({"contextId": "a", "close_context": True})
        assert heard(await receive_until(socket, is_final)) == ["good", "morning"]
        await socket.send_json({"text": "Yes? ", "context_id": "a", "flush": True})  # the id is free again
        assert await socket.receive_json()


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"text": " ", "context_id": str(number)} for number in range(6)], "max_active_conversations"),
        (
            [{"text": "", "context_id": "a"}, {"text": " ", "context_id": "a", "voice_settings": {"speed": 1.1}}],
            "invalid_message",
        ),
        ([{"text": " ", "context_id": "a", "voice_settings": {"speed": 3}}], "invalid_voice_settings"),
    ],
)
async def test_what_the_vendor_does_not_allow_ends_the_connection(
    vendor: tuple[SimulatedElevenLabs, str], messages: list[dict[str, Any]], code: str
) -> None:
    async with connected(vendor, SPEAK) as socket:
        for message in messages:
            await socket.send_json(message)
        async with asyncio.timeout(30):
            assert (await socket.receive_json())["error"] == code
            await socket.receive()
        assert socket.close_code == 1008


async def test_a_connection_is_kept_by_an_empty_text_and_ends_when_it_is_idle(
    vendor: tuple[SimulatedElevenLabs, str],
) -> None:
    async with connected(vendor, f"{SPEAK}&inactivity_timeout=0.1") as socket:
        for _ in range(4):
            await socket.send_json({"text": ""})
            await asyncio.sleep(0.05)
        assert not socket.closed
        async with asyncio.timeout(30):
            assert (await socket.receive_json())["error"] == "input_timeout_exceeded"


@pytest.mark.parametrize(("path", "name"), [(SPEAK, "invalid_api_key"), (LISTEN, "auth_error")])
async def test_a_wrong_key_is_refused(vendor: tuple[SimulatedElevenLabs, str], path: str, name: str) -> None:
    async with connected(vendor, path, key="wrong") as socket:
        if path == SPEAK:
            await socket.send_json({"text": " ", "context_id": "a"})
        async with asyncio.timeout(30):
            message = await socket.receive_json()
    assert name in (message.get("message_type"), message["error"])


async def test_reports_an_exhausted_account(vendor: tuple[SimulatedElevenLabs, str]) -> None:
    made, _ = vendor
    made.state.faults.queue("tts", Fault("rate_limited"))
    async with connected(vendor, SPEAK) as socket:
        await socket.send_json({"text": "Hi. ", "context_id": "a", "flush": True})
        async with asyncio.timeout(30):
            assert (await socket.receive_json())["error"] == "too_many_concurrent_requests"
    assert not made.state.billed


async def test_scribe_commits_on_request_after_too_little_and_after_silence(
    vendor: tuple[SimulatedElevenLabs, str],
) -> None:
    audio = b"".join(caller_frames(HEARD, silence_ms=1_600))
    async with connected(vendor, f"{LISTEN}&include_timestamps=true") as socket:
        assert (await receive_until(socket, bool))[0]["message_type"] == "session_started"
        await socket.send_json(chunk(audio[:800], commit=True))
        assert (await receive_until(socket, bool))[0]["message_type"] == "commit_throttled"
        await socket.send_json(chunk(audio[800:], commit=True))
        last = (await receive_until(socket, lambda one: "words" in one))[-1]
        assert [word["text"] for word in last["words"]] == HEARD.split()
    async with connected(vendor, f"{LISTEN}&commit_strategy=vad") as socket:
        for at in range(0, len(audio), 1_600):
            await socket.send_json(chunk(audio[at : at + 1_600]))
        last = (await receive_until(socket, lambda one: one["message_type"] == "committed_transcript"))[-1]
        assert last["text"] == HEARD


async def test_pipecats_voice_hears_the_words(vendor: tuple[SimulatedElevenLabs, str]) -> None:
    made, address = vendor
    service = ElevenLabsTTSService(
        api_key=made.state.key,
        url=f"wss://{address}",
        sample_rate=8_000,
        settings=ElevenLabsTTSService.Settings(model="eleven_flash_v2_5", voice="v", speed=1.1),
    )
    pushed = await run_voice(service, TEXT, lambda frames: any(isinstance(frame, TTSStoppedFrame) for frame in frames))
    audio = b"".join(frame.audio for frame in pushed if isinstance(frame, TTSAudioRawFrame))
    assert [word.text for word in find_words(np.frombuffer(audio, "<i2"), words(TEXT))] == words(TEXT)
    spoken = [frame.text for frame in pushed if isinstance(frame, TTSTextFrame)]
    assert " ".join(spoken).split() == TEXT.split()
    assert made.state.total("tts", "characters") >= len(TEXT)


async def test_pipecats_recognizer_hears_the_words(vendor: tuple[SimulatedElevenLabs, str]) -> None:
    made, address = vendor
    service = ElevenLabsRealtimeSTTService(
        api_key=made.state.key,
        base_url=address,
        sample_rate=8_000,
        include_timestamps=True,
        settings=ElevenLabsRealtimeSTTService.Settings(model="scribe_v2_realtime", keyterms=["Maple"]),
    )
    frames = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(HEARD)]
    pushed = await run_service(
        service,
        frames,
        lambda found: any(isinstance(one, TranscriptionFrame) for one in found),
        after=[VADUserStoppedSpeakingFrame()],
    )
    assert [one.text for one in pushed if isinstance(one, TranscriptionFrame)] == [HEARD]
    assert any(isinstance(one, InterimTranscriptionFrame) for one in pushed)
    assert made.state.opened["stt"] == 1
