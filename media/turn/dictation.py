"""Digits, e-mail addresses and spelled letters in recognised words, and whether a dictation is complete."""

import re

from media.turn.backchannels import phrase_set

# Digits that a dictated number must have before it can be complete.
WHOLE_NUMBER = {"digits": 10, "code": 4}

_UNITS = phrase_set("zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine")
_TEENS = phrase_set("ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen")
_TENS = phrase_set("twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety")
_REPEATS = {"double": 1, "triple": 2}
_ZEROS = {"hundred": 2, "thousand": 3}
_TAIL_DIGITS = 3

_WRITTEN_EMAIL = re.compile(r"\S@[\w-]+(\.[\w-]+)*\.[a-z]{2,}[.!?]?\s*$", re.IGNORECASE)
_SPOKEN_EMAIL = re.compile(r"\b(at|@)\s.+(\bdot\s+|\.)[a-z]{2,}[.!?]?\s*$", re.IGNORECASE)


def digit_count(spoken: list[str]) -> int:
    """Counts the digits in a list of words (from `split_words`): "four", "oh", "double two", "eight hundred", "555"."""
    return sum(_digits(word, before) for before, word in zip(["", *spoken], spoken, strict=False))


def ends_in_digits(spoken: list[str]) -> bool:
    """Whether the last words are a run of at least three single digits, as in a number that is being dictated."""
    run = 0
    for word in reversed(spoken):
        if word not in _UNITS and not (word.isdecimal() and len(word) == 1):
            break
        run += 1
    return run >= _TAIL_DIGITS


def ends_in_letters(spoken: list[str]) -> bool:
    """Whether the last word is a spelled letter ("j", or "j" of "j as in john" a few words back)."""
    return bool(spoken) and (
        len(spoken[-1]) == 1 or spoken[-3:-1] in (["as", "in"], ["like", "in"]) or spoken[-2:-1] == ["for"]
    )


def email_is_complete(text: str) -> bool:
    """Whether the text ends in a whole address, written ("a@b.com") or spoken ("a at b dot com")."""
    return bool(_WRITTEN_EMAIL.search(text) or _SPOKEN_EMAIL.search(text))


def _digits(word: str, before: str) -> int:
    if word.isdecimal():
        return len(word)
    if word in _UNITS:
        # "twenty five" is two digits, and they were counted with "twenty".
        return 0 if before in _TENS else 1
    if word in _TEENS or word in _TENS:
        return 2
    return _REPEATS.get(word, 0) or _ZEROS.get(word, 0)
