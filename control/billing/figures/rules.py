"""Records of the staff's billing figures."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.analytics.platform_figures.rules import RevenueParts


@dataclass(frozen=True, slots=True)
class ProviderRoleCost:
    """The cost of a provider in one role.

    Attributes:
        unit: None for a language model, which has several units.
        usage: None for a language model, which has several units.
        unpriced: Number of ledger rows with unknown cost, which `cost` excludes.
    """

    provider: str
    role: str
    cost: Decimal
    unit: str | None
    usage: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class TierRevenue:
    """The revenue from a tier's workspaces.

    Attributes:
        workspaces: Number of workspaces, without deleted workspaces.
    """

    tier: str
    workspaces: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class BillingOverview:
    """Revenue, cost and open amounts of a period, in the platform's currency.

    Attributes:
        revenue: Billed usage and accrued fees, without tax.
        cost: Our cost.
        unpriced: Number of call entries with unknown cost.
        paid: Payments of invoices since the first day of the period.
        pending: Amount that is open now and not overdue.
        overdue: Amount that is overdue now.
    """

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
    """The balance of a workspace.

    Attributes:
        balance: The open amount of its invoices.
        last_payment: The time of its latest payment.
    """

    workspace_id: UUID
    name: str
    balance: Decimal
    status: Literal["paid", "pending", "overdue"]
    currency: str
    last_payment: datetime | None


@dataclass(frozen=True, slots=True)
class FigurePart:
    """A part of a figure.

    Attributes:
        rows: Number of ledger rows or of workspaces.
    """

    name: str
    rows: int
    amount: Decimal
