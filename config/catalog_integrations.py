"""Integration types that the product ships with."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from config.catalog import DATA


class ShippedIntegrationType(BaseModel):
    """One type by column names. `config` is validated where it is stored (`control/integrations/types/rules.py`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    name: str = Field(min_length=1)
    description: str
    auth_type: Literal["oauth2", "api_key", "webhook"]
    is_enabled: bool
    config: dict[str, Any]


def shipped_integration_types(folder: Path = DATA) -> tuple[dict[str, Any], ...]:
    """Return the types, one per file, in the order of file names. Raises OSError, pydantic.ValidationError."""
    files = sorted((folder / "integrations").glob("*.json"))
    return tuple(ShippedIntegrationType.model_validate_json(file.read_bytes()).model_dump() for file in files)
