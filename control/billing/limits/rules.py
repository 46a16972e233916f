"""What a workspace may still spend, and how much of it is reserved for a running call.

A reservation covers a call from its beginning to a number of whole minutes. It is renewed `LEAD_S` before these are
over. Amounts are whole micros (10^-6 of a major unit): Redis computes with 53 bits, which are nine billion of the
currency. Reservations are rounded up and budgets down, so that no rounding is ever spent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Literal
from uuid import UUID, uuid5

from control.billing.periods.rules import Statement, StoredPeriod

# --- Budgets and reservations --------------------------------------------------------------------------------------

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
    if any(time is None for time in times):
        return None
    return ReservationRequest(call_id, *(time for time in times if time is not None))


def price_time(seconds: int, price: CallPrice) -> PricedTime | None:
    """None if the price is unknown."""
    amount = price(seconds)
    return None if amount is None else PricedTime(seconds, _to_micros(amount, ROUND_CEILING))


def _to_micros(amount: Decimal, rounding: str) -> int:
    return int((amount * _MICROS).to_integral_value(rounding))


# --- Alerts --------------------------------------------------------------------------------------------------------

# threshold: the workspace's percentage of the limit is spent. limit: all of it, or less than a call's minute is left.
AlertKind = Literal["threshold", "limit"]
# Of one workspace, at once. There are two for each limit in a period.
MOST_ALERTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAlert:
    """That a workspace was told of its spending limit. spent: of the period's usage, when it was noticed.
    threshold_percentage, ends_calls: the workspace's choice then; None where a program of a version before told it."""

    id: UUID
    workspace_id: UUID
    period_start: datetime
    usage_limit: Decimal
    kind: AlertKind
    spent: Decimal
    at: datetime
    threshold_percentage: int | None
    ends_calls: bool | None


# --- Workspaces and their calls ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """amount: of a period's usage, major units; None: only credits limit it. threshold: percentage at which the
    workspace is warned. pauses: whether calls end at the amount. is_prepaid: calls end when the credits are used up.
    currency: of the amount and of the workspace's prices."""

    amount: Decimal | None
    threshold: int
    pauses: bool
    is_prepaid: bool
    tier_name: str
    workspace_name: str
    currency: str

    @property
    def ends_calls(self) -> bool:
        """Whether calls may end; otherwise the workspace is only warned."""
        return self.is_prepaid or self.pauses


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """answered_at: None while it rings. charged_s: of a transferred call, the seconds before its transfer, which the
    ledger has; None of others. tier_name: whose price it has."""

    id: UUID
    created_at: datetime
    answered_at: datetime | None
    charged_s: int | None
    tier_name: str

    @property
    def is_transferred(self) -> bool:
        """Whether no media node has it any more."""
        return self.charged_s is not None

    @property
    def reservation_id(self) -> UUID:
        """Under which its time is reserved. A transfer has a reservation of its own: that of the conversation before is
        given up, because the ledger has its cost."""
        return uuid5(self.id, "transfer") if self.is_transferred else self.id

    def elapsed_s(self, now: datetime) -> float:
        """Seconds that will be charged by now, without those that are."""
        since = (now - self.answered_at).total_seconds() if self.answered_at else 0.0
        return max(0.0, since - (self.charged_s or 0))


class NoSpendLimit(Exception):
    """The workspace has no limit at which its calls end."""


@dataclass(frozen=True, slots=True)
class SpendTerms:
    """A call that may begin only if its first minute can be reserved."""

    workspace_id: UUID
    first: ReservationRequest
    at: datetime


@dataclass(frozen=True, slots=True)
class SpendSnapshot:
    """What a workspace may spend, and what its calls need. finished: calls whose cost the budget contains. unpriced:
    running calls whose price is unknown. told: the alerts of this period and limit. minute_micros: of a call that
    begins now. transfers: those of the running calls that were transferred and have a price, by their reservations."""

    workspace_id: UUID
    period: StoredPeriod
    limit: SpendLimit
    budget: Budget
    minute_micros: int
    running: list[ReservationRequest]
    transfers: Mapping[UUID, ChargedCall]
    finished: frozenset[UUID]
    unpriced: int
    told: frozenset[AlertKind]


@dataclass(frozen=True, slots=True)
class TransferTime:
    """Until when a transferred call may go on. is_last: more was refused."""

    call_id: UUID
    granted_until: datetime
    is_last: bool
