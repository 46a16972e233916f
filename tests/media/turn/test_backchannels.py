"""Words and backchannels."""

import pytest

from media.turn.backchannels import demands_floor, split_words, without_backchannels


def test_words_drop_case_and_punctuation_but_keep_apostrophes() -> None:
    assert split_words("Uh-huh, I\u2019m IN... 42!") == ["uh", "huh", "i'm", "in", "42"]


def test_no_words_in_punctuation() -> None:
    assert split_words(" ?! -- ") == []


@pytest.mark.parametrize(
    "text",
    [
        "uh-huh",
        "Mm-hmm.",
        "okay",
        "Yeah, yeah, yeah.",
        "right",
        "I see.",
        "oh okay got it",
        "Sure thing",
        "of course",
        "You're right.",
        "sí",
    ],
)
def test_a_backchannel_leaves_no_words(text: str) -> None:
    assert without_backchannels(split_words(text)) == []


@pytest.mark.parametrize(
    "text", ["no", "stop", "wait", "hold on", "actually", "okay but what about Sunday", "I see a problem"]
)
def test_what_asks_for_the_floor_is_no_backchannel(text: str) -> None:
    assert without_backchannels(split_words(text))


def test_only_the_backchannels_are_taken_out() -> None:
    assert without_backchannels(split_words("yeah okay so the red one, I see")) == ["so", "the", "red", "one"]


@pytest.mark.parametrize(
    ("text", "demands"), [("wait", True), ("please hold on", True), ("the red one", False), ("", False)]
)
def test_demands(text: str, demands: bool) -> None:
    assert demands_floor(split_words(text)) is demands
