"""Lengths and check digits of payment card numbers (ISO/IEC 7812, Luhn)."""

from typing import Final

# Ranges of first digits, and the card lengths of their brand. The first range that matches applies.
_BRANDS: Final = (
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14,)),  # Diners Club
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16,)),  # JCB
    ("4", "4", (16,)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("6011", "6011", (16,)),  # Discover
    ("644", "659", (16,)),
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("50", "50", (16, 18, 19)),  # Maestro
    ("56", "69", (16, 18, 19)),
)
_USUAL: Final = frozenset({16})


def card_lengths(digits: str) -> frozenset[int]:
    """Return the possible lengths of a card number that begins with these digits, or 16 if the brand is unknown."""
    for first, last, lengths in _BRANDS:
        if len(digits) >= len(first) and first <= digits[: len(first)] <= last:
            return frozenset(lengths)
    return _USUAL


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the digits before it."""
    doubled = "0246813579"
    total = sum(int(doubled[int(digit)] if place % 2 else digit) for place, digit in enumerate(reversed(digits)))
    return bool(digits) and total % 10 == 0
