"""Both sides of a call's audio, and the stereo file."""

import wave
from pathlib import Path

import numpy as np
import pytest

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.mulaw import SILENT_FRAME
from tests.simulator.scripted_agent import tone


def test_pieces_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        CallAudio().add(b"\xff" * 160, b"\xff" * 159)


def test_the_file_is_stereo_16_bit_8_khz_with_the_caller_left(tmp_path: Path) -> None:
    legs = CallAudio()
    for at in range(0, 800, 160):
        legs.add(tone(100)[at : at + 160], SILENT_FRAME)
    legs.write_wav(tmp_path / "new" / "call.wav")
    with wave.open(str(tmp_path / "new" / "call.wav")) as file:
        assert file.getparams()[:4] == (2, 2, 8_000, 800)
        samples = np.frombuffer(file.readframes(800), dtype="<i2").reshape(-1, 2)
    assert np.abs(samples[:, 0]).max() > 10_000
    assert not samples[:, 1].any()
    assert legs.duration_ms == 100
