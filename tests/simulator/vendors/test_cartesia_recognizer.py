"""The simulated Cartesia recognizers, used by the vendor's own SDK and by pipecat's services for them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cartesia import AsyncCartesia
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from tests.simulator.vendors.cartesia_callers import caller_frames, make_recognizers, wait_for
from tests.simulator.vendors.pipecat_cartesia import CartesiaSTTService, CartesiaTurnsSTTService
from tests.simulator.vendors.pipecat_services import run_service
from vendors.cartesia.simulator import CartesiaRecognizers

TEXT = "i would like to book a table for seven"
AUDIO: dict[str, Any] = {"encoding": "pcm_mulaw", "model": "ink-2", "sample_rate": 8_000}


@pytest.fixture
async def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[CartesiaRecognizers, str]]:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    made = make_recognizers(TEXT, "good bye")
    async with running_vendor(made.routes(), certificate) as address:
        yield made, address


def client(listening: CartesiaRecognizers, address: str) -> AsyncCartesia:
    return AsyncCartesia(api_key=listening.state.key, base_url=f"https://{address}")


async def test_the_sdk_joins_final_texts_as_they_are(listening: tuple[CartesiaRecognizers, str]) -> None:
    server, _ = listening
    frames, texts, kinds = caller_frames(TEXT), [], []
    async with client(*listening).stt.manual_finalize.websocket(keyterm=["table for"], **AUDIO) as connection:
        for frame in frames:
            await connection.send_raw(frame)
        await connection.send("finalize")
        await connection.send("close")
        async with asyncio.timeout(30):
            async for event in connection:
                kinds.append(event.type)
                if event.type == "transcript" and event.is_final:
                    texts.append(event.text)
                    assert event.words
                    assert event.words[0].words == event.text.split()
    assert "".join(texts) == TEXT
    assert len(texts) == 2
    assert kinds[-2:] == ["flush_done", "done"]
    await wait_for(lambda: bool(server.state.billed))
    assert server.state.total("stt", "ms") == len(frames) * 20
    assert server.queries[0]["keyterm"] == ["table for"]


async def test_the_sdk_follows_turns(listening: tuple[CartesiaRecognizers, str]) -> None:
    events: list[Any] = []
    async with client(*listening).stt.auto_finalize.websocket(**AUDIO) as connection:
        for frame in caller_frames(TEXT, 400) + caller_frames("good bye", 800):
            await connection.send_raw(frame)
        await connection.send({"type": "close"})
        async with asyncio.timeout(30):
            events = [event async for event in connection]
    kinds = [event.type for event in events if event.type != "turn.update"]
    assert kinds == ["connected", "turn.start", "turn.eager_end", "turn.resume", "turn.eager_end", "turn.end"]
    assert events[-1].transcript == f"{TEXT} good bye"


async def test_thresholds_out_of_order_are_refused_in_place_of_the_greeting(
    listening: tuple[CartesiaRecognizers, str],
) -> None:
    turns = client(*listening).stt.auto_finalize
    async with turns.websocket(turn_end_threshold=0.5, turn_eager_end_threshold=0.4, **AUDIO) as connection:
        async with asyncio.timeout(30):
            events = [event async for event in connection]
    assert [(event.type, getattr(event, "status_code", 0)) for event in events] == [("error", 400)]


async def test_a_model_that_there_is_not_and_too_many_keyterms_are_refused(
    listening: tuple[CartesiaRecognizers, str],
) -> None:
    stt = client(*listening).stt
    sockets: list[Any] = [
        stt.manual_finalize.websocket(**AUDIO | {"model": "ink-9"}),
        stt.manual_finalize.websocket(**AUDIO, keyterm=["x"] * 101),
        stt.auto_finalize.websocket(**AUDIO | {"model": "ink-whisper"}),
    ]
    found = []
    for socket in sockets:
        async with socket as connection, asyncio.timeout(30):
            found += [(event.type, getattr(event, "status_code", 0)) async for event in connection]
    assert found == [("error", 404), ("error", 400), ("error", 404)]


@pytest.mark.parametrize("turns", [False, True])
async def test_pipecats_services_hear_the_words(listening: tuple[CartesiaRecognizers, str], turns: bool) -> None:
    server, address = listening
    service: Any
    if turns:
        service = CartesiaTurnsSTTService(api_key=server.state.key, url=f"wss://{address}/stt/turns/websocket")
    else:
        settings = CartesiaSTTService.Settings(model="ink-2", language="en")
        service = CartesiaSTTService(api_key=server.state.key, base_url=f"wss://{address}", settings=settings)

    def is_enough(frames: list[Frame]) -> bool:
        return (
            _text(frames, TranscriptionFrame).split()[: 6 if not turns else 9] == TEXT.split()[: 6 if not turns else 9]
        )

    audio = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(TEXT, 900)]
    pushed = await run_service(service, audio, is_enough)
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)


def _text(frames: list[Frame], kind: type[TranscriptionFrame]) -> str:
    return " ".join(frame.text.strip() for frame in frames if isinstance(frame, kind))
