"""Line noise: level, spectrum, reproducibility."""

import numpy as np
import pytest

from simulator.carrier.audio_clip import make_clip
from simulator.carrier.audio_level import dbfs
from simulator.carrier.line_noise import LineNoise, Noise, NoiseKind, add_noise, make_noise
from simulator.carrier.mulaw import RATE, SILENT_FRAME, decode, to_float
from tests.simulator.scripted_agent import tone

CLIP = make_clip(to_float(decode(tone(2_000))), RATE)


def band(samples: np.ndarray, low: int, high: int) -> float:
    power = np.square(np.abs(np.fft.rfft(samples)))
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(power[(frequency >= low) & (frequency < high)].sum())


@pytest.mark.parametrize("kind", list(NoiseKind))
def test_noise_has_unit_level_and_is_the_same_for_the_same_seed(kind: NoiseKind) -> None:
    made = make_noise(kind, 16_000, 5)
    assert np.sqrt(np.mean(np.square(made))) == pytest.approx(1.0, abs=1e-3)
    assert np.array_equal(made, make_noise(kind, 16_000, 5))
    assert not np.array_equal(made, make_noise(kind, 16_000, 6))


def test_white_is_flat_and_pink_has_as_much_in_each_octave() -> None:
    white, pink = make_noise(NoiseKind.WHITE, 80_000, 1), make_noise(NoiseKind.PINK, 80_000, 1)
    assert band(white, 2_000, 3_000) / band(white, 500, 1_500) == pytest.approx(1.0, abs=0.1)
    assert band(pink, 2_000, 4_000) / band(pink, 250, 500) == pytest.approx(1.0, abs=0.2)


def test_babble_has_pauses_like_speech() -> None:
    babble = np.square(make_noise(NoiseKind.BABBLE, 80_000, 1)).reshape(-1, 160).mean(axis=1)
    white = np.square(make_noise(NoiseKind.WHITE, 80_000, 1)).reshape(-1, 160).mean(axis=1)
    assert babble.std() > 3 * white.std()


@pytest.mark.parametrize("kind", list(NoiseKind))
def test_noise_has_the_given_ratio_to_the_speech(kind: NoiseKind) -> None:
    noisy = add_noise(CLIP, Noise(kind, snr_db=20.0))
    assert noisy.speech == CLIP.speech
    assert dbfs(CLIP.samples()) - dbfs(noisy.samples() - CLIP.samples()) == pytest.approx(20.0, abs=1.5)


def test_a_silent_line_still_carries_frames() -> None:
    assert LineNoise().frame(7) == SILENT_FRAME
    assert LineNoise().frame(7, tone(20)) == tone(20)
    assert LineNoise().frame(7, b"\x01" * 10) == b"\x01" * 10 + b"\xff" * 150


def test_comfort_noise_is_soft_continuous_and_under_the_voice() -> None:
    line = LineNoise(NoiseKind.WHITE, level_dbfs=-50)
    frames = b"".join(line.frame(number) for number in range(1_000))
    assert dbfs(to_float(decode(frames))) == pytest.approx(-50, abs=1)
    assert line.frame(3) == line.frame(503) != line.frame(4)
    mixed = decode(line.frame(3, tone(20))).astype(int) - decode(tone(20))
    assert 0 < np.abs(mixed).max() < 2_000
