"""Which words give digits, and which only mention one."""

import pytest

from media.turn.spoken_digits import is_dictated, read_digits


@pytest.mark.parametrize(
    "text",
    [
        "five", "It's five.", "four one five", "415-555-0123", "My zip is 90210.", "let me see, it's four one five",
        "order 4711 please", "double oh seven", "four one fox five five", "no, four one six",
    ],
)  # fmt: skip
def test_given_digits(text: str) -> None:
    assert is_dictated(text) and read_digits(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "One moment please.", "one second", "could you call me back at five", "I don't have one",
        "is that the sixteen digit one", "wait one minute I'll get my card", "I need to pay for two orders",
    ],
)  # fmt: skip
def test_mentioned_digits(text: str) -> None:
    assert not is_dictated(text)


def test_figures_of_other_scripts_are_digits() -> None:
    assert read_digits("\uff14\uff11\uff15 \u0663") == "4153"
