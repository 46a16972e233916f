"""The live resamplers, with tones and with any chunk sizes."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.audio.resample import DELAY_MS, Decimator, Interpolator

Signal = NDArray[np.float64]
FACTORS = [2, 3, 6]
SECOND = 8000


def tone(hertz: float, rate: int, amplitude: float = 16000) -> bytes:
    """One second of a cosine."""
    return (amplitude * np.cos(2 * np.pi * hertz * np.arange(rate) / rate)).round().astype("<i2").tobytes()


def signal(pcm: bytes) -> Signal:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def steady(pcm: bytes, rate: int) -> Signal:
    """Without the first and last 20 ms."""
    edge = rate // 50
    return signal(pcm)[edge:-edge]


def level(pcm: bytes, rate: int, amplitude: float = 16000) -> float:
    """In dB, against a tone of that amplitude."""
    rms = np.sqrt(np.mean(steady(pcm, rate) ** 2))
    return float(20 * np.log10(max(rms, 1e-9) * np.sqrt(2) / amplitude))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("hertz", [50, 300, 1000, 2500, 3400])
def test_the_telephone_band_passes_down(factor: int, hertz: int) -> None:
    rate = factor * SECOND
    assert abs(level(Decimator(factor).process(tone(hertz, rate)), SECOND)) < 0.1


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("hertz", [4450, 4600, 5000, 6000, 7000, 7900])
def test_nothing_aliases_into_the_telephone_band(factor: int, hertz: int) -> None:
    rate = factor * SECOND
    assert level(Decimator(factor).process(tone(hertz, rate)), SECOND) < -60


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("hertz", [50, 300, 1000, 2500, 3400])
def test_the_telephone_band_passes_up_without_images(factor: int, hertz: int) -> None:
    rate = factor * SECOND
    up = steady(Interpolator(factor).process(tone(hertz, SECOND)), rate)
    spectrum = np.abs(np.fft.rfft(up * np.hanning(len(up)))) / (len(up) / 4)
    bins = np.fft.rfftfreq(len(up), 1 / rate)
    assert abs(20 * np.log10(spectrum.max() / 16000)) < 0.1
    assert abs(bins[spectrum.argmax()] - hertz) < 2
    images = spectrum[np.abs(bins - hertz) > 20]
    assert 20 * np.log10(images.max() / 16000) < -60


@pytest.mark.parametrize("factor", FACTORS)
def test_a_click_is_delayed_by_two_milliseconds(factor: int) -> None:
    rate = factor * SECOND
    click = np.zeros(rate // 10, "<i2")
    click[80 * factor] = 20000
    down = np.abs(signal(Decimator(factor).process(click.tobytes()))).argmax()
    assert (down - 80) * 1000 / SECOND == DELAY_MS
    up = np.abs(signal(Interpolator(factor).process(click[:800].tobytes()))).argmax()
    assert (up / factor - 80 * factor) * 1000 / SECOND == DELAY_MS


def test_full_scale_is_clipped_not_wrapped() -> None:
    square = np.where(np.arange(8000) // 13 % 2, 32767, -32768).astype("<i2").tobytes()
    for out in (Decimator(2).process(square), Interpolator(2).process(square)):
        assert signal(out).max() == 32767
        assert signal(out).min() == -32768
        assert level(out, 4000, 32767) > 1  # a square's ground tone is stronger than the square


@pytest.mark.parametrize("factor", FACTORS)
def test_a_constant_keeps_its_level_and_the_lengths_their_ratio(factor: int) -> None:
    flat = np.full(960, 1234, "<i2").tobytes()
    down, up = Decimator(factor).process(flat), Interpolator(factor).process(flat)
    assert len(down) * factor == len(flat)
    assert len(up) == factor * len(flat)
    assert set(signal(down)[40:]) == {1234}
    assert np.all(np.abs(signal(up)[40 * factor :] - 1234) <= 2)


def test_no_input_gives_no_output() -> None:
    for resampler in (Decimator(2), Interpolator(2)):
        assert resampler.process(b"") == b""
        assert resampler.process(b"\x01") == b""
        assert len(resampler.process(bytes(639))) in (320, 1280)


def cut_up(process: Callable[[bytes], bytes], data: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return b"".join(process(data[start:end]) for start, end in pairwise(edges))


@given(st.lists(st.integers(0, 2000), max_size=12), st.sampled_from(FACTORS), st.integers(0, 2000))
def test_chunk_sizes_do_not_change_the_sound(cuts: list[int], factor: int, length: int) -> None:
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    for whole, cut in ((Decimator(factor), Decimator(factor)), (Interpolator(factor), Interpolator(factor))):
        expected, out = signal(whole.process(data)), signal(cut_up(cut.process, data, cuts))
        assert len(out) == len(expected)
        assert np.all(np.abs(out - expected) <= 1)
