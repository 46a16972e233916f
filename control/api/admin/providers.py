"""Routes of voice providers, for the staff: the catalogue with keys and prices, health, costs and routing."""

from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from control.agents.config_parts import Provider
from control.api.admin.providers_views import (
    HealthList,
    ProviderAnswer,
    ProviderCosts,
    ProviderList,
    RoutingView,
    to_answer,
    to_costs,
    to_health,
    to_routing,
    to_view,
)
from control.billing.figures.service import list_provider_costs
from control.billing.prices.rules import CostUnit, UnitCost, make_prices
from control.billing.prices.service import list_prices, set_costs
from control.http.access import ANY_ADMIN, admin
from control.http.after_commit import CheckedChange
from control.http.body import Body, ChangeBody
from control.http.context import AdminContext
from control.http.pagination import Query
from control.http.route import RateLimit, Route
from control.voice.catalogue.service import ProviderAdministration, ProviderEdit
from control.voice.routing.rules import FIRST_STRATEGY, DataPolicy, Strategy

PROVIDERS = "/admin/providers"
PROVIDER = f"{PROVIDERS}/{{provider}}"
# Of both routes that try a key at a vendor.
CHECK_LIMIT: Final = RateLimit("admin-key-checks", 60, 600)

ApiKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
Priority = Annotated[int, Field(ge=0, le=100_000, description="The lower, the earlier in a default chain.")]
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
    """The price of a model in US dollars: of a minute or of a thousand characters, or of a million tokens."""

    unit: Annotated[CostUnit, Field(description="What a price is of.")]
    price: Amount | None = Field(None, description="Of a unit, in US dollars; not for tokens.", examples=[0.0048])
    input: Amount | None = Field(None, description="Of a million prompt tokens.", examples=[None])
    cached_input: Amount | None = Field(
        None, description="Of a million cached tokens; null: as `input`.", examples=[None]
    )
    cache_write: Amount | None = Field(
        None, description="Of a million tokens written to the cache; null: as `input`.", examples=[None]
    )
    output: Amount | None = Field(None, description="Of a million completion tokens.", examples=[None])
    currency: Literal["usd"] = Field("usd", description="As answers have it.")


Costs = Annotated[
    dict[Role, Annotated[dict[Model, UnitCostBody], Field(max_length=200)]],
    Field(description="By role and model (`*`: all others). A price that differs opens a new version."),
]


class NewProviderBody(Body):
    """A provider, which is an instance of a vendor."""

    provider: Annotated[
        Provider, Field(description="A new name: lower-case letters, digits, - and _.", examples=["my-llama"])
    ]
    api_key: ApiKey | None = Field(
        None, description="null for a server that takes none. It is never shown again.", examples=["key-of-the-vendor"]
    )
    config: Config = Field(
        {},
        description="`vendor`, options by kind, and marks of `quality` by kind.",
        examples=[{"vendor": "openai", "llm": {"base_url": "https://llm.example.com/v1", "model": "tiny"}}],
    )
    priority: Annotated[Priority, Field(examples=[100])] = 100
    cost_per_unit: Costs = Field({}, examples=[{"llm": {"*": {"unit": "million_tokens", "input": 0.4, "output": 1.6}}}])
    is_enabled: bool = Field(True, description="Whether it is in service.")
    data_policy: Annotated[DataPolicy, Field(description="What the provider does with callers' data.")] = DataPolicy()


class ProviderChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    api_key: ApiKey | None = Field(
        None, description="Replaces the key; null: the server takes none.", examples=["key-of-the-vendor"]
    )
    config: Config = Field(
        {}, description="Options by kind; each kind as a whole.", examples=[{"llm": {"model": "gpt-5.4-mini"}}]
    )
    priority: Annotated[Priority, Field(examples=[100])] = 0
    is_enabled: bool = Field(False, description="Whether it is in service.")
    cost_per_unit: Costs = Field({}, examples=[{"llm": {"*": {"unit": "million_tokens", "input": 0.4, "output": 1.6}}}])
    data_policy: Annotated[DataPolicy, Field(description="What the provider does with callers' data.")] = DataPolicy()


class CostsQuery(Query):
    """The period: a calendar period in UTC, up to now."""

    period: Literal["day", "week", "month", "quarter", "year"] = Field(
        "month", description="Today, this week, month, quarter or year."
    )


class RoutingBody(Body):
    """The routing of workspaces without a strategy of their own."""

    default_strategy: Annotated[
        Strategy, Field(description="The strategy of workspaces that have none of their own.")
    ] = FIRST_STRATEGY
    fallback_chain: list[Provider] = Field(
        [],
        max_length=20,
        description="Tried in this order after the first choice of an agent or a strategy.",
        examples=[["groq", "openai"]],
    )


async def list_providers(context: AdminContext) -> ProviderList:
    """The catalogue, by priority."""
    found = await context.services[ProviderAdministration].list_all(context.db)
    prices = await list_prices(context.db)
    return ProviderList([to_view(one, prices) for one in found], has_more=False)


async def create_provider(context: AdminContext, body: NewProviderBody) -> CheckedChange[ProviderAnswer]:
    """Creates a provider. Its vendor is asked whether it accepts key and settings before anything is saved."""
    edit = _edit(body, body.model_fields_set | {"priority", "is_enabled"})
    providers = context.services[ProviderAdministration]
    check = await providers.prepare_new(context.db, body.provider, edit)
    return CheckedChange(providers.checker.prepare(check), partial(_create, body=body, edit=edit))


async def update_provider(
    context: AdminContext,
    provider: Annotated[Provider, Field(description="Name of the provider in the catalogue.", examples=["groq"])],
    body: ProviderChange,
) -> CheckedChange[ProviderAnswer]:
    """Changes a provider; new calls use it. A new key or new settings are tried at the vendor before they are saved. A
    new price holds a minute later."""
    edit = _edit(body, body.model_fields_set)
    providers = context.services[ProviderAdministration]
    check = await providers.prepare_change(context.db, provider, edit)
    save = partial(_update, provider=provider, body=body, edit=edit)
    return CheckedChange(providers.checker.prepare(check), save)


async def delete_provider(
    context: AdminContext,
    provider: Annotated[Provider, Field(description="Name of the provider in the catalogue.", examples=["groq"])],
) -> None:
    """Deletes a provider that the staff created, with the workspaces' keys of it."""
    await context.services[ProviderAdministration].delete(context.db, context.actor, provider)


async def provider_health(context: AdminContext) -> HealthList:
    """How the providers work, by role, from calls and probes apart."""
    found = await context.services[ProviderAdministration].list_all(context.db)
    figures = await context.services[ProviderAdministration].list_figures(context.db)
    return to_health(
        found, figures, await context.services[ProviderAdministration].list_probe_states(context.db, context.now)
    )


async def provider_costs(context: AdminContext, query: CostsQuery) -> ProviderCosts:
    """What providers cost in the period, from the ledger; test calls are included."""
    return to_costs(await list_provider_costs(context.db, query.period, context.now))


async def get_routing(context: AdminContext) -> RoutingView:
    """The platform's routing."""
    return to_routing(await context.services[ProviderAdministration].get_routing(context.db))


async def change_routing(context: AdminContext, body: RoutingBody) -> RoutingView:
    """Replaces the platform's routing; new calls follow it."""
    routing = await context.services[ProviderAdministration].set_routing(
        context.db, context.actor, body.default_strategy, body.fallback_chain, context.now
    )
    return to_routing(routing)


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


ROUTES: tuple[Route, ...] = (
    Route("GET", PROVIDERS, list_providers, ANY_ADMIN),
    Route("POST", PROVIDERS, create_provider, admin(), status=201, idempotent=True, check_limit=CHECK_LIMIT),
    Route("GET", f"{PROVIDERS}/health", provider_health, ANY_ADMIN),
    Route("GET", f"{PROVIDERS}/costs", provider_costs, admin("finance", "read_only")),
    Route("GET", f"{PROVIDERS}/routing", get_routing, ANY_ADMIN, beyond_spec=True),
    Route("PUT", f"{PROVIDERS}/routing", change_routing, admin("support")),
    Route("PUT", PROVIDER, update_provider, admin(), check_limit=CHECK_LIMIT),
    Route("DELETE", PROVIDER, delete_provider, admin()),
)
