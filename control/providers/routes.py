"""The staff's routes for voice providers: the catalog with keys and prices, health, costs and routing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from control.billing.figures.rules import ProviderRoleCost
from control.billing.figures.service import list_provider_costs
from control.billing.prices.rules import CostUnit, StoredPrice, UnitCost, make_costs, make_prices
from control.billing.prices.service import list_prices, set_costs
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, ChangeBody, Currency, Money
from control.http.context import AdminContext
from control.http.fields import ProviderName
from control.http.pagination import HasMore, Query
from control.http.responses.after_commit import CheckedChange
from control.http.route import RateLimit, Route
from control.platform.rules import CURRENCY
from control.voice.catalog.service import ProviderAdministration, ProviderEdit
from control.voice.figures.rules import ProbeState, RoleFigures, worst_status
from control.voice.routing.rules import (
    FIRST_STRATEGY,
    CatalogedProvider,
    DataPolicy,
    PlatformRouting,
    Provider,
    Strategy,
    read_policy,
)

HealthStatus = Literal["unknown", "healthy", "degraded", "down"]
ProbeOutcome = Literal["never", "failed", "works"]


@dataclass(frozen=True, slots=True)
class UnitCostView:
    """The cost of a model in US dollars: `price` per unit, or prices per million tokens."""

    unit: Annotated[CostUnit, Field(description="The unit of the price.")]
    price: Annotated[Money | None, Field(description="Price per unit; null for tokens.", examples=[0.0048])]
    input: Annotated[
        Money | None,
        Field(
            description="Price per million prompt tokens, in US dollars; null if the model has none.", examples=[None]
        ),
    ]
    cached_input: Annotated[
        Money | None,
        Field(description="Price per million cached tokens, in US dollars; null if equal to `input`.", examples=[None]),
    ]
    cache_write: Annotated[
        Money | None,
        Field(
            description="Price per million tokens written to the vendor's cache, in US dollars; null if equal "
            "to `input`.",
            examples=[None],
        ),
    ]
    output: Annotated[
        Money | None,
        Field(
            description="Price per million completion tokens, in US dollars; null if the model has none.",
            examples=[None],
        ),
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class AdminProvider:
    """A provider in the catalog."""

    provider: ProviderName
    display_name: Annotated[str, Field(description="Display name.", examples=["Groq"])]
    vendor: Annotated[str, Field(description="The vendor adapter that calls use.", examples=["openai"])]
    kinds: Annotated[
        list[str], Field(description="The roles that the provider supports: `stt`, `llm`, `tts`.", examples=[["llm"]])
    ]
    is_enabled: Annotated[bool, Field(description="Whether the provider is in service.")]
    is_shipped: Annotated[bool, Field(description="Whether the provider is part of the product.")]
    priority: Annotated[int, Field(description="Position in a default chain; lower values come first.", examples=[100])]
    needs_key: Annotated[bool, Field(description="Whether the provider's server requires a key.")]
    has_key: Annotated[
        bool, Field(description="Whether the platform has a key for the provider. The key is never shown.")
    ]
    config: Annotated[
        Mapping[str, Any],
        Field(
            description="`vendor`, options by kind, `quality`.", examples=[{"vendor": "openai", "llm": {"model": "m"}}]
        ),
    ]
    data_policy: Annotated[DataPolicy, Field(description="How the provider processes callers' data.")]
    cost_per_unit: Annotated[
        Mapping[str, Mapping[str, UnitCostView]],
        Field(
            description="Cost in US dollars: unit and price by role and model.",
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
    health_status: Annotated[HealthStatus, Field(description="Value of the provider's worst role.")]
    last_check: Annotated[datetime | None, Field(description="Value of the provider's worst role.")]


@dataclass(frozen=True, slots=True)
class ProviderList:
    """All providers, by priority."""

    providers: Annotated[list[AdminProvider], Field(description="The providers, by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """A provider in the catalog."""

    provider: Annotated[AdminProvider, Field(description="The provider.")]


@dataclass(frozen=True, slots=True)
class RoleHealth:
    """Measurements of one role of a provider."""

    role: Annotated[str, Field(description="`stt`, `llm` or `tts`.", examples=["llm"])]
    source: Annotated[Literal["calls", "probes"], Field(description="Source of the figures: calls or probes.")]
    status: Annotated[HealthStatus, Field(description="Status derived from the figures.")]
    requests: Annotated[
        int, Field(description="Number of measurements; for calls, the number of calls.", examples=[120])
    ]
    error_rate: Annotated[
        float | None, Field(description="Share of failed measurements, from 0 to 1.", examples=[0.01])
    ]
    p50_ms: Annotated[int | None, Field(description="Time to the first useful unit.", examples=[310])]
    p95_ms: Annotated[int | None, Field(description="Time to the first useful unit.", examples=[620])]
    since: Annotated[datetime, Field(description="When the status began (UTC).")]
    last_check: Annotated[datetime, Field(description="When the role was last measured (UTC).")]


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """The health of a provider."""

    provider: ProviderName
    is_enabled: Annotated[bool, Field(description="Whether the provider is in service.")]
    status: Annotated[HealthStatus, Field(description="Status of the provider's worst role.")]
    latency: Annotated[
        int | None,
        Field(
            description="Median latency (p50) of the provider's worst role, in milliseconds; null if unknown.",
            examples=[310],
        ),
    ]
    error_rate: Annotated[float | None, Field(description="Value of the provider's worst role.", examples=[0.01])]
    since: Annotated[
        datetime | None, Field(description="When the status began (UTC); null if the provider was never measured.")
    ]
    last_check: Annotated[
        datetime | None, Field(description="When the provider was last measured (UTC); null if never.")
    ]
    last_probe: Annotated[ProbeOutcome, Field(description="Measured with the current key and settings.")]
    roles: Annotated[list[RoleHealth], Field(description="Health by role. Calls and probes are listed separately.")]


@dataclass(frozen=True, slots=True)
class HealthList:
    """The health of all providers, by priority."""

    providers: Annotated[list[ProviderHealth], Field(description="The providers, by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """The cost of a provider."""

    provider: ProviderName
    total_cost: Annotated[Money, Field(description="Total cost, in major units.", examples=[12.5])]
    unit: Annotated[str | None, Field(description="Unit of `total_usage`; null if units differ.", examples=["minute"])]
    total_usage: Annotated[
        float | None, Field(description="Total usage in `unit`; null if units differ.", examples=[2604.2])
    ]
    avg_cost_per_unit: Annotated[
        Money | None, Field(description="Average cost per `unit`; null if units differ.", examples=[0.0048])
    ]
    unpriced: Annotated[
        int, Field(description="Number of ledger entries with unknown cost, which the sum excludes.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class ProviderCosts:
    """Costs of the period, highest first."""

    total_cost: Annotated[Money, Field(description="Total cost, in major units.", examples=[12.5])]
    currency: Currency
    by_provider: Annotated[list[ProviderCost], Field(description="Costs by provider, highest first.")]


def to_view(found: CatalogedProvider, prices: Iterable[StoredPrice]) -> AdminProvider:
    offer = found.offer
    mine = [
        price for price in prices if price.version.key.side == "cost" and price.version.key.provider == offer.provider
    ]
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


def to_answer(found: CatalogedProvider, prices: Iterable[StoredPrice]) -> ProviderAnswer:
    return ProviderAnswer(to_view(found, prices))


def to_health(
    found: Iterable[CatalogedProvider], figures: Sequence[RoleFigures], states: Mapping[str, ProbeState]
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
    names = dict.fromkeys(cost.provider for cost in found)
    lines = [_provider_cost(name, [cost for cost in found if cost.provider == name]) for name in names]
    lines.sort(key=lambda line: -line.total_cost)
    return ProviderCosts(sum((line.total_cost for line in lines), Decimal(0)), CURRENCY, lines)


def _cost(cost: UnitCost) -> UnitCostView:
    return UnitCostView(
        unit=cost.unit,
        price=cost.price,
        input=cost.input,
        cached_input=cost.cached_input,
        cache_write=cost.cache_write,
        output=cost.output,
    )


def _health(found: CatalogedProvider, figures: Sequence[RoleFigures], state: ProbeState | None) -> ProviderHealth:
    worst = worst_status(figures)
    return ProviderHealth(
        provider=found.offer.provider,
        is_enabled=found.offer.is_enabled,
        status=_status(worst.status if worst else "unknown"),
        latency=worst.p50_ms if worst else None,
        error_rate=worst.error_rate if worst else None,
        since=worst.since if worst else None,
        last_check=max((figure.checked_at for figure in figures), default=None),
        last_probe="never" if state is None else "failed" if state.failures else "works",
        roles=[_role(figure) for figure in figures],
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
    cost = sum((role.cost for role in roles), Decimal(0))
    only = roles[0] if len(roles) == 1 else None
    usage = only.usage if only else None
    return ProviderCost(
        provider=provider,
        total_cost=cost,
        unit=only.unit if only else None,
        total_usage=None if usage is None else float(usage),
        avg_cost_per_unit=None if not usage else cost / usage,
        unpriced=sum(role.unpriced for role in roles),
    )


PROVIDERS = "/admin/providers"
PROVIDER = f"{PROVIDERS}/{{provider}}"
# Shared by both routes that try a key at a vendor.
CHECK_LIMIT: Final = RateLimit("admin-key-checks", 60, 600)

ApiKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
Priority = Annotated[int, Field(ge=0, le=100_000, description="Position in a default chain; lower values come first.")]
Role = Literal["stt", "llm", "tts"]
Model = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000-\u001f\u007f]*$")]
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=9)]
Config = Annotated[
    dict[str, Any],
    Field(
        max_length=6,
        description="`vendor`; options by kind (`stt`, `llm`, `tts`), each kind as a whole; `quality`: marks by kind, "
        "0 to 100, for the strategy `quality_optimized`. Of vendor `pipecat` a kind's options are a `service`, by the "
        "name of its class, and `settings`.",
    ),
]


class UnitCostBody(Body):
    """The price of a model in US dollars: per minute, per thousand characters, or per million tokens."""

    unit: Annotated[CostUnit, Field(description="The unit of the price.")]
    price: Amount | None = Field(None, description="Price per unit, in US dollars; not for tokens.", examples=[0.0048])
    input: Amount | None = Field(None, description="Price per million prompt tokens.", examples=[None])
    cached_input: Amount | None = Field(
        None, description="Price per million cached tokens; null if equal to `input`.", examples=[None]
    )
    cache_write: Amount | None = Field(
        None, description="Price per million tokens written to the cache; null if equal to `input`.", examples=[None]
    )
    output: Amount | None = Field(None, description="Price per million completion tokens.", examples=[None])
    currency: Literal["usd"] = Field("usd", description="Accepted because answers contain it.")


Costs = Annotated[
    dict[Role, Annotated[dict[Model, UnitCostBody], Field(max_length=200)]],
    Field(description="Prices by role and model (`*` for all other models). A changed price opens a new version."),
]


class NewProviderBody(Body):
    """A provider, which is an instance of a vendor."""

    provider: Annotated[
        Provider, Field(description="A new name of lower-case letters, digits, - and _.", examples=["my-llama"])
    ]
    api_key: ApiKey | None = Field(
        None,
        description="The key; null for a server that requires none. It is never shown again.",
        examples=["key-of-the-vendor"],
    )
    config: Config = Field(
        {},
        description="`vendor`, options by kind, and `quality` marks by kind.",
        examples=[{"vendor": "openai", "llm": {"base_url": "https://llm.example.com/v1", "model": "tiny"}}],
    )
    priority: Annotated[Priority, Field(examples=[100])] = 100
    cost_per_unit: Costs = Field({}, examples=[{"llm": {"*": {"unit": "million_tokens", "input": 0.4, "output": 1.6}}}])
    is_enabled: bool = Field(True, description="Whether the provider is in service.")
    data_policy: Annotated[DataPolicy, Field(description="How the provider processes callers' data.")] = DataPolicy()


class ProviderChange(ChangeBody):
    """Changes to a provider. Omitted fields stay unchanged."""

    api_key: ApiKey | None = Field(
        None, description="Replaces the key; null for a server that requires none.", examples=["key-of-the-vendor"]
    )
    config: Config = Field(
        {},
        description="Options by kind. Each kind is replaced as a whole.",
        examples=[{"llm": {"model": "gpt-5.4-mini"}}],
    )
    priority: Annotated[Priority, Field(examples=[100])] = 0
    is_enabled: bool = Field(False, description="Whether the provider is in service.")
    cost_per_unit: Costs = Field({}, examples=[{"llm": {"*": {"unit": "million_tokens", "input": 0.4, "output": 1.6}}}])
    data_policy: Annotated[DataPolicy, Field(description="How the provider processes callers' data.")] = DataPolicy()


class CostsQuery(Query):
    """The period of the costs: a calendar period in UTC, up to now."""

    period: Literal["day", "week", "month", "quarter", "year"] = Field(
        "month", description="Today, this week, month, quarter or year."
    )


class RoutingBody(Body):
    """The routing of workspaces that have no strategy of their own."""

    default_strategy: Annotated[
        Strategy, Field(description="Strategy of workspaces that have no strategy of their own.")
    ] = FIRST_STRATEGY
    fallback_chain: list[Provider] = Field(
        [],
        max_length=20,
        description="Providers that are tried in this order after the first choice of an agent or strategy.",
        examples=[["groq", "openai"]],
    )


async def list_providers(context: AdminContext) -> ProviderList:
    """List the providers of the catalog, by priority."""
    found = await context.services[ProviderAdministration].list_all(context.db)
    prices = await list_prices(context.db)
    return ProviderList([to_view(provider, prices) for provider in found], has_more=False)


async def create_provider(context: AdminContext, body: NewProviderBody) -> CheckedChange[ProviderAnswer]:
    """Create a provider. The key and settings are tried at its vendor before they are saved."""
    edit = _edit(body, body.model_fields_set | {"priority", "is_enabled"})
    providers = context.services[ProviderAdministration]
    check = await providers.prepare_new(context.db, body.provider, edit)
    return CheckedChange(providers.checker.prepare(check), partial(_create, body=body, edit=edit))


async def update_provider(
    context: AdminContext,
    provider: Annotated[Provider, Field(description="Name of the provider in the catalog.", examples=["groq"])],
    body: ProviderChange,
) -> CheckedChange[ProviderAnswer]:
    """Change a provider. New calls use the changed provider.

    A new key or new settings are tried at the vendor before they are saved. A new price takes effect a minute later.
    """
    edit = _edit(body, body.model_fields_set)
    providers = context.services[ProviderAdministration]
    check = await providers.prepare_change(context.db, provider, edit)
    save = partial(_update, provider=provider, body=body, edit=edit)
    return CheckedChange(providers.checker.prepare(check), save)


async def delete_provider(
    context: AdminContext,
    provider: Annotated[Provider, Field(description="Name of the provider in the catalog.", examples=["groq"])],
) -> None:
    """Delete a provider that the staff created, with the workspaces' keys for it."""
    await context.services[ProviderAdministration].delete(context.db, context.actor, provider)


async def provider_health(context: AdminContext) -> HealthList:
    """Return the health of all providers by role. Calls and probes are listed separately."""
    found = await context.services[ProviderAdministration].list_all(context.db)
    figures = await context.services[ProviderAdministration].list_figures(context.db)
    return to_health(
        found, figures, await context.services[ProviderAdministration].list_probe_states(context.db, context.now)
    )


async def provider_costs(context: AdminContext, query: CostsQuery) -> ProviderCosts:
    """Return the costs of providers in the period, from the ledger. Test calls are included."""
    return to_costs(await list_provider_costs(context.db, query.period, context.now))


async def get_routing(context: AdminContext) -> PlatformRouting:
    """Return the platform's routing."""
    return await context.services[ProviderAdministration].get_routing(context.db)


async def change_routing(context: AdminContext, body: RoutingBody) -> PlatformRouting:
    """Replace the platform's routing. New calls use it."""
    routing = await context.services[ProviderAdministration].set_routing(
        context.db, context.actor, body.default_strategy, body.fallback_chain, context.now
    )
    return routing


async def _create(context: AdminContext, body: NewProviderBody, edit: ProviderEdit) -> ProviderAnswer:
    made = await context.services[ProviderAdministration].create(context.db, context.actor, body.provider, edit)
    await set_costs(context.db, context.actor, make_prices(body.provider, _costs(body)), context.now)
    return to_answer(made, await list_prices(context.db, body.provider))


async def _update(context: AdminContext, provider: str, body: ProviderChange, edit: ProviderEdit) -> ProviderAnswer:
    changed = await context.services[ProviderAdministration].change(context.db, context.actor, provider, edit)
    await set_costs(context.db, context.actor, make_prices(provider, _costs(body)), context.now)
    return to_answer(changed, await list_prices(context.db, provider))


def _edit(body: NewProviderBody | ProviderChange, given: set[str]) -> ProviderEdit:
    return ProviderEdit(
        config=body.config,
        key=body.api_key,
        removes_key="api_key" in given and body.api_key is None,
        priority=body.priority if "priority" in given else None,
        is_enabled=body.is_enabled if "is_enabled" in given else None,
        data_policy=body.data_policy.model_dump(mode="json") if "data_policy" in given else None,
    )


def _costs(body: NewProviderBody | ProviderChange) -> dict[Any, dict[str, UnitCost]]:
    return {
        role: {model: UnitCost(**cost.model_dump(exclude={"currency"})) for model, cost in models.items()}
        for role, models in body.cost_per_unit.items()
    }


# Errors that several operations return.
_PROVIDER_SETTINGS_ERRORS: Final = (
    "422 address_invalid",
    "422 key_invalid",
    "422 key_refused",
    "422 option_invalid",
    "422 option_unknown",
    "422 provider_refused",
)
_PROVIDER_EDIT_ERRORS: Final = (
    *_PROVIDER_SETTINGS_ERRORS,
    "409 vendor_fixed",
    "409 provider_exists",
    "422 price_invalid",
    "422 vendor_unknown",
    "422 name_reserved",
)

ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", PROVIDERS, list_providers, ANY_ADMIN),
    Route(
        "POST",
        PROVIDERS,
        create_provider,
        admin(),
        status=201,
        idempotent=True,
        check_limit=CHECK_LIMIT,
        errors=_PROVIDER_EDIT_ERRORS,
    ),
    Route("GET", f"{PROVIDERS}/health", provider_health, ANY_ADMIN),
    Route("GET", f"{PROVIDERS}/costs", provider_costs, admin("finance", "read_only")),
    Route("GET", f"{PROVIDERS}/routing", get_routing, ANY_ADMIN, beyond_spec=True),
    Route(
        "PUT",
        f"{PROVIDERS}/routing",
        change_routing,
        admin("support"),
        errors=("422 provider_repeated", "422 provider_unknown"),
    ),
    Route(
        "PUT",
        PROVIDER,
        update_provider,
        admin(),
        check_limit=CHECK_LIMIT,
        errors=("404 provider_not_found", *_PROVIDER_EDIT_ERRORS, "422 key_missing"),
    ),
    Route(
        "DELETE",
        PROVIDER,
        delete_provider,
        admin(),
        errors=("404 provider_not_found", "409 provider_in_use", "409 provider_shipped"),
    ),
)
