"""Prices: which version holds at a moment, and the amount of a quantity by it; no SQL.

An amount is price * quantity / the unit's size, computed exactly and rounded once, half to even, to the nine decimal
places of the ledger's columns.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final, Literal

from control.platform.model import CURRENCY
from shared.events import UsageUnit

# What we pay, and what the customer pays.
Side = Literal["cost", "price"]
Role = Literal["stt", "llm", "tts", "telephony", "call_minutes"]
PriceUnit = Literal[
    "minute",
    "thousand_characters",
    "million_prompt_tokens",
    "million_cached_tokens",
    "million_cache_write_tokens",
    "million_completion_tokens",
]
LedgerUnit = UsageUnit | Literal["second"]
# The model of a price that holds for all models without one of their own.
ANY_MODEL: Final = "*"
PRICE_UNITS: Final[Mapping[Role, tuple[PriceUnit, ...]]] = {
    "stt": ("minute",),
    "llm": (
        *("million_prompt_tokens", "million_cached_tokens"),
        *("million_cache_write_tokens", "million_completion_tokens"),
    ),
    "tts": ("thousand_characters",),
    "telephony": ("minute",),
    "call_minutes": ("minute",),
}
# By unit of the ledger: its size in the price's unit, and the units that it is priced by, first choice first. Tokens
# that were read from a vendor's cache or are written to it cost as much as the others where they have no price of their
# own: of the first too high an estimate is found, too low is not, and vendors without such a price bill the second so.
_PRICED_BY: Final[Mapping[LedgerUnit, tuple[int, tuple[PriceUnit, ...]]]] = {
    "ms": (60_000, ("minute",)),
    "second": (60, ("minute",)),
    "characters": (1_000, ("thousand_characters",)),
    "prompt_tokens": (1_000_000, ("million_prompt_tokens",)),
    "cached_tokens": (1_000_000, ("million_cached_tokens", "million_prompt_tokens")),
    "cache_write_tokens": (1_000_000, ("million_cache_write_tokens", "million_prompt_tokens")),
    "completion_tokens": (1_000_000, ("million_completion_tokens",)),
}
_PLACES: Final = Decimal("1e-9")
# Digits of an exact product: 18 of a price, 18 of a quantity.
_DIGITS: Final = 60


@dataclass(frozen=True, slots=True)
class PriceKey:
    """What a price is for. provider: of a cost the provider or carrier; of a price the workspace's tier. currency: ISO
    4217, lower case; costs are in the platform's."""

    side: Side
    provider: str
    role: Role
    model: str
    unit: PriceUnit
    currency: str = CURRENCY


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """A price from `valid_from` until the key's next version."""

    id: int
    key: PriceKey
    price: Decimal
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Consumption:
    """A quantity to be priced. model: empty where there is none. currency: of the price."""

    side: Side
    provider: str
    role: Role
    model: str
    unit: LedgerUnit
    quantity: int
    currency: str = CURRENCY


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in major units; None: unknown. version: the price version that it was computed by."""

    value: Decimal | None
    version: int | None = None


UNKNOWN: Final = Amount(None)
ZERO: Final = Amount(Decimal(0))


class PriceList:
    """Versions of prices."""

    def __init__(self, versions: Iterable[PriceVersion]) -> None:
        by_key: dict[PriceKey, list[PriceVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda one: one.valid_from):
            by_key[version.key].append(version)
        self._by_key = dict(by_key)

    def calculate(self, used: Consumption, at: datetime) -> Amount:
        """The amount by the version that held at that moment; UNKNOWN without one."""
        version = self._find(used, at)
        if version is None:
            return UNKNOWN
        size, _ = _PRICED_BY[used.unit]
        return Amount(round_amount(version.price * used.quantity, size), version.id)

    def _find(self, used: Consumption, at: datetime) -> PriceVersion | None:
        found = (self._version_at(key, at) for key in _wanted_keys(used))
        return next((version for version in found if version is not None), None)

    def _version_at(self, key: PriceKey, at: datetime) -> PriceVersion | None:
        versions = self._by_key.get(key, ())
        place = bisect_right(versions, at, key=lambda one: one.valid_from)
        return versions[place - 1] if place else None


def round_amount(amount: Decimal, size: int = 1) -> Decimal:
    """amount / size with nine decimal places, half to even."""
    with localcontext(prec=_DIGITS):
        return (amount / size).quantize(_PLACES, ROUND_HALF_EVEN)


def candidate_keys(key: PriceKey) -> Iterator[PriceKey]:
    """The keys whose prices hold for this one's usage, first choice first, which is the key itself; those of a model
    come before those of any model."""
    units = next(units for _, units in _PRICED_BY.values() if units[0] == key.unit)
    for model in dict.fromkeys((key.model, ANY_MODEL)):
        for unit in units:
            yield PriceKey(key.side, key.provider, key.role, model, unit, key.currency)


def _wanted_keys(used: Consumption) -> Iterator[PriceKey]:
    _, units = _PRICED_BY[used.unit]
    return candidate_keys(PriceKey(used.side, used.provider, used.role, used.model, units[0], used.currency))
