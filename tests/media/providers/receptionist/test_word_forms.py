"""Words, stems and misrecognized words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.receptionist.word_forms import edit_distance, find_nearest, split_words, stem


def test_words_are_lower_case_without_punctuation() -> None:
    assert split_words("Uh-huh, I\u2019m in at 3 p.m. How much? Ours!") == [
        "uhhuh",
        "i'm",
        "in",
        "at",
        "3",
        "pm",
        "howmuch",
        "hours",
    ]


@pytest.mark.parametrize(
    "forms",
    [
        ("open", "opens", "opening", "opened"),
        ("park", "parks", "parking", "parked"),
        ("price", "prices", "pricing"),
        ("cancel", "cancelled", "canceled", "cancelling"),
        ("city", "cities"),
        ("call", "calls", "calling", "called"),
        ("address", "addresses"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len(set(map(stem, forms))) == 1


def test_words_that_only_look_alike_have_different_stems() -> None:
    assert len(set(map(stem, ("closed", "close", "thing7", "thing77", "bus", "us", "class")))) == 7


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("apointment", "appointment"),
        ("appiontment", "appointment"),
        ("adress", "address"),
        ("fellow", ""),  # another first letter
        ("bus", ""),  # too short to guess
        ("banana", ""),
        ("7777777", ""),
    ],
)
def test_a_misspelled_word_is_matched_when_it_is_long_enough(word: str, meant: str) -> None:
    assert find_nearest(word, ("appointment", "address", "yellow", "but", "7777778")) == meant


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_distance_is_symmetric_and_bounded(one: str, other: str) -> None:
    whole = edit_distance(one, other, 9)
    assert whole == edit_distance(other, one, 9)
    assert (whole == 0) == (one == other)
    assert abs(len(one) - len(other)) <= whole <= max(len(one), len(other))
    assert edit_distance(one, other, 1) == min(whole, 2)
