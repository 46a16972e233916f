"""What the target of a warm transfer says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls.transfers.spoken_decision import hints_for, read_decision, takes_words


@pytest.mark.parametrize(
    ("words", "language", "decision"),
    [
        ("Yes.", "en", "accepted"),
        ("Yes, put them through, please.", "en-GB", "accepted"),
        ("Okay, I'll take it.", "en", "accepted"),
        ("I\u2019ll take the call", "en", "accepted"),
        ("One", "en", "accepted"),
        ("1", "en", "accepted"),
        ("No, thank you.", "en", "declined"),
        ("Sorry, not now.", "en", "declined"),
        ("I can't right now", "en", "declined"),
        ("Ja, gerne, stellen Sie durch.", "de-DE", "accepted"),
        ("Das passt gerade nicht.", "de", "declined"),
        ("Sí, por favor", "es", "accepted"),
        ("No puedo ahora", "es-MX", "declined"),
        ("D'accord, passez-moi l'appel.", "fr", "accepted"),
        ("Désolé, pas maintenant", "fr", "declined"),
    ],
)
def test_decisions(words: str, language: str, decision: str) -> None:
    assert read_decision(words, language) == decision


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("", "en"),
        ("Hello?", "en"),
        ("Yes? Who is this?", "en"),
        ("Yes, no", "en"),
        ("please", "en"),
        ("Hi, you have reached Jane Doe. I can't take your call right now. Leave a message.", "en"),
        ("Ja, Müller?", "de"),
        ("No one", "en"),
        ("yes", "it"),
        ("yes " * 200 + "but no", "en"),
    ],
)
def test_everything_else_is_none(words: str, language: str) -> None:
    assert read_decision(words, language) is None


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_what_a_recognizer_is_to_expect_is_understood(language: str) -> None:
    assert takes_words(language) and not takes_words("pl")
    first, second, third, fourth = hints_for(language)
    assert {read_decision(first, language), read_decision(third, language)} == {"accepted"}
    assert {read_decision(second, language), read_decision(fourth, language)} == {"declined"}


@given(st.text(max_size=200), st.sampled_from(["en", "de", "es", "fr", "", "zz"]))
def test_any_text_is_read(words: str, language: str) -> None:
    assert read_decision(words, language) in ("accepted", "declined", None)
