"""The staff's routes of tiers with their prices, and of exchange rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from control.billing.fields import ADMIN_BILLING, READERS, WRITERS
from control.billing.prices import queries
from control.billing.prices.rules import ExchangeRate, TierPrice
from control.billing.prices.service import (
    HIGHEST_RATE,
    add_exchange_rate,
    follow_tier_prices,
    list_tier_prices,
    set_tier_price,
)
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, ChangeBody, Currency, CurrencyCode, Money, Slug
from control.http.context import AdminContext
from control.http.pagination import HasMore, UtcDatetime
from control.http.route import Route
from control.platform.rules import CURRENCY, NewTier, Tier, TierChange
from control.platform.service import Platform
from control.validation import SingleUnionError

# --- Tiers -----------------------------------------------------------------------------------------------------------

TIERS = "/admin/config/tiers"
# The largest integer that a JSON number represents exactly.
_WHOLE: Final = 2**53
_COUNT: Final = 1_000_000_000
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\u0000]*$")
]
Fee = Annotated[Decimal, Field(ge=0, le=9_999_999_999, decimal_places=2, description="Monthly fee.")]
Price = Annotated[
    Decimal, Field(ge=0, le=999_999, decimal_places=6, description="Price per minute beyond the included minutes.")
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


class NewTierBody(Body):
    """A tier to create."""

    tier_name: Annotated[Slug, Field(description="Name of the tier for programs.", examples=["starter"])]
    display_name: Annotated[DisplayName, Field(description="Display name of the tier.", examples=["Starter"])]
    monthly_fee: Annotated[Fee, Field(examples=[49.0])]
    included_minutes: Annotated[
        Count, Field(description="Minutes per month that the monthly fee includes.", examples=[500])
    ]
    price_per_minute: Annotated[Price, Field(examples=[0.12])]
    max_agents: Annotated[Count, Field(description="Maximum number of agents of a workspace.", examples=[5])]
    features: Features = Field(default_factory=dict, examples=[{"outbound_calls": True}])
    max_members: Annotated[
        AtLeastOne,
        Field(description="Maximum number of members of a workspace, including open invitations.", examples=[10]),
    ] = 5
    max_phone_numbers: Annotated[
        Count, Field(description="Maximum number of phone numbers of a workspace.", examples=[5])
    ] = 5
    max_concurrent_calls: Annotated[
        AtLeastOne, Field(description="Maximum number of concurrent calls of a workspace.", examples=[10])
    ] = 5
    is_available: bool = Field(True, description="Whether the tier can be chosen for a workspace.")
    position: Annotated[Position, Field(examples=[1])] = 0
    stripe_price_id: Annotated[
        StripeId | None,
        Field(description="Id of the price at Stripe; null if there is none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"]),
    ] = None


class TierChangeBody(ChangeBody):
    """Changes to a tier. Omitted fields stay unchanged."""

    display_name: Annotated[DisplayName, Field(description="Display name of the tier.", examples=["Starter"])] = ""
    monthly_fee: Annotated[Fee, Field(examples=[49.0])] = Decimal()
    included_minutes: Annotated[
        Count, Field(description="Minutes per month that the monthly fee includes.", examples=[500])
    ] = 0
    price_per_minute: Annotated[Price, Field(examples=[0.12])] = Decimal()
    max_agents: Annotated[Count, Field(description="Maximum number of agents of a workspace.", examples=[5])] = 0
    features: Features = Field(default_factory=dict, examples=[{"outbound_calls": True}])
    max_members: Annotated[
        AtLeastOne,
        Field(description="Maximum number of members of a workspace, including open invitations.", examples=[10]),
    ] = 1
    max_phone_numbers: Annotated[
        Count, Field(description="Maximum number of phone numbers of a workspace.", examples=[5])
    ] = 0
    max_concurrent_calls: Annotated[
        AtLeastOne, Field(description="Maximum number of concurrent calls of a workspace.", examples=[10])
    ] = 1
    is_available: Annotated[bool, Field(description="Whether the tier can be chosen for a workspace.")] = True
    position: Annotated[Position, Field(examples=[1])] = 0
    stripe_price_id: Annotated[
        StripeId | None,
        Field(description="Id of the price at Stripe; null if there is none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"]),
    ] = None


class TierPriceBody(Body):
    """The prices of a tier in one currency."""

    monthly_fee: Annotated[
        Decimal, Field(ge=0, le=999_999_999_999, decimal_places=3, description="Monthly fee.", examples=[49.0])
    ]
    price_per_minute: Annotated[
        Decimal,
        Field(
            ge=0,
            le=999_999_999,
            decimal_places=6,
            description="Price per minute beyond the included minutes.",
            examples=[0.12],
        ),
    ]


@dataclass(frozen=True, slots=True)
class TierPriceView:
    """The prices of a tier in a currency other than the platform's."""

    tier_name: Annotated[str, Field(description="Name of the tier for programs.", examples=["starter"])]
    currency: Currency
    monthly_fee: Annotated[Money, Field(description="Monthly fee, in major units.", examples=[49.0])]
    price_per_minute: Annotated[
        Money, Field(description="Price per minute beyond the included minutes, in major units.", examples=[0.12])
    ]


@dataclass(frozen=True, slots=True)
class TierView:
    """A tier with all its data."""

    tier_name: Annotated[str, Field(description="Name of the tier for programs.", examples=["starter"])]
    display_name: Annotated[str, Field(description="Display name of the tier.", examples=["Starter"])]
    monthly_fee: Annotated[Money, Field(description="Monthly fee, in major units.", examples=[49.0])]
    included_minutes: Annotated[
        int, Field(description="Minutes per month that the monthly fee includes.", examples=[500])
    ]
    price_per_minute: Annotated[
        Money, Field(description="Price per minute beyond the included minutes, in major units.", examples=[0.12])
    ]
    currency: Currency
    other_prices: Annotated[list[TierPriceView], Field(description="Prices in other currencies.")]
    max_agents: Annotated[int, Field(description="Maximum number of agents of a workspace.", examples=[5])]
    max_members: Annotated[
        int, Field(description="Maximum number of members of a workspace, including open invitations.", examples=[10])
    ]
    max_phone_numbers: Annotated[
        int, Field(description="Maximum number of phone numbers of a workspace.", examples=[5])
    ]
    max_concurrent_calls: Annotated[
        int, Field(description="Maximum number of concurrent calls of a workspace.", examples=[10])
    ]
    features: Annotated[
        Mapping[str, Any],
        Field(description="Features of the tier beyond its limits, by name.", examples=[{"outbound_calls": True}]),
    ]
    is_available: Annotated[bool, Field(description="Whether the tier can be chosen for a workspace.")]
    position: Annotated[int, Field(description="Position in the price list, ascending.", examples=[1])]
    stripe_price_id: Annotated[
        str | None,
        Field(description="Id of the price at Stripe; null if there is none.", examples=["price_1Pq2Rs3Tu4Vw5Xy6"]),
    ]


@dataclass(frozen=True, slots=True)
class TierList:
    """All tiers in the order of the price list, including tiers that are no longer offered."""

    tiers: Annotated[list[TierView], Field(description="The tiers.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class OneTier:
    """A tier with its prices and limits."""

    tier: Annotated[TierView, Field(description="The tier.")]


@dataclass(frozen=True, slots=True)
class TierPriceAnswer:
    """The prices of a tier in one currency."""

    price: Annotated[TierPriceView, Field(description="The price.")]


async def list_tiers(context: AdminContext) -> TierList:
    """List all tiers, in the order of the price list."""
    tiers = await context.services[Platform].tiers(context.db)
    prices = await list_tier_prices(context.db)
    return TierList([to_tier(tier, prices) for tier in tiers], has_more=False)


async def create_tier(context: AdminContext, body: NewTierBody) -> OneTier:
    """Create a tier with its prices and limits."""
    new = NewTier(**{name: getattr(body, name) for name in NewTierBody.model_fields})
    tier = await context.services[Platform].create_tier(context.db, context.actor, new)
    await follow_tier_prices(context.db, context.now)
    return OneTier(to_tier(tier, ()))


async def update_tier(
    context: AdminContext,
    tier_name: Annotated[Slug, Field(description="Name of the tier for programs.", examples=["starter"])],
    body: TierChangeBody,
) -> OneTier:
    """Change a tier.

    A new price per minute applies to calls that begin a minute later. A limit cannot be lower than the use of any
    workspace of this tier.
    """
    change = TierChange({name: getattr(body, name) for name in body.model_fields_set})
    tier = await context.services[Platform].update_tier(context.db, context.actor, tier_name, change)
    await follow_tier_prices(context.db, context.now)
    return OneTier(to_tier(tier, await list_tier_prices(context.db)))


async def put_tier_price(
    context: AdminContext,
    tier_name: Annotated[Slug, Field(description="Name of the tier for programs.", examples=["starter"])],
    currency: Annotated[
        CurrencyCode, Field(description="Currency of the prices: ISO 4217, lower case.", examples=["usd"])
    ],
    body: TierPriceBody,
) -> TierPriceAnswer:
    """Set the prices of a tier in a currency other than the platform's. The tier is then available in this currency.

    A new price per minute applies to calls that begin a minute later.
    """
    await context.services[Platform].tier(context.db, tier_name)
    price = TierPrice(tier_name, currency, body.monthly_fee, body.price_per_minute)
    return TierPriceAnswer(to_tier_price(await set_tier_price(context.db, context.actor, price, context.now)))


def to_tier(tier: Tier, prices: Iterable[TierPrice]) -> TierView:
    """Convert a tier to its API representation for staff.

    Args:
        prices: Prices of all tiers in other currencies.
    """
    return TierView(
        tier_name=tier.tier_name,
        display_name=tier.display_name,
        monthly_fee=tier.monthly_fee,
        included_minutes=tier.included_minutes,
        price_per_minute=tier.price_per_minute,
        currency=CURRENCY,
        other_prices=[to_tier_price(price) for price in prices if price.tier_name == tier.tier_name],
        max_agents=tier.max_agents,
        max_members=tier.max_members,
        max_phone_numbers=tier.max_phone_numbers,
        max_concurrent_calls=tier.max_concurrent_calls,
        features=tier.features,
        is_available=tier.is_available,
        position=tier.position,
        stripe_price_id=tier.stripe_price_id,
    )


def to_tier_price(price: TierPrice) -> TierPriceView:
    return TierPriceView(price.tier_name, price.currency, price.monthly_fee, price.price_per_minute)


# --- Exchange rates --------------------------------------------------------------------------------------------------


class ExchangeRateBody(Body):
    """An exchange rate that takes effect at a given time."""

    currency: Annotated[CurrencyCode, Field(description="The currency: ISO 4217, lower case.", examples=["eur"])]
    usd: Annotated[
        Decimal,
        Field(
            gt=0,
            le=HIGHEST_RATE,
            decimal_places=12,
            description="US dollars per unit of the currency.",
            examples=[1.08],
        ),
    ]
    valid_from: UtcDatetime | None = Field(
        None, description="When the rate takes effect (UTC), at least a minute from now; default: as soon as possible."
    )


@dataclass(frozen=True, slots=True)
class ExchangeRateView:
    """A version of an exchange rate."""

    id: Annotated[int, Field(description="Number of the version.", examples=[7])]
    currency: Annotated[CurrencyCode, Field(description="The currency: ISO 4217, lower case.", examples=["eur"])]
    usd: Annotated[float, Field(description="US dollars per unit of the currency.", examples=[1.08])]
    valid_from: Annotated[datetime, Field(description="When the rate takes effect (UTC).")]


@dataclass(frozen=True, slots=True)
class ExchangeRateList:
    """Versions of exchange rates by currency, newest first."""

    exchange_rates: Annotated[list[ExchangeRateView], Field(description="The exchange rates.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ExchangeRateAnswer:
    """An exchange rate."""

    exchange_rate: Annotated[ExchangeRateView, Field(description="The exchange rate.")]


async def list_exchange_rates(context: AdminContext) -> ExchangeRateList:
    """List the exchange rates of currencies to US dollars, the currency of the platform's figures."""
    return ExchangeRateList(
        [to_exchange_rate(rate) for rate in await queries.select_exchange_rates(context.db)], has_more=False
    )


async def create_exchange_rate(context: AdminContext, body: ExchangeRateBody) -> ExchangeRateAnswer:
    """Add a version of an exchange rate. Periods that begin after it takes effect are converted with it."""
    rate = await add_exchange_rate(context.db, context.actor, body.currency, body.usd, body.valid_from, context.now)
    return ExchangeRateAnswer(to_exchange_rate(rate))


def to_exchange_rate(rate: ExchangeRate) -> ExchangeRateView:
    return ExchangeRateView(rate.id, rate.currency, float(rate.usd), rate.valid_from)


# --- Routes ----------------------------------------------------------------------------------------------------------

TIER_ROUTES: tuple[Route, ...] = (
    Route("GET", TIERS, list_tiers, ANY_ADMIN),
    Route("POST", TIERS, create_tier, admin("finance"), status=201, idempotent=True, errors=("409 tier_exists",)),
    Route(
        "PUT",
        f"{TIERS}/{{tierName}}",
        update_tier,
        admin("finance"),
        errors=("404 tier_not_found", "409 default_tier", "409 tier_in_use"),
    ),
    Route(
        "PUT",
        f"{TIERS}/{{tierName}}/prices/{{currency}}",
        put_tier_price,
        admin("finance"),
        beyond_spec=True,
        errors=("404 tier_not_found", "422 amount_invalid", "422 currency_fixed"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ADMIN_BILLING}/exchange-rates", list_exchange_rates, READERS, beyond_spec=True),
    Route(
        "POST",
        f"{ADMIN_BILLING}/exchange-rates",
        create_exchange_rate,
        WRITERS,
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=("409 exchange_rate_exists", "422 currency_fixed", "422 valid_from_past"),
    ),
)
