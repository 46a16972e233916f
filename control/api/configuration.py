"""Routes of the staff: settings, tiers and features of the platform, and the audit log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.audit.rules import AuditEntry, AuditFilter
from control.audit.service import list_entries
from control.billing.prices.rules import TierPrice
from control.billing.prices.service import follow_tier_prices, list_tier_prices, set_tier_price
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, ChangeBody, Currency, CurrencyCode, Money, Slug
from control.http.context import AdminContext
from control.http.fields import Id
from control.http.pagination import HasMore, ListAnswer, ListQuery, UtcDatetime, page_fields
from control.http.route import Route
from control.platform.rules import CURRENCY, NewTier, Tier, TierChange
from control.platform.service import Platform
from control.validation import SingleUnionError
from shared.errors import Invalid


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting."""

    key: Annotated[str, Field(description="Name of the setting.", examples=["trial_days"])]
    value: Annotated[Any, Field(description="Value of the setting, of the type that the setting has.", examples=[14])]
    description: Annotated[
        str, Field(description="What the setting does, with its unit.", examples=["Days of a new workspace's trial."])
    ]
    updated_at: Annotated[datetime | None, Field(description="When it was last changed (UTC); null if it never was.")]


@dataclass(frozen=True, slots=True)
class SettingList:
    """All settings."""

    settings: Annotated[list[SettingView], Field(description="The settings.")]


@dataclass(frozen=True, slots=True)
class TierPriceView:
    """What a tier costs in another currency than the platform's."""

    tier_name: Annotated[str, Field(description="Name of the tier, for programs.", examples=["starter"])]
    currency: Currency
    monthly_fee: Annotated[Money, Field(description="Price of a month, in major units.", examples=[49.0])]
    price_per_minute: Annotated[
        Money, Field(description="Price of a minute beyond the included ones, in major units.", examples=[0.12])
    ]


@dataclass(frozen=True, slots=True)
class TierView:
    """A tier with all its data."""

    tier_name: Annotated[str, Field(description="Name of the tier, for programs.", examples=["starter"])]
    display_name: Annotated[str, Field(description="Name of the tier, for people.", examples=["Starter"])]
    monthly_fee: Annotated[Money, Field(description="Price of a month, in major units.", examples=[49.0])]
    included_minutes: Annotated[
        int, Field(description="Minutes a month that the monthly fee includes.", examples=[500])
    ]
    price_per_minute: Annotated[
        Money, Field(description="Price of a minute beyond the included ones, in major units.", examples=[0.12])
    ]
    currency: Currency
    other_prices: Annotated[list[TierPriceView], Field(description="What it costs in other currencies.")]
    max_agents: Annotated[int, Field(description="The most agents of a workspace.", examples=[5])]
    max_members: Annotated[
        int, Field(description="The most members of a workspace, open invitations included.", examples=[10])
    ]
    max_phone_numbers: Annotated[int, Field(description="The most phone numbers of a workspace.", examples=[5])]
    max_concurrent_calls: Annotated[
        int, Field(description="The most calls of a workspace at the same time.", examples=[10])
    ]
    features: Annotated[
        Mapping[str, Any],
        Field(description="Features of the tier beyond its limits, by name.", examples=[{"outbound_calls": True}]),
    ]
    is_available: Annotated[bool, Field(description="Whether the tier may be chosen for a workspace.")]
    position: Annotated[int, Field(description="Position in the price list, ascending.", examples=[1])]
    stripe_price_id: Annotated[
        str | None, Field(description="Id of the price at Stripe; null for none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"])
    ]


@dataclass(frozen=True, slots=True)
class TierList:
    """All tiers in the order of the price list, including those no longer offered."""

    tiers: Annotated[list[TierView], Field(description="The tiers.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class OneTier:
    """A tier."""

    tier: Annotated[TierView, Field(description="The tier.")]


@dataclass(frozen=True, slots=True)
class TierPriceAnswer:
    """What a tier costs in one currency."""

    price: Annotated[TierPriceView, Field(description="The price.")]


def to_price(one: TierPrice) -> TierPriceView:
    return TierPriceView(one.tier_name, one.currency, one.monthly_fee, one.price_per_minute)


def to_view(tier: Tier, prices: Iterable[TierPrice]) -> TierView:
    """prices: of all tiers in other currencies."""
    return TierView(
        tier_name=tier.tier_name,
        display_name=tier.display_name,
        monthly_fee=tier.monthly_fee,
        included_minutes=tier.included_minutes,
        price_per_minute=tier.price_per_minute,
        currency=CURRENCY,
        other_prices=[to_price(one) for one in prices if one.tier_name == tier.tier_name],
        max_agents=tier.max_agents,
        max_members=tier.max_members,
        max_phone_numbers=tier.max_phone_numbers,
        max_concurrent_calls=tier.max_concurrent_calls,
        features=tier.features,
        is_available=tier.is_available,
        position=tier.position,
        stripe_price_id=tier.stripe_price_id,
    )


SETTINGS = "/admin/config/settings"
TIERS = "/admin/config/tiers"

# The largest integer that a JSON number holds exactly.
_WHOLE: Final = 2**53
_COUNT: Final = 1_000_000_000

DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\u0000]*$")
]
Fee = Annotated[Decimal, Field(ge=0, le=9_999_999_999, decimal_places=2, description="The price of a month.")]
Price = Annotated[
    Decimal, Field(ge=0, le=999_999, decimal_places=6, description="The price of a minute beyond the included ones.")
]
Count = Annotated[int, Field(ge=0, le=_COUNT)]
AtLeastOne = Annotated[int, Field(ge=1, le=_COUNT)]
Position = Annotated[int, Field(ge=-_COUNT, le=_COUNT, description="Position in the price list, ascending.")]
StripeId = Annotated[str, StringConstraints(pattern=r"^price_[A-Za-z0-9_]{1,200}$")]
_Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\u0000]*$")]
_Number = Annotated[int, Field(ge=-_WHOLE, le=_WHOLE)] | Annotated[float, Field(ge=-_WHOLE, le=_WHOLE)]
_Feature = Annotated[
    bool | _Number | _Text | list[_Text],
    SingleUnionError("true, false, null, a number, a text of up to 500 characters or a list of such texts"),
]
Features = Annotated[
    dict[Slug, _Feature | None],
    Field(max_length=100, description="Features of the tier beyond its limits, by name."),
]


class SettingChange(Body):
    """A setting's new value."""

    key: str = Field(max_length=100, description="Name of the setting.", examples=["trial_days"])
    value: Annotated[Any, Field(description="Value of the setting, of the type that the setting has.", examples=[14])]


class SettingsChange(Body):
    """Changes of settings, of which all or none take effect."""

    settings: list[SettingChange] = Field(min_length=1, max_length=100, description="The settings.")


class NewTierBody(Body):
    """A tier."""

    tier_name: Annotated[Slug, Field(description="Name of the tier, for programs.", examples=["starter"])]
    display_name: Annotated[DisplayName, Field(description="Name of the tier, for people.", examples=["Starter"])]
    monthly_fee: Annotated[Fee, Field(examples=[49.0])]
    included_minutes: Annotated[
        Count, Field(description="Minutes a month that the monthly fee includes.", examples=[500])
    ]
    price_per_minute: Annotated[Price, Field(examples=[0.12])]
    max_agents: Annotated[Count, Field(description="The most agents of a workspace.", examples=[5])]
    features: Features = Field(default_factory=dict, examples=[{"outbound_calls": True}])
    max_members: Annotated[
        AtLeastOne, Field(description="The most members of a workspace, open invitations included.", examples=[10])
    ] = 5
    max_phone_numbers: Annotated[Count, Field(description="The most phone numbers of a workspace.", examples=[5])] = 5
    max_concurrent_calls: Annotated[
        AtLeastOne, Field(description="The most calls of a workspace at the same time.", examples=[10])
    ] = 5
    is_available: bool = Field(True, description="Whether the tier may be chosen for a workspace.")
    position: Annotated[Position, Field(examples=[1])] = 0
    stripe_price_id: Annotated[
        StripeId | None,
        Field(description="Id of the price at Stripe; null for none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"]),
    ] = None


class TierChangeBody(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    display_name: Annotated[DisplayName, Field(description="Name of the tier, for people.", examples=["Starter"])] = ""
    monthly_fee: Annotated[Fee, Field(examples=[49.0])] = Decimal()
    included_minutes: Annotated[
        Count, Field(description="Minutes a month that the monthly fee includes.", examples=[500])
    ] = 0
    price_per_minute: Annotated[Price, Field(examples=[0.12])] = Decimal()
    max_agents: Annotated[Count, Field(description="The most agents of a workspace.", examples=[5])] = 0
    features: Features = Field(default_factory=dict, examples=[{"outbound_calls": True}])
    max_members: Annotated[
        AtLeastOne, Field(description="The most members of a workspace, open invitations included.", examples=[10])
    ] = 1
    max_phone_numbers: Annotated[Count, Field(description="The most phone numbers of a workspace.", examples=[5])] = 0
    max_concurrent_calls: Annotated[
        AtLeastOne, Field(description="The most calls of a workspace at the same time.", examples=[10])
    ] = 1
    is_available: Annotated[bool, Field(description="Whether the tier may be chosen for a workspace.")] = True
    position: Annotated[Position, Field(examples=[1])] = 0
    stripe_price_id: Annotated[
        StripeId | None,
        Field(description="Id of the price at Stripe; null for none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"]),
    ] = None


class TierPriceBody(Body):
    """What a tier costs in one currency."""

    monthly_fee: Annotated[
        Decimal, Field(ge=0, le=999_999_999_999, decimal_places=3, description="The price of a month.", examples=[49.0])
    ]
    price_per_minute: Annotated[
        Decimal,
        Field(
            ge=0,
            le=999_999_999,
            decimal_places=6,
            description="The price of a minute beyond the included ones.",
            examples=[0.12],
        ),
    ]


async def list_settings(context: AdminContext) -> SettingList:
    """All settings with their descriptions."""
    settings = await context.services[Platform].settings(context.db)
    return SettingList([SettingView(one.key, one.value, one.description, one.updated_at) for one in settings])


async def change_settings(context: AdminContext, body: SettingsChange) -> SettingList:
    """Changes all of the given settings or none; returns all settings."""
    values = {one.key: one.value for one in body.settings}
    if len(values) < len(body.settings):
        raise Invalid("A setting is named twice.", param="settings", code="setting_repeated")
    await context.services[Platform].change_settings(context.db, context.actor, values)
    return await list_settings(context)


async def list_tiers(context: AdminContext) -> TierList:
    """All tiers, in the order of the price list."""
    tiers = await context.services[Platform].tiers(context.db)
    prices = await list_tier_prices(context.db)
    return TierList([to_view(tier, prices) for tier in tiers], has_more=False)


async def create_tier(context: AdminContext, body: NewTierBody) -> OneTier:
    """Creates a tier."""
    new = NewTier(**{name: getattr(body, name) for name in NewTierBody.model_fields})
    tier = await context.services[Platform].create_tier(context.db, context.actor, new)
    await follow_tier_prices(context.db, context.now)
    return OneTier(to_view(tier, ()))


async def update_tier(
    context: AdminContext,
    tier_name: Annotated[Slug, Field(description="Name of the tier, for programs.", examples=["starter"])],
    body: TierChangeBody,
) -> OneTier:
    """Changes a tier. A new price of minutes holds for calls that begin a minute later. A limit cannot be lower than
    what a workspace of this tier uses."""
    change = TierChange({name: getattr(body, name) for name in body.model_fields_set})
    tier = await context.services[Platform].update_tier(context.db, context.actor, tier_name, change)
    await follow_tier_prices(context.db, context.now)
    return OneTier(to_view(tier, await list_tier_prices(context.db)))


async def put_tier_price(
    context: AdminContext,
    tier_name: Annotated[Slug, Field(description="Name of the tier, for programs.", examples=["starter"])],
    currency: Annotated[
        CurrencyCode, Field(description="Currency of the amounts beside it: ISO 4217, lower case.", examples=["usd"])
    ],
    body: TierPriceBody,
) -> TierPriceAnswer:
    """Sets what a tier costs in another currency than the platform's, in which it can be had then. A new price of
    minutes holds for calls that begin a minute later."""
    await context.services[Platform].tier(context.db, tier_name)
    price = TierPrice(tier_name, currency, body.monthly_fee, body.price_per_minute)
    return TierPriceAnswer(to_price(await set_tier_price(context.db, context.actor, price, context.now)))


ROUTES = (
    Route("GET", SETTINGS, list_settings, ANY_ADMIN),
    Route("PUT", SETTINGS, change_settings, admin()),
    Route("GET", TIERS, list_tiers, ANY_ADMIN),
    Route("POST", TIERS, create_tier, admin("finance"), status=201, idempotent=True),
    Route("PUT", f"{TIERS}/{{tierName}}", update_tier, admin("finance")),
    Route("PUT", f"{TIERS}/{{tierName}}/prices/{{currency}}", put_tier_price, admin("finance"), beyond_spec=True),
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """An entry of the audit log."""

    id: Id
    actor: Annotated[str, Field(description="Admin, user, api_key or system.", examples=["admin"])]
    actor_id: Annotated[UUID | None, Field(description="Id of who acted, of the API key for one; null for the system.")]
    actor_email: Annotated[
        str | None,
        Field(
            description="E-mail address of who acted, of its holder for an API key; null for the system.",
            examples=["grace@example.com"],
        ),
    ]
    admin_email: Annotated[
        str | None, Field(description="Null unless the actor is an admin.", examples=["grace@example.com"])
    ]
    action: Annotated[str, Field(description="What was done.", examples=["workspace.suspend"])]
    resource_type: Annotated[str, Field(description="Kind of what it was done to.", examples=["workspace"])]
    resource_id: Annotated[
        str, Field(description="Id of what it was done to.", examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"])
    ]
    workspace_id: Annotated[UUID | None, Field(description="Id of the workspace.")]
    details: Annotated[
        Mapping[str, Any],
        Field(
            description="Values before and after and the reason, with secrets masked.",
            examples=[{"before": {"status": "draft"}, "after": {"status": "live"}}],
        ),
    ]
    request_id: Annotated[
        str | None,
        Field(description="Id of the request; null for none.", examples=["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"]),
    ]
    timestamp: Annotated[datetime, Field(description="When it happened (UTC).")]


@dataclass(frozen=True, slots=True)
class LogPage(ListAnswer):
    """A page of the log, newest first. `total` counts up to 10,000 entries."""

    logs: Annotated[list[LogLine], Field(description="The entries of the audit log.")]


def to_line(entry: AuditEntry) -> LogLine:
    return LogLine(
        id=entry.id,
        actor=entry.actor,
        actor_id=entry.actor_id,
        actor_email=entry.actor_email,
        admin_email=entry.actor_email if entry.actor == "admin" else None,
        action=entry.action,
        resource_type=entry.resource_type,
        resource_id=entry.resource_id,
        workspace_id=entry.workspace_id,
        details=entry.details,
        request_id=entry.request_id,
        timestamp=entry.at,
    )


Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class LogQuery(ListQuery):
    """Filters of the log."""

    admin_id: UUID | None = Field(None, description="Only actions of this person.")
    action: Action | None = Field(
        None, description="Only this action, such as workspace.suspend.", examples=["workspace.suspend"]
    )
    since: UtcDatetime | None = Field(None, alias="from", description="Only entries at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Only entries before this time.")


async def list_activity(context: AdminContext, query: LogQuery) -> LogPage:
    """Actions on the platform, newest first."""
    wanted = AuditFilter(query.admin_id, query.action, query.since, query.until)
    found = await list_entries(context.db, wanted, query.request())
    return LogPage([to_line(entry) for entry in found.rows], **page_fields(query, found))


LOGS_ROUTES = (Route("GET", "/admin/logs/activity", list_activity, ANY_ADMIN),)
