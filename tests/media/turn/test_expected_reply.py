"""What an agent waits for after what it said."""

import pytest

from media.turn.expected_reply import ExpectedReply, asks_caller, expected_reply


@pytest.mark.parametrize(
    ("said", "expect"),
    [
        ("", ExpectedReply.REPLY),
        ("Thank you for calling. How can I help you?", ExpectedReply.REPLY),
        ("We are open from nine to five.", ExpectedReply.REPLY),
        ("What's your phone number?", ExpectedReply.DIGITS),
        ("Could you give me your account number, please?", ExpectedReply.DIGITS),
        ("What\u2019s the best number to reach you?", ExpectedReply.DIGITS),
        ("What's your phone number? You can say it or key it in.", ExpectedReply.DIGITS),
        ("And your zip code?", ExpectedReply.CODE),
        ("Please tell me the last four digits of your card.", ExpectedReply.CODE),
        ("Can I have your e-mail address?", ExpectedReply.EMAIL),
        ("How do you spell that?", ExpectedReply.SPELLING),
        ("Could you spell your e-mail for me?", ExpectedReply.SPELLING),
        ("Please leave your message after the tone.", ExpectedReply.MESSAGE),
        ("What would you like me to tell her?", ExpectedReply.MESSAGE),
        ("I can take a message. What would you like to say?", ExpectedReply.MESSAGE),
        ("Would you like to leave a message?", ExpectedReply.YES_NO),
        ("Your number is 415 555 0123, is that correct?", ExpectedReply.YES_NO),
        ("That's Tuesday at ten, right?", ExpectedReply.YES_NO),
        ("Shall I text it to this phone number?", ExpectedReply.YES_NO),
        ("Okay, do you have a booking?", ExpectedReply.YES_NO),
        ("Would you like the morning or the afternoon?", ExpectedReply.REPLY),
        ("I have sent you an e-mail. Is there anything else?", ExpectedReply.YES_NO),
    ],
)
def test_expectation(said: str, expect: ExpectedReply) -> None:
    assert expected_reply(said) is expect


@pytest.mark.parametrize(
    ("said", "asking"),
    [
        ("How can I help?", True),
        ("Please leave your message.", True),
        ("We close at five. Goodbye.", False),
        ("", False),
    ],
)
def test_asks(said: str, asking: bool) -> None:
    assert asks_caller(said) is asking


def test_last_sentences_of_a_long_text_decide() -> None:
    assert expected_reply("What's your e-mail? I see. Thanks. We close at five.") is ExpectedReply.REPLY
