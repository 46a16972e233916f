"""The finder on any text: it never fails, takes linear time, and finds a number however it is split over turns."""

import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.redaction.cards import is_card_number
from control.redaction.finder import KINDS, SpokenText, find_sensitive, is_redacted, redact, redact_text
from control.redaction.number_words import LANGUAGES, read_digits
from control.redaction.tokens import tokenize

DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# What would take long if a rule looked at everything for each word.
HOSTILE = (
    "4 ",
    "a@",
    "at dot com ",
    "one no ",
    "double ",
    "x1 ",
    "card cvv ssn 4111 ",
    "john dot ",
    "four hundred and ",
)


def count_calls(work: Callable[[], object]) -> int:
    """How many functions are called, by Python or in C: a measure of time that does not depend on the machine."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_in_the_length(piece: str) -> None:
    short, long = ([SpokenText("c", piece * count)] for count in (150, 600))
    redact(short, KINDS)
    assert count_calls(lambda: redact(long, KINDS)) <= 4.4 * count_calls(lambda: redact(short, KINDS))


@settings(max_examples=150)
@given(st.lists(st.text(max_size=60), max_size=6), st.sets(st.sampled_from(KINDS)))
def test_any_text_is_read(texts: list[str], kinds: set[str]) -> None:
    turns = [SpokenText("ca"[place % 2], text) for place, text in enumerate(texts)]
    found = find_sensitive(turns, kinds)
    assert all(one.kind in kinds and 0 <= one.start < one.end <= len(texts[one.place]) for one in found)
    kept = redact(turns, kinds)
    assert all(is_redacted(text) or text == turn.text for text, turn in zip(kept, turns, strict=True))


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if is_card_number(digits + last))


@settings(max_examples=60)
@given(
    st.text("0123456789", min_size=14, max_size=14),
    st.lists(st.integers(1, 15), max_size=3, unique=True),
    st.booleans(),
)
def test_card_number_is_found_however_it_is_split(digits: str, cuts: list[int], as_words: bool) -> None:
    """Into turns, with an answer between them, as words or digits."""
    number = with_check_digit("4" + digits)
    ends = [0, *sorted(cuts), len(number)]
    parts = [number[start:end] for start, end in pairwise(ends)]
    spoken = [" ".join(DIGITS[int(one)] for one in part) if as_words else part for part in parts]
    turns = [turn for text in spoken for turn in (SpokenText("c", text), SpokenText("a", "Go on."))]
    assert all(is_redacted(text) for text in redact(turns, KINDS)[::2])


@settings(max_examples=60)
@given(st.text("0123456789", min_size=14, max_size=14), st.lists(st.integers(2, 14), max_size=4, unique=True))
def test_no_part_of_a_card_number_stays_when_its_turns_come_one_by_one(digits: str, cuts: list[int]) -> None:
    """Turns are redacted as they come: the first twelve digits may be redacted before the last four are said."""
    number = with_check_digit("4" + digits)
    ends = [0, *(cut for cut in sorted(cuts) if all(abs(cut - other) > 1 for other in cuts if other < cut)), 16]
    texts = [SpokenText("a", "Your card number, please?")]
    for start, end in pairwise(ends):
        texts += [SpokenText("c", " ".join(DIGITS[int(one)] for one in number[start:end])), SpokenText("a", "Go on.")]
        texts = [SpokenText(one.speaker, text) for one, text in zip(texts, redact(texts, KINDS), strict=True)]
    assert all(is_redacted(one.text) for one in texts if one.speaker == "c")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_number_below_1000_has_a_reading(language: str) -> None:
    """The numbers of the tables themselves: those up to 100, which people use, are read as one number."""
    samples = {
        "en": "ninety-nine", "de": "neunundneunzig", "es": "noventa y nueve", "fr": "quatre-vingt-dix-neuf",
        "it": "novantanove", "nl": "negenennegentig", "pt": "noventa e nove",
    }  # fmt: skip
    assert [digit.digits for digit in read_digits(tokenize([(0, samples[language])]), language)] == ["99"]


@pytest.mark.parametrize("zero", [0x0660, 0x0966, 0xFF10], ids=["arabic", "devanagari", "full width"])
def test_digits_of_other_scripts_are_read(zero: int) -> None:
    written = "".join(chr(zero + int(digit)) for digit in "4111111111111111")
    assert redact_text(f"({written})", KINDS) == "([redacted: card number])"


def test_nothing_is_found_twice() -> None:
    once = redact_text("4111 1111 1111 1111, the cvv is 123, mail a@b.com", KINDS)
    assert redact_text(once, KINDS) == once
