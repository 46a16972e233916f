"""Response models of config (admin API)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.billing.model import CURRENCY
from control.billing.plans import TierPrice
from control.http.body import Currency, Money
from control.http.pagination import HasMore
from control.platform.model import Tier


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting. updated_at: when it was last changed (UTC); null if it never was."""

    key: str
    value: Any
    description: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class SettingList:
    """All settings."""

    settings: list[SettingView]


@dataclass(frozen=True, slots=True)
class TierPriceView:
    """What a tier costs in another currency than the platform's."""

    tier_name: str
    currency: Currency
    monthly_fee: Money
    price_per_minute: Money


@dataclass(frozen=True, slots=True)
class TierView:
    """A tier with all its data. other_prices: what it costs in other currencies."""

    tier_name: str
    display_name: str
    monthly_fee: Money
    included_minutes: int
    price_per_minute: Money
    currency: Currency
    other_prices: list[TierPriceView]
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
    """All tiers in the order of the price list, including those no longer offered. has_more: always false."""

    tiers: list[TierView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class OneTier:
    """A tier."""

    tier: TierView


@dataclass(frozen=True, slots=True)
class TierPriceAnswer:
    """What a tier costs in one currency."""

    price: TierPriceView


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
