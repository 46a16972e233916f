"""The simulated AssemblyAI: its rules, and pipecat's service for it. The vendor's SDK: `tools/assemblyai_client.py`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from tests.simulator.vendors.assemblyai_callers import make_assemblyai
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from tests.simulator.vendors.pipecat_assemblyai import AssemblyAISTTService
from tests.simulator.vendors.pipecat_services import run_service
from vendors.assemblyai.simulator import SimulatedAssemblyAi

TEXT = "i would like to book a table for seven"
QUERY = {"speech_model": "universal-streaming-english", "encoding": "pcm_mulaw", "sample_rate": "8000"}
Running = tuple[SimulatedAssemblyAi, str]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    made = make_assemblyai(TEXT)
    async with running_vendor(made.routes(), None) as address:
        yield made, address


async def exchange(running: Running, messages: list[bytes | str], **query: str) -> list[Any]:
    """Sends the messages; all that came, and the close code."""
    vendor, address = running
    headers = {"Authorization": vendor.state.key}
    found: list[Any] = []
    url = f"ws://{address}/v3/ws"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(url, params={**QUERY, **query}) as socket,
    ):
        for message in messages:
            await (socket.send_bytes(message) if isinstance(message, bytes) else socket.send_str(message))
        async for answer in socket:
            if answer.type == WSMsgType.TEXT:
                found.append(answer.json())
        return [*found, socket.close_code]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff" * 160, 3007),  # a frame of 20 ms
        (b"\xff" * 8_008, 3007),
        ("nothing", 3006),
        ("[]", 3006),
        ('{"type": "Nothing"}', 3006),
    ],
)
async def test_what_breaks_a_rule_ends_the_session_with_its_code(
    running: Running, message: bytes | str, code: int
) -> None:
    begun, error, closed = await exchange(running, [message])
    assert begun["type"] == "Begin"
    assert (error["type"], error["error_code"], closed) == ("Error", code, code)


async def test_audio_far_ahead_of_the_clock_ends_the_session(running: Running) -> None:
    *_, error, closed = await exchange(running, [b"\xff" * 8_000] * 312)
    assert (error["error_code"], closed) == (3007, 3007)
    await wait_for(lambda: bool(running[0].heard_ms))
    assert 310_000 <= running[0].heard_ms[0] <= 311_000


async def test_terminate_ends_the_turn_and_tells_both_durations(running: Running) -> None:
    audio = b"".join(caller_frames(TEXT, 0))
    pieces: list[bytes | str] = [audio[at : at + 800] for at in range(0, len(audio) - 800, 800)]
    *_, ended, termination, closed = await exchange(
        running, [*pieces, '{"type": "KeepAlive"}', '{"type": "Terminate"}'], format_turns="true"
    )
    assert (ended["end_of_turn"], ended["turn_is_formatted"], closed) == (True, True, 1000)
    assert termination["audio_duration_seconds"] == round(len(pieces) / 10)
    assert running[0].unterminated == 0


async def test_pipecats_service_hears_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    server = make_assemblyai(TEXT)
    async with running_vendor(server.routes(), certificate) as address:
        settings = AssemblyAISTTService.Settings(model="universal-3-6-pro", keyterms_prompt=["table for"])
        service = AssemblyAISTTService(
            api_key=server.state.key, api_endpoint_base_url=f"wss://{address}/v3/ws", settings=settings
        )
        audio = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(TEXT, 400)]
        pushed = await run_service(service, audio, lambda frames: _is_heard(frames))
        await wait_for(lambda: bool(server.heard_ms))
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)
    assert server.unterminated == 0


def _is_heard(frames: list[Frame]) -> bool:
    texts = [frame.text for frame in frames if isinstance(frame, TranscriptionFrame)]
    return " ".join(texts).lower().replace(".", "") == TEXT
