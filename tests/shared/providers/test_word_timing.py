"""Word timings: estimated, and compared with a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import TimedWord
from shared.providers.word_timing import (
    align_words,
    count_spoken,
    spread_words,
    timing_length,
    word_starts,
    words_at_end,
)


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


@pytest.mark.parametrize(
    ("text", "heard", "times"),
    [
        ("Nine to five.", ["nine", "to", "five"], [(0, 300), (300, 600), (600, 900)]),
        ("Nine to", ["nine", "to", "five"], [(0, 300), (300, 600)]),
        ("I can't - sorry!", ["i", "ca", "n't", "sorry"], [(0, 300), (300, 900), (900, 900), (900, 1_200)]),
        ("New York", ["new york"], [(0, 300), (0, 300)]),
        ("- yes", ["yes"], [(0, 0), (0, 300)]),
        ("It costs $3", ["it", "costs", "three"], []),
        ("Nine to five", ["nine", "to"], []),
        ("", ["nine"], []),
        ("nine", [], []),
    ],
)
def test_words_as_written_have_the_times_of_their_letters(
    text: str, heard: list[str], times: list[tuple[int, int]]
) -> None:
    aligned = align_words(text, timed(*heard))
    assert [(one.start_ms, one.end_ms) for one in aligned] == times
    assert [one.text for one in aligned] == (text.split() if times else [])


def test_estimates_are_no_times_of_a_vendor() -> None:
    assert not align_words("one two", [*timed("one"), *spread_words(["two"], 300, 50)])


@given(st.lists(st.text("aB1-", min_size=1, max_size=4), min_size=1, max_size=8), st.integers(0, 7))
def test_the_last_words_have_the_letters_of_the_text(words: list[str], count: int) -> None:
    last = words[count:]
    found = words_at_end(" ".join(last), timed(*words))
    letters = "".join(filter(str.isalnum, "".join(last).casefold()))
    assert "".join(filter(str.isalnum, "".join(one.text for one in found).casefold())) == letters
    if letters:
        assert [align_word.text for align_word in align_words(" ".join(last), found)] == last
