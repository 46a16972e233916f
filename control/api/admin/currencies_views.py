"""Response models of currencies (admin API)."""

from dataclasses import dataclass
from datetime import datetime

from control.billing.exchange_rates import ExchangeRate
from control.http.body import Currency, CurrencyCode
from control.http.pagination import HasMore


@dataclass(frozen=True, slots=True)
class ExchangeRateView:
    """A version of a rate. usd: US dollars for one unit of the currency."""

    id: int
    currency: CurrencyCode
    usd: float
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class ExchangeRateList:
    """Versions of rates by currency, the newest first. has_more: always false."""

    exchange_rates: list[ExchangeRateView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class ExchangeRateAnswer:
    """A rate."""

    exchange_rate: ExchangeRateView


@dataclass(frozen=True, slots=True)
class CurrencyAnswer:
    """The currency in which a workspace is billed."""

    currency: Currency


def to_view(rate: ExchangeRate) -> ExchangeRateView:
    return ExchangeRateView(rate.id, rate.currency, float(rate.usd), rate.valid_from)
