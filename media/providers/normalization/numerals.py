"""Converts numbers to the words of a language, with num2words."""

import re
from typing import Final

from num2words import num2words  # type: ignore[import-untyped]  # ships no types

from media.providers.normalization.languages import NumberLanguage

# Numbers of at least this length are read digit by digit: postal codes, orders, accounts.
LONG_NUMBER: Final = 5
# num2words fails for numbers from 10**27 to 10**36, depending on the language. Nobody reads such numbers as words.
_LARGEST: Final = 10**15
_GERMAN_YEARS: Final = range(1100, 2000)


def say_integer(language: NumberLanguage, number: int, *, before_noun: bool = False) -> str:
    """Return the words for an integer.

    Args:
        before_noun: Use the form before a noun, as in "veintiún euros".
    """
    if number >= _LARGEST:
        return say_digit_groups(language, str(number))
    said = str(num2words(number, lang=language.code))
    if before_noun:
        for ending, elided in language.elision.items():
            if said.endswith(ending):
                return said.removesuffix(ending) + elided
    return said


def say_ordinal(language: NumberLanguage, number: int) -> str:
    """Return an ordinal in its dictionary form."""
    return str(num2words(number, lang=language.code, to="ordinal"))


def say_year(language: NumberLanguage, number: int) -> str:
    """Return the words for a year of four digits."""
    form = "year" if language.code == "de" and number in _GERMAN_YEARS else "cardinal"
    return str(num2words(number, lang=language.code, to=form))


def say_digits(language: NumberLanguage, digits: str) -> str:
    """Read a number digit by digit."""
    return " ".join(say_integer(language, int(digit)) for digit in digits)


def say_digit_groups(language: NumberLanguage, digits: str) -> str:
    """Read a number digit by digit with a pause after every third digit. No digit is alone at the end."""
    if len(digits) <= LONG_NUMBER:
        return say_digits(language, digits)
    head, rest = (digits[:-4], [digits[-4:]]) if len(digits) % 3 == 1 else (digits, [])
    return ", ".join(say_digits(language, group) for group in [*re.findall(r"\d{1,3}", head), *rest])


def say_decimal(language: NumberLanguage, whole: str, fraction: str, *, before_noun: bool = False) -> str:
    """Return the words for a decimal. At most two decimals without a leading zero are read as a number; other decimals
    are read digit by digit."""
    if not fraction:
        return say_integer(language, int(whole), before_noun=before_noun)
    as_number = len(fraction) <= 2 and not fraction.startswith("0") and language.code != "de"
    said = say_integer(language, int(fraction)) if as_number else say_digits(language, fraction)
    return f"{say_integer(language, int(whole))} {language.decimal} {said}"


def parse_number(language: NumberLanguage, text: str, *, comma_groups: bool = True) -> tuple[str, str]:
    """Return the digits before and after the decimal sign of "1.250,50", "1 250,50" or "1,250.50".

    Args:
        comma_groups: "1,250" may be a thousand, if the language allows it.
    """
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    marks = [character for character in plain if character in ".,"]
    if not marks:
        return plain, ""
    groups = re.fullmatch(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*", plain)
    if groups and (groups[1] == "." or (comma_groups and language.comma_groups) or len(marks) > 1):
        return plain.replace(groups[1], ""), ""
    whole, _, fraction = plain.rpartition(marks[-1])
    return re.sub(r"[.,]", "", whole), fraction
