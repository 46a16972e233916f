"""Boundaries of words: a place counts only if both of its sides are recognized as the whole's words."""

import numpy as np

from lab.listening.sound import PER_MS
from lab.listening.word_boundaries import WordBoundary, find_boundaries, soft_places
from media.providers.local.speech import Recognition
from tests.lab.listening.test_sound import silence, tone

# 900 ms, a soft place of 100 ms, 1,000 ms, another of 60 ms, 900 ms.
SPEECH = np.concatenate([tone(900), silence(100), tone(1_000), silence(60), tone(900)])


class TextsByLength:
    """A recognizer that knows the text of a sound by its length in ms."""

    def __init__(self, texts: dict[int, str]) -> None:
        self.texts = texts

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition(self.texts.get(len(pcm) // 2 // PER_MS // 20 * 20, ""), 1.0)


def test_soft_places_come_with_the_longest_first() -> None:
    assert soft_places(SPEECH) == [(950, 100), (2_030, 60)]


def test_a_place_near_an_end_is_passed_over() -> None:
    assert soft_places(np.concatenate([tone(300), silence(100), tone(2_000)])) == []


def test_a_cut_is_taken_if_both_sides_agree() -> None:
    texts = {960: "My number.", 2_020: "is four one", 2_040: "my number is four", 940: "One."}
    assert find_boundaries(SPEECH, "My number is four one.", TextsByLength(texts), 3) == [
        WordBoundary(950, 2, 100),
        WordBoundary(2_030, 4, 60),
    ]


def test_a_cut_within_a_word_is_refused() -> None:
    texts = {960: "My numb", 2_020: "is four one", 2_040: "my number is four", 940: "won"}
    assert find_boundaries(SPEECH, "My number is four one.", TextsByLength(texts), 3) == []


def test_no_more_cuts_than_wanted() -> None:
    texts = {960: "My number.", 2_020: "is four one", 2_040: "my number is four", 940: "One."}
    assert len(find_boundaries(SPEECH, "My number is four one.", TextsByLength(texts), 1)) == 1
