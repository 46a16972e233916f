"""An agent's pronunciations."""

import pytest

from media.providers.normalisation.lexicon import with_pronunciations
from media.providers.normalisation.normaliser import READERS
from media.providers.normalisation.spans import read_as_written
from shared.plan import Pronunciation

LEXICON = (Pronunciation("Nguyen", "win"), Pronunciation("B2B", "bee to bee"), Pronunciation("ACME's", "ack mees"))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Ask Dr Nguyen, please.", "Ask Dr win, please."),
        ("(NGUYEN) here", "(win) here"),
        ("It is Nguyen's room.", "It is win's room."),
        ("\u201cNguyen\u201d\n", "\u201cwin\u201d\n"),
        ("ACME's offer, not ACME", "ack mees offer, not ACME"),
        ("Nguyens are many", "Nguyens are many"),
    ],
)
def test_a_word_is_replaced_with_the_punctuation_around_it(written: str, spoken: str) -> None:
    spans = with_pronunciations(read_as_written, LEXICON)(written)
    assert "".join(span.spoken for span in spans) == spoken
    assert "".join(span.written for span in spans) == written


def test_a_pronunciation_goes_before_the_rules_of_the_language() -> None:
    spans = with_pronunciations(READERS["en"], LEXICON)("B2B is 5% of it.")
    assert "".join(span.spoken for span in spans) == "bee to bee is five percent of it."


def test_the_words_of_a_number_are_no_words_of_the_text() -> None:
    spans = with_pronunciations(READERS["de"], [Pronunciation("Uhr", "UHR")])("Um 8 Uhr. Die Uhr!")
    assert "".join(span.spoken for span in spans) == "Um acht Uhr. Die UHR!"


def test_without_pronunciations_nothing_is_done() -> None:
    assert with_pronunciations(read_as_written, ()) is read_as_written
