"""What currencies are worth in the platform's: rates as versions by time; no SQL.

The customer's amounts are in the workspace's currency, our costs in the platform's. A rate is US dollars for one unit.
What is converted for a period has the rate of the period's begin, so that it stays the same whenever it is computed.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from control.billing.prices import round_amount
from control.platform.model import CURRENCY

# Digits of a quotient: twice those of a rate.
_DIGITS: Final = 60


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """A version. usd: US dollars for one unit of the currency (ISO 4217, lower case)."""

    id: int
    currency: str
    usd: Decimal
    valid_from: datetime


class RateHistory:
    """The versions of one currency's rate; of the platform's own it is 1."""

    def __init__(self, currency: str, versions: Iterable[ExchangeRate] = ()) -> None:
        self._currency = currency
        self._versions = sorted(versions, key=lambda one: one.valid_from)

    def find(self, at: datetime) -> Decimal:
        """The rate that held then; before the first one, the first. Raises LookupError where there is none: an account
        has only currencies that have one."""
        if self._currency == CURRENCY:
            return Decimal(1)
        if not self._versions:
            raise LookupError(f"{self._currency} has no exchange rate")
        place = bisect_right(self._versions, at, key=lambda one: one.valid_from)
        return self._versions[max(place - 1, 0)].usd

    def from_usd(self, amount: Decimal, at: datetime) -> Decimal:
        """US dollars in the currency, nine decimal places. Raises LookupError."""
        rate = self.find(at)
        if rate == 1:
            return amount
        with localcontext(prec=_DIGITS):
            return round_amount(amount / rate)

    def to_usd(self, amount: Decimal, at: datetime) -> Decimal:
        """An amount of the currency in US dollars, nine decimal places. Raises LookupError."""
        return round_amount(amount * self.find(at))
