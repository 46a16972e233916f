"""The simulated Cartesia voice, used by the vendor's own SDK and by pipecat's service for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cartesia import AsyncCartesia
from cartesia.types.websocket_response import Chunk, Done, Error, FlushDone, Timestamps, WebsocketResponse
from pipecat.frames.frames import TTSAudioRawFrame, TTSStoppedFrame, TTSTextFrame

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.voice import find_words, words
from tests.simulator.vendors.pipecat_cartesia import CartesiaTTSService
from tests.simulator.vendors.pipecat_services import run_voice
from vendors.cartesia.simulator import CartesiaSpeech, SpeechTiming

TEXT = "Good morning, how can I help you?"
FAST = SpeechTiming(first_audio_ms=5, chunk_ms=200, speed=200, max_buffer_ms=60, context_ms=50)
VOICE: dict[str, Any] = {
    "model_id": "sonic-3.5",
    "voice": {"id": "v"},
    "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000},
    "language": "en",
    "add_timestamps": True,
}


@pytest.fixture
async def speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[CartesiaSpeech, str]]:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    made = CartesiaSpeech(VendorState(), FAST)
    async with running_vendor(made.routes(), certificate) as address:
        yield made, address


def client(speech: CartesiaSpeech, address: str, key: str = "") -> AsyncCartesia:
    return AsyncCartesia(api_key=key or speech.state.key, websocket_base_url=f"wss://{address}")


async def wait_until(is_done: Callable[[], bool]) -> None:
    """Waits for what the server does."""
    async with asyncio.timeout(30):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def receive(context: Any) -> list[WebsocketResponse]:
    async with asyncio.timeout(30):
        return [event async for event in context.receive()]


async def test_the_sdk_hears_each_word_and_its_time(speech: tuple[CartesiaSpeech, str]) -> None:
    server, _ = speech
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context(max_buffer_delay_ms=0, **VOICE)
        await context.push("Good morning, ")
        await context.push("how can I help you?")
        await context.no_more_inputs()
        events = await receive(context)
    audio = b"".join(event.audio or b"" for event in events if isinstance(event, Chunk))
    heard = find_words(decode(audio), words(TEXT))
    assert [word.text for word in heard] == words(TEXT)
    timed = [event.word_timestamps for event in events if isinstance(event, Timestamps)]
    assert [word for times in timed if times for word in times.words] == TEXT.split()
    starts = [start * 1_000 for times in timed if times for start in times.start]
    assert starts == pytest.approx([word.start_ms for word in heard], abs=5)
    assert [event.flush_id for event in events if isinstance(event, FlushDone)][:2] == [1, 2]
    assert isinstance(events[-1], Done)
    assert server.state.total("tts", "characters") == len(TEXT)
    assert not server.active


async def test_a_buffer_waits_for_the_end_of_a_sentence_or_its_delay(speech: tuple[CartesiaSpeech, str]) -> None:
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context(**VOICE)
        began = asyncio.get_running_loop().time()
        await context.push("Good morning")
        async with asyncio.timeout(30):
            async for event in context.receive():
                assert isinstance(event, Chunk)
                break
        assert asyncio.get_running_loop().time() - began >= FAST.max_buffer_ms / 1_000


async def test_a_context_is_forgotten_after_its_last_audio(speech: tuple[CartesiaSpeech, str]) -> None:
    server, _ = speech
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context("once", max_buffer_delay_ms=0, **VOICE)
        await context.push("Hello.")
        await wait_until(lambda: bool(server.contexts) and not server.active)
        await context.push("More.")
        error = next(event for event in await receive(context) if isinstance(event, Error))
    assert (error.status_code, error.error_code, error.context_id) == (400, "context_expired", "once")


async def test_inputs_of_a_context_need_equal_fields(speech: tuple[CartesiaSpeech, str]) -> None:
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context(max_buffer_delay_ms=0, **VOICE)
        await context.push("Hello. ")
        await context.push("More.", language="de")
        assert any(isinstance(event, Error) for event in await receive(context))


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("no_credit", 402, "quota_exceeded"), ("rate_limited", 429, "concurrency_limited")],
)
async def test_a_refused_context_costs_nothing(
    speech: tuple[CartesiaSpeech, str], fault: Any, status: int, code: str
) -> None:
    server, _ = speech
    server.state.faults.queue("tts", Fault(fault))
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context(max_buffer_delay_ms=0, **VOICE)
        await context.push("Hello.")
        (error,) = await receive(context)
    assert isinstance(error, Error)
    assert (error.status_code, error.error_code, error.done) == (status, code, True)
    assert not server.state.billed


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"voice": {"id": "nobody"}}, 404, "voice_not_found"),
        ({"model_id": "sonic-99"}, 404, "model_not_found"),
        ({"generation_config": {"speed": 9.0}}, 400, None),
    ],
)
async def test_a_voice_and_a_model_that_there_are_not_are_refused(
    speech: tuple[CartesiaSpeech, str], changed: dict[str, Any], status: int, code: str | None
) -> None:
    server, _ = speech
    server.voices = frozenset({"v"})
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context(**{**VOICE, **changed})
        await context.push("Hello.")
        (error,) = await receive(context)
    assert isinstance(error, Error)
    assert (error.status_code, error.error_code) == (status, code)
    assert not server.state.billed


async def test_a_wrong_key_is_refused(speech: tuple[CartesiaSpeech, str]) -> None:
    with pytest.raises(Exception, match="401"):
        async with client(*speech, key="wrong").tts.websocket_connect():
            pass


async def test_the_sdk_cancels_a_context(speech: tuple[CartesiaSpeech, str]) -> None:
    server, _ = speech
    server.state.faults.queue("tts", Fault("slow", factor=100))
    async with client(*speech).tts.websocket_connect() as connection:
        context = connection.context("cut", max_buffer_delay_ms=0, **VOICE)
        await context.push("This is a long sentence that nobody wants to hear. ")
        async with asyncio.timeout(30):
            async for _ in context.receive():
                break
        await context.cancel()
        await wait_until(lambda: not server.active)
    assert server.cancelled == ["cut"]


async def test_pipecats_service_hears_the_words(speech: tuple[CartesiaSpeech, str]) -> None:
    server, address = speech
    service = CartesiaTTSService(
        api_key=server.state.key,
        url=f"wss://{address}/tts/websocket",
        sample_rate=8_000,
        settings=CartesiaTTSService.Settings(model="sonic-3.5", voice="v"),
    )
    pushed = await run_voice(service, TEXT, lambda frames: any(isinstance(frame, TTSStoppedFrame) for frame in frames))
    audio = b"".join(frame.audio for frame in pushed if isinstance(frame, TTSAudioRawFrame))
    assert [word.text for word in find_words(np.frombuffer(audio, "<i2"), words(TEXT))] == words(TEXT)
    spoken = [frame.text for frame in pushed if isinstance(frame, TTSTextFrame)]
    assert " ".join(spoken).split() == TEXT.split()
    assert server.state.total("tts", "characters") == len(TEXT)
