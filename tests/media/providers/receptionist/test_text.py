"""Words, stems and slips of the recogniser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.receptionist.text import distance, nearest, stem, words


def test_words_are_lower_case_without_marks() -> None:
    assert words("Uh-huh, I\u2019m in at 3 p.m. How much? Ours!") == [
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


def test_words_that_only_look_alike_keep_apart() -> None:
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
def test_a_slip_is_forgiven_where_it_can_be_told(word: str, meant: str) -> None:
    assert nearest(word, ("appointment", "address", "yellow", "but", "7777778")) == meant


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_distance_is_symmetric_and_bounded(one: str, other: str) -> None:
    whole = distance(one, other, 9)
    assert whole == distance(other, one, 9)
    assert (whole == 0) == (one == other)
    assert abs(len(one) - len(other)) <= whole <= max(len(one), len(other))
    assert distance(one, other, 1) == min(whole, 2)
