"""A workspace's routing: its own strategy, else the platform's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from control.voice.data_rules import DataDemands
from control.voice.offers import RoutingRules
from control.voice.routing import FIRST_STRATEGY, STRATEGIES, Strategy, StrategyWeights

MAX_ORDER: Final = 20


class WeightsConfig(BaseModel):
    """How much each aspect counts in the strategy `balanced`, relative to the others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    cost: float = Field(
        default=0.0, ge=0, le=1_000, description="Weight of the estimated price of a minute.", examples=[1.0]
    )
    latency: float = Field(
        default=0.0, ge=0, le=1_000, description="Weight of the measured time to the first useful unit.", examples=[2.0]
    )
    quality: float = Field(
        default=0.0,
        ge=0,
        le=1_000,
        description="Weight of the quality that the platform's staff attest.",
        examples=[1.0],
    )

    @model_validator(mode="after")
    def _require_one(self) -> "WeightsConfig":
        if not (self.cost or self.latency or self.quality):
            raise ValueError("one of the weights must be above 0")
        return self


class StrategyConfig(BaseModel):
    """What a strategy takes into account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: WeightsConfig | None = Field(default=None, description="Of the strategy `balanced`; null: the usual ones.")
    order: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_ORDER,
        description="With `priority`: these come first, in this order.",
        examples=[["groq"]],
    )
    data: DataDemands = Field(
        default=DataDemands(), description="What every provider must do with callers' data, or not do."
    )


@dataclass(frozen=True, slots=True)
class PlatformRouting:
    """The platform's routing. updated_at: None before it was ever set."""

    default_strategy: str
    fallback_chain: Sequence[str]
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredStrategy:
    """A workspace's routing. strategy: None for the platform's."""

    strategy: str | None
    config: Mapping[str, Any]
    fallback_enabled: bool = True


def make_rules(stored: Mapping[str, Any]) -> RoutingRules:
    """From what the database has, all of which may be null. A config that a later version wrote and this one cannot
    read counts as one that no provider meets: demands are never ignored."""
    try:
        config = StrategyConfig.model_validate(stored["config"] or {})
    except ValidationError:
        config = StrategyConfig(data=DataDemands(regions=("unreadable",), max_retention_days=0, no_training=True))
    strategy = stored["strategy"] or stored["default_strategy"]
    weights = config.weights
    return RoutingRules(
        strategy=known_strategy(strategy),
        weights=None if weights is None else StrategyWeights(weights.cost, weights.latency, weights.quality),
        order=config.order,
        has_fallback=stored["fallback_enabled"] is not False,
        fallback_chain=tuple(stored["fallback_chain"] or ()),
        demands=config.data,
    )


def known_strategy(name: str | None) -> Strategy:
    """The strategy of this name; the first one for none, and for one of a later version."""
    return next((one for one in STRATEGIES if one == name), FIRST_STRATEGY)
