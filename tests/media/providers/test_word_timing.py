"""Word timings: estimated, and compared with a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import TimedWord
from media.providers.word_timing import count_spoken, spread_words, timing_length, word_starts


def timed(*texts: str, each_ms: float = 300.0) -> list[TimedWord]:
    return [TimedWord(text, index * each_ms, (index + 1) * each_ms) for index, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("audio_ms", "spoken"),
    [(0, 0), (200, 0), (259, 0), (260, 1), (300, 1), (600, 2), (900, 3), (5000, 3)],
)
def test_words_count_as_spoken_when_nearly_all_of_them_sounded(audio_ms: float, spoken: int) -> None:
    assert count_spoken(["Nine", "to", "five."], timed("Nine", "to", "five."), audio_ms) == spoken


def test_words_that_the_voice_writes_differently_are_matched() -> None:
    words = ["Call", "555", "at", "3", "p.m.,", "please", "do."]
    timed_words = timed(*["call", "five", "five", "five", "at", "three", "PM", "please", "do"])
    assert count_spoken(words, timed_words, 5 * 300) == 3
    assert count_spoken(words, timed_words, 60_000) == 7


def test_unknown_words_are_ignored() -> None:
    assert count_spoken(["Nine", "to", "five"], timed("un", "deux", "trois"), 60_000) == 0


def test_word_starts_are_offsets_in_the_whole_text() -> None:
    assert word_starts("We  are open\nnow", 3, 12) == [4, 8]


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=8), st.floats(0, 500), st.floats(1, 100))
def test_words_share_the_audio_without_gaps(words: list[str], start_ms: float, pace: float) -> None:
    spoken = spread_words(words, start_ms, pace)
    edges = [start_ms, *(word.end_ms for word in spoken)]
    assert [word.start_ms for word in spoken] == edges[:-1]
    assert edges[-1] == pytest.approx(start_ms + timing_length(words) * pace)
