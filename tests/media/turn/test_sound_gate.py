"""The gate: which frames are listened to closer. Levels are dB of full scale, of the RMS; all noise is seeded."""

import numpy as np
import pytest

from media.audio.framer import FRAME_PCM
from media.turn.sound_gate import LOUD_FRAMES, SoundGate

SILENT = bytes(FRAME_PCM)


def hum(level_db: float, count: int) -> list[bytes]:
    """A buzz of 140 Hz with harmonics up to 3.4 kHz, three times a second: webrtcvad takes it for voice."""
    time = np.arange(count * 160) / 8_000
    wave = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 24)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)
    )
    return cut(np.asarray(wave), level_db)


def noise(level_db: float, count: int) -> list[bytes]:
    return cut(np.random.default_rng(4).normal(size=count * 160), level_db)


def cut(wave: np.typing.NDArray[np.float64], level_db: float) -> list[bytes]:
    pcm = (wave / wave.std() * 10 ** (level_db / 20) * 32_767).round().astype("<i2").tobytes()
    return [pcm[at : at + FRAME_PCM] for at in range(0, len(pcm), FRAME_PCM)]


def share(gate: SoundGate, frames: list[bytes]) -> float:
    """For how many of the frames the gate opens."""
    return sum(gate.has_sound(frame) for frame in frames) / len(frames)


@pytest.mark.parametrize("level_db", [-20, -40, -50, -54])
def test_voice_of_any_level_opens(level_db: int) -> None:
    assert share(SoundGate(3), hum(level_db, 100)) > 0.6


def test_voice_that_is_too_soft_does_not() -> None:
    assert share(SoundGate(3), hum(-70, 100)) == 0 == share(SoundGate(3), [SILENT] * 50)


@pytest.mark.parametrize("level_db", [-60, -55, -50, -40])
def test_noise_does_not(level_db: int) -> None:
    assert share(SoundGate(3), noise(level_db, 500)) < 0.06


def test_soft_voice_beside_a_loud_one_does_not_until_that_was_gone_for_as_long() -> None:
    gate = SoundGate(3)
    assert share(gate, hum(-20, 50)) > 0.8 and gate.is_loud
    assert share(gate, hum(-53, 50 * LOUD_FRAMES - 50)) < 0.05
    assert share(gate, [SILENT] * 60) == 0 and not gate.is_loud
    assert share(gate, hum(-53, 50)) > 0.7


def test_a_minute_without_the_loud_voice_is_enough_however_long_it_spoke() -> None:
    gate = SoundGate(3)
    share(gate, hum(-20, 500))
    assert share(gate, [SILENT] * 2_999) == 0 and gate.is_loud
    assert not gate.has_sound(SILENT) and not gate.is_loud


@pytest.mark.parametrize("size", [0, 160, FRAME_PCM - 1, FRAME_PCM + 2])
def test_a_frame_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a frame of {size} bytes instead of 320"):
        SoundGate(3).has_sound(bytes(size))
