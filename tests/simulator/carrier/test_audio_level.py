"""Levels, and speech detection by energy and pitch."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.carrier.audio_clip import read_clip
from simulator.carrier.audio_level import Span, audible_span, dbfs, levels, speech_level, speech_span
from simulator.carrier.mulaw import RATE, SILENCE
from tests.simulator.scripted_agent import tone

JFK = Path("config/samples/jfk.flac")


def buzz(ms: int, amplitude: float = 0.3) -> NDArray[np.float32]:
    """A signal with a pitch."""
    time = np.arange(ms * RATE // 1_000) / RATE
    return (amplitude * np.sign(np.sin(2 * np.pi * 120 * time))).astype(np.float32)


def hiss(ms: int, amplitude: float) -> NDArray[np.float32]:
    """A signal without a pitch."""
    return (amplitude * np.random.default_rng(3).standard_normal(ms * RATE // 1_000)).astype(np.float32)


def silence(ms: int) -> NDArray[np.float32]:
    return np.zeros(ms * RATE // 1_000, dtype=np.float32)


def test_levels_of_a_full_scale_square_and_of_silence() -> None:
    assert dbfs(np.ones(10, dtype=np.float32)) == pytest.approx(0.0, abs=1e-6)
    assert dbfs(silence(0)) == dbfs(silence(10)) == -120.0
    assert levels(np.ones(240, dtype=np.float32), 160).tolist() == pytest.approx([0.0, -3.01], abs=0.01)


def test_speech_between_silences_is_found_to_10_ms() -> None:
    assert speech_span(np.concatenate([silence(500), buzz(700), silence(300)])) == Span(4_000, 9_600)


def test_a_soft_ending_belongs_to_the_speech() -> None:
    span = speech_span(np.concatenate([silence(500), buzz(700), hiss(120, 0.02), silence(800)]))
    assert span is not None
    assert span.end == 10_560


def test_plosive_after_a_closure_belongs_to_the_word() -> None:
    clip = np.concatenate([silence(300), buzz(500), silence(80), hiss(30, 0.02), silence(500)])
    assert speech_span(clip) == Span(2_400, 7_280)


def test_applause_after_the_last_word_is_not_speech() -> None:
    clip = np.concatenate([silence(300), buzz(700), silence(600), hiss(500, 0.2)])
    assert speech_span(clip) == Span(2_400, 8_000)


def test_speech_without_any_pitch_is_still_speech() -> None:
    assert speech_span(np.concatenate([silence(200), hiss(300, 0.2), silence(200)])) == Span(1_600, 4_000)


def test_silence_has_no_speech() -> None:
    assert speech_span(silence(500)) is None
    assert speech_span(silence(0)) is None


def test_sample_recording_ends_with_its_last_word() -> None:
    clip = read_clip(JFK)
    assert clip.duration_ms == pytest.approx(11_000, abs=20)
    assert clip.speech is not None
    assert clip.speech.start / RATE == pytest.approx(0.33, abs=0.1)
    assert clip.speech.end / RATE == pytest.approx(10.2, abs=0.15)
    assert speech_level(clip.samples()) > -20


def test_audible_span_excludes_soft_audio() -> None:
    assert audible_span(SILENCE * 800) is None
    assert audible_span(b"") is None
    assert audible_span(tone(100, amplitude=0.001)) is None
    assert audible_span(SILENCE * 320 + tone(100) + SILENCE * 480) == Span(320, 1_120)
    assert audible_span(tone(30)) == Span(0, 240)
