"""What English words alone tell of the end of a turn."""

import pytest

from media.turn.backchannels import split_words
from media.turn.endpoint import (
    declines_dictation,
    ends_message,
    is_plain_answer,
    is_unfinished,
    may_be_unfinished,
)


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("I'd like a table and", True),
        # A full stop after a word that cannot be the last is the recognizer's, not the caller's.
        ("I'd like a table and.", True),
        ("How do I get to Dublin? And?", True),
        ("so um", True),
        ("it's the", True),
        ("On Tuesday,", True),
        ("I think...", True),
        ("I want a table", False),
        ("What is it for?", False),
        ("", False),
        ("...", False),
    ],
)
def test_is_unfinished(text: str, unfinished: bool) -> None:
    assert is_unfinished(text) is unfinished


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("we want to.", True),
        ("it was", False),
        ("the bus was", True),
        ("is it for", False),
        ("What is it for?", False),
        ("yes", False),
        ("", False),
    ],
)
def test_may_be_unfinished(text: str, may_be: bool) -> None:
    assert may_be_unfinished(split_words(text)) is may_be


@pytest.mark.parametrize(
    ("text", "declines"),
    [
        ("I don't have one.", True),
        ("No, I don't.", True),
        ("What do you need it for?", True),
        ("no it's four one five", False),
        ("four one five", False),
        ("", False),
    ],
)
def test_declines_dictation(text: str, declines: bool) -> None:
    assert declines_dictation(text) is declines


def test_plain_answers_and_the_end_of_a_message() -> None:
    assert is_plain_answer(["no", "thank", "you"]) and not is_plain_answer(["yes", "but"])
    assert ends_message("Please call me back. Thank you.") and not ends_message("Please call me back.")
