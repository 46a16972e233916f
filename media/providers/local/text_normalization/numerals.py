"""Converts numbers to lists of English words."""

from typing import Final

from media.providers.english import word_list

_UNITS: Final = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = word_list("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1_000, "thousand"), (100, "hundred"))
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> list[str]:
    """Convert a number: 1250 is "one thousand two hundred fifty". Numbers above 999 trillion are read digit by digit.
    Raises ValueError below 0."""
    if number < 0:
        raise ValueError(f"number: {number} is negative")
    if number >= 10**15:
        return digits(str(number))
    if number < 20:
        return [_UNITS[number]]
    if number < 100:
        tens, units = divmod(number, 10)
        return [_TENS[tens], *([_UNITS[units]] if units else [])]
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    many, rest = divmod(number, size)
    return [*cardinal(many), name, *(cardinal(rest) if rest else [])]


def ordinal(number: int) -> list[str]:
    """Convert a number to an ordinal: 22 is "twenty second"."""
    *head, last = cardinal(number)
    if last in _ORDINALS:
        return [*head, _ORDINALS[last]]
    return [*head, last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th"]


def year(number: int) -> list[str]:
    """Convert a year of four digits: 1999 is "nineteen ninety nine", 2005 "two thousand five", 2026 "twenty twenty
    six"."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if not rest:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh"] if rest < 10 else []), *cardinal(rest)]


def digits(text: str) -> list[str]:
    """Convert each digit. Other characters are ignored."""
    return [_UNITS[int(character)] for character in text if character.isdecimal()]


def decimal(text: str) -> list[str]:
    """Convert a decimal: "1,250.05" is "one thousand two hundred fifty point zero five"."""
    whole, _, fraction = text.replace(",", "").partition(".")
    words = cardinal(int(whole or 0))
    return [*words, "point", *digits(fraction)] if fraction else words
