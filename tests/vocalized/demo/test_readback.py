"""The check that the agent read a message back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vocalized.caller.local_speech import RATE
from vocalized.demo.readback import common_words, read_back, utterances, words_of

LOUD = (8_000 * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)).astype(np.int16)
QUIET = np.zeros(RATE, dtype=np.int16)


def test_leg_is_split_at_pauses() -> None:
    leg = np.concatenate([QUIET, LOUD, LOUD, QUIET, LOUD, QUIET[: RATE // 2], LOUD])
    # A second of silence separates two utterances, half a second does not; each has a margin of 200 ms.
    assert [len(piece) / RATE for piece in utterances(leg)] == [2.4, 2.7]
    assert utterances(QUIET) == []


def test_long_speech_is_split_for_the_recognizer() -> None:
    pieces = utterances(np.tile(LOUD, 60))
    assert len(pieces) == 3
    assert max(len(piece) for piece in pieces) <= 26 * RATE


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert words_of("Ask not, what YOUR country's at 5!") == ["ask", "not", "what", "your", "country's", "at", "5"]


def test_share_of_words_that_were_read_back() -> None:
    answers = iter(["I have this message.", "Ask what you can to for your country!"])
    leg = np.concatenate([LOUD, QUIET, LOUD])
    found = read_back("Ask what you can do for your country", leg, lambda pcm: next(answers))
    assert found.found == ("ask", "what", "you", "can", "for", "your", "country")
    assert found.share == 7 / 8


def test_silence_has_no_words() -> None:
    assert read_back("some words", QUIET, lambda pcm: "never asked").share == 0
    assert read_back("", LOUD, lambda pcm: "words").share == 0


texts = st.lists(st.sampled_from("abcd"), max_size=12)


@settings(deadline=None)
@given(texts, texts)
def test_common_words_are_a_symmetric_common_subsequence(left: list[str], right: list[str]) -> None:
    found = common_words(left, right)
    for side in (left, right):
        rest = iter(side)
        assert all(word in rest for word in found)
    assert len(found) == len(common_words(right, left))
    assert common_words(left, left) == left
