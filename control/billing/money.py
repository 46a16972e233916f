"""Amounts of money in the currency's smallest unit; no SQL."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# Decimal places of currencies that do not have two (ISO 4217, list one, "minor unit"; the Icelandic and the Ugandan
# currency have none since their subunits were withdrawn).
_EXPONENTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        (
            "bif",
            "clp",
            "djf",
            "gnf",
            "isk",
            "jpy",
            "kmf",
            "krw",
            "pyg",
            "rwf",
            "ugx",
            "vnd",
            "vuv",
            "xaf",
            "xof",
            "xpf",
        ),
        0,
    ),
    **dict.fromkeys(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"), 3),
}


def exponent_of(currency: str) -> int:
    """Decimal places of the currency (ISO 4217, lower case)."""
    return _EXPONENTS.get(currency, 2)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Rounds to the currency's smallest unit, half away from zero, so that an amount and its reversal cancel out."""
    return amount.quantize(Decimal(1).scaleb(-exponent_of(currency)), ROUND_HALF_UP)


def format_money(amount: Decimal, currency: str) -> str:
    """An amount with its currency, such as 1,234.50 USD."""
    return f"{amount:,.{exponent_of(currency)}f} {currency.upper()}"
