"""Lengths of telephone numbers by country, which show when a dictated number is complete.

Turn-taking needs only lengths, so a table replaces the package phonenumbers, which costs each media process 25 ms and
2.8 MB. `tests/media/turn/test_phone_lengths.py` compares the table with that package.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PhoneLengths:
    """The telephone numbers of a country.

    Attributes:
        code: The country's code (ITU-T E.164).
        trunk: The prefix of a number that is dialed inside the country.
        lengths: The lengths of numbers as people say them, without country code and trunk prefix.
    """

    code: str
    trunk: str
    lengths: frozenset[int]


def _plan(code: str, trunk: str, least: int, most: int = 0) -> PhoneLengths:
    return PhoneLengths(code, trunk, frozenset(range(least, (most or least) + 1)))


# The lengths of fixed and mobile numbers. Rare short codes are left out.
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
    """Return the possible lengths of a number that begins with these digits, including its prefixes.

    Args:
        country: The two-letter country code. A country that is not in the table has numbers of 7 to 15 digits (E.164).
        is_international: A plus preceded the digits.
    """
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
