"""What a workspace may still spend, and how much of it is reserved for a running call; no SQL.

A reservation covers a call from its beginning to a number of whole minutes. It is renewed `LEAD_S` before these are
over. Amounts are whole micros (10^-6 of a major unit): Redis computes with 53 bits, which are nine billion of the
currency. Reservations are rounded up and budgets down, so that no rounding is ever spent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final
from uuid import UUID

from control.billing.statement import Statement

MINUTE_S: Final = 60
# Renewed so long before the reserved time is over: two runs of the duty, which renews every ten seconds.
LEAD_S: Final = 20
# What a running call uses beyond this moment in any case: its node notices within 2 s that nothing more is granted, and
# the last words take some seconds.
ENDING_S: Final = 10
# Reserved ahead while money is ample, so that short outages of the workers or of Redis end no call.
AMPLE_MINUTES: Final = 5
_MICROS: Final = 1_000_000
# The customer's price of a call of so many seconds; None: unknown.
CallPrice = Callable[[int], Decimal | None]


@dataclass(frozen=True, slots=True)
class Budget:
    """Money, major units. limit: for a period's usage without the fee, or what prepaid credits have left. spent: of it,
    as the ledger has it; minutes that the tier includes are free. included: what the included minutes that are left
    would cost, which is not spent by using them."""

    limit: Decimal
    spent: Decimal
    included: Decimal

    @property
    def micros(self) -> int:
        """What running calls may cost at their full price; negative beyond the limit."""
        return _to_micros(self.limit - self.spent + self.included, ROUND_FLOOR)

    @property
    def percentage(self) -> Decimal:
        """What is spent, in percent of the limit."""
        return self.spent * 100 / self.limit if self.limit else Decimal(100)


@dataclass(frozen=True, slots=True)
class PricedTime:
    """Seconds of a call from its beginning, and what they cost in micros."""

    seconds: int
    micros: int


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What a call needs. used: spent already, and in ENDING_S if it is answered. least: the minute that runs, and the
    next one if it begins within LEAD_S. ample: AMPLE_MINUTES, where money is ample."""

    call_id: UUID
    used: PricedTime
    least: PricedTime
    ample: PricedTime


def price_included(statement: Statement, minute: PricedTime | None) -> Decimal:
    """What the included minutes that are left would cost. minute: of a call that begins now; None: it has no price."""
    return statement.included_left * minute.micros / _MICROS / minute.seconds if minute else Decimal(0)


def make_request(call_id: UUID, elapsed_s: float, price: CallPrice) -> ReservationRequest | None:
    """What a call needs that was connected so long ago. None if its price is unknown: the ledger has none for it
    either."""
    used = int(-(-elapsed_s // 1)) + ENDING_S if elapsed_s > 0 else 0
    least = MINUTE_S * (int((elapsed_s + LEAD_S) // MINUTE_S) + 1)
    times = [price_time(seconds, price) for seconds in (used, least, least + MINUTE_S * (AMPLE_MINUTES - 1))]
    if any(one is None for one in times):
        return None
    return ReservationRequest(call_id, *(one for one in times if one is not None))


def price_time(seconds: int, price: CallPrice) -> PricedTime | None:
    """None if the price is unknown."""
    amount = price(seconds)
    return None if amount is None else PricedTime(seconds, _to_micros(amount, ROUND_CEILING))


def _to_micros(amount: Decimal, rounding: str) -> int:
    return int((amount * _MICROS).to_integral_value(rounding))
