"""Budgets of workspaces, and the amounts that running calls reserve.

A reservation covers a call from its beginning to a number of whole minutes. It is renewed `LEAD_S` before these minutes
end. Amounts are whole micros (10^-6 of a major unit): Redis computes with 53 bits, which represent nine billion major
units. Reservations are rounded up and budgets down, so that rounding never exceeds a budget.
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
# Seconds before its end at which a reservation is renewed: two runs of the duty, which runs every ten seconds.
LEAD_S: Final = 20
# Seconds that a running call continues after its time: its node notices within 2 s that no more time is granted, and
# the last words take some seconds.
ENDING_S: Final = 10
# Minutes that are reserved in advance while money is ample, so that a short outage of the workers or of Redis ends no
# call.
AMPLE_MINUTES: Final = 5
_MICROS: Final = 1_000_000
# Returns the customer's price of a call of this many seconds, or None if the price is unknown.
CallPrice = Callable[[int], Decimal | None]


@dataclass(frozen=True, slots=True)
class Budget:
    """The amount that a workspace may spend, in major units.

    Attributes:
        limit: Limit for a period's usage without the fee, or the remaining prepaid credits.
        spent: Amount spent according to the ledger; included minutes are free.
        included: Price of the remaining included minutes.
    """

    limit: Decimal
    spent: Decimal
    included: Decimal

    @property
    def micros(self) -> int:
        """Return the micros that running calls may cost at their full price; negative beyond the limit."""
        return _to_micros(self.limit - self.spent + self.included, ROUND_FLOOR)

    @property
    def percentage(self) -> Decimal:
        """Return the spent amount as a percentage of the limit."""
        return self.spent * 100 / self.limit if self.limit else Decimal(100)


@dataclass(frozen=True, slots=True)
class PricedTime:
    """A number of seconds from the beginning of a call, and their price in micros."""

    seconds: int
    micros: int


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """The times that a call requests.

    Attributes:
        used: Time that the call has used, plus ENDING_S if it is answered.
        least: Until the end of the current minute, or of the next minute if it begins within LEAD_S.
        ample: AMPLE_MINUTES, granted while money is ample.
    """

    call_id: UUID
    used: PricedTime
    least: PricedTime
    ample: PricedTime


def price_included(statement: Statement, minute: PricedTime | None) -> Decimal:
    """Return the price of the remaining included minutes.

    Args:
        minute: Price of a minute of a call that begins now; None if it has no price.
    """
    return statement.included_left * minute.micros / _MICROS / minute.seconds if minute else Decimal(0)


def make_request(call_id: UUID, elapsed_s: float, price: CallPrice) -> ReservationRequest | None:
    """Return the request of a call that has been connected this long, or None if its price is unknown."""
    used = int(-(-elapsed_s // 1)) + ENDING_S if elapsed_s > 0 else 0
    least = MINUTE_S * (int((elapsed_s + LEAD_S) // MINUTE_S) + 1)
    times = [price_time(seconds, price) for seconds in (used, least, least + MINUTE_S * (AMPLE_MINUTES - 1))]
    if any(time is None for time in times):
        return None
    return ReservationRequest(call_id, *(time for time in times if time is not None))


def price_time(seconds: int, price: CallPrice) -> PricedTime | None:
    """Return the time with its price, or None if the price is unknown."""
    amount = price(seconds)
    return None if amount is None else PricedTime(seconds, _to_micros(amount, ROUND_CEILING))


def _to_micros(amount: Decimal, rounding: str) -> int:
    return int((amount * _MICROS).to_integral_value(rounding))


# --- Alerts --------------------------------------------------------------------------------------------------------

# threshold: the workspace's percentage of the limit is spent. limit: everything is spent, or less than a call's minute
# is left.
AlertKind = Literal["threshold", "limit"]
# Maximum number of alerts in a list. A limit has at most two alerts in a period.
MOST_ALERTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAlert:
    """An e-mail about a spending limit.

    Attributes:
        spent: Cost of the period's usage at that time.
        threshold_percentage: The workspace's setting at that time; None if an earlier release sent the e-mail.
        ends_calls: The workspace's setting at that time; None if an earlier release sent the e-mail.
    """

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
    """A workspace's spending limit.

    Attributes:
        amount: Maximum cost of a period's usage, in major units; None if only credits are the limit.
        threshold: Percentage at which the workspace is warned.
        pauses: Whether calls end at the amount.
        is_prepaid: Whether calls end when the credits are used up.
        currency: Currency of the amount and of the workspace's prices.
    """

    amount: Decimal | None
    threshold: int
    pauses: bool
    is_prepaid: bool
    tier_name: str
    workspace_name: str
    currency: str

    @property
    def ends_calls(self) -> bool:
        """Return whether calls end at the limit. Otherwise the workspace is only warned."""
        return self.is_prepaid or self.pauses


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """A running call that the workspace pays for.

    Attributes:
        answered_at: None while it rings.
        charged_s: Seconds of a transferred call before its transfer, which are in the ledger; None for other calls.
        tier_name: The tier whose price applies.
    """

    id: UUID
    created_at: datetime
    answered_at: datetime | None
    charged_s: int | None
    tier_name: str

    @property
    def is_transferred(self) -> bool:
        """Return whether the call has left its media node."""
        return self.charged_s is not None

    @property
    def reservation_id(self) -> UUID:
        """Return the id of the call's reservation.

        A transfer has its own reservation, because the ledger already contains the cost of the conversation before it.
        """
        return uuid5(self.id, "transfer") if self.is_transferred else self.id

    def elapsed_s(self, now: datetime) -> float:
        """Return the seconds until now that are not in the ledger yet."""
        since = (now - self.answered_at).total_seconds() if self.answered_at else 0.0
        return max(0.0, since - (self.charged_s or 0))


class NoSpendLimit(Exception):
    """The workspace has no limit at which its calls end."""


@dataclass(frozen=True, slots=True)
class SpendTerms:
    """The terms of a call that may begin only if its first minute can be reserved."""

    workspace_id: UUID
    first: ReservationRequest
    at: datetime


@dataclass(frozen=True, slots=True)
class SpendSnapshot:
    """A workspace's budget, and the requests of its running calls.

    Attributes:
        minute_micros: Price of a minute of a call that begins now.
        transfers: Transferred running calls that have a price, by the id of their reservation.
        finished: Calls whose cost is in the budget.
        unpriced: Number of running calls whose price is unknown.
        told: Alerts that were already sent for this period and limit.
    """

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
    """The time until which a transferred call may continue.

    Attributes:
        is_last: Whether more time was refused.
    """

    call_id: UUID
    granted_until: datetime
    is_last: bool


def find_due(snapshot: SpendSnapshot, *, is_refusing: bool) -> AlertKind | None:
    """Return the alert that is due and was not sent yet. After the limit's alert, no threshold alert follows.

    Args:
        is_refusing: Whether running calls were refused more time.
    """
    limit, budget = snapshot.limit, snapshot.budget
    is_short = limit.ends_calls and budget.micros < snapshot.minute_micros
    due: AlertKind | None = "threshold" if budget.percentage >= limit.threshold else None
    if is_refusing or is_short or budget.spent >= budget.limit:
        due = "limit"
    return None if due in snapshot.told or "limit" in snapshot.told else due
