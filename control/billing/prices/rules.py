"""Prices: the version that applies at a time, and the amount for a quantity.

An amount is price * quantity / the unit's size, computed exactly and rounded once, half to even, to the nine decimal
places of the ledger's columns. Our costs are in the platform's currency, customers' prices in the workspace's currency.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final, Literal

from control.platform.rules import CURRENCY
from shared.errors import Invalid
from shared.events import UsageUnit

# Digits of an exact product: 18 of a price, 18 of a quantity.
_DIGITS: Final = 60

# --- Versions of prices --------------------------------------------------------------------------------------------
# cost: our cost. price: the customer's price.
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
# The model of a price that applies to all models without a price of their own.
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
# For each unit of the ledger: how many of the unit make a unit of the price, and the price units by preference. Tokens
# read from or written to a vendor's cache cost as much as other tokens if they have no price. For reads this is the
# safe side, because a cost that is too high is noticed. Vendors without a price for writes bill them like other tokens.
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


@dataclass(frozen=True, slots=True)
class PriceKey:
    """The identity of a price.

    Attributes:
        provider: For a cost, the provider or carrier; for a price, the workspace's tier.
        currency: ISO 4217, lower case. Costs are in the platform's currency.
    """

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
    """A quantity to price.

    Attributes:
        model: Empty if there is no model.
        currency: Currency of the price.
    """

    side: Side
    provider: str
    role: Role
    model: str
    unit: LedgerUnit
    quantity: int
    currency: str = CURRENCY


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in major units; None if unknown.

    Attributes:
        version: Id of the price version that determined the amount.
    """

    value: Decimal | None
    version: int | None = None


UNKNOWN: Final = Amount(None)
ZERO: Final = Amount(Decimal(0))


class PriceList:
    """Versions of prices, from which amounts are calculated."""

    def __init__(self, versions: Iterable[PriceVersion]) -> None:
        by_key: dict[PriceKey, list[PriceVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda version: version.valid_from):
            by_key[version.key].append(version)
        self._by_key = dict(by_key)

    def calculate(self, used: Consumption, at: datetime) -> Amount:
        """Return the amount by the version that applied at a time, or UNKNOWN without a version."""
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
        place = bisect_right(versions, at, key=lambda version: version.valid_from)
        return versions[place - 1] if place else None


def candidate_keys(key: PriceKey) -> Iterator[PriceKey]:
    """Yield the keys whose prices apply to the usage of a key, by preference, starting with the key itself.

    Prices of a model precede prices of any model.
    """
    units = next(units for _, units in _PRICED_BY.values() if units[0] == key.unit)
    for model in dict.fromkeys((key.model, ANY_MODEL)):
        for unit in units:
            yield PriceKey(key.side, key.provider, key.role, model, unit, key.currency)


def _wanted_keys(used: Consumption) -> Iterator[PriceKey]:
    _, units = _PRICED_BY[used.unit]
    return candidate_keys(PriceKey(used.side, used.provider, used.role, used.model, units[0], used.currency))


def round_amount(amount: Decimal, size: int = 1) -> Decimal:
    """Return amount / size with nine decimal places, rounded half to even."""
    with localcontext(prec=_DIGITS):
        return (amount / size).quantize(_PLACES, ROUND_HALF_EVEN)


# Origin of a price version: the product's data, an operator, or a tier.
Source = Literal["shipped", "operator", "tier"]


@dataclass(frozen=True, slots=True)
class StoredPrice:
    """A price version with its origin."""

    version: PriceVersion
    source: Source


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price version to insert."""

    key: PriceKey
    price: Decimal
    source: Source
    valid_from: datetime


# --- Tiers ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PlanVersion:
    """Fee and included minutes of a tier from `valid_from` until its next version.

    Attributes:
        monthly_fee: In major units.
    """

    id: int
    tier_name: str
    monthly_fee: Decimal
    included_minutes: int
    currency: str
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class TierPrice:
    """The prices of a tier in one currency, in major units.

    Attributes:
        price_per_minute: Price per minute beyond the included minutes.
    """

    tier_name: str
    currency: str
    monthly_fee: Decimal
    price_per_minute: Decimal


class PlanHistory:
    """All versions of plans in one currency."""

    def __init__(self, versions: Iterable[PlanVersion]) -> None:
        self._by_tier: dict[str, list[PlanVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda version: version.valid_from):
            self._by_tier[version.tier_name].append(version)

    def find(self, tier_name: str, at: datetime) -> PlanVersion | None:
        """Return the version that applied at a time, or the first version for an earlier time."""
        versions = self._by_tier.get(tier_name, [])
        place = bisect_right(versions, at, key=lambda version: version.valid_from)
        return versions[max(place - 1, 0)] if versions else None

    def changes(self, tier_name: str, since: datetime, until: datetime) -> list[datetime]:
        """Return the times between two times at which versions of the tier begin."""
        return [
            version.valid_from for version in self._by_tier.get(tier_name, []) if since < version.valid_from < until
        ]


# --- Currencies ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """A version of an exchange rate.

    Attributes:
        usd: US dollars per unit of the currency (ISO 4217, lower case).
    """

    id: int
    currency: str
    usd: Decimal
    valid_from: datetime


class RateHistory:
    """The versions of a currency's exchange rate. The rate of the platform's currency is 1."""

    def __init__(self, currency: str, versions: Iterable[ExchangeRate] = ()) -> None:
        self._currency = currency
        self._versions = sorted(versions, key=lambda version: version.valid_from)

    def find(self, at: datetime) -> Decimal:
        """Return the rate that applied at a time, or the first rate for an earlier time.

        Raises LookupError if the currency has no rate; accounts only use currencies with a rate.
        """
        if self._currency == CURRENCY:
            return Decimal(1)
        if not self._versions:
            raise LookupError(f"{self._currency} has no exchange rate")
        place = bisect_right(self._versions, at, key=lambda version: version.valid_from)
        return self._versions[max(place - 1, 0)].usd

    def from_usd(self, amount: Decimal, at: datetime) -> Decimal:
        """Convert US dollars to the currency, with nine decimal places. Raises LookupError."""
        rate = self.find(at)
        if rate == 1:
            return amount
        with localcontext(prec=_DIGITS):
            return round_amount(amount / rate)

    def to_usd(self, amount: Decimal, at: datetime) -> Decimal:
        """Convert an amount of the currency to US dollars, with nine decimal places. Raises LookupError."""
        return round_amount(amount * self.find(at))


# --- Costs as the staff write them ---------------------------------------------------------------------------------
CostUnit = Literal["minute", "thousand_characters", "million_tokens"]
# The price units of a language model, by field of UnitCost.
TOKEN_UNITS: Final[Mapping[str, PriceUnit]] = {
    "input": "million_prompt_tokens",
    "cached_input": "million_cached_tokens",
    "cache_write": "million_cache_write_tokens",
    "output": "million_completion_tokens",
}


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The cost of a model in US dollars: `price` per unit, or the other prices per million tokens.

    Attributes:
        cached_input: None if equal to `input`.
        cache_write: None if equal to `input`.
    """

    unit: CostUnit
    price: Decimal | None = None
    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None


def make_prices(provider: str, costs: Mapping[Role, Mapping[str, UnitCost]]) -> dict[PriceKey, Decimal]:
    """Return the prices of each role and model. Raises Invalid, which names the model."""
    return {
        PriceKey("cost", provider, role, model, unit): price
        for role, models in costs.items()
        for model, cost in models.items()
        for unit, price in _unit_prices(role, model, cost)
    }


def make_costs(prices: Iterable[StoredPrice]) -> dict[str, dict[str, UnitCost]]:
    """Return the unit costs by role and model, from the newest version of each price. Inverse of `make_prices`."""
    found: dict[str, dict[str, dict[str, Decimal]]] = {}
    for stored in prices:
        key = stored.version.key
        found.setdefault(key.role, {}).setdefault(key.model, {})[key.unit] = stored.version.price
    return {
        role: {model: _unit_cost(units) for model, units in sorted(models.items())} for role, models in found.items()
    }


def _unit_prices(role: Role, model: str, cost: UnitCost) -> Iterator[tuple[PriceUnit, Decimal]]:
    param = f"cost_per_unit.{role}.{model}"
    if cost.unit == "million_tokens":
        if role != "llm" or cost.price is not None or cost.input is None or cost.output is None:
            raise Invalid("Tokens of an llm have the prices input and output.", code="price_invalid", param=param)
        for name, unit in TOKEN_UNITS.items():
            price: Decimal | None = getattr(cost, name)
            if price is not None:
                yield unit, price
        return
    others = (cost.input, cost.cached_input, cost.cache_write, cost.output)
    if cost.unit not in PRICE_UNITS[role] or cost.price is None or any(other is not None for other in others):
        message = f"The price of {role} is `price` per {' or '.join(_cost_units(role))}."
        raise Invalid(message, code="price_invalid", param=param)
    yield cost.unit, cost.price


def _cost_units(role: Role) -> tuple[str, ...]:
    return ("million_tokens",) if role == "llm" else PRICE_UNITS[role]


def _unit_cost(units: Mapping[str, Decimal]) -> UnitCost:
    names = {unit: name for name, unit in TOKEN_UNITS.items()}
    tokens = {names[unit]: price for unit, price in units.items() if unit in names}
    if tokens:
        return UnitCost("million_tokens", **tokens)
    unit, price = next(iter(units.items()))
    return UnitCost("minute" if unit == "minute" else "thousand_characters", price)
