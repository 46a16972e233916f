"""Rows of the ledger: a row for each usage event, and rows for the minutes of each ended call.

Rows are only added. If a call's duration or the carrier's cost changes later, an adjusting row contains the difference
from the booked amount. A call's sums therefore always reflect its latest facts, in whatever order they arrived.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.billing.prices.rules import UNKNOWN, ZERO, Amount, Consumption, LedgerUnit, PriceList, Role, round_amount
from control.platform.rules import CURRENCY
from shared.events import UsageRecorded

_ZERO: Final = Decimal(0)

# --- Rows ----------------------------------------------------------------------------------------------------------
Entry = Literal["usage", "adjustment"]
# Carriers bill each started minute as a whole minute (Twilio, "Programmable Voice pricing": rounded up to the next
# minute).
CARRIER_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """A usage event that is not stored yet.

    Attributes:
        call_id: None for usage outside calls.
        at: Time of the event.
        seq: None for usage that media did not report.
        purpose: See `LedgerRow`.
        id: Id of the row, for an event that may be recorded twice; None for a new id.
    """

    call_id: UUID | None
    workspace_id: UUID
    agent_id: UUID | None
    seq: int | None
    at: datetime
    usage: UsageRecorded
    purpose: str = ""
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedCall:
    """A call that has ended.

    Attributes:
        at: Creation time, which determines prices and the day.
        seconds: Connected seconds.
        carrier_cost: Cost of the whole call as the carrier reported it, in US dollars; None before the report.
        has_estimated_cost: Whether a part of `carrier_cost` is our estimate.
    """

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    at: datetime
    seconds: int
    is_test: bool
    carrier: str
    direction: str
    carrier_cost: Decimal | None = None
    has_estimated_cost: bool = False


@dataclass(frozen=True, slots=True)
class CallTier:
    """The tier whose prices apply to a call.

    Attributes:
        name: None for a purged workspace.
    """

    name: str | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A row of usage_records.

    Attributes:
        seq: Sequence number of its event; None without an event.
        price: The customer's price, in the workspace's currency.
        purpose: `analysis` for usage after the call, `embedding` for vectors of documents and questions, empty for the
            conversation.
        id: None for a new id.
    """

    workspace_id: UUID
    call_id: UUID | None
    agent_id: UUID | None
    at: datetime
    resource_type: Role
    provider: str
    quantity: Decimal
    unit: LedgerUnit
    cost: Amount
    price: Amount
    vendor: str = ""
    model: str = ""
    estimated: bool = False
    seq: int | None = None
    entry: Entry = "usage"
    purpose: str = ""
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class BookedAmounts:
    """The sums of a call's rows of one kind.

    Attributes:
        rows: Number of rows.
        is_settled: Whether cost and price are known.
    """

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    rows: int = 0
    is_settled: bool = True


NOTHING_BOOKED: Final = BookedAmounts()


def make_usage_row(event: UsageEvent, prices: PriceList) -> LedgerRow:
    """Create the row of a usage event.

    Its price is 0, because customers pay for minutes. If the workspace uses its own key, its cost is also 0, because
    the vendor bills the workspace.
    """
    used = event.usage
    wanted = Consumption("cost", used.provider, used.resource_type, used.model, used.unit, used.quantity)
    return LedgerRow(
        workspace_id=event.workspace_id,
        call_id=event.call_id,
        agent_id=event.agent_id,
        at=event.at,
        resource_type=used.resource_type,
        provider=used.provider,
        quantity=Decimal(used.quantity),
        unit=used.unit,
        cost=ZERO if used.own_key else prices.calculate(wanted, event.at),
        price=ZERO,
        vendor=used.vendor,
        model=used.model,
        estimated=used.estimated,
        seq=event.seq,
        purpose=event.purpose,
        id=event.id,
    )


def make_minutes_row(call: FinishedCall, tier: CallTier, prices: PriceList, booked: BookedAmounts) -> LedgerRow | None:
    """Create the row of the customer's price for the call's time, by the workspace's tier. Test calls are free.

    Returns None if the booked rows are up to date.
    """
    used = Consumption("price", tier.name or "", "call_minutes", "", "second", call.seconds, tier.currency)
    price = ZERO if call.is_test else prices.calculate(used, call.at)
    return _adjust(_call_row(call, "call_minutes", cost=ZERO, price=price), booked)


def make_telephony_row(call: FinishedCall, prices: PriceList, booked: BookedAmounts) -> LedgerRow | None:
    """Create the row of the carrier's cost: as reported, or else by the carrier's price for each started minute.

    Returns None if the booked rows are up to date.
    """
    billed_s = -(-call.seconds // CARRIER_MINUTE_S) * CARRIER_MINUTE_S
    used = Consumption("cost", call.carrier, "telephony", call.direction, "second", billed_s)
    cost = prices.calculate(used, call.at)
    if call.carrier_cost is not None:
        cost = Amount(round_amount(call.carrier_cost))
    row = _call_row(call, "telephony", cost=cost, price=ZERO, provider=call.carrier, model=call.direction)
    return _adjust(replace(row, estimated=call.has_estimated_cost), booked)


def _call_row(
    call: FinishedCall, role: Role, *, cost: Amount, price: Amount, provider: str = "", model: str = ""
) -> LedgerRow:
    """Create the row of the whole call, ignoring booked rows."""
    return LedgerRow(
        workspace_id=call.workspace_id,
        call_id=call.call_id,
        agent_id=call.agent_id,
        at=call.at,
        resource_type=role,
        provider=provider,
        model=model,
        quantity=Decimal(call.seconds),
        unit="second",
        cost=cost,
        price=price,
    )


def _adjust(whole: LedgerRow, booked: BookedAmounts) -> LedgerRow | None:
    """Return the row that changes the call's sums to the sums of `whole`, or None if they are equal.

    Its amounts are differences of rounded sums, so that rounding errors do not add up.
    """
    row = LedgerRow(
        **{name: getattr(whole, name) for name in LedgerRow.__slots__ if name not in _DIFFERENCES},
        quantity=whole.quantity - booked.quantity,
        cost=_subtract(whole.cost, booked.cost),
        price=_subtract(whole.price, booked.price),
        entry="adjustment" if booked.rows else "usage",
    )
    is_known = row.cost != UNKNOWN and row.price != UNKNOWN
    settles = is_known and not booked.is_settled
    return row if settles or row.quantity or row.cost.value or row.price.value else None


_DIFFERENCES: Final = ("quantity", "cost", "price", "entry")


def _subtract(whole: Amount, booked: Decimal) -> Amount:
    return whole if whole.value is None else Amount(whole.value - booked, whole.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCharge:
    """A row that closing a period adds to the ledger.

    Attributes:
        at: A time within the billed period.
        line_id: Id of the invoice line.
        price: Exact price, with nine decimal places.
    """

    at: datetime
    resource_type: str
    quantity: Decimal
    unit: str
    cost: Decimal
    price: Decimal
    is_adjustment: bool
    line_id: UUID


# --- Sums ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ResourceCost:
    """A call's consumption of one resource.

    Attributes:
        cost: Our cost.
        price: The customer's price, in the workspace's currency; None if unknown.
        estimated: Whether we, not the provider, counted at least a part of the usage.
    """

    resource_type: Role
    provider: str
    vendor: str
    model: str
    unit: LedgerUnit
    quantity: Decimal
    cost: Decimal | None
    price: Decimal | None
    estimated: bool

    @property
    def currency(self) -> str:
        """Return the currency of the cost."""
        return CURRENCY


@dataclass(frozen=True, slots=True)
class SegmentUsage:
    """The sums of call minutes in a time span.

    Attributes:
        unpriced: Number of rows with an unknown price, which `price` excludes.
    """

    seconds: Decimal = _ZERO
    price: Decimal = _ZERO
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """The sum of ledger rows with one resource and price version.

    Attributes:
        unpriced: Number of rows with an unknown price.
    """

    resource_type: str
    unit: str
    price_version: int | None
    entry: str
    rows: int
    quantity: Decimal
    price: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class UnpricedUsage:
    """Number of rows without a known cost or price."""

    provider: str
    resource_type: str
    unit: str
    rows: int
