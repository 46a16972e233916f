"""Conversion of recordings to clips."""

from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.audio_clip import Clip, ClipError, clip_of_pcm, make_clip, read_clip
from simulator.carrier.audio_level import Span, dbfs


def sine(rate: int, ms: int, amplitude: float = 0.3, hertz: float = 300.0) -> np.ndarray:
    time = np.arange(rate * ms // 1_000) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [("a.wav", 8_000, 1), ("b.wav", 44_100, 2), ("c.flac", 16_000, 1), ("d.ogg", 48_000, 2), ("e.wav", 11_025, 3)],
)
def test_every_rate_format_and_number_of_channels_is_read(name: str, rate: int, channels: int, tmp_path: Path) -> None:
    quiet = np.zeros(rate // 2, dtype=np.float32)
    mono = np.concatenate([quiet, sine(rate, 1_000), quiet])
    soundfile.write(tmp_path / name, np.stack([mono] * channels, axis=1), rate)
    clip = read_clip(tmp_path / name)
    assert clip.duration_ms == pytest.approx(2_000, abs=5)
    assert clip.speech is not None
    assert clip.speech.start == pytest.approx(4_000, abs=240)
    assert clip.speech.end == pytest.approx(12_000, abs=240)
    assert dbfs(clip.samples()[5_000:11_000]) == pytest.approx(dbfs(sine(8_000, 1_000)), abs=1.0)


def test_frequencies_above_4_khz_are_removed_without_aliasing() -> None:
    assert dbfs(make_clip(sine(44_100, 500, hertz=6_000), 44_100).samples()) < -50


def test_normal_level_is_unchanged_and_a_soft_one_is_amplified() -> None:
    normal, tiny = make_clip(sine(8_000, 500, 0.05), 8_000), make_clip(sine(8_000, 500, 0.002), 8_000)
    assert dbfs(normal.samples()) == pytest.approx(dbfs(sine(8_000, 500, 0.05)), abs=0.5)
    assert dbfs(tiny.samples()) == pytest.approx(-22, abs=1.0)


def test_soft_recording_with_a_loud_click_is_not_clipped() -> None:
    samples = sine(8_000, 2_000, 0.002)
    samples[100] = 0.9
    assert np.abs(make_clip(samples, 8_000).samples()).max() < 0.99


def test_silence_stays_silence() -> None:
    clip = make_clip(np.zeros(800, dtype=np.float32), 8_000)
    assert clip == Clip(b"\xff" * 800, None)


def test_pcm_is_converted_to_a_clip() -> None:
    pcm = (sine(8_000, 500) * 32_767).astype("<i2").tobytes()
    assert clip_of_pcm(pcm).speech == Span(0, 4_000)


@pytest.mark.parametrize("bad", [np.zeros(0), np.zeros((0, 2)), np.array([0.0, np.nan])])
def test_unusable_samples_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ClipError, match="the clip: contains"):
        make_clip(bad.astype(np.float32), 8_000, "the clip")


def test_error_names_the_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a readable recording")
    for name, reason in [("gone.wav", "no such file"), ("text.wav", "not a readable recording"), (".", "is a folder")]:
        with pytest.raises(ClipError, match=reason) as caught:
            read_clip(tmp_path / name)
        assert str(tmp_path) in str(caught.value)


def test_recording_of_an_hour_is_refused_before_it_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(601 * 100, dtype=np.int16), 100)
    with pytest.raises(ClipError, match="longer than 10 minutes"):
        read_clip(tmp_path / "long.wav")
