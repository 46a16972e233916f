"""The simulated xAI, used by pipecat's service for its recognizer."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.services.xai.stt import XAISTTService

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from tests.simulator.vendors.cartesia_callers import caller_frames
from tests.simulator.vendors.pipecat_services import run_service
from tests.simulator.vendors.xai_callers import make_xai

TEXT = "i would like to book a table for seven"


async def test_pipecats_service_hears_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    server = make_xai(TEXT)
    async with running_vendor(server.routes(), certificate) as address:
        service = XAISTTService(api_key=server.state.key, ws_url=f"wss://{address}/v1/stt")
        audio = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(TEXT, 600)]
        pushed = await run_service(service, audio, lambda frames: _is_heard(frames))
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)
    assert server.queries[0]["model"] == ["grok-voice-transcribe-2.0"]


async def test_a_session_that_breaks_ends_and_does_not_fall_silent() -> None:
    """A client whose audio is no audio learns of it: half a sample of 16 bits."""
    server, query = make_xai(TEXT), {"encoding": "pcm", "sample_rate": "8000"}
    headers = {"Authorization": f"Bearer {server.state.key}"}
    crashes: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: crashes.append(context))
    async with (
        running_vendor(server.routes(), None) as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://{address}/v1/stt", params=query, headers=headers) as socket,
    ):
        await socket.receive_json(timeout=5)
        await socket.send_bytes(b"\0")
        assert (await socket.receive(timeout=5)).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
    assert [type(crash["exception"]) for crash in crashes] == [ValueError]


def _is_heard(frames: list[Frame]) -> bool:
    return TEXT in [frame.text for frame in frames if isinstance(frame, TranscriptionFrame)]
