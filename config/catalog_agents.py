"""Providers and agent templates that the product ships with, validated."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from config.catalog import DATA

# The vendors' folders. A vendor whose providers ship with the product has a `providers.json`.
VENDORS: Final = Path(__file__).resolve().parents[1] / "vendors"
Kind = Literal["stt", "llm", "tts"]


class _Shipped(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Shipped):
    """A list price in US dollars, pay as you go.

    Speech to text has `price` per minute, text to speech per thousand characters. Language models have `input`,
    `cached_input`, `cache_write` and `output` per million tokens.
    """

    unit: Literal["minute", "thousand_characters", "million_tokens"]
    price: Decimal | None = Field(None, ge=0)
    input: Decimal | None = Field(None, ge=0)
    cached_input: Decimal | None = Field(None, ge=0)
    cache_write: Decimal | None = Field(None, ge=0)
    output: Decimal | None = Field(None, ge=0)


class ShippedProvider(_Shipped):
    """One provider. Staff may change is_enabled, priority, cost_per_unit, config and data_policy, which are initial
    values.

    Attributes:
        vendor: The adapter with which media makes it. By default the adapter of the same name.
        cost_per_unit: By kind, then by model. The model "*" stands for all others.
        priced_in: Year and month of these prices. Empty if no source has a date.
        price_source: Where the prices were read.
        config: Default options by kind.
        options: The options that an agent may set, by kind. Never a URL or a key, which would send the platform's key
            elsewhere.
    """

    provider: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    display_name: str = Field(min_length=1)
    vendor: str = ""
    kinds: tuple[Kind, ...] = Field(min_length=1)
    needs_key: bool
    for_tests: bool = False
    options: dict[Kind, tuple[str, ...]] = {}
    is_enabled: bool
    priority: int = Field(ge=0)
    cost_per_unit: dict[Kind, dict[str, Price]] = {}
    priced_in: str = Field("", pattern=r"^(20[0-9]{2}(-[01][0-9])?|)$")
    price_source: str = ""
    config: dict[Kind, dict[str, Any]] = {}
    data_policy: dict[str, Any] = {}


class ShippedTemplate(_Shipped):
    """One template. `control/agents/config.py` validates its default_config."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    name: str = Field(min_length=1, max_length=200)
    industry: str | None = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    description: str = Field(min_length=1, max_length=2_000)
    default_config: dict[str, Any]


def read_providers(folder: Path = VENDORS) -> list[ShippedProvider]:
    """Read the catalog from the vendors' folders, ordered by priority. Raises OSError, pydantic.ValidationError."""
    read = TypeAdapter(list[ShippedProvider]).validate_json
    found = [provider for file in folder.glob("*/providers.json") for provider in read(file.read_bytes())]
    return sorted(found, key=lambda provider: (provider.priority, provider.provider))


def shipped_providers(folder: Path = VENDORS) -> tuple[dict[str, Any], ...]:
    """Return the catalog, each provider by column names. Its config names its vendor. Raises the errors of
    `read_providers`."""
    return tuple(_columns(provider) for provider in read_providers(folder))


def shipped_templates(folder: Path = DATA) -> tuple[dict[str, Any], ...]:
    """Return the templates, one per file, in the order of file names. Raises the errors of `shipped_providers`."""
    files = sorted((folder / "templates").glob("*.json"))
    return tuple(ShippedTemplate.model_validate_json(file.read_bytes()).model_dump() for file in files)


def _columns(provider: ShippedProvider) -> dict[str, Any]:
    columns = provider.model_dump(exclude_none=True, exclude={"priced_in", "price_source"})
    vendor = columns.pop("vendor") or provider.provider
    return {**columns, "config": {"vendor": vendor, **columns["config"]}}
