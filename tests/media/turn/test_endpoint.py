"""What English words alone tell of the end of a turn."""

import pytest

from media.turn.backchannels import split_words
from media.turn.endpoint import (
    DictationState,
    ExpectedReply,
    dictation_state,
    ends_message,
    is_plain_answer,
    is_unfinished,
    may_be_unfinished,
)

PARTIAL, WHOLE = DictationState.PARTIAL, DictationState.WHOLE


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("I'd like a table and", True),
        # A full stop after a word that cannot be the last is the recogniser's, not the caller's.
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
    [("we want to.", True), ("it was", True), ("What is it for?", False), ("yes", False), ("", False)],
)
def test_may_be_unfinished(text: str, may_be: bool) -> None:
    assert may_be_unfinished(split_words(text)) is may_be


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("four one five", PARTIAL),
        ("It's 415.", PARTIAL),
        ("four one five and", PARTIAL),
        ("415 555 0123", None),
        ("sure, one second", PARTIAL),
        ("I don't have one.", None),
        ("What do you need it for?", None),
        ("", None),
    ],
)
def test_a_phone_number_is_dictated_until_it_has_ten_digits(text: str, state: DictationState | None) -> None:
    assert dictation_state(text, ExpectedReply.DIGITS) is state


@pytest.mark.parametrize(
    ("text", "expect", "state"),
    [
        ("nine four", ExpectedReply.CODE, PARTIAL),
        ("nine four one oh", ExpectedReply.CODE, None),
        ("john dot", ExpectedReply.EMAIL, PARTIAL),
        ("john at example dot com", ExpectedReply.EMAIL, WHOLE),
        ("john@example.com.", ExpectedReply.EMAIL, WHOLE),
        ("No, I don't.", ExpectedReply.EMAIL, None),
        ("s m i", ExpectedReply.SPELLING, PARTIAL),
        ("It's Smith.", ExpectedReply.SPELLING, None),
        ("my number is four one five", ExpectedReply.REPLY, PARTIAL),
        ("my email is john", ExpectedReply.REPLY, PARTIAL),
        ("my email is john at example dot com", ExpectedReply.REPLY, WHOLE),
        ("at five thirty", ExpectedReply.REPLY, None),
        ("four one five", ExpectedReply.MESSAGE, None),
    ],
)
def test_dictation_by_what_was_asked(text: str, expect: ExpectedReply, state: DictationState | None) -> None:
    assert dictation_state(text, expect) is state


def test_plain_answers_and_the_end_of_a_message() -> None:
    assert is_plain_answer(["no", "thank", "you"]) and not is_plain_answer(["yes", "but"])
    assert ends_message("Please call me back. Thank you.") and not ends_message("Please call me back.")
