"""Prices that the product ships with: what providers and carriers cost."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from config.catalog import DATA
from config.catalog_agents import Price, shipped_providers

# The units of a language model's price, by the field of its `cost_per_unit`.
_TOKEN_UNITS: Final = {
    "input": "million_prompt_tokens",
    "cached_input": "million_cached_tokens",
    "cache_write": "million_cache_write_tokens",
    "output": "million_completion_tokens",
}


class ShippedCarrier(BaseModel):
    """The price of a minute at a carrier in both directions, in US dollars.

    Twilio and Telnyx are not listed, because their prices depend on the country and the account.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    carrier: str = Field(pattern=r"^[a-z]+$")
    price_per_minute: Decimal = Field(ge=0, decimal_places=9)


def shipped_prices(folder: Path = DATA) -> tuple[dict[str, Any], ...]:
    """Return all prices: provider, role, model, unit, price each. Raises the errors of `shipped_providers`."""
    carriers = TypeAdapter(list[ShippedCarrier]).validate_json((folder / "carriers.json").read_bytes())
    lines = [_price(carrier.carrier, "telephony", "*", "minute", carrier.price_per_minute) for carrier in carriers]
    for provider in shipped_providers():
        for role, models in provider["cost_per_unit"].items():
            for model, price in models.items():
                units = _unit_prices(Price.model_validate(price))
                lines += [_price(provider["provider"], role, model, unit, amount) for unit, amount in units]
    return tuple(lines)


def _unit_prices(price: Price) -> Iterator[tuple[str, Decimal]]:
    if price.unit != "million_tokens":
        if price.price is not None:
            yield price.unit, price.price
        return
    for member, unit in _TOKEN_UNITS.items():
        amount: Decimal | None = getattr(price, member)
        if amount is not None:
            yield unit, amount


def _price(provider: str, role: str, model: str, unit: str, price: Decimal) -> dict[str, Any]:
    return {"provider": provider, "role": role, "model": model, "unit": unit, "price": price}
