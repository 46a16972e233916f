"""Rules for which providers an agent may name, which can serve a call now, and in which order. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from shared.providers.options import BASE_URL as BASE_URL

# Name of a provider in the catalog.
Provider = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]

# -- Data policies --

# A region whose laws apply where the data is processed.
REGION_PATTERN: Final = r"^[a-z]{2}(-[a-z0-9]{1,20})?$"


class DataPolicy(BaseModel):
    """How a provider handles the audio and texts of calls, by its contract with the platform. Null values are
    unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_platform: bool = Field(
        default=False,
        description="Whether the provider runs on the platform's own machines. It then meets every demand.",
    )
    regions: tuple[str, ...] = Field(
        default=(), max_length=20, description="Where data is processed, such as `us` or `eu`.", examples=[["eu"]]
    )
    retention_days: int | None = Field(
        default=None, ge=0, le=36_500, description="Days that data is kept. 0: data is not kept.", examples=[0]
    )
    no_training: bool | None = Field(default=None, description="Whether data is never used to train models.")


class DataDemands(BaseModel):
    """What each provider of a workspace's calls must guarantee. A provider with an unknown policy does not qualify."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regions: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="The only regions where data may be processed, such as `eu`. Empty: all regions.",
        examples=[["eu"]],
    )
    max_retention_days: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        description="Longest time that data may be kept, in days. Null: no limit.",
        examples=[30],
    )
    no_training: bool = Field(default=False, description="Whether data must never be used to train models.")


def read_policy(stored: Mapping[str, Any]) -> DataPolicy:
    """Return a stored policy.

    A policy that was written by a later version and cannot be read counts as unknown. Calls continue, except in
    workspaces with demands.
    """
    try:
        return DataPolicy.model_validate(stored)
    except ValidationError:
        return DataPolicy()


def meets(policy: Mapping[str, Any], demands: DataDemands) -> bool:
    """Return whether a provider with this stored policy meets the demands."""
    known = read_policy(policy)
    if known.on_platform:
        return True
    in_regions = not demands.regions or (bool(known.regions) and set(known.regions) <= set(demands.regions))
    kept, most = known.retention_days, demands.max_retention_days
    is_short = most is None or (kept is not None and kept <= most)
    return in_regions and is_short and not (demands.no_training and known.no_training is not True)


# -- Strategies, which order the providers of a role --

Strategy = Literal["cost_optimized", "latency_optimized", "quality_optimized", "priority", "balanced"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
# The order that applied before strategies existed.
FIRST_STRATEGY: Final[Strategy] = "priority"
# The quality of a provider that staff have not rated.
MIDDLE_QUALITY: Final = 50
# Decimal places to which scores are rounded, so that small differences between measurements do not change the order.
# The priority decides between equal scores.
_PLACES: Final = 2


@dataclass(frozen=True, slots=True)
class StrategyWeights:
    """The weight of each aspect. Not negative, and at least one is greater than 0."""

    cost: float = 0.0
    latency: float = 0.0
    quality: float = 0.0


_WEIGHTS: Final[Mapping[Strategy, StrategyWeights]] = {
    "cost_optimized": StrategyWeights(cost=1.0),
    "latency_optimized": StrategyWeights(latency=1.0),
    "quality_optimized": StrategyWeights(quality=1.0),
    "balanced": StrategyWeights(cost=0.3, latency=0.4, quality=0.3),
}


@dataclass(frozen=True, slots=True)
class RoutingCandidate:
    """A provider of a role, with the figures that strategies compare.

    Attributes:
        cost: Estimated US dollars per minute of a call.
        latency_ms: P50. None if unknown.
        error_rate: 0 to 1.
        quality: 0 to 100, as rated by staff.
        is_last: Whether the provider is used only if no other can serve.
    """

    provider: str
    priority: int
    cost: float | None = None
    latency_ms: float | None = None
    error_rate: float = 0.0
    quality: float = MIDDLE_QUALITY
    is_last: bool = False


def order_candidates(
    candidates: Iterable[RoutingCandidate],
    strategy: Strategy,
    *,
    weights: StrategyWeights | None = None,
    order: Sequence[str] = (),
) -> list[str]:
    """Return the providers' names, first choice first.

    Each provider gets a score per aspect from 0 (best) to 1 (worst), relative to the worst candidate, and the strategy
    weighs the scores. An unknown figure counts as the worst known figure. Errors count in all strategies except
    `priority`, because a provider that fails is neither cheap nor fast. Equal scores are ordered by priority, then by
    name.

    Args:
        weights: Weights that replace the defaults of `balanced`.
        order: Providers that come first with the strategy `priority`.
    """
    found = list(candidates)
    if strategy == "priority":
        places = {name: place for place, name in enumerate(order)}
        return _names_in_order(
            found, {candidate.provider: places.get(candidate.provider, len(places)) for candidate in found}
        )
    chosen = weights if weights is not None and strategy == "balanced" else _WEIGHTS[strategy]
    return _names_in_order(found, _scores(found, chosen), has_last=True)


def _names_in_order(
    candidates: Iterable[RoutingCandidate], scores: Mapping[str, float], *, has_last: bool = False
) -> list[str]:
    ordered = sorted(
        candidates,
        key=lambda candidate: (
            has_last and candidate.is_last,
            scores[candidate.provider],
            candidate.priority,
            candidate.provider,
        ),
    )
    return [candidate.provider for candidate in ordered]


def _scores(candidates: Sequence[RoutingCandidate], weights: StrategyWeights) -> dict[str, float]:
    costs = _relative_score({candidate.provider: candidate.cost for candidate in candidates})
    latencies = _relative_score({candidate.provider: candidate.latency_ms for candidate in candidates})
    total = weights.cost + weights.latency + weights.quality or 1.0
    return {
        candidate.provider: round(
            (
                weights.cost * costs[candidate.provider]
                + weights.latency * latencies[candidate.provider]
                + weights.quality * (1 - candidate.quality / 100)
            )
            / total
            + candidate.error_rate,
            _PLACES,
        )
        for candidate in candidates
    }


def _relative_score(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return each value as a share of the greatest value."""
    worst = max((value for value in values.values() if value is not None), default=0.0)
    if worst <= 0:
        return {name: 0.0 if value is not None else 1.0 for name, value in values.items()}
    return {name: (worst if value is None else value) / worst for name, value in values.items()}


# -- Offers --

Kind = Literal["stt", "llm", "tts"]
KINDS: Final[tuple[Kind, ...]] = ("stt", "llm", "tts")
# The field of a provider's config that names its vendor.
VENDOR: Final = "vendor"
# The vendor whose language model is a set of rules. It answers only from the agent's facts.
RULES: Final = "receptionist"
# The field of a provider's config with the quality marks of staff, by kind: 0 to 100.
QUALITY: Final = "quality"


@dataclass(frozen=True, slots=True)
class ProviderOffer:
    """A provider of the catalog as a workspace sees it. Shows whether keys exist, but never contains keys.

    Attributes:
        kinds: The roles that the provider supports.
        config: The vendor, and the platform's options by kind.
        options: The options that an agent may set, by kind.
        priority: Lower values come earlier in a default chain.
        allowed: Whether the workspace allows the provider.
        uses_platform_key: False if the workspace uses its own key.
        own_config: The workspace's options by kind.
        data_policy: See DataPolicy.
        estimated_costs: US dollars per minute of a call, by kind.
        figures: `p50_ms` and `error_rate` by kind, where known.
    """

    provider: str
    kinds: Sequence[str]
    is_enabled: bool
    priority: int
    needs_key: bool
    for_tests: bool
    config: Mapping[str, Any]
    options: Mapping[str, Sequence[str]]
    platform_key: bool
    allowed: bool = True
    uses_platform_key: bool = True
    own_key: bool = False
    own_config: Mapping[str, Any] = field(default_factory=dict)
    data_policy: Mapping[str, Any] = field(default_factory=dict)
    # Measured values are excluded from comparison, because a worker may change them at any moment.
    estimated_costs: Mapping[str, float | None] = field(default_factory=dict, compare=False)
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict, compare=False)

    @property
    def vendor(self) -> str:
        """The vendor whose adapter media uses. Defaults to the provider's name."""
        name = self.config.get(VENDOR)
        return name if isinstance(name, str) and name else self.provider

    @property
    def takes_key(self) -> bool:
        """Whether calls send a key: the platform's, or the workspace's own, even if the server needs none."""
        return self.needs_key or not self.uses_platform_key

    def defaults(self, kind: Kind) -> Mapping[str, Any]:
        """Return the platform's options for this kind, overridden by the workspace's options.

        The workspace's address is left out if it would receive the platform's key.
        """
        platform = self.config.get(kind)
        own = self.own_config.get(kind, {}) if isinstance(self.own_config.get(kind, {}), Mapping) else {}
        if self.uses_platform_key:
            own = {name: value for name, value in own.items() if name != BASE_URL}
        return {**(platform if isinstance(platform, Mapping) else {}), **own}

    def is_guarded(self, kind: Kind) -> bool:
        """Return whether the workspace gave the address."""
        own = self.own_config.get(kind)
        return not self.uses_platform_key and isinstance(own, Mapping) and BASE_URL in own

    def candidate(self, kind: Kind) -> RoutingCandidate:
        """Return the figures that strategies compare."""
        figures, marks = self.figures.get(kind, {}), self.config.get(QUALITY)
        mark = marks.get(kind, MIDDLE_QUALITY) if isinstance(marks, Mapping) else MIDDLE_QUALITY
        return RoutingCandidate(
            provider=self.provider,
            priority=self.priority,
            cost=self.estimated_costs.get(kind),
            latency_ms=figures.get("p50_ms"),
            error_rate=figures.get("error_rate") or 0.0,
            quality=mark if isinstance(mark, int | float) else MIDDLE_QUALITY,
            is_last=self.vendor == RULES,
        )


@dataclass(frozen=True, slots=True)
class CatalogedProvider:
    """A provider as staff see it.

    Attributes:
        health_status: Status of the worst role.
        last_check: When the worst role was last checked.
    """

    offer: ProviderOffer
    display_name: str
    is_shipped: bool
    health_status: str
    last_check: datetime | None


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """How a workspace's default chains are built.

    Attributes:
        order: Order of providers for the strategy `priority`.
        has_fallback: Whether chains have more than one provider.
        fallback_chain: The platform's fallback chain, tried after the first choice.
        demands: See `meets`.
    """

    strategy: Strategy = FIRST_STRATEGY
    weights: StrategyWeights | None = None
    order: Sequence[str] = ()
    has_fallback: bool = True
    fallback_chain: Sequence[str] = ()
    demands: DataDemands = field(default_factory=DataDemands)


class ProviderOffers:
    """All providers for a workspace.

    Args:
        standins: Whether providers that exist only for tests may be used.
    """

    def __init__(
        self, offers: Iterable[ProviderOffer], *, standins: bool = False, rules: RoutingRules | None = None
    ) -> None:
        self._all = {offer.provider: offer for offer in sorted(offers, key=lambda o: (o.priority, o.provider))}
        self._standins = standins
        self._rules = rules or RoutingRules()

    def get(self, provider: str) -> ProviderOffer | None:
        """Return the provider with this name, or None."""
        return self._all.get(provider)

    def list_all(self) -> list[ProviderOffer]:
        """Return all providers, ordered by priority."""
        return list(self._all.values())

    def find_fault(self, provider: str, kind: Kind) -> str:
        """Return why the provider cannot serve as this kind now. Empty if it can."""
        offer = self._all.get(provider)
        if offer is None or kind not in offer.kinds:
            return f"there is no {kind} provider {provider!r}"
        if not offer.is_enabled:
            return f"{provider} is not in service"
        if not offer.allowed:
            return f"{provider} is turned off in this workspace"
        if offer.for_tests and not self._standins:
            return f"{provider} is for tests only"
        if offer.takes_key and not (offer.platform_key if offer.uses_platform_key else offer.own_key):
            return f"{provider} has no key"
        if not meets(offer.data_policy, self._rules.demands):
            return f"{provider} does not meet the workspace's data rules"
        return ""

    def defaults(self, kind: Kind) -> list[str]:
        """Return the default chain of this kind, for agents that name no provider.

        The chain has the strategy's first choice, then the fallback chain, then the others in the strategy's order.
        Without fallback it has only the first choice. Providers that cannot serve, and those made for tests, are left
        out.
        """
        usable = [
            offer
            for name, offer in self._all.items()
            if kind in offer.kinds and not offer.for_tests and not self.find_fault(name, kind)
        ]
        rules = self._rules
        ordered = order_candidates(
            (offer.candidate(kind) for offer in usable), rules.strategy, weights=rules.weights, order=rules.order
        )
        chosen = [*ordered[:1], *(name for name in self.fallbacks(kind) if name in ordered), *ordered[1:]]
        return list(dict.fromkeys(chosen)) if rules.has_fallback else ordered[:1]

    def fallbacks(self, kind: Kind) -> list[str]:
        """Return the usable providers of the platform's fallback chain for this kind.

        They are tried after the providers that an agent names.
        """
        if not self._rules.has_fallback:
            return []
        return [name for name in self._rules.fallback_chain if not self.find_fault(name, kind)]


# -- A workspace's routing: its own strategy, or else the platform's --

MAX_ORDER: Final = 20


class WeightsConfig(BaseModel):
    """Weights of the strategy `balanced`, relative to each other."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    cost: float = Field(
        default=0.0, ge=0, le=1_000, description="Weight of the estimated price per minute.", examples=[1.0]
    )
    latency: float = Field(
        default=0.0, ge=0, le=1_000, description="Weight of the measured time to the first useful unit.", examples=[2.0]
    )
    quality: float = Field(
        default=0.0,
        ge=0,
        le=1_000,
        description="Weight of the quality as rated by the platform's staff.",
        examples=[1.0],
    )

    @model_validator(mode="after")
    def _require_one(self) -> "WeightsConfig":
        if not (self.cost or self.latency or self.quality):
            raise ValueError("one of the weights must be above 0")
        return self


class StrategyConfig(BaseModel):
    """Settings of a strategy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: WeightsConfig | None = Field(
        default=None, description="Weights of the strategy `balanced`. Null: the default weights."
    )
    order: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_ORDER,
        description="With `priority`: these come first, in this order.",
        examples=[["groq"]],
    )
    data: DataDemands = Field(default=DataDemands(), description="How each provider must handle callers' data.")


@dataclass(frozen=True, slots=True)
class PlatformRouting:
    """The platform's routing."""

    default_strategy: Annotated[
        str, Field(description="The strategy of workspaces without their own strategy.", examples=["balanced"])
    ]
    fallback_chain: Annotated[
        Sequence[str],
        Field(description="Providers tried in this order after the first choice.", examples=[["groq", "openai"]]),
    ]
    updated_at: Annotated[datetime | None, Field(description="When the routing was last changed (UTC). Null if never.")]


@dataclass(frozen=True, slots=True)
class StoredStrategy:
    """A workspace's routing as stored.

    Attributes:
        strategy: None uses the platform's strategy.
    """

    strategy: str | None
    config: Mapping[str, Any]
    fallback_enabled: bool = True


def make_rules(stored: Mapping[str, Any]) -> RoutingRules:
    """Return the rules for a stored row, whose values may all be null.

    If the config was written by a later version and cannot be read, the rules get demands that no provider meets, so
    that demands are never ignored.
    """
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
    """Return the strategy with this name. Return the first strategy for None and for a name of a later version."""
    return next((strategy for strategy in STRATEGIES if strategy == name), FIRST_STRATEGY)
