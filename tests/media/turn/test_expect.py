"""What an agent waits for after what it said."""

import pytest

from media.turn.expect import Expect, asks, expectation


@pytest.mark.parametrize(
    ("said", "expect"),
    [
        ("", Expect.REPLY),
        ("Thank you for calling. How can I help you?", Expect.REPLY),
        ("We are open from nine to five.", Expect.REPLY),
        ("What's your phone number?", Expect.DIGITS),
        ("Could you give me your account number, please?", Expect.DIGITS),
        ("What\u2019s the best number to reach you?", Expect.DIGITS),
        ("What's your phone number? You can say it or key it in.", Expect.DIGITS),
        ("And your zip code?", Expect.CODE),
        ("Please tell me the last four digits of your card.", Expect.CODE),
        ("Can I have your e-mail address?", Expect.EMAIL),
        ("How do you spell that?", Expect.SPELLING),
        ("Could you spell your e-mail for me?", Expect.SPELLING),
        ("Please leave your message after the tone.", Expect.MESSAGE),
        ("What would you like me to tell her?", Expect.MESSAGE),
        ("I can take a message. What would you like to say?", Expect.MESSAGE),
        ("Would you like to leave a message?", Expect.YES_NO),
        ("Your number is 415 555 0123, is that correct?", Expect.YES_NO),
        ("That's Tuesday at ten, right?", Expect.YES_NO),
        ("Shall I text it to this phone number?", Expect.YES_NO),
        ("Okay, do you have a booking?", Expect.YES_NO),
        ("Would you like the morning or the afternoon?", Expect.REPLY),
        ("I have sent you an e-mail. Is there anything else?", Expect.YES_NO),
    ],
)
def test_expectation(said: str, expect: Expect) -> None:
    assert expectation(said) is expect


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
    assert asks(said) is asking


def test_a_long_text_is_judged_by_its_end() -> None:
    assert expectation("What's your e-mail? I see. Thanks. We close at five.") is Expect.REPLY
