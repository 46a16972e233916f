"""Routes of exchange rates, for the staff."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from control.billing.fields import ADMIN_BILLING, READERS, WRITERS
from control.billing.prices import queries
from control.billing.prices.rules import ExchangeRate
from control.billing.prices.service import HIGHEST_RATE, add_exchange_rate
from control.http.body import Body, CurrencyCode
from control.http.context import AdminContext
from control.http.pagination import HasMore, UtcDatetime
from control.http.route import Route


class ExchangeRateBody(Body):
    """What a currency is worth from a moment on."""

    currency: Annotated[
        CurrencyCode, Field(description="What is worth so much: ISO 4217, lower case.", examples=["eur"])
    ]
    usd: Annotated[
        Decimal,
        Field(gt=0, le=HIGHEST_RATE, decimal_places=12, description="US dollars for one unit of it.", examples=[1.08]),
    ]
    valid_from: UtcDatetime | None = Field(
        None, description="From when on, at least a minute from now; left out: as soon as possible."
    )


@dataclass(frozen=True, slots=True)
class ExchangeRateView:
    """A version of a rate."""

    id: Annotated[int, Field(description="Number of the version.", examples=[7])]
    currency: Annotated[
        CurrencyCode, Field(description="What is worth so much: ISO 4217, lower case.", examples=["eur"])
    ]
    usd: Annotated[float, Field(description="US dollars for one unit of the currency.", examples=[1.08])]
    valid_from: Annotated[datetime, Field(description="From when on it holds (UTC).")]


@dataclass(frozen=True, slots=True)
class ExchangeRateList:
    """Versions of rates by currency, the newest first."""

    exchange_rates: Annotated[list[ExchangeRateView], Field(description="The exchange rates.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ExchangeRateAnswer:
    """A rate."""

    exchange_rate: Annotated[ExchangeRateView, Field(description="The exchange rate.")]


async def list_exchange_rates(context: AdminContext) -> ExchangeRateList:
    """What currencies are worth in US dollars, in which the platform's figures are."""
    return ExchangeRateList(
        [to_exchange_rate(rate) for rate in await queries.select_exchange_rates(context.db)], has_more=False
    )


async def create_exchange_rate(context: AdminContext, body: ExchangeRateBody) -> ExchangeRateAnswer:
    """Adds a version of a rate. Periods that begin from then on are converted by it."""
    rate = await add_exchange_rate(context.db, context.actor, body.currency, body.usd, body.valid_from, context.now)
    return ExchangeRateAnswer(to_exchange_rate(rate))


def to_exchange_rate(rate: ExchangeRate) -> ExchangeRateView:
    return ExchangeRateView(rate.id, rate.currency, float(rate.usd), rate.valid_from)


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
    ),
)
