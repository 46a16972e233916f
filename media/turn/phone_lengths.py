"""Lengths of telephone numbers by country, so that the end of a dictated number is known.

A table of its own rather than the package phonenumbers, which costs each media process 25 ms and 2.8 MB: turn-taking
needs lengths only. `tests/media/turn/test_phone_lengths.py` holds it against that package.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PhoneLengths:
    """code: of the country (ITU-T E.164). trunk: dialed before a number inside the country. lengths: of numbers as
    people give them, without code and trunk prefix."""

    code: str
    trunk: str
    lengths: frozenset[int]


def _plan(code: str, trunk: str, least: int, most: int = 0) -> PhoneLengths:
    return PhoneLengths(code, trunk, frozenset(range(least, (most or least) + 1)))


# Lengths of fixed and mobile numbers; those of single short-code services are left out.
PHONE_LENGTHS: Final = {
    "US": _plan("1", "1", 10),
    "CA": _plan("1", "1", 10),
    "GB": _plan("44", "0", 9, 10),
    "IE": _plan("353", "0", 7, 9),
    "DE": _plan("49", "0", 6, 11),
    "AT": _plan("43", "0", 7, 13),
    "CH": _plan("41", "0", 9),
    "FR": _plan("33", "0", 9),
    "ES": _plan("34", "", 9),
    "IT": _plan("39", "", 6, 11),
    "PT": _plan("351", "", 9),
    "NL": _plan("31", "0", 9),
    "BE": _plan("32", "0", 8, 9),
    "DK": _plan("45", "", 8),
    "NO": _plan("47", "", 8),
    "PL": _plan("48", "", 9),
    "AU": _plan("61", "0", 9),
    "NZ": _plan("64", "0", 8, 10),
    "IN": _plan("91", "0", 10),
    "MX": _plan("52", "", 10),
    "BR": _plan("55", "0", 10, 11),
}


def dialed_lengths(digits: str, country: str, *, is_international: bool = False) -> frozenset[int]:
    """How many digits a number may have that begins with these, the prefixes included that it begins with. country: two
    letters; of a country that is not in the table, 7 to 15 (E.164). is_international: a plus came before them."""
    plan = PHONE_LENGTHS.get(country)
    prefix = "011" if plan is not None and plan.code == "1" else "00"
    if is_international:
        return _foreign_lengths(digits)
    if digits.startswith(prefix):
        return _with_prefix(_foreign_lengths(digits[len(prefix) :]), len(prefix))
    if plan is None:
        return frozenset(range(7, 16))
    if plan.trunk and digits.startswith(plan.trunk):
        return _with_prefix(plan.lengths, len(plan.trunk))
    if digits.startswith(plan.code) and len(digits) > max(plan.lengths):
        return _with_prefix(plan.lengths, len(plan.code))
    return plan.lengths


def _foreign_lengths(digits: str) -> frozenset[int]:
    for plan in PHONE_LENGTHS.values():
        if digits.startswith(plan.code):
            return _with_prefix(plan.lengths, len(plan.code))
    return frozenset(range(8, 16))


def _with_prefix(lengths: frozenset[int], prefix: int) -> frozenset[int]:
    return frozenset(length + prefix for length in lengths)
