"""Amounts of money: rounding to the smallest unit in which a currency is charged, and formatting."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from shared.errors import Invalid

# Decimal places of currencies that do not have two (ISO 4217, list one, "minor unit"). The Icelandic and the Ugandan
# currency have none since their subunits were withdrawn.
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
# Currencies with three decimal places whose last digit is always 0 in a charge: card networks accept no other amounts
# (docs.stripe.com/currencies, "Three-decimal currencies").
_TENS: Final = frozenset({"bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"})


def exponent_of(currency: str) -> int:
    """Return the decimal places of a currency (ISO 4217, lower case)."""
    return _EXPONENTS.get(currency, 2)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round to the smallest amount that can be charged, with the currency's decimal places.

    Halves are rounded away from zero, so that an amount and its reversal cancel out.
    """
    places = -exponent_of(currency)
    charged = places + 1 if currency in _TENS else places
    return amount.quantize(Decimal(1).scaleb(charged), ROUND_HALF_UP).quantize(Decimal(1).scaleb(places))


def require_exact(amount: Decimal, currency: str, param: str = "amount") -> Decimal:
    """Return the amount. Raises Invalid if the amount has a fraction of the currency's smallest unit."""
    if amount != round_money(amount, currency):
        raise Invalid(
            f"The amount is smaller than the smallest unit of {currency.upper()}.", param=param, code="amount_invalid"
        )
    return amount


def format_money(amount: Decimal, currency: str) -> str:
    """Return an amount with its currency, such as 1,234.50 USD."""
    return f"{amount:,.{exponent_of(currency)}f} {currency.upper()}"
