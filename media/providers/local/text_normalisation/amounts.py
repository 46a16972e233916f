"""Money, percentages, measures, ordinals and plain numbers."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.english import word_list
from media.providers.local.text_normalisation.context import WordContext
from media.providers.local.text_normalisation.numerals import cardinal, decimal, digits, ordinal

# Sign: singular, plural, singular and plural of the hundredth.
_CURRENCIES: Final = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
_NUMBER: Final = r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?"
_MONEY: Final = re.compile(rf"([-\u2212])?([$€£]){_NUMBER}([kKmM])?")
_PLAIN: Final = re.compile(rf"([-\u2212])?{_NUMBER}(%|°[FC]?)?")
_ORDINAL: Final = re.compile(r"(\d{1,4})(?:st|nd|rd|th)", re.IGNORECASE)
_FRACTIONS: Final = {"1/2": ("one", "half"), "1/4": ("one", "quarter"), "3/4": ("three", "quarters")}
_GLYPHS: Final = {"½": "1/2", "¼": "1/4", "¾": "3/4"}
_UNITS: Final = {
    "": (),
    "%": ("percent",),
    "°": ("degrees",),
    "°F": ("degrees", "fahrenheit"),
    "°C": ("degrees", "celsius"),
}
_LARGE: Final = frozenset(("thousand", "million", "billion", "trillion"))
_SUFFIXES: Final = {"k": "thousand", "m": "million"}
# Numbers of this many digits or more (orders, accounts, postal codes) are read digit by digit, in groups of three.
_LONG_NUMBER: Final = 5
# A number after one of these words is an identifier, not an amount.
_IDENTIFIER_WORDS: Final = word_list("code ext extension pin suite room apartment apt unit zip flight")


def read_fraction(word: str, context: WordContext) -> Sequence[str] | None:
    """Says the commonest fractions, which are not dates; None for any other word."""
    return _FRACTIONS.get(_GLYPHS.get(word, word))


def read_amount(word: str, context: WordContext) -> Sequence[str] | None:
    """Says an amount; None for any other word."""
    if match := _MONEY.fullmatch(word):
        return _money(match, context)
    if match := _ORDINAL.fullmatch(word):
        return ordinal(int(match[1]))
    if word == "24/7":
        return ["twenty", "four", "seven"]
    if word.startswith("#") and word[1:].isdecimal():
        return ["number", *read_number(word[1:])]
    if match := _PLAIN.fullmatch(word):
        return _plain(word, match, context)
    # "$1.5 million": the currency is said after the scale.
    if word.lower() in _LARGE and context.currency in _CURRENCIES:
        return [word.lower(), _CURRENCIES[context.currency][1]]
    return None


def read_number(number: str) -> list[str]:
    """Says a number without signs: as an amount when it is short, otherwise digit by digit."""
    if len(number) < _LONG_NUMBER and (number == "0" or not number.startswith("0")):
        return cardinal(int(number))
    return read_digit_groups(number)


def read_digit_groups(number: str) -> list[str]:
    """Says a number digit by digit with a pause after every third, but leaves no single digit at the end."""
    if len(number) <= _LONG_NUMBER:
        return digits(number)
    cuts = (
        list(range(0, len(number) - 1, 3)) if len(number) % 3 != 1 else [*range(0, len(number) - 4, 3), len(number) - 4]
    )
    spoken: list[str] = []
    for start, end in zip(cuts, [*cuts[1:], len(number)], strict=True):
        spoken += ([","] if spoken else []) + digits(number[start:end])
    return spoken


def _money(match: re.Match[str], context: WordContext) -> list[str]:
    one, many, cent, cents = _CURRENCIES[match[2]]
    whole, fraction, suffix = int(match[3].replace(",", "")), match[4] or "", match[5]
    sign = ["minus"] if match[1] else []
    size = _SUFFIXES[suffix.lower()] if suffix else context.after if context.after in _LARGE else ""
    if size or len(fraction) not in (0, 2):
        number = [*sign, *decimal(match[3] + (f".{fraction}" if fraction else ""))]
        return number if size and not suffix else [*number, *([size] if size else []), many]
    spoken = [*cardinal(whole), one if whole == 1 else many] if whole or not fraction else []
    if fraction.strip("0"):
        hundredths = int(fraction)
        spoken += ["and"] if spoken else []
        spoken += [*cardinal(hundredths), cent if hundredths == 1 else cents]
    return [*sign, *(spoken or [*cardinal(0), many])]


def _plain(word: str, match: re.Match[str], context: WordContext) -> list[str]:
    sign = ["minus"] if match[1] else []
    unit = list(_UNITS[match[4] or ""])
    if word.isdecimal():
        return digits(word) if context.before in _IDENTIFIER_WORDS else read_number(word)
    return [*sign, *decimal(word.lstrip("-\u2212").rstrip("%°FC")), *unit]
