"""How far a voice came in its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.chain.progress import cost, spoken_by_timing, spread, word_starts
from media.providers.ports import TimedWord


def timed(*texts: str, each_ms: float = 300.0) -> list[TimedWord]:
    return [TimedWord(text, index * each_ms, (index + 1) * each_ms) for index, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("audio_ms", "spoken"),
    [(0, 0), (200, 0), (259, 0), (260, 1), (300, 1), (600, 2), (900, 3), (5000, 3)],
)
def test_words_count_when_nearly_all_of_them_sounded(audio_ms: float, spoken: int) -> None:
    assert spoken_by_timing(["Nine", "to", "five."], timed("Nine", "to", "five."), audio_ms) == spoken


def test_a_voice_may_write_words_its_own_way() -> None:
    words = ["Call", "555", "at", "3", "p.m.,", "please", "do."]
    told = timed("call", "five", "five", "five", "at", "three", "PM", "please", "do")
    assert spoken_by_timing(words, told, 5 * 300) == 3
    assert spoken_by_timing(words, told, 60_000) == 7


def test_words_that_agree_with_nothing_move_nothing() -> None:
    assert spoken_by_timing(["Nine", "to", "five"], timed("un", "deux", "trois"), 60_000) == 0


def test_starts_are_places_in_the_whole_text() -> None:
    assert word_starts("We  are open\nnow", 3, 12) == [4, 8]


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=8), st.floats(0, 500), st.floats(1, 100))
def test_words_share_the_audio_without_gaps(words: list[str], start_ms: float, pace: float) -> None:
    spoken = spread(words, start_ms, pace)
    edges = [start_ms, *(word.end_ms for word in spoken)]
    assert [word.start_ms for word in spoken] == edges[:-1]
    assert edges[-1] == pytest.approx(start_ms + cost(words) * pace)
