"""What a provider costs, as the staff's API writes it: role, then model, then unit and price; no SQL."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from control.billing.model import StoredPrice
from control.billing.prices import PRICE_UNITS, PriceKey, PriceUnit, Role
from shared.errors import Invalid

CostUnit = Literal["minute", "thousand_characters", "million_tokens"]
# The price units of a language model, by the field that has the price.
TOKEN_UNITS: Final[Mapping[str, PriceUnit]] = {
    "input": "million_prompt_tokens",
    "cached_input": "million_cached_tokens",
    "cache_write": "million_cache_write_tokens",
    "output": "million_completion_tokens",
}


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The price of one model in US dollars: `price` for a unit, or the others for a million tokens. cached_input,
    cache_write: as much as input where they are None."""

    unit: CostUnit
    price: Decimal | None = None
    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None


def make_prices(provider: str, costs: Mapping[Role, Mapping[str, UnitCost]]) -> dict[PriceKey, Decimal]:
    """The prices of each role and model. Raises Invalid, which names the model."""
    return {
        PriceKey("cost", provider, role, model, unit): price
        for role, models in costs.items()
        for model, cost in models.items()
        for unit, price in _unit_prices(role, model, cost)
    }


def make_costs(prices: Iterable[StoredPrice]) -> dict[str, dict[str, UnitCost]]:
    """The other way: of the newest version of each price."""
    found: dict[str, dict[str, dict[str, Decimal]]] = {}
    for one in prices:
        key = one.version.key
        found.setdefault(key.role, {}).setdefault(key.model, {})[key.unit] = one.version.price
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
