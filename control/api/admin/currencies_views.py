"""Response models of currencies (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.billing.prices.rules import ExchangeRate
from control.http.body import Currency, CurrencyCode
from control.http.pagination import HasMore


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


@dataclass(frozen=True, slots=True)
class CurrencyAnswer:
    """The currency in which a workspace is billed."""

    currency: Currency


def to_view(rate: ExchangeRate) -> ExchangeRateView:
    return ExchangeRateView(rate.id, rate.currency, float(rate.usd), rate.valid_from)
