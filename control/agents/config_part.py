"""Base of an agent's config and its parts."""

from typing import Final

from pydantic import BaseModel, ConfigDict

# Any text without NUL, which PostgreSQL does not store.
PLAIN: Final = r"^[^\u0000]*$"


class ConfigPart(BaseModel):
    """Types are not converted, unknown fields are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
