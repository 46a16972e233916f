"""How far a dictation has come."""

import pytest

from media.turn.backchannels import split_words
from media.turn.dictation import digit_count, email_is_complete, ends_in_digits, ends_in_letters


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("my number is", 0),
        ("four one five", 3),
        ("oh seven double two", 4),
        ("triple nine", 3),
        ("415-555-0123", 10),
        ("four one five, five five five, oh one two three", 10),
        ("eight hundred", 3),
        ("twenty five sixty", 4),
        ("nineteen eighty", 4),
    ],
)
def test_digit_count(text: str, count: int) -> None:
    assert digit_count(split_words(text)) == count


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("call me on four one five", True),
        ("4 1 5", True),
        ("at five thirty", False),
        ("born in 1985", False),
        ("four one", False),
    ],
)
def test_ends_in_digits(text: str, ends: bool) -> None:
    assert ends_in_digits(split_words(text)) is ends


@pytest.mark.parametrize(
    ("text", "ends"),
    [("s m i t h", True), ("s as in sugar", True), ("b for bravo", True), ("it is smith", False), ("", False)],
)
def test_ends_in_letters(text: str, ends: bool) -> None:
    assert ends_in_letters(split_words(text)) is ends


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("john@example.com", True),
        ("It's john.smith@mail.example.org.", True),
        ("john at example dot com", True),
        ("john dot smith at example dot com.", True),
        ("john at gmail.com", True),
        ("john at example dot", False),
        ("john at example", False),
        ("john dot smith", False),
        ("john@example", False),
        ("", False),
    ],
)
def test_email_is_complete(text: str, complete: bool) -> None:
    assert email_is_complete(text) is complete
