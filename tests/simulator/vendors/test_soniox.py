"""The simulated Soniox, used by pipecat's service for its recogniser."""

from pathlib import Path

import pytest
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.services.soniox.stt import SonioxSTTService

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from simulator.vendors.soniox import PATH
from tests.simulator.vendors.cartesia_callers import caller_frames
from tests.simulator.vendors.pipecat_services import run_service
from tests.simulator.vendors.soniox_callers import make_soniox

TEXT = "i would like to book a table for seven"


async def test_pipecats_service_hears_the_words_by_the_vendors_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    server = make_soniox(TEXT)
    async with running_vendor(server.routes(), certificate) as address:
        service = SonioxSTTService(
            api_key=server.state.key, url=f"wss://{address}{PATH}", sample_rate=8_000, vad_force_turn_endpoint=False
        )
        audio = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(TEXT, 900)]
        pushed = await run_service(service, audio, lambda frames: _is_heard(frames))
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)
    assert server.starts[0]["enable_endpoint_detection"] is True
    assert "api_key" not in server.starts[0]


def _is_heard(frames: list[Frame]) -> bool:
    return TEXT in [frame.text.strip() for frame in frames if isinstance(frame, TranscriptionFrame)]
