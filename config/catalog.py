"""Validates the data that the product ships with: price list, initial settings, dangerous countries, legal
disclosures."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

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


class ShippedDisclosureRule(BaseModel):
    """A law that requires that callers know that an artificial voice speaks.

    Attributes:
        countries: ISO 3166 codes of the numbers to which the law applies.
        prefixes: E.164 prefixes of the numbers to which the law applies.
        since: The law's first day.
        source: Where the law is published.
        checked: When somebody checked it last.
        note: A summary of the law.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jurisdiction: str = Field(pattern=r"^[A-Z]{2}(-[A-Z]{2})?$")
    name: str = Field(min_length=1)
    countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]]
    prefixes: list[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{2,7}$")]]
    since: date
    source: str = Field(min_length=1)
    checked: date
    note: str = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_somewhere(self) -> Self:
        if not self.countries and not self.prefixes:
            raise ValueError("a rule needs countries or prefixes")
        return self


class ShippedDisclosures(BaseModel):
    """The disclosures. `texts` are by language (ISO 639, two letters)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], Annotated[str, Field(min_length=1, max_length=500)]]
    rules: list[ShippedDisclosureRule]

    @model_validator(mode="after")
    def _has_english(self) -> Self:
        if "en" not in self.texts:
            raise ValueError("texts.en is spoken where there is no other: it is missing")
        return self


def shipped_tiers(folder: Path = DATA) -> tuple[dict[str, Any], ...]:
    """Return the price list, each tier by column names. Raises OSError, pydantic.ValidationError."""
    read = TypeAdapter(list[ShippedTier]).validate_json((folder / "tiers.json").read_bytes())
    return tuple(tier.model_dump() for tier in read)


def shipped_settings(folder: Path = DATA) -> dict[str, Any]:
    """Return initial values by key, which `control/platform/rules.py` validates. Raises the errors of
    `shipped_tiers`."""
    return TypeAdapter(dict[str, Any]).validate_json((folder / "settings.json").read_bytes())


def shipped_dangerous_countries(folder: Path = DATA) -> frozenset[str]:
    """Return countries that a workspace may call only if the staff allow it. Raises the errors of `shipped_tiers`."""
    read = TypeAdapter(list[ShippedCountry]).validate_json((folder / "dangerous_countries.json").read_bytes())
    return frozenset(country.country for country in read)


def shipped_disclosures(folder: Path = DATA) -> dict[str, Any]:
    """Return what callers are told, and where the law requires it. Raises the errors of `shipped_tiers`."""
    return ShippedDisclosures.model_validate_json((folder / "disclosures.json").read_bytes()).model_dump()
