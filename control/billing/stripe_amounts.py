"""Amounts as Stripe has them: integers in the smallest unit."""

from decimal import Decimal
from typing import Final

from control.billing.money import exponent_of
from control.billing.sinks import SinkError

# Rules of their own at Stripe (docs.stripe.com/currencies, "Special cases"): currencies without decimal places that
# Stripe writes with two, and those of which it takes whole amounts only.
_TWO_PLACES: Final = frozenset({"isk", "ugx"})
_SPECIAL: Final = frozenset({"huf", "mga", "twd"})
# Currencies with three decimal places that Stripe has.
_THREE_PLACES: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def to_major(amount: int, currency: str) -> Decimal:
    """An amount in major units, of one in the smallest unit. Raises SinkError as `to_minor` does."""
    return Decimal(amount).scaleb(-_places_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in the currency's smallest unit at Stripe. Raises SinkError for a currency with rules of its own, and
    an amount that has a smaller part."""
    places = _places_of(currency)
    minor = amount.scaleb(places)
    if minor != int(minor) or (places == 3 and minor % 10):
        raise SinkError(f"{amount} {currency} has parts of the smallest unit")
    return int(minor)


def _places_of(currency: str) -> int:
    places = 2 if currency in _TWO_PLACES else exponent_of(currency)
    if currency in _SPECIAL or (places == 3 and currency not in _THREE_PLACES):
        raise SinkError(f"no amounts in {currency} are sent to Stripe")
    return places
