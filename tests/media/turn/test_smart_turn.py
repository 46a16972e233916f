"""Our features and answers, compared with pipecat's implementation of the same model."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.turn import smart_turn
from media.turn.onnx_models import SMART_TURN, find_pipecat_file
from media.turn.smart_turn import SmartTurn

CLIP = Path(__file__).parents[3] / "config/samples/jfk.flac"
Wave = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> SmartTurn:
    return SmartTurn(find_pipecat_file(SMART_TURN))


@pytest.fixture(scope="module")
def phone() -> npt.NDArray[np.int16]:
    """The sample speech as 16-bit 8 kHz."""
    wave, rate = soundfile.read(CLIP, always_2d=True)
    pcm: npt.NDArray[np.int16] = (soxr.resample(wave.mean(axis=1), rate, 8_000) * 32_767).astype("<i2")
    return pcm


def reference_probability(pcm: npt.NDArray[np.int16]) -> float:
    """pipecat's own answer to sound at 8 kHz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pipecat's imports warn
        from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
    analyzer = LocalSmartTurnAnalyzerV3()
    analyzer._sample_rate = 8_000
    return float(analyzer._predict_endpoint(pcm / np.float32(32_768))["probability"])


def reference_features(wave: Wave) -> Wave:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pipecat's imports warn
        from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features
    features: Wave = compute_whisper_log_mel_features(wave)
    return features


@pytest.mark.parametrize("end_ms", [2_100, 4_300, 10_900])
def test_the_features_equal_pipecat_s(model: SmartTurn, phone: npt.NDArray[np.int16], end_ms: int) -> None:
    pcm = phone[: end_ms * 8]
    wave = smart_turn._double_rate(pcm[-64_000:].astype(np.float32) / np.float32(32_768))
    ours = model.features(pcm.tobytes())
    theirs = reference_features(np.pad(wave, (128_000 - len(wave), 0)))
    assert ours.shape == (80, 800) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("end_ms", [1_300, 2_100, 4_300, 5_400, 7_900, 8_900, 10_900])
def test_the_answers_equal_pipecat_s(model: SmartTurn, phone: npt.NDArray[np.int16], end_ms: int) -> None:
    pcm = np.concatenate([phone[: end_ms * 8], np.zeros(1_600, np.int16)])[-64_000:]
    assert model.finished(pcm.tobytes()) == pytest.approx(reference_probability(pcm), abs=0.005)


def test_doubling_the_rate_keeps_the_sound(phone: npt.NDArray[np.int16]) -> None:
    wave = (phone[:64_000] / 32_768).astype(np.float32)
    once, doubled = np.abs(np.fft.rfft(wave)), np.abs(np.fft.rfft(smart_turn._double_rate(wave)))
    np.testing.assert_allclose(doubled[:28_000], 2 * once[:28_000], atol=0.01 * doubled.max())  # to 3.5 kHz
    assert doubled[32_200:].max() < 1e-3 * doubled.max()


def test_finished_sentence_has_a_higher_probability_than_a_cut_one(
    model: SmartTurn, phone: npt.NDArray[np.int16]
) -> None:
    rest = np.zeros(1_600, dtype="<i2").tobytes()
    finished = model.finished(phone.tobytes() + rest)
    cut = model.finished(phone[: 8_900 * 8].tobytes() + rest)
    assert 0 <= cut < 0.5 < finished <= 1


@pytest.mark.parametrize("samples", [0, 1, 160, 80_000])
def test_any_length_of_silence_has_an_answer(model: SmartTurn, samples: int) -> None:
    assert 0 <= model.finished(bytes(2 * samples)) <= 1


def test_only_the_last_eight_seconds_count(model: SmartTurn, phone: npt.NDArray[np.int16]) -> None:
    assert model.finished(phone.tobytes()) == pytest.approx(model.finished(phone[-64_000:].tobytes()))
