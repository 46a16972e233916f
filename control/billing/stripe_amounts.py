"""Amounts as Stripe has them: integers in the smallest unit."""

from decimal import Decimal
from typing import Final

from control.billing.money import exponent_of
from control.billing.sinks import SinkError

# Two decimal places at Stripe, whatever ISO 4217 says, or other rules (docs.stripe.com/currencies).
_SPECIAL: Final = frozenset({"huf", "isk", "mga", "twd", "ugx"})


def to_major(amount: int, currency: str) -> Decimal:
    """An amount in major units, of one in the smallest unit. Raises SinkError as `to_minor` does."""
    return Decimal(amount).scaleb(-_places_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in the currency's smallest unit at Stripe. Raises SinkError for a currency with rules of its own, and
    an amount that has a smaller part."""
    minor = amount.scaleb(_places_of(currency))
    if minor != int(minor):
        raise SinkError(f"{amount} {currency} has parts of the smallest unit")
    return int(minor)


def _places_of(currency: str) -> int:
    places = exponent_of(currency)
    if currency in _SPECIAL or places not in (0, 2):
        raise SinkError(f"no amounts in {currency} are sent to Stripe")
    return places
