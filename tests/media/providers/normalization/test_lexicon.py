"""An agent's pronunciations."""

import time

import pytest

from media.providers.normalization.lexicon import with_pronunciations
from media.providers.normalization.normalizer import READERS
from media.providers.normalization.spans import read_as_written
from shared.plan import Pronunciation
from tests.platform.computation import slowed

LEXICON = (Pronunciation("Nguyen", "win"), Pronunciation("B2B", "bee to bee"), Pronunciation("ACME's", "ack mees"))
SIGNS = (Pronunciation("C++", "see plus plus"), Pronunciation("Yahoo!", "yah who"), Pronunciation("(a)", "circle a"))


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


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("We teach C++, C and C#.", "We teach see plus plus, C and C#."),
        ("(C++) here", "(see plus plus) here"),
        ("Ask Yahoo! now", "Ask yah who now"),
        ("Yahoo!'s site", "yah who's site"),
        ("Yahoo.", "Yahoo."),
        ("Choose (a).", "Choose circle a."),
    ],
)
def test_a_word_may_begin_or_end_with_signs(written: str, spoken: str) -> None:
    spans = with_pronunciations(read_as_written, SIGNS)(written)
    assert "".join(span.spoken for span in spans) == spoken


@pytest.mark.parametrize("word", [".*", "[a-z]+", "\\", "a|b", "(?:", "$1"])
def test_word_is_not_a_pattern(word: str) -> None:
    spans = with_pronunciations(read_as_written, [Pronunciation(word, r"\g<0>\1")])(f"x {word} abc")
    assert "".join(span.spoken for span in spans) == r"x \g<0>\1 abc"


def test_a_pronunciation_goes_before_the_rules_of_the_language() -> None:
    spans = with_pronunciations(READERS["en"], LEXICON)("B2B is 5% of it.")
    assert "".join(span.spoken for span in spans) == "bee to bee is five percent of it."


def test_the_words_of_a_number_are_no_words_of_the_text() -> None:
    spans = with_pronunciations(READERS["de"], [Pronunciation("Uhr", "UHR")])("Um 8 Uhr. Die Uhr!")
    assert "".join(span.spoken for span in spans) == "Um acht Uhr. Die UHR!"


def test_without_pronunciations_nothing_is_done() -> None:
    assert with_pronunciations(read_as_written, ()) is read_as_written


def test_no_word_of_signs_takes_long() -> None:
    """Patterns that go back for each sign took 4.6 s of all calls' event loop."""
    read = with_pronunciations(read_as_written, [Pronunciation("+" * length, "plus") for length in range(1, 60)])
    began = time.process_time()
    read("+" * 3_000 + "a")
    assert time.process_time() - began < slowed(0.2)
