"""Reads money, percentages, measures, ordinals and plain numbers."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.english import word_list
from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.numerals import cardinal, decimal, digits, ordinal

# Names by sign: singular, plural, singular and plural of the hundredth.
_CURRENCIES: Final = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "sen", "sen"),
}
_CURRENCY_NAMES: Final = word_list("dollars euros pounds yen cents")
_NUMBER: Final = r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?"
_SIGN: Final = "[$€£¥]"
_SUFFIX: Final = "[kKmMbB]|[mMbBtT]n"
# -$5, $-5, US$5, $.99, $20k, $2bn; 5€; $5/month. In a range ($10-15), the sign belongs to both ends.
_MONEY: Final = re.compile(rf"([-\u2212])?(US|CAD?|C|AUD?|A|NZ)?({_SIGN})([-\u2212])?(?:{_NUMBER}|\.(\d+))({_SUFFIX})?")
_MONEY_BEHIND: Final = re.compile(rf"([-\u2212])?(\d[\d.,]*)({_SIGN})")
_PRICE: Final = re.compile(r"(\D{0,5}\d[\d.,]*\D?)/([a-z]+)", re.IGNORECASE)
_MONEY_RANGE: Final = re.compile(rf"({_SIGN})([\d.,]+)[-\u2013]({_SIGN})?([\d.,]+(?:{_SUFFIX})?)")
_CENTS: Final = re.compile(r"(\d+)¢")
_COUNTRIES: Final = {
    **{"US": ("U", "S"), "NZ": ("new", "zealand")},
    **dict.fromkeys(("A", "AU", "AUD"), ("australian",)),
    **dict.fromkeys(("C", "CA", "CAD"), ("canadian",)),
}
_PER: Final = {"mo": "month", "yr": "year", "hr": "hour", "h": "hour", "wk": "week", "min": "minute", "pp": "person"}
_PLAIN: Final = re.compile(rf"([-\u2212])?{_NUMBER}(%|°[FC]?)?")
_ORDINAL: Final = re.compile(r"(\d{1,4})(?:st|nd|rd|th)", re.IGNORECASE)
_FRACTIONS: Final = {
    "1/2": ("one", "half"),
    "1/3": ("one", "third"),
    "2/3": ("two", "thirds"),
    "1/4": ("one", "quarter"),
    "3/4": ("three", "quarters"),
}
_GLYPHS: Final = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}
_MIXED: Final = re.compile(rf"(\d+)([{''.join(_GLYPHS)}])")
_UNITS: Final = {
    "": (),
    "%": ("percent",),
    "°": ("degrees",),
    "°F": ("degrees", "fahrenheit"),
    "°C": ("degrees", "celsius"),
}
_LARGE: Final = frozenset(("thousand", "million", "billion", "trillion"))
_SUFFIXES: Final = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "tn": "trillion",
}
# Numbers of this many digits or more (orders, accounts, postal codes) are read digit by digit, in groups of three.
_LONG_NUMBER: Final = 5
# Figures after these words are read digit by digit, like those of a card or telephone. After "ends in", a year is read
# as a year.
_LAST_FIGURES: Final = frozenset(
    (("ending", "in"), ("ending", "with"), ("ends", "in"), ("ends", "with"), ("last", "four"), ("digits", "are"))
)
_YEARS: Final = re.compile(r"(?:19|20)\d\d")
# A number after one of these words is an identifier, not an amount.
_IDENTIFIER_WORDS: Final = word_list("code ext extension pin suite room apartment apt unit zip flight")


def read_fraction(word: str, context: WordContext) -> Sequence[str] | None:
    """Return the words for a common fraction (which is not a date), or None for any other word."""
    if match := _MIXED.fullmatch(word):
        return [*cardinal(int(match[1])), *_and_a(_FRACTIONS[_GLYPHS[match[2]]])]
    fraction = _FRACTIONS.get(_GLYPHS.get(word, word))
    return _and_a(fraction) if fraction and context.before.isdecimal() else fraction  # 2 1/2


def _and_a(fraction: tuple[str, str]) -> list[str]:
    """Return "and a half", "and three quarters" and so on."""
    return ["and", "a" if fraction[0] == "one" else fraction[0], fraction[1]]


def read_amount(word: str, context: WordContext) -> Sequence[str] | None:
    """Return the words for an amount, or None for any other word."""
    if said := read_money(word, context):
        return said
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


def read_money(word: str, context: WordContext) -> Sequence[str] | None:
    """Return the words for an amount of money, a range of amounts, or a price per unit. Returns None for any other
    word."""
    if match := _MONEY.fullmatch(word):
        return _money(match, context)
    if match := _MONEY_BEHIND.fullmatch(word):
        return read_money(f"{match[1] or ''}{match[3]}{match[2]}", context)
    if match := _CENTS.fullmatch(word):
        return [*cardinal(int(match[1])), "cent" if match[1] == "1" else "cents"]
    if match := _MONEY_RANGE.fullmatch(word):
        return _money_range(match, context)
    if (match := _PRICE.fullmatch(word)) and (said := read_money(match[1], context)):
        return [*said, "per", _PER.get(match[2].lower(), match[2].lower())]
    return None


def _money_range(match: re.Match[str], context: WordContext) -> list[str] | None:
    sign = match[1]
    first, last = read_money(f"{sign}{match[2]}", context), read_money(f"{match[3] or sign}{match[4]}", context)
    if not first or not last:
        return None
    if match[2].isdecimal() and match[3] in (None, sign):
        first = cardinal(int(match[2]))
    return [*first, "to", *last]


def read_number(number: str) -> list[str]:
    """Read a number without signs: as an amount if it is short, otherwise digit by digit."""
    if len(number) < _LONG_NUMBER and (number == "0" or not number.startswith("0")):
        return cardinal(int(number))
    return read_digit_groups(number)


def read_digit_groups(number: str) -> list[str]:
    """Read a number digit by digit with a pause after every third digit, but without a single digit at the end."""
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
    one, many, cent, cents = _CURRENCIES[match[3]]
    country = _COUNTRIES.get(match[2] or "", ())
    written, fraction, suffix = match[5] or "0", match[6] or match[7] or "", match[8]
    whole = int(written.replace(",", ""))
    sign = ["minus"] if match[1] or match[4] else []
    size = _SUFFIXES[suffix.lower()] if suffix else context.after if context.after in _LARGE else ""
    if size or len(fraction) not in (0, 2):
        number = [*sign, *decimal(written + (f".{fraction}" if fraction else ""))]
        return number if size and not suffix else [*number, *([size] if size else []), *country, many]
    spoken = [*cardinal(whole), *country, one if whole == 1 else many] if whole or not fraction else []
    if fraction.strip("0"):
        hundredths = int(fraction)
        spoken += ["and"] if spoken else []
        spoken += [*cardinal(hundredths), cent if hundredths == 1 else cents]
    return [*sign, *(spoken or [*cardinal(0), many])]


def _is_spelled(word: str, context: WordContext) -> bool:
    """Whether a number is read digit by digit regardless of its length."""
    if (context.earlier, context.before) in _LAST_FIGURES:
        return context.earlier != "ends" or _YEARS.fullmatch(word) is None
    return context.before in _IDENTIFIER_WORDS


def _plain(word: str, match: re.Match[str], context: WordContext) -> list[str]:
    sign = ["minus"] if match[1] else []
    unit = list(_UNITS[match[4] or ""])
    if word.isdecimal():
        if context.after in _CURRENCY_NAMES:
            return cardinal(int(word))
        return digits(word) if _is_spelled(word, context) else read_number(word)
    return [*sign, *decimal(word.lstrip("-\u2212").rstrip("%°FC")), *unit]
