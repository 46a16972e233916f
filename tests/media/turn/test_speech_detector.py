"""Detects speech from probabilities and levels. A window is 32 ms; its levels are those of its four 8 ms blocks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("probability", [0.9, 0.4])
def test_babble_as_loud_as_the_words_does_not_take_back_their_end(probability: float) -> None:
    """Levels cannot tell where six seconds of words ended if what follows is nearly as loud: the model tells it."""
    babble = (-22.0, -19.0, -21.0, -20.0)
    harness = DetectorHarness().feed(0.1, babble, 5).feed(probability, LOUD, 190)
    end = harness.at
    harness.feed(0.1, babble, 40)
    assert not harness.detector.speaking
    assert abs(harness.detector.last_voice_ms - end) <= (1 if probability > 0.5 else 2) * VadTuning().model_lag_ms


WINDOWS = st.lists(
    st.tuples(st.sampled_from([0.05, 0.18, 0.3, 0.4, 0.6, 0.95]), st.integers(-70, -5), st.integers(1, 25)), max_size=20
)


@settings(max_examples=60)
@given(windows=WINDOWS, shuts=st.sets(st.integers(0, 19)))
def test_the_end_lies_between_the_onset_and_now_whatever_is_heard(
    windows: list[tuple[float, int, int]], shuts: set[int]
) -> None:
    harness = DetectorHarness()
    detector = harness.detector
    for at, (probability, level, count) in enumerate(windows):
        if at in shuts:
            detector.on_gate_shut()
            detector.on_gate_open()
        for _ in range(count):
            harness.feed(probability, (level - 3.0, level, level - 6.0, level - 1.0))
            assert detector.onset_ms <= detector.last_voice_ms <= harness.at
            assert detector.voiced_ms <= harness.at


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


def test_softer_speech_in_a_quiet_place_counts_as_the_caller() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 5).feed(0.95, LOUD, 30).feed(0.01, QUIET, 10)
    assert harness.feed(0.95, (-32.0,) * 4, 3).detector.speaking


@pytest.mark.parametrize("background", [QUIET, (-50.0,) * 4])
def test_a_voice_20_db_down_never_begins_speech(background: tuple[float, ...]) -> None:
    harness = DetectorHarness().feed(0.01, background, 5).feed(0.95, LOUD, 30).feed(0.01, background, 10)
    end = harness.detector.last_voice_ms
    for _ in range(300):
        assert not harness.feed(0.99, (-40.0, -41.0, -43.0, -40.0)).detector.speaking
    assert harness.detector.last_voice_ms == end
    assert harness.feed(0.95, LOUD, 2).detector.speaking


def test_a_voice_20_db_down_right_after_the_callers_ends_the_callers_turn() -> None:
    harness = DetectorHarness().feed(0.01, QUIET, 5).feed(0.95, LOUD, 30)
    end = harness.at
    assert harness.steps_to_silence(0.95, (-40.0,) * 4) <= VadTuning().chatter_windows
    assert abs(harness.detector.last_voice_ms - end) <= 32


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


def test_single_words_of_others_in_a_place_that_is_not_quiet_are_noticed_and_then_begin_nothing() -> None:
    """They come again and again in the caller's pause, 12 dB under the caller's usual level."""
    room, word = (-42.0,) * 4, (-32.0, -33.0, -42.0, -32.0)
    harness = DetectorHarness().feed(0.02, room, 5).feed(0.95, LOUD, 30)
    begun = [False] * 10
    for at in range(10):
        harness.feed(0.05, room, 10)
        for _ in range(4):
            begun[at] |= harness.feed(0.95, word).detector.speaking
    assert begun[0] and not any(begun[4:])
    harness.feed(0.05, room, 10)
    assert harness.feed(0.95, LOUD, 2).detector.speaking


def test_a_caller_who_is_soft_now_and_then_is_no_chatter() -> None:
    room, soft = (-42.0,) * 4, (-32.0, -33.0, -42.0, -32.0)
    harness = DetectorHarness().feed(0.02, room, 5)
    for _ in range(20):
        harness.feed(0.95, LOUD, 10).feed(0.95, soft, 4).feed(0.05, room, 10)
    assert harness.feed(0.95, soft, 3).detector.speaking


HISS = (-55.0, -54.0, -57.0, -55.0)


@pytest.mark.parametrize("gate_shuts", [True, False])
def test_soft_noise_after_speech_is_none_whatever_the_model_says(gate_shuts: bool) -> None:
    """The usual line: not clean, but its noise is 35 dB under the caller, whom the model hears for 0.3 s more."""
    harness = DetectorHarness().feed(0.02, HISS, 5).feed(0.95, LOUD, 20)
    end = harness.at
    harness.feed(0.9, HISS, 4)
    assert harness.detector.speaking and harness.detector.last_voice_ms > end
    if gate_shuts:
        harness.detector.on_gate_shut()
    else:
        harness.feed(0.1, HISS, 2)
    assert not harness.detector.speaking and harness.detector.last_voice_ms == end


def test_enough_quiet_ends_speech_though_the_model_reports_it_still() -> None:
    harness = DetectorHarness().feed(0.02, HISS, 5).feed(0.95, LOUD, 20)
    end = harness.at
    assert harness.steps_to_silence(0.9, HISS) == VadTuning().distinct_windows
    assert harness.detector.last_voice_ms == end
    harness.feed(0.9, HISS, 3)
    assert not harness.detector.speaking and harness.detector.last_voice_ms == end


def test_less_quiet_is_a_gap_between_two_sounds_of_a_word() -> None:
    harness = DetectorHarness().feed(0.02, HISS, 5).feed(0.95, LOUD, 20)
    for _ in range(5):
        harness.feed(0.9, HISS, VadTuning().distinct_windows - 1)
        assert harness.detector.speaking
        assert harness.feed(0.95, LOUD, 3).detector.speaking
    assert harness.detector.onset_ms == 5 * 32 and harness.detector.last_voice_ms == harness.at


def test_noise_that_may_hold_soft_words_is_left_to_the_model() -> None:
    """20 dB under the caller's usual level: as loud as a soft ending."""
    noise = (-40.0,) * 4
    harness = DetectorHarness().feed(0.02, HISS, 5).feed(0.95, LOUD, 20)
    assert harness.steps_to_silence(0.9, noise) > VadTuning().distinct_windows


@pytest.mark.parametrize(("background_db", "is_heard"), [(-55.0, True), (-40.0, False)])
def test_a_voice_that_fades_is_the_callers_where_nobody_else_talks(background_db: float, is_heard: bool) -> None:
    """The end of a sentence may be 14 dB under its beginning. Among other voices that is one of them."""
    background = (background_db,) * 4
    harness = DetectorHarness().feed(0.1, background, 5).feed(0.95, (-20.0, -22.0, background_db, -20.0), 30)
    near_end = harness.at
    for level in (*range(-21, -34, -1), *[-34] * 20):
        harness.feed(0.99, (level, level, background_db, level))
    assert harness.detector.speaking is is_heard
    assert (harness.detector.last_voice_ms == harness.at) is is_heard
    assert harness.detector.last_voice_ms > near_end


def test_another_voice_10_db_down_is_not_taken_for_fading_for_long() -> None:
    """A television whose own pauses are quiet, at first; later it is known sooner."""
    spoken, other = (-20.0, -22.0, -55.0, -20.0), (-32.0, -34.0, -55.0, -32.0)
    harness = DetectorHarness().feed(0.1, HISS, 5).feed(0.95, spoken, 30)
    end = harness.at
    assert harness.steps_to_silence(0.99, other) <= 3 * VadTuning().chatter_windows
    assert abs(harness.detector.last_voice_ms - end) <= 32
    harness.feed(0.95, spoken, 30)
    end = harness.at
    assert harness.steps_to_silence(0.99, other) <= 3 * VadTuning().far_windows
    assert abs(harness.detector.last_voice_ms - end) <= 32


def test_a_bang_before_a_soft_word_is_not_where_the_word_ended() -> None:
    harness = DetectorHarness().feed(0.02, HISS, 5).feed(0.05, (-8.0,) * 4, 4)
    harness.feed(0.95, (-24.0,) * 4, 8).feed(0.3, HISS, 1)
    harness.feed(0.3, HISS, 5)
    harness.detector.on_gate_shut()
    word_end = (5 + 4 + 8) * WINDOW_MS
    assert abs(harness.detector.last_voice_ms - word_end) <= VadTuning().model_lag_ms


@pytest.mark.parametrize(
    ("level_db", "dip_windows", "windows", "is_tail"),
    [
        (-34.0, 0, 12, True),
        (-34.0, 1, 6, True),  # the closure of a last consonant
        (-34.0, 3, 6, False),  # another sound
        (-42.0, 0, 12, False),  # breath
        (-16.0, 0, 12, False),  # a key's tone, louder than the caller
        (-34.0, 0, 40, False),  # a machine that began when the caller ended
    ],
)
def test_a_vowel_that_the_model_takes_for_none_ends_the_speech_where_it_ends(
    level_db: float, dip_windows: int, windows: int, is_tail: bool
) -> None:
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.95, LOUD, 20)
    end = harness.at
    harness.feed(0.05, QUIET, dip_windows).feed(0.05, (level_db,) * 4, windows)
    tail_end = harness.at
    harness.feed(0.02, QUIET, 6)
    found = harness.detector.last_voice_ms
    assert (found == tail_end) if is_tail else (found <= end)


def test_a_vowel_held_among_chatter_is_not_the_callers() -> None:
    theirs = (-38.0,) * 4
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.95, LOUD, 20).feed(0.95, theirs, 60).feed(0.95, LOUD, 6)
    end = harness.at
    harness.feed(0.05, theirs, 8).feed(0.02, QUIET, 6)
    assert not harness.detector.speaking and harness.detector.last_voice_ms <= end


@pytest.mark.parametrize(("dip_blocks", "is_tail"), [(7, True), (9, False)])
def test_the_dips_of_a_tail_are_short(dip_blocks: int, is_tail: bool) -> None:
    """The dip lies across three windows, of which only the middle one is quiet throughout."""
    vowel, quiet = -34.0, QUIET[0]
    before = (dip_blocks - 4 + 1) // 2
    after = dip_blocks - 4 - before
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.95, LOUD, 20).feed(0.05, (vowel,) * 4, 4)
    harness.feed(0.05, (vowel,) * (4 - before) + (quiet,) * before).feed(0.05, QUIET)
    dip_begins = harness.at - WINDOW_MS - 8 * before
    harness.feed(0.05, (quiet,) * after + (vowel,) * (4 - after))
    end = harness.at if is_tail else dip_begins
    harness.feed(0.02, QUIET, 6)
    assert harness.detector.last_voice_ms == end


def test_a_gate_that_shuts_in_a_tail_ends_it() -> None:
    """What comes after it may be another sound; where the gate shut it is not known to end quietly."""
    harness = DetectorHarness().feed(0.02, QUIET, 3).feed(0.95, LOUD, 20)
    end = harness.at
    harness.feed(0.05, (-34.0,) * 4, 3)
    harness.detector.on_gate_shut()
    harness.detector.on_gate_open()
    harness.feed(0.02, QUIET, 6)
    assert harness.detector.last_voice_ms <= end


def test_speech_is_undecided_until_there_is_enough_of_it_or_none() -> None:
    harness = DetectorHarness().feed(0.02, QUIET, 3)
    assert not harness.detector.is_undecided
    assert harness.feed(0.95, LOUD).detector.is_undecided
    assert not harness.feed(0.02, QUIET, 4).detector.is_undecided
    assert not harness.feed(0.95, LOUD, 2).detector.is_undecided and harness.detector.speaking
    assert harness.steps_to_silence(0.1, QUIET) and not harness.detector.is_undecided


@pytest.mark.parametrize("levels", [QUIET, LOUD])
def test_noise_level_is_learned_again_after_silence(levels: tuple[float, ...]) -> None:
    harness = DetectorHarness().feed(0.01, levels, 30)
    harness.detector.on_gate_open()
    assert harness.feed(0.01, QUIET, 1).feed(0.95, LOUD, 2).detector.last_voice_ms == harness.at
