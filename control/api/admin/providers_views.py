"""Response models of voice providers (admin API)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from control.billing.model import CURRENCY, ProviderRoleCost, StoredPrice
from control.billing.unit_costs import CostUnit, UnitCost, make_costs
from control.http.body import Currency, Money
from control.http.pagination import HasMore
from control.voice.data_rules import DataPolicy, read_policy
from control.voice.figures import ProbeState, RoleFigures, worst_status
from control.voice.offers import CataloguedProvider
from control.voice.routing_rules import PlatformRouting

HealthStatus = Literal["unknown", "healthy", "degraded", "down"]
ProbeOutcome = Literal["never", "failed", "works"]


@dataclass(frozen=True, slots=True)
class UnitCostView:
    """The price of a model in US dollars: `price` of a unit, or of a million tokens."""

    unit: CostUnit
    price: Money | None
    input: Money | None
    cached_input: Money | None
    cache_write: Money | None
    output: Money | None
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class AdminProvider:
    """A provider of the catalogue. has_key: the platform has a key of it, which is never shown. is_shipped: it came
    with the product. health_status, last_check: of its worst role."""

    provider: str
    display_name: str
    vendor: str
    kinds: list[str]
    is_enabled: bool
    is_shipped: bool
    priority: int
    needs_key: bool
    has_key: bool
    config: Mapping[str, Any]
    data_policy: DataPolicy
    cost_per_unit: Mapping[str, Mapping[str, UnitCostView]]
    currency: Currency
    health_status: HealthStatus
    last_check: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderList:
    """All providers, by priority."""

    providers: list[AdminProvider]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """A provider."""

    provider: AdminProvider


@dataclass(frozen=True, slots=True)
class RoleHealth:
    """What was measured of one role of a provider. source: calls, or probes. requests: that the figures rest on; of
    calls: calls. error_rate: share of them that failed, 0 to 1. p50_ms, p95_ms: to the first useful unit. since: when
    the status began."""

    role: str
    source: Literal["calls", "probes"]
    status: HealthStatus
    requests: int
    error_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    since: datetime
    last_check: datetime


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider works. status, latency, error_rate: of its worst role; latency: p50 in ms. last_probe: under
    the current key and settings."""

    provider: str
    is_enabled: bool
    status: HealthStatus
    latency: int | None
    error_rate: float | None
    since: datetime | None
    last_check: datetime | None
    last_probe: ProbeOutcome
    roles: list[RoleHealth]


@dataclass(frozen=True, slots=True)
class HealthList:
    """All providers, by priority."""

    providers: list[ProviderHealth]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """What a provider cost. total_usage, avg_cost_per_unit: in `unit`; null where units mix. unpriced: entries of the
    ledger whose cost is not known, which the sum lacks."""

    provider: str
    total_cost: Money
    unit: str | None
    total_usage: float | None
    avg_cost_per_unit: Money | None
    unpriced: int
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class ProviderCosts:
    """Costs of the period, the highest first."""

    total_cost: Money
    currency: Currency
    by_provider: list[ProviderCost]


@dataclass(frozen=True, slots=True)
class RoutingView:
    """The platform's routing."""

    default_strategy: str
    fallback_chain: list[str]
    updated_at: datetime | None


def to_view(found: CataloguedProvider, prices: Iterable[StoredPrice]) -> AdminProvider:
    offer = found.offer
    mine = [one for one in prices if one.version.key.side == "cost" and one.version.key.provider == offer.provider]
    costs = make_costs(mine)
    return AdminProvider(
        provider=offer.provider,
        display_name=found.display_name,
        vendor=offer.vendor,
        kinds=list(offer.kinds),
        is_enabled=offer.is_enabled,
        is_shipped=found.is_shipped,
        priority=offer.priority,
        needs_key=offer.needs_key,
        has_key=offer.platform_key,
        config=offer.config,
        data_policy=read_policy(offer.data_policy),
        cost_per_unit={role: {model: _cost(cost) for model, cost in models.items()} for role, models in costs.items()},
        currency=CURRENCY,
        health_status=_status(found.health_status),
        last_check=found.last_check,
    )


def to_answer(found: CataloguedProvider, prices: Iterable[StoredPrice]) -> ProviderAnswer:
    return ProviderAnswer(to_view(found, prices))


def to_health(
    found: Iterable[CataloguedProvider], figures: Sequence[RoleFigures], states: Mapping[str, ProbeState]
) -> HealthList:
    lines = [
        _health(
            provider,
            [role for role in figures if role.provider == provider.offer.provider],
            states.get(provider.offer.provider),
        )
        for provider in found
    ]
    return HealthList(lines, has_more=False)


def to_costs(found: Sequence[ProviderRoleCost]) -> ProviderCosts:
    names = dict.fromkeys(one.provider for one in found)
    lines = [_provider_cost(name, [one for one in found if one.provider == name]) for name in names]
    lines.sort(key=lambda line: -line.total_cost)
    return ProviderCosts(sum((line.total_cost for line in lines), Decimal(0)), CURRENCY, lines)


def to_routing(routing: PlatformRouting) -> RoutingView:
    return RoutingView(routing.default_strategy, list(routing.fallback_chain), routing.updated_at)


def _cost(cost: UnitCost) -> UnitCostView:
    return UnitCostView(
        unit=cost.unit,
        price=cost.price,
        input=cost.input,
        cached_input=cost.cached_input,
        cache_write=cost.cache_write,
        output=cost.output,
    )


def _health(found: CataloguedProvider, figures: Sequence[RoleFigures], state: ProbeState | None) -> ProviderHealth:
    worst = worst_status(figures)
    return ProviderHealth(
        provider=found.offer.provider,
        is_enabled=found.offer.is_enabled,
        status=_status(worst.status if worst else "unknown"),
        latency=worst.p50_ms if worst else None,
        error_rate=worst.error_rate if worst else None,
        since=worst.since if worst else None,
        last_check=max((one.checked_at for one in figures), default=None),
        last_probe="never" if state is None else "failed" if state.failures else "works",
        roles=[_role(one) for one in figures],
    )


def _role(figures: RoleFigures) -> RoleHealth:
    return RoleHealth(
        role=figures.role,
        source=figures.source,
        status=_status(figures.status),
        requests=figures.requests,
        error_rate=figures.error_rate,
        p50_ms=figures.p50_ms,
        p95_ms=figures.p95_ms,
        since=figures.since,
        last_check=figures.checked_at,
    )


def _status(status: str) -> HealthStatus:
    return status if status in ("healthy", "degraded", "down") else "unknown"  # type: ignore[return-value]


def _provider_cost(provider: str, roles: Sequence[ProviderRoleCost]) -> ProviderCost:
    cost = sum((one.cost for one in roles), Decimal(0))
    only = roles[0] if len(roles) == 1 else None
    usage = only.usage if only else None
    return ProviderCost(
        provider=provider,
        total_cost=cost,
        unit=only.unit if only else None,
        total_usage=None if usage is None else float(usage),
        avg_cost_per_unit=None if not usage else cost / usage,
        unpriced=sum(one.unpriced for one in roles),
    )
