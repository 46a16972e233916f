"""Response models of voice providers (admin API)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from control.billing.figures.rules import ProviderRoleCost
from control.billing.prices.rules import CostUnit, StoredPrice, UnitCost, make_costs
from control.http.body import Currency, Money
from control.http.fields import ProviderName
from control.http.pagination import HasMore
from control.platform.model import CURRENCY
from control.voice.figures.rules import ProbeState, RoleFigures, worst_status
from control.voice.routing.rules import CataloguedProvider, DataPolicy, PlatformRouting, read_policy

HealthStatus = Literal["unknown", "healthy", "degraded", "down"]
ProbeOutcome = Literal["never", "failed", "works"]


@dataclass(frozen=True, slots=True)
class UnitCostView:
    """The price of a model in US dollars: `price` of a unit, or of a million tokens."""

    unit: Annotated[CostUnit, Field(description="What a price is of.")]
    price: Annotated[Money | None, Field(description="Of a unit; null for tokens.", examples=[0.0048])]
    input: Annotated[
        Money | None,
        Field(description="Of a million prompt tokens, in US dollars; null where there are none.", examples=[None]),
    ]
    cached_input: Annotated[
        Money | None, Field(description="Of a million cached tokens, in US dollars; null: as `input`.", examples=[None])
    ]
    cache_write: Annotated[
        Money | None,
        Field(
            description="Of a million tokens written to the vendor's cache, in US dollars; null: as `input`.",
            examples=[None],
        ),
    ]
    output: Annotated[
        Money | None,
        Field(description="Of a million completion tokens, in US dollars; null where there are none.", examples=[None]),
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class AdminProvider:
    """A provider of the catalogue."""

    provider: ProviderName
    display_name: Annotated[str, Field(description="Name for people.", examples=["Groq"])]
    vendor: Annotated[str, Field(description="The adapter that calls are made with.", examples=["openai"])]
    kinds: Annotated[list[str], Field(description="What the provider can be: `stt`, `llm`, `tts`.", examples=[["llm"]])]
    is_enabled: Annotated[bool, Field(description="Whether it is in service.")]
    is_shipped: Annotated[bool, Field(description="It came with the product.")]
    priority: Annotated[int, Field(description="The lower, the earlier in a default chain.", examples=[100])]
    needs_key: Annotated[bool, Field(description="Whether its server takes a key.")]
    has_key: Annotated[bool, Field(description="The platform has a key of it, which is never shown.")]
    config: Annotated[
        Mapping[str, Any],
        Field(
            description="`vendor`, options by kind, `quality`.", examples=[{"vendor": "openai", "llm": {"model": "m"}}]
        ),
    ]
    data_policy: Annotated[DataPolicy, Field(description="What the provider does with callers' data.")]
    cost_per_unit: Annotated[
        Mapping[str, Mapping[str, UnitCostView]],
        Field(
            description="What it costs us in US dollars: unit and price by role and model.",
            examples=[
                {
                    "llm": {
                        "*": {
                            "unit": "million_tokens",
                            "input": 0.4,
                            "output": 1.6,
                            "price": None,
                            "cached_input": None,
                            "cache_write": None,
                        }
                    }
                }
            ],
        ),
    ]
    currency: Currency
    health_status: Annotated[HealthStatus, Field(description="Of its worst role.")]
    last_check: Annotated[datetime | None, Field(description="Of its worst role.")]


@dataclass(frozen=True, slots=True)
class ProviderList:
    """All providers, by priority."""

    providers: Annotated[list[AdminProvider], Field(description="The providers, by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """A provider."""

    provider: Annotated[AdminProvider, Field(description="The provider.")]


@dataclass(frozen=True, slots=True)
class RoleHealth:
    """What was measured of one role of a provider."""

    role: Annotated[str, Field(description="`stt`, `llm` or `tts`.", examples=["llm"])]
    source: Annotated[Literal["calls", "probes"], Field(description="Where the figures come from.")]
    status: Annotated[HealthStatus, Field(description="What the figures say.")]
    requests: Annotated[int, Field(description="That the figures rest on; of calls: calls.", examples=[120])]
    error_rate: Annotated[float | None, Field(description="Share of them that failed, 0 to 1.", examples=[0.01])]
    p50_ms: Annotated[int | None, Field(description="To the first useful unit.", examples=[310])]
    p95_ms: Annotated[int | None, Field(description="To the first useful unit.", examples=[620])]
    since: Annotated[datetime, Field(description="When the status began (UTC).")]
    last_check: Annotated[datetime, Field(description="When it was last measured (UTC).")]


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider works."""

    provider: ProviderName
    is_enabled: Annotated[bool, Field(description="Whether it is in service.")]
    status: Annotated[HealthStatus, Field(description="Of its worst role.")]
    latency: Annotated[
        int | None, Field(description="p50 in milliseconds, of its worst role; null: not known.", examples=[310])
    ]
    error_rate: Annotated[float | None, Field(description="Of its worst role.", examples=[0.01])]
    since: Annotated[datetime | None, Field(description="When the status began (UTC); null: never measured.")]
    last_check: Annotated[datetime | None, Field(description="When it was last measured (UTC); null if never.")]
    last_probe: Annotated[ProbeOutcome, Field(description="Under the current key and settings.")]
    roles: Annotated[list[RoleHealth], Field(description="By role, from calls and probes apart.")]


@dataclass(frozen=True, slots=True)
class HealthList:
    """All providers, by priority."""

    providers: Annotated[list[ProviderHealth], Field(description="The providers, by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """What a provider cost."""

    provider: ProviderName
    total_cost: Annotated[Money, Field(description="The sum, in major units.", examples=[12.5])]
    unit: Annotated[str | None, Field(description="Of `total_usage`; null where units mix.", examples=["minute"])]
    total_usage: Annotated[float | None, Field(description="In `unit`; null where units mix.", examples=[2604.2])]
    avg_cost_per_unit: Annotated[Money | None, Field(description="In `unit`; null where units mix.", examples=[0.0048])]
    unpriced: Annotated[
        int, Field(description="Entries of the ledger whose cost is not known, which the sum lacks.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class ProviderCosts:
    """Costs of the period, the highest first."""

    total_cost: Annotated[Money, Field(description="The sum, in major units.", examples=[12.5])]
    currency: Currency
    by_provider: Annotated[list[ProviderCost], Field(description="By provider, the highest cost first.")]


@dataclass(frozen=True, slots=True)
class RoutingView:
    """The platform's routing."""

    default_strategy: Annotated[
        str, Field(description="The strategy of workspaces that have none of their own.", examples=["balanced"])
    ]
    fallback_chain: Annotated[
        list[str],
        Field(description="Providers tried in this order after the first choice.", examples=[["groq", "openai"]]),
    ]
    updated_at: Annotated[datetime | None, Field(description="When it was last changed (UTC); null if never.")]


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
