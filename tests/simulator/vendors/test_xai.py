"""The simulated xAI, used by pipecat's service for its recogniser."""

from pathlib import Path

import pytest
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


def _is_heard(frames: list[Frame]) -> bool:
    return TEXT in [frame.text for frame in frames if isinstance(frame, TranscriptionFrame)]
