"""What is read from the ledger and the price list."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.analytics.platform_figures import RevenueParts
from control.billing.prices import LedgerUnit, PriceKey, PriceVersion, Role
from control.platform.model import CURRENCY as CURRENCY  # also for those who import it from here

# Where a price version comes from: the product's data, an operator, or a tier of the price list.
Source = Literal["shipped", "operator", "tier"]


@dataclass(frozen=True, slots=True)
class ResourceCost:
    """What a call consumed of one resource. cost: ours; price: the customer's, in the workspace's currency; None:
    unknown. estimated: counted by us at least in part, because the provider did not."""

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
        """Of the cost."""
        return CURRENCY


@dataclass(frozen=True, slots=True)
class UnpricedUsage:
    """Number of rows without a known cost or price."""

    provider: str
    resource_type: str
    unit: str
    rows: int


@dataclass(frozen=True, slots=True)
class StoredPrice:
    """A version with its source."""

    version: PriceVersion
    source: Source


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A version to insert."""

    key: PriceKey
    price: Decimal
    source: Source
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class ProviderRoleCost:
    """What a provider cost in one role. unit, usage: None for a language model, whose units mix. unpriced: rows of the
    ledger without a known cost, which `cost` lacks."""

    provider: str
    role: str
    cost: Decimal
    unit: str | None
    usage: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCharge:
    """A row that the closing of a period adds to the ledger. at: within the period that it is for. line_id: of the
    invoice's line. price: exact, nine decimal places."""

    at: datetime
    resource_type: str
    quantity: Decimal
    unit: str
    cost: Decimal
    price: Decimal
    is_adjustment: bool
    line_id: UUID


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """Rows of the ledger of one resource and price version. price: what is known; unpriced: rows without."""

    resource_type: str
    unit: str
    price_version: int | None
    entry: str
    rows: int
    quantity: Decimal
    price: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class TierRevenue:
    """What the workspaces that have a tier were charged. workspaces: not deleted ones."""

    tier: str
    workspaces: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class BillingOverview:
    """Money of a period in the platform's currency. revenue: billed usage and accrued fees, without tax; cost: ours.
    unpriced: entries of calls without a known cost. paid: of invoices that were paid since its first day; pending,
    overdue: what is open now."""

    revenue: Decimal
    cost: Decimal
    unpriced: int
    parts: RevenueParts
    by_tier: list[TierRevenue]
    paid: Decimal
    pending: Decimal
    overdue: Decimal


@dataclass(frozen=True, slots=True)
class WorkspaceBalance:
    """What a workspace owes. balance: what is open of its invoices. last_payment: when money last came in."""

    workspace_id: UUID
    name: str
    balance: Decimal
    status: Literal["paid", "pending", "overdue"]
    currency: str
    last_payment: datetime | None


@dataclass(frozen=True, slots=True)
class FigurePart:
    """What a figure is the sum of. rows: of the ledger, or workspaces."""

    name: str
    rows: int
    amount: Decimal
