"""Detects speech from probabilities and levels. A window is 32 ms; its levels are those of its four 8 ms blocks."""

import pytest

from media.turn.speech_detector import WINDOW_MS, SpeechDetector, VadTuning

LOUD, QUIET = (-20.0,) * 4, (-80.0,) * 4


class DetectorHarness:
    """Feeds a detector. at: start of the next window, in ms."""

    def __init__(self, tuning: VadTuning | None = None) -> None:
        self.detector = SpeechDetector(tuning or VadTuning())
        self.at = 0

    def feed(self, probability: float, levels: tuple[float, ...], windows: int = 1) -> "DetectorHarness":
        for _ in range(windows):
            self.detector.add_window(self.at, probability, levels)
            self.at += WINDOW_MS
        return self

    def steps_to_silence(self, probability: float, levels: tuple[float, ...], most: int = 60) -> int:
        for step in range(1, most + 1):
            if not self.feed(probability, levels).detector.speaking:
                return step
        return most + 1


def test_two_windows_of_clear_speech_are_speech_and_one_is_not() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 3).feed(0.95, LOUD)
    assert not harness.detector.speaking and harness.detector.last_voice_ms == 0
    assert harness.feed(0.95, LOUD).detector.speaking


def test_click_is_no_speech() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 3)
    for _ in range(20):
        harness.feed(0.95, LOUD).feed(0.01, QUIET, 4)
        assert not harness.detector.speaking
    assert harness.detector.last_voice_ms == 0


def test_hesitant_start_becomes_speech_and_noise_does_not() -> None:
    assert DetectorHarness().feed(0.35, LOUD, 4).detector.speaking
    assert not DetectorHarness().feed(0.14, LOUD, 500).detector.speaking


def test_the_onset_is_the_first_loud_block() -> None:
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.05, (-80.0, -80.0, -20.0, -20.0)).feed(0.9, LOUD, 2)
    assert harness.detector.onset_ms == 3 * 32 + 16


def test_true_end_is_the_last_loud_block_however_long_the_model_reports_speech() -> None:
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.95, LOUD, 20).feed(0.95, (-20.0, -20.0, -20.0, -80.0))
    end = 23 * 32 + 24
    assert harness.steps_to_silence(0.9, QUIET) == 2
    assert harness.detector.last_voice_ms == end
    harness.feed(0.3, QUIET, 5)
    assert harness.detector.last_voice_ms == end and harness.detector.voiced_ms == 21 * 32


def test_in_noise_the_end_comes_from_the_model() -> None:
    """The noise is 12 dB under the speech: levels alone would end speech at every soft sound, or never."""
    noise = (-32.0,) * 4
    harness = DetectorHarness().feed(0.02, noise, 3).feed(0.95, LOUD, 20)
    assert harness.steps_to_silence(0.95, noise, 4) > 4
    harness.feed(0.1, noise, 2)
    assert not harness.detector.speaking
    true_end, reported_after = 23 * 32, 4 * 32
    assert harness.detector.last_voice_ms == true_end + reported_after - VadTuning().model_lag_ms


def test_noise_after_speech_corrects_the_end() -> None:
    """A line that is digitally silent first and hisses after the words; the hiss must not count as speech."""
    hiss = (-40.0, -39.0, -41.0, -40.0)
    harness = DetectorHarness().feed(0.01, QUIET, 2).feed(0.95, (-12.0,) * 4, 20)
    true_end = harness.at
    harness.feed(0.9, hiss, 3).feed(0.4, hiss, 2)
    assert harness.detector.speaking and harness.detector.last_voice_ms > true_end + 100
    harness.feed(0.1, hiss, 2)
    assert not harness.detector.speaking and harness.detector.last_voice_ms == true_end


def test_silence_at_the_gate_ends_speech() -> None:
    harness = DetectorHarness().feed(0.95, LOUD, 5)
    harness.detector.on_gate_shut()
    assert not harness.detector.speaking and harness.detector.last_voice_ms == 5 * 32


def test_a_short_gap_belongs_to_the_same_speech_and_a_long_one_does_not() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 3).feed(0.95, LOUD, 10).feed(0.1, QUIET, 3).feed(0.95, LOUD, 10)
    assert harness.detector.onset_ms == 96 and harness.detector.voiced_ms == 20 * 32
    harness.feed(0.1, QUIET, 12).feed(0.95, LOUD, 3)
    assert harness.detector.onset_ms == (3 + 10 + 3 + 10 + 12) * 32 and harness.detector.voiced_ms == 3 * 32


def test_whisper_below_the_least_level_begins_no_speech() -> None:
    assert not DetectorHarness().feed(0.99, (-60.0,) * 4, 50).detector.speaking


def test_soft_speech_in_a_quiet_place_counts_as_the_caller() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 5).feed(0.95, LOUD, 30).feed(0.01, QUIET, 10)
    assert harness.feed(0.95, (-38.0,) * 4, 3).detector.speaking


def test_chatter_in_the_room_neither_keeps_a_turn_open_nor_starts_one() -> None:
    chatter = (-36.0, -33.0, -45.0, -34.0)
    harness = DetectorHarness().feed(0.6, chatter, 3).feed(0.95, LOUD, 30)
    end = harness.at
    assert harness.steps_to_silence(0.7, chatter) < 25
    assert abs(harness.detector.last_voice_ms - end) <= 32
    for _ in range(100):
        assert not harness.feed(0.7, chatter).detector.speaking
    assert harness.feed(0.95, LOUD, 2).detector.speaking
    assert harness.steps_to_silence(0.7, chatter) <= VadTuning().far_windows


@pytest.mark.parametrize("levels", [QUIET, LOUD])
def test_noise_level_is_learned_again_after_silence(levels: tuple[float, ...]) -> None:
    harness = DetectorHarness().feed(0.01, levels, 30)
    harness.detector.on_gate_open()
    assert harness.feed(0.01, QUIET, 1).feed(0.95, LOUD, 2).detector.last_voice_ms == harness.at
