"""Numbers as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.local.text_normalization import numerals


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (1_250, "one thousand two hundred fifty"),
        (1_000_001, "one million one"),
        (999_999_999_999_999, "nine hundred ninety nine trillion"),
    ],
)
def test_cardinals(number: int, words: str) -> None:
    assert " ".join(numerals.cardinal(number)).startswith(words)


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="is negative"):
        numerals.cardinal(-1)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (2, "second"), (12, "twelfth"), (20, "twentieth"), (22, "twenty second"), (31, "thirty first")],
)
def test_ordinals(number: int, words: str) -> None:
    assert " ".join(numerals.ordinal(number)) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1999, "nineteen ninety nine"),
        (2000, "two thousand"),
        (2005, "two thousand five"),
        (2026, "twenty twenty six"),
    ],
)
def test_years(number: int, words: str) -> None:
    assert " ".join(numerals.year(number)) == words


def test_decimals_are_said_digit_by_digit_after_the_point() -> None:
    assert " ".join(numerals.decimal("1,250.05")) == "one thousand two hundred fifty point zero five"


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_different_numbers_sound_different(first: int, second: int) -> None:
    assert (numerals.cardinal(first) == numerals.cardinal(second)) == (first == second)


def test_numbers_beyond_trillions_are_read_digit_by_digit() -> None:
    assert numerals.cardinal(10**15) == ["one", *["zero"] * 15]
