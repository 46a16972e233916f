"""From probabilities and levels to speech; a window is 32 ms, its levels are those of its four 8 ms blocks."""

import pytest

from media.turn.voice import WINDOW_MS, Tuning, Voice

LOUD, QUIET = (-20.0,) * 4, (-80.0,) * 4


class Ear:
    """Feeds windows one after the other."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.voice = Voice(tuning or Tuning())
        self.at = 0

    def hear(self, probability: float, levels: tuple[float, ...], windows: int = 1) -> "Ear":
        for _ in range(windows):
            self.voice.judged(self.at, probability, levels)
            self.at += WINDOW_MS
        return self

    def steps_to_silence(self, probability: float, levels: tuple[float, ...], most: int = 60) -> int:
        for step in range(1, most + 1):
            if not self.hear(probability, levels).voice.speaking:
                return step
        return most + 1


def test_two_windows_of_clear_speech_are_speech_and_one_is_not() -> None:
    ear = Ear().hear(0.01, QUIET, 3).hear(0.95, LOUD)
    assert not ear.voice.speaking and ear.voice.last_voice_ms == 0
    assert ear.hear(0.95, LOUD).voice.speaking


def test_a_click_is_forgotten() -> None:
    ear = Ear().hear(0.01, QUIET, 3)
    for _ in range(20):
        ear.hear(0.95, LOUD).hear(0.01, QUIET, 4)
        assert not ear.voice.speaking
    assert ear.voice.last_voice_ms == 0


def test_a_hesitant_start_adds_up_but_noise_never_does() -> None:
    assert Ear().hear(0.35, LOUD, 4).voice.speaking
    assert not Ear().hear(0.14, LOUD, 500).voice.speaking


def test_the_onset_is_the_first_loud_block() -> None:
    ear = Ear().hear(0.02, QUIET, 3).hear(0.05, (-80.0, -80.0, -20.0, -20.0)).hear(0.9, LOUD, 2)
    assert ear.voice.onset_ms == 3 * 32 + 16


def test_the_true_end_is_the_last_loud_block_however_long_the_judge_goes_on() -> None:
    ear = Ear().hear(0.02, QUIET, 3).hear(0.95, LOUD, 20).hear(0.95, (-20.0, -20.0, -20.0, -80.0))
    end = 23 * 32 + 24
    assert ear.steps_to_silence(0.9, QUIET) == 2
    assert ear.voice.last_voice_ms == end
    ear.hear(0.3, QUIET, 5)
    assert ear.voice.last_voice_ms == end and ear.voice.voiced_ms == 21 * 32


def test_in_noise_the_judge_tells_the_end() -> None:
    """The noise is 12 dB under the speech: levels alone would end speech at every soft sound, or never."""
    noise = (-32.0,) * 4
    ear = Ear().hear(0.02, noise, 3).hear(0.95, LOUD, 20)
    assert ear.steps_to_silence(0.95, noise, 4) > 4
    ear.hear(0.1, noise, 2)
    assert not ear.voice.speaking
    true_end, heard_on = 23 * 32, 4 * 32
    assert ear.voice.last_voice_ms == true_end + heard_on - Tuning().judge_lag_ms


def test_the_noise_after_speech_corrects_an_end_that_the_noise_before_did_not_tell() -> None:
    """A line that opens dead silent and then hisses: the hiss after the words looked like more of them."""
    hiss = (-40.0, -39.0, -41.0, -40.0)
    ear = Ear().hear(0.01, QUIET, 2).hear(0.95, (-12.0,) * 4, 20)
    true_end = ear.at
    ear.hear(0.9, hiss, 3).hear(0.4, hiss, 2)
    assert ear.voice.speaking and ear.voice.last_voice_ms > true_end + 100
    ear.hear(0.1, hiss, 2)
    assert not ear.voice.speaking and ear.voice.last_voice_ms == true_end


def test_silence_at_the_gate_ends_speech() -> None:
    ear = Ear().hear(0.95, LOUD, 5)
    ear.voice.shut()
    assert not ear.voice.speaking and ear.voice.last_voice_ms == 5 * 32


def test_a_short_gap_belongs_to_the_same_speech_and_a_long_one_does_not() -> None:
    ear = Ear().hear(0.01, QUIET, 3).hear(0.95, LOUD, 10).hear(0.1, QUIET, 3).hear(0.95, LOUD, 10)
    assert ear.voice.onset_ms == 96 and ear.voice.voiced_ms == 20 * 32
    ear.hear(0.1, QUIET, 12).hear(0.95, LOUD, 3)
    assert ear.voice.onset_ms == (3 + 10 + 3 + 10 + 12) * 32 and ear.voice.voiced_ms == 3 * 32


def test_a_whisper_below_the_least_level_begins_nothing() -> None:
    assert not Ear().hear(0.99, (-60.0,) * 4, 50).voice.speaking


def test_soft_speech_in_a_quiet_place_is_the_caller_s() -> None:
    ear = Ear().hear(0.01, QUIET, 5).hear(0.95, LOUD, 30).hear(0.01, QUIET, 10)
    assert ear.hear(0.95, (-38.0,) * 4, 3).voice.speaking


def test_chatter_in_the_room_neither_keeps_a_turn_open_nor_starts_one() -> None:
    chatter = (-36.0, -33.0, -45.0, -34.0)
    ear = Ear().hear(0.6, chatter, 3).hear(0.95, LOUD, 30)
    end = ear.at
    assert ear.steps_to_silence(0.7, chatter) < 25
    assert abs(ear.voice.last_voice_ms - end) <= 32
    for _ in range(100):
        assert not ear.hear(0.7, chatter).voice.speaking
    assert ear.hear(0.95, LOUD, 2).voice.speaking
    assert ear.steps_to_silence(0.7, chatter) <= Tuning().far_windows


@pytest.mark.parametrize("levels", [QUIET, LOUD])
def test_the_noise_of_the_last_sound_does_not_count_after_silence(levels: tuple[float, ...]) -> None:
    ear = Ear().hear(0.01, levels, 30)
    ear.voice.opened()
    assert ear.hear(0.01, QUIET, 1).hear(0.95, LOUD, 2).voice.last_voice_ms == ear.at
