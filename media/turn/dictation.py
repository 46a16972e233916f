"""Finds digits, e-mail addresses and spelled letters, and how far a dictation has progressed.

`dictation_state` depends on what the agent asked for (`expected_dictation`). All functions are pure functions of the
words.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.turn.backchannels import phrase_set, split_words
from media.turn.card_lengths import card_lengths, passes_luhn
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.phone_lengths import dialed_lengths
from media.turn.spoken_dates import read_date
from media.turn.spoken_digits import UNCLEAR, ends_open, read_digits
from media.turn.spoken_reference import read_reference

# The number of digits that a dictated number needs before it can be complete.
WHOLE_NUMBER = {"digits": 10, "code": 4}

_UNITS = phrase_set("zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine")
_TEENS = phrase_set("ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen")
_TENS = phrase_set("twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety")
_REPEATS = {"double": 1, "triple": 2}
_ZEROS = {"hundred": 2, "thousand": 3}
_TAIL_DIGITS = 3

_WRITTEN_EMAIL = re.compile(r"\S@[\w-]+(\.[\w-]+)*\.[a-z]{2,}[.!?]?\s*$", re.IGNORECASE)
# An address may continue after a country-like ending: "dot co" "dot uk".
_SHORT_END: Final = re.compile(r"\bdot\s+(co|com|org|ac|gov)[.!?]?\s*$", re.IGNORECASE)
_EMAIL_WORDS: Final = re.compile(r"\b(at|dot|underscore|hyphen)\b|@", re.IGNORECASE)
_PLUS: Final = re.compile(r"^\D*(\+|\bplus\b)", re.IGNORECASE)
_SPOKEN_EMAIL = re.compile(r"\b(at|@)\s.+(\bdot\s+|\.)[a-z]{2,}[.!?]?\s*$", re.IGNORECASE)

# The possible lengths of a code and of a reference if the question does not specify them.
_ANY_CODE: Final = frozenset(range(4, 13))
_ANY_REFERENCE: Final = frozenset(range(5, 13))


class Progress(StrEnum):
    """How far a dictation has progressed."""

    EMPTY = "empty"
    PARTIAL = "partial"
    WHOLE = "whole"
    OVERLONG = "overlong"


@dataclass(frozen=True, slots=True)
class DictationState:
    """How far a dictation has progressed.

    Attributes:
        digits: The dictated digits so far, with UNCLEAR for each digit that was not understood. References also contain
            letters. Empty for dates and e-mail addresses.
        missing: The minimum number of missing digits; 0 if there is no count.
        may_continue: The dictation is whole, but could be longer.
        is_clear: Only for a whole dictation: everything in it was understood. A card number with a wrong check digit is
            clear at its full length, because a digit was misheard and none is missing.
    """

    progress: Progress
    digits: str = ""
    missing: int = 0
    may_continue: bool = False
    is_clear: bool = False


_EMPTY: Final = DictationState(Progress.EMPTY)


def dictation_state(text: str, expected: ExpectedDictation | None) -> DictationState:
    """Return how far the caller's dictation has progressed.

    Args:
        expected: The text that the agent asked for. If it is None, a run of digits at the end is read as a US phone
            number (3-3-4), and an address as an e-mail address.
    """
    if expected is None:
        return _volunteered(text)
    return _READERS[expected.kind](text, expected)


def _volunteered(text: str) -> DictationState:
    words = split_words(text)
    if ends_in_digits(words) or (words and words[-1].isdecimal() and len(words[-1]) >= _TAIL_DIGITS):
        return _phone_state(text, ExpectedDictation(DictationKind.PHONE))
    return DictationState(Progress.WHOLE, is_clear=True) if email_is_complete(text) else _EMPTY


def _phone_state(text: str, expected: ExpectedDictation) -> DictationState:
    digits = read_digits(text)
    is_international = bool(_PLUS.match(text))
    return _counted_state(text, digits, dialed_lengths(digits, expected.country, is_international=is_international))


def _card_state(text: str, expected: ExpectedDictation) -> DictationState:
    """Return the state of a card number. If a brand has several lengths, the check digit decides, which is right by
    chance in 10 % of cases."""
    digits = read_digits(text)
    lengths = expected.lengths or card_lengths(digits)
    is_right = UNCLEAR not in digits and passes_luhn(digits)
    state = _counted_state(text, digits, lengths)
    if state.may_continue and not is_right:
        longer = min(length for length in lengths if length > len(digits))
        return DictationState(Progress.PARTIAL, digits, longer - len(digits))
    return state


def _code_state(text: str, expected: ExpectedDictation) -> DictationState:
    return _counted_state(text, read_digits(text), expected.lengths or _ANY_CODE)


def _reference_state(text: str, expected: ExpectedDictation) -> DictationState:
    return _counted_state(text, read_reference(text), expected.lengths or _ANY_REFERENCE)


def _date_state(text: str, expected: ExpectedDictation) -> DictationState:
    date = read_date(text)
    if date.is_whole(needs_year=expected.needs_year):
        return DictationState(Progress.WHOLE, may_continue=not date.has_year, is_clear=True)
    return DictationState(Progress.PARTIAL) if date.has_day or date.has_month or date.has_year else _EMPTY


def _email_state(text: str, expected: ExpectedDictation) -> DictationState:
    if email_is_complete(text):
        return DictationState(Progress.WHOLE, may_continue=bool(_SHORT_END.search(text)), is_clear=True)
    return DictationState(Progress.PARTIAL) if _EMAIL_WORDS.search(text) else _EMPTY


def _counted_state(text: str, digits: str, lengths: frozenset[int]) -> DictationState:
    count = len(digits)
    if not count:
        return _EMPTY
    if count > max(lengths):
        return DictationState(Progress.OVERLONG, digits)
    if count not in lengths or ends_open(text):
        missing = min((length for length in lengths if length > count), default=count + 1) - count
        return DictationState(Progress.PARTIAL, digits, missing)
    return DictationState(Progress.WHOLE, digits, 0, may_continue=count < max(lengths), is_clear=UNCLEAR not in digits)


_READERS: Final[Mapping[DictationKind, Callable[[str, ExpectedDictation], DictationState]]] = {
    DictationKind.PHONE: _phone_state,
    DictationKind.CARD: _card_state,
    DictationKind.CODE: _code_state,
    DictationKind.REFERENCE: _reference_state,
    DictationKind.DATE: _date_state,
    DictationKind.EMAIL: _email_state,
}


def digit_count(spoken: list[str]) -> int:
    """Count the digits in a list of words (from `split_words`): "four", "oh", "double two", "eight hundred", "555"."""
    return sum(_digits(word, before) for before, word in zip(["", *spoken], spoken, strict=False))


def ends_in_digits(spoken: list[str]) -> bool:
    """Return whether the last words are a run of at least three single digits, as in a number that is being
    dictated."""
    run = 0
    for word in reversed(spoken):
        if word not in _UNITS and not (word.isdecimal() and len(word) == 1):
            break
        run += 1
    return run >= _TAIL_DIGITS


def ends_in_letters(spoken: list[str]) -> bool:
    """Return whether the last word is a spelled letter ("j", or "j" of "j as in john" a few words back)."""
    return bool(spoken) and (
        len(spoken[-1]) == 1 or spoken[-3:-1] in (["as", "in"], ["like", "in"]) or spoken[-2:-1] == ["for"]
    )


def email_is_complete(text: str) -> bool:
    """Return whether the text ends in a whole address, written ("a@b.com") or spoken ("a at b dot com")."""
    return bool(_WRITTEN_EMAIL.search(text) or _SPOKEN_EMAIL.search(text))


def _digits(word: str, before: str) -> int:
    if word.isdecimal():
        return len(word)
    if word in _UNITS:
        # "twenty five" is two digits, which are counted with "twenty".
        return 0 if before in _TENS else 1
    if word in _TEENS or word in _TENS:
        return 2
    return _REPEATS.get(word, 0) or _ZEROS.get(word, 0)
