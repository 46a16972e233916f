"""What the agent's last words ask."""

import pytest

from media.turn.agent_question import AgentQuestion, read_question
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.expected_reply import ExpectedReply

PHONE = ExpectedDictation(DictationKind.PHONE)


@pytest.mark.parametrize(
    ("text", "expect", "dictated"),
    [
        ("What is your phone number?", ExpectedReply.DIGITS, PHONE),
        ("Thanks. What's your date of birth?", ExpectedReply.REPLY, DictationKind.DATE),
        ("Please tell me your card number.", ExpectedReply.DIGITS, DictationKind.CARD),
        ("Is your number 415 555 0123?", ExpectedReply.YES_NO, None),
        ("Do you have a booking reference?", ExpectedReply.YES_NO, None),
        ("How can I help you?", ExpectedReply.REPLY, None),
    ],
)
def test_questions(text: str, expect: ExpectedReply, dictated: ExpectedDictation | DictationKind | None) -> None:
    question = read_question(text, "en")
    assert question.asks and question.expect is expect
    found = question.dictated
    assert found == dictated or (found is not None and found.kind is dictated)


def test_a_statement_asks_nothing() -> None:
    assert read_question("Your number is on file.", "en") == AgentQuestion()


@pytest.mark.parametrize(("language", "country"), [("en", "US"), ("en-GB", "GB"), ("en-Latn", "US"), ("es-419", "US")])
def test_the_language_s_region_tells_the_country(language: str, country: str) -> None:
    dictated = read_question("What is your phone number?", language).dictated
    assert dictated is not None and dictated.country == country
