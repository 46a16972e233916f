"""The order of a role's providers: strategies that compare price, latency, errors and quality; no I/O.

Each provider gets a score per aspect from 0 (best) to 1 (worst), relative to the worst candidate, and the strategy
weighs them. A figure that is not known counts as the worst one that is: a provider has to show what it can do. Errors
count in every strategy but `priority`, because a cheap or fast provider that fails is neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Strategy = Literal["cost_optimized", "latency_optimized", "quality_optimized", "priority", "balanced"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
# What calls did before there were strategies.
FIRST_STRATEGY: Final[Strategy] = "priority"
# Without a mark of the staff.
MIDDLE_QUALITY: Final = 50
# Scores that differ by less are equal, and the priority decides: latencies differ a little with every measurement, and
# the order of providers should not.
_PLACES: Final = 2


@dataclass(frozen=True, slots=True)
class StrategyWeights:
    """How much each aspect counts; not negative, and one of them above 0."""

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
    """A provider of one role. cost: US dollars a minute of a call, estimated; latency_ms: p50; None: unknown.
    error_rate: 0 to 1. quality: 0 to 100, the staff's mark. is_last: it only stands in where nothing else can serve."""

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
    """The providers' names, first choice first. weights: instead of those of `balanced`. order: with `priority`, these
    come first. Equal scores are ordered by priority, then by name."""
    found = list(candidates)
    if strategy == "priority":
        places = {name: place for place, name in enumerate(order)}
        return _names(found, {one.provider: places.get(one.provider, len(places)) for one in found})
    chosen = weights if weights is not None and strategy == "balanced" else _WEIGHTS[strategy]
    return _names(found, _scores(found, chosen), has_last=True)


def _names(candidates: Iterable[RoutingCandidate], scores: Mapping[str, float], *, has_last: bool = False) -> list[str]:
    ordered = sorted(
        candidates, key=lambda one: (has_last and one.is_last, scores[one.provider], one.priority, one.provider)
    )
    return [one.provider for one in ordered]


def _scores(candidates: Sequence[RoutingCandidate], weights: StrategyWeights) -> dict[str, float]:
    costs = _relative({one.provider: one.cost for one in candidates})
    latencies = _relative({one.provider: one.latency_ms for one in candidates})
    total = weights.cost + weights.latency + weights.quality or 1.0
    return {
        one.provider: round(
            (
                weights.cost * costs[one.provider]
                + weights.latency * latencies[one.provider]
                + weights.quality * (1 - one.quality / 100)
            )
            / total
            + one.error_rate,
            _PLACES,
        )
        for one in candidates
    }


def _relative(values: Mapping[str, float | None]) -> dict[str, float]:
    """Each value as a share of the greatest."""
    worst = max((value for value in values.values() if value is not None), default=0.0)
    if worst <= 0:
        return {name: 0.0 if value is not None else 1.0 for name, value in values.items()}
    return {name: (worst if value is None else value) / worst for name, value in values.items()}
