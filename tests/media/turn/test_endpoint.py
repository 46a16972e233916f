"""How much silence ends a turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.turn.endpoint import ExpectedReply, TurnRules, is_unfinished, silence_for

RULES = TurnRules(silence_ms=600)


def wait(text: str, expect: ExpectedReply = ExpectedReply.REPLY, hint: float | None = None) -> int:
    return silence_for(text, expect, RULES, hint)


@pytest.mark.parametrize("text", ["", "and so my fellow americans", "I want to book a table"])
def test_silence_without_punctuation_is_the_plan_s(text: str) -> None:
    assert wait(text) == 600
    assert silence_for(text, ExpectedReply.REPLY, TurnRules(silence_ms=400), None) == 400


@pytest.mark.parametrize(
    ("text", "silence"),
    [
        ("I want to book a table.", 510),
        ("What time do you open?", 420),
        ("What is it for?", 420),
        ("Why?", 420),
        ("I think so.", 510),
        # Recognisers end nearly everything with a full stop, so after one or two words it means nothing.
        ("Hello.", 600),
        ("I am.", 600),
    ],
)
def test_a_finished_sentence_is_answered_sooner(text: str, silence: int) -> None:
    assert wait(text) == silence


def test_shortened_silence_has_a_lower_bound() -> None:
    assert silence_for("Hello?", ExpectedReply.REPLY, TurnRules(silence_ms=300), None) == 250
    assert silence_for("Hello?", ExpectedReply.REPLY, TurnRules(silence_ms=220), None) == 220
    assert silence_for("Hello?", ExpectedReply.REPLY, TurnRules(silence_ms=100), None) == 200


@pytest.mark.parametrize(
    "text", ["I'd like a table and", "so um", "it's the", "well, I", "On Tuesday,", "I think...", "we want to."]
)
def test_an_unfinished_sentence_gets_more_time(text: str) -> None:
    assert is_unfinished(text)
    assert wait(text) == 1050


@pytest.mark.parametrize(
    ("text", "silence"),
    [
        ("four one five", 1400),
        ("It's 415.", 1400),
        ("four one five and", 1400),
        ("415 555 0123", 600),
        ("four one five five five five oh one double two.", 510),
        ("sure, one second", 1400),
        ("I don't have one.", 510),
        ("What do you need it for?", 420),
    ],
)
def test_silence_is_long_until_a_phone_number_has_ten_digits(text: str, silence: int) -> None:
    assert wait(text, ExpectedReply.DIGITS) == silence


def test_a_code_is_complete_with_four_digits() -> None:
    assert wait("nine four", ExpectedReply.CODE) == 1400
    assert wait("nine four one oh", ExpectedReply.CODE) == 600


@pytest.mark.parametrize(
    ("text", "silence"),
    [
        ("john dot", 1400),
        ("It's john.", 1400),
        ("john at example dot com", 600),
        ("john@example.com.", 510),
        ("No, I don't.", 510),
    ],
)
def test_silence_is_long_until_an_email_is_complete(text: str, silence: int) -> None:
    assert wait(text, ExpectedReply.EMAIL) == silence


def test_silence_is_long_while_the_caller_spells() -> None:
    assert wait("s m i", ExpectedReply.SPELLING) == 1400
    assert wait("It's Smith.", ExpectedReply.SPELLING) == 600


def test_message_may_have_pauses_until_the_caller_says_that_is_all() -> None:
    assert wait("Please call me back.", ExpectedReply.MESSAGE) == 1500
    assert wait("I will be late and", ExpectedReply.MESSAGE) == 1500
    assert wait("Please call me back. Thank you.", ExpectedReply.MESSAGE) == 600


@pytest.mark.parametrize(
    ("text", "silence"), [("yes", 420), ("No, thank you.", 420), ("yes it is", 420), ("yes but", 1050), ("maybe", 1050)]
)
def test_a_plain_answer_to_a_yes_no_question_is_enough(text: str, silence: int) -> None:
    assert wait(text, ExpectedReply.YES_NO) == silence


def test_unrequested_number_is_waited_for() -> None:
    assert wait("my number is four one five") == 1400
    assert wait("my email is john") == 1400
    assert wait("at five thirty") == 600


def test_hint_changes_the_silence_but_never_shortens_a_dictation() -> None:
    assert wait("Hello, are you there?", hint=0.1) == 600
    assert wait("hello there", hint=0.1) == 900
    assert wait("hello there", hint=0.5) == 600
    assert wait("hello there", hint=0.95) == 510
    assert wait("four one five", ExpectedReply.DIGITS, hint=0.99) == 1400


@given(
    st.text(max_size=60),
    st.sampled_from(ExpectedReply),
    st.integers(0, 5_000),
    st.none() | st.floats(0, 1),
    st.booleans(),
)
def test_any_text_gives_a_bounded_silence(
    text: str, expect: ExpectedReply, ms: int, hint: float | None, adaptive: bool
) -> None:
    silence = silence_for(text, expect, TurnRules(silence_ms=ms, adaptive=adaptive), hint)
    base = max(200, ms)
    assert 200 <= silence <= max(1.75 * base + 1, 1_500)
    assert adaptive or silence == base
