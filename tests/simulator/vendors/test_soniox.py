"""The simulated Soniox, used by pipecat's services for its recognizer and its voice."""

from pathlib import Path

import numpy as np
import pytest
from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)

from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, words
from tests.simulator.vendors.cartesia_callers import caller_frames
from tests.simulator.vendors.pipecat_services import run_service, run_voice
from tests.simulator.vendors.pipecat_soniox import SonioxSTTService, SonioxTTSService
from tests.simulator.vendors.soniox_callers import make_soniox
from vendors.soniox.simulator import LISTEN_PATH
from vendors.soniox.simulator import SPEAK_PATH as VOICE_PATH

TEXT = "i would like to book a table for seven"


async def test_pipecats_service_hears_the_words_by_the_vendors_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    server = make_soniox(TEXT)
    async with running_vendor(server.routes(), certificate) as address:
        service = SonioxSTTService(
            api_key=server.state.key,
            url=f"wss://{address}{LISTEN_PATH}",
            sample_rate=8_000,
            vad_force_turn_endpoint=False,
        )
        audio = [decode(frame).astype("<i2").tobytes() for frame in caller_frames(TEXT, 900)]
        pushed = await run_service(service, audio, lambda frames: _is_heard(frames))
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)
    assert server.starts[0]["enable_endpoint_detection"] is True
    assert "api_key" not in server.starts[0]


def _is_heard(frames: list[Frame]) -> bool:
    return TEXT in [frame.text.strip() for frame in frames if isinstance(frame, TranscriptionFrame)]


async def test_pipecats_service_speaks_and_times_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    server = make_soniox()
    async with running_vendor(server.routes(), certificate) as address:
        service = SonioxTTSService(
            api_key=server.state.key, url=f"wss://{address}{VOICE_PATH}", sample_rate=8_000
        )  # of its own voice and model
        pushed = await run_voice(service, TEXT, lambda frames: isinstance(frames[-1], TTSStoppedFrame))
    audio = b"".join(frame.audio for frame in pushed if isinstance(frame, TTSAudioRawFrame))
    assert [word.text for word in find_words(np.frombuffer(audio, "<i2"), words(TEXT))] == words(TEXT)
    assert [frame.text for frame in pushed if isinstance(frame, TTSTextFrame)] == TEXT.split()
    assert server.state.total("tts", "characters") == len(TEXT)
