"""What the rehearsal of failover reads from a caller's recording, and how it writes its page."""

import pytest

from lab.scenarios.failover.recording import WordErrors, compare_words, find_word_errors, measure_answer
from lab.stage.conversation import FILLERS, REPLIES, is_filler
from simulator.vendors.voice import speak, words

SECOND = b"\xff" * 8_000


def test_silence_is_measured_before_and_within_an_answer() -> None:
    agent = SECOND + speak("good morning") + SECOND + speak("everybody") + SECOND
    answer = measure_answer(agent, 500.0, None, answer="Good morning everybody.", fillers=())
    assert answer.wait_ms == pytest.approx(500, abs=2)
    assert answer.gap_ms == pytest.approx(1_040, abs=2)
    assert answer.longest_ms == answer.gap_ms


def test_no_answer_has_no_length() -> None:
    assert measure_answer(SECOND + speak("late"), 0.0, 900.0, answer="Late.", fillers=()).longest_ms is None


def test_a_filler_is_sound_and_no_part_of_the_answer() -> None:
    agent = SECOND + speak("one moment please") + SECOND + speak("we open")
    answer = measure_answer(agent, 0.0, None, answer="We open.", fillers=FILLERS)
    assert answer.longest_ms == pytest.approx(1_040, abs=2)
    assert answer.filler_ms == pytest.approx(1_000, abs=2)
    assert answer.words_ms == pytest.approx(1_000 + len(speak("one moment please")) / 8 + 1_000, abs=2)
    assert find_word_errors(agent, [0], ["We open."]).is_none
    assert is_filler("One moment,")
    assert not is_filler(REPLIES[0])


def test_no_reply_has_a_word_of_a_filler() -> None:
    assert not set(words(" ".join(REPLIES))) & set(words(" ".join(FILLERS)))


def test_a_word_that_late_audio_tears_is_one_word() -> None:
    audio = speak("tomorrow")
    torn = (SECOND[:2_000]).join(audio[at : at + 800] for at in range(0, len(audio), 800))
    assert find_word_errors(torn, [0], ["tomorrow"]).is_none


def test_words_are_found_again_in_the_recording() -> None:
    agent = SECOND + speak("good morning") + SECOND + speak("we open we")
    assert find_word_errors(agent, [0, 2_000], ["Good morning.", "We open."]) == WordErrors(doubled=("we",))
    assert find_word_errors(agent, [0, 2_000], ["Good morning, all.", "We open we."]) == WordErrors(lost=("all",))


def test_words_in_another_order_are_told() -> None:
    assert compare_words(["we", "open"], ["open", "we"]) == WordErrors(is_disordered=True)
