"""What a provider does with callers' data, and what a workspace demands of all that serve it; no I/O."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# A part of the world whose law holds where the data is processed.
REGION_PATTERN: Final = r"^[a-z]{2}(-[a-z0-9]{1,20})?$"


class DataPolicy(BaseModel):
    """What a provider does with the audio and the texts of calls, by its contract with the platform; null: unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_platform: bool = Field(
        default=False, description="Whether it runs on the platform's own machines; then it meets every demand."
    )
    regions: tuple[str, ...] = Field(
        default=(), max_length=20, description="Where data is processed, such as `us` or `eu`.", examples=[["eu"]]
    )
    retention_days: int | None = Field(
        default=None, ge=0, le=36_500, description="Days that data is kept; 0: not at all.", examples=[0]
    )
    no_training: bool | None = Field(default=None, description="Whether data is never used to train models.")


class DataDemands(BaseModel):
    """What every provider of a workspace's calls must meet. A provider of which it is not known does not meet it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regions: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="Data is processed nowhere else, such as `eu`; empty: anywhere.",
        examples=[["eu"]],
    )
    max_retention_days: int | None = Field(
        default=None, ge=0, le=36_500, description="Longest time that data is kept, in days; null: any.", examples=[30]
    )
    no_training: bool = Field(default=False, description="Data must never be used to train models.")


def read_policy(stored: Mapping[str, Any]) -> DataPolicy:
    """A stored policy. One that a later version wrote and this one cannot read counts as unknown: calls go on, except
    those whose workspace demands something."""
    try:
        return DataPolicy.model_validate(stored)
    except ValidationError:
        return DataPolicy()


def meets(policy: Mapping[str, Any], demands: DataDemands) -> bool:
    """Whether a provider of this stored policy meets the demands."""
    known = read_policy(policy)
    if known.on_platform:
        return True
    in_regions = not demands.regions or (bool(known.regions) and set(known.regions) <= set(demands.regions))
    kept, most = known.retention_days, demands.max_retention_days
    is_short = most is None or (kept is not None and kept <= most)
    return in_regions and is_short and not (demands.no_training and known.no_training is not True)
