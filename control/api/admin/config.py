"""Settings and tiers, as the staff keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, Money
from control.http.context import AdminContext
from control.http.route import Route
from control.platform.model import Tier
from control.platform.one_fault import OneFault
from control.platform.tier_changes import NewTier, TierChange
from shared.errors import Invalid

SETTINGS = "/admin/config/settings"
TIERS = "/admin/config/tiers"

# What a JSON number carries without loss.
_WHOLE: Final = 2**53
_COUNT: Final = 1_000_000_000

TierName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\u0000]*$")
]
Fee = Annotated[Decimal, Field(ge=0, le=9_999_999_999, decimal_places=2, description="A month's price.")]
Price = Annotated[Decimal, Field(ge=0, le=999_999, decimal_places=6, description="Of a minute beyond those included.")]
Count = Annotated[int, Field(ge=0, le=_COUNT)]
AtLeastOne = Annotated[int, Field(ge=1, le=_COUNT)]
Position = Annotated[int, Field(ge=-_COUNT, le=_COUNT, description="In the price list, the smallest first.")]
StripeId = Annotated[str, StringConstraints(pattern=r"^price_[A-Za-z0-9_]{1,200}$")]
_Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\u0000]*$")]
_Number = Annotated[int, Field(ge=-_WHOLE, le=_WHOLE)] | Annotated[float, Field(ge=-_WHOLE, le=_WHOLE)]
_Feature = Annotated[
    bool | _Number | _Text | list[_Text],
    OneFault("true, false, null, a number, a text of up to 500 characters or a list of such texts"),
]
_FeatureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Features = Annotated[
    dict[_FeatureName, _Feature | None],
    Field(max_length=100, description="What the tier holds beyond its limits, by name."),
]


class SettingChange(Body):
    """One setting's new value."""

    key: str = Field(max_length=100)
    value: Any


class SettingsChange(Body):
    """All of these change, or none."""

    settings: list[SettingChange] = Field(min_length=1, max_length=100)


class NewTierBody(Body):
    """A tier."""

    tier_name: TierName
    display_name: DisplayName
    monthly_fee: Fee
    included_minutes: Count
    price_per_minute: Price
    max_agents: Count
    features: Features = Field(default_factory=dict)
    max_members: AtLeastOne = 5
    max_phone_numbers: Count = 5
    max_concurrent_calls: AtLeastOne = 5
    is_available: bool = Field(True, description="May be chosen for a workspace.")
    position: Position = 0
    stripe_price_id: StripeId | None = None


class TierChangeBody(Body):
    """What shall change; what is left out stays."""

    display_name: DisplayName = ""
    monthly_fee: Fee = Decimal()
    included_minutes: Count = 0
    price_per_minute: Price = Decimal()
    max_agents: Count = 0
    features: Features = Field(default_factory=dict)
    max_members: AtLeastOne = 1
    max_phone_numbers: Count = 0
    max_concurrent_calls: AtLeastOne = 1
    is_available: bool = True
    position: Position = 0
    stripe_price_id: StripeId | None = None


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting. updated_at: null while it was never stored."""

    key: str
    value: Any
    description: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class SettingList:
    """All settings."""

    settings: list[SettingView]


@dataclass(frozen=True, slots=True)
class TierView:
    """A tier, whole."""

    tier_name: str
    display_name: str
    monthly_fee: Money
    included_minutes: int
    price_per_minute: Money
    max_agents: int
    max_members: int
    max_phone_numbers: int
    max_concurrent_calls: int
    features: Mapping[str, Any]
    is_available: bool
    position: int
    stripe_price_id: str | None


@dataclass(frozen=True, slots=True)
class TierList:
    """All tiers, those no longer offered too, in the order of the price list."""

    tiers: list[TierView]


@dataclass(frozen=True, slots=True)
class OneTier:
    """A tier."""

    tier: TierView


async def list_settings(context: AdminContext) -> SettingList:
    """All settings with their meaning."""
    settings = await context.services.platform.settings(context.db)
    return SettingList([SettingView(one.key, one.value, one.description, one.updated_at) for one in settings])


async def change_settings(context: AdminContext, body: SettingsChange) -> SettingList:
    """Changes settings, all of those named or none; answers with all of them."""
    values = {one.key: one.value for one in body.settings}
    if len(values) < len(body.settings):
        raise Invalid("A setting is named twice.", param="settings", code="setting_repeated")
    await context.services.platform.change_settings(context.db, context.actor, values)
    return await list_settings(context)


async def list_tiers(context: AdminContext) -> TierList:
    """The price list."""
    return TierList([_view(tier) for tier in await context.services.platform.tiers(context.db)])


async def create_tier(context: AdminContext, body: NewTierBody) -> OneTier:
    """A new tier."""
    new = NewTier(**{name: getattr(body, name) for name in NewTierBody.model_fields})
    return OneTier(_view(await context.services.platform.create_tier(context.db, context.actor, new)))


async def update_tier(context: AdminContext, tier_name: TierName, body: TierChangeBody) -> OneTier:
    """Changes a tier. A limit may not fall below what a workspace of this tier uses."""
    change = TierChange({name: getattr(body, name) for name in body.model_fields_set})
    return OneTier(_view(await context.services.platform.update_tier(context.db, context.actor, tier_name, change)))


def _view(tier: Tier) -> TierView:
    return TierView(
        tier.tier_name, tier.display_name, tier.monthly_fee, tier.included_minutes, tier.price_per_minute,
        tier.max_agents, tier.max_members, tier.max_phone_numbers, tier.max_concurrent_calls, tier.features,
        tier.is_available, tier.position, tier.stripe_price_id,
    )  # fmt: skip


ROUTES = (
    Route("GET", SETTINGS, list_settings, ANY_ADMIN),
    Route("PUT", SETTINGS, change_settings, admin()),
    Route("GET", TIERS, list_tiers, ANY_ADMIN),
    Route("POST", TIERS, create_tier, admin("finance"), status=201, idempotent=True),
    Route("PUT", f"{TIERS}/{{tierName}}", update_tier, admin("finance")),
)
