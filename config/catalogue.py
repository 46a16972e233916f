"""Data that the product ships with, validated: the price list, the initial settings, and dangerous countries."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

DATA = Path(__file__).with_name("data")


class ShippedTier(BaseModel):
    """One tier of the price list; money in major units, as decimal text so that no digit is lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier_name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    display_name: str = Field(min_length=1)
    monthly_fee: Decimal = Field(ge=0, decimal_places=2)
    included_minutes: int = Field(ge=0)
    price_per_minute: Decimal = Field(ge=0, decimal_places=6)
    max_agents: int = Field(ge=0)
    max_members: int = Field(ge=1)
    max_phone_numbers: int = Field(ge=0)
    max_concurrent_calls: int = Field(ge=1)
    features: dict[str, Any]
    is_available: bool = True
    position: int


class ShippedCountry(BaseModel):
    """A country (ISO 3166) whose numbers are used for toll fraud, and who says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str = Field(pattern=r"^[A-Z]{2}$")
    name: str = Field(min_length=1)
    source: str = Field(min_length=1)


def shipped_tiers(folder: Path = DATA) -> tuple[dict[str, Any], ...]:
    """The price list, each tier by column names. Raises OSError, pydantic.ValidationError."""
    read = TypeAdapter(list[ShippedTier]).validate_json((folder / "tiers.json").read_bytes())
    return tuple(tier.model_dump() for tier in read)


def shipped_settings(folder: Path = DATA) -> dict[str, Any]:
    """Initial values by key, which `control/platform/registry.py` validates. Raises as `shipped_tiers`."""
    return TypeAdapter(dict[str, Any]).validate_json((folder / "settings.json").read_bytes())


def shipped_dangerous_countries(folder: Path = DATA) -> frozenset[str]:
    """Countries that a workspace calls only where the staff allow it by name. Raises as `shipped_tiers`."""
    read = TypeAdapter(list[ShippedCountry]).validate_json((folder / "dangerous_countries.json").read_bytes())
    return frozenset(one.country for one in read)
