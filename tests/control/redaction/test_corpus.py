"""The finder on what people say: how much it finds of what must go, and that the rest stays."""

import pytest

from control.redaction.finder import KINDS, SpokenText, find_sensitive, redact
from tests.control.redaction.corpus import EXAMPLES, HARMLESS, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.language}-{example.turns[0][2:40]}")
def test_what_must_go_is_replaced_and_the_rest_stays(example: Example) -> None:
    assert redact(example.texts, KINDS) == example.redacted


@pytest.mark.parametrize("call", HARMLESS)
def test_other_numbers_stay(call: str) -> None:
    turns = [SpokenText(turn[0], turn[2:]) for turn in call.split(" | ")]
    assert find_sensitive(turns, KINDS) == []


@pytest.mark.parametrize("example", EXAMPLES[::4], ids=lambda example: example.turns[0][2:40])
def test_redacted_texts_hold_nothing_more(example: Example) -> None:
    kept = [SpokenText(one.speaker, text) for one, text in zip(example.texts, example.redacted, strict=True)]
    assert redact(kept, KINDS) == example.redacted
