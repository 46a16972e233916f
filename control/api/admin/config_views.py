"""Response models of config (admin API)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from control.billing.prices.rules import TierPrice
from control.http.body import Currency, Money
from control.http.pagination import HasMore
from control.platform.rules import CURRENCY, Tier


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
