"""Types of the billing figures for the staff."""

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
        unit, usage: None for a language model, which has several units.
        unpriced: Number of ledger rows with an unknown cost, which is not in `cost`.
    """

    provider: str
    role: str
    cost: Decimal
    unit: str | None
    usage: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class TierRevenue:
    """The revenue of a tier's workspaces.

    Attributes:
        workspaces: Number, without deleted ones.
    """

    tier: str
    workspaces: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class BillingOverview:
    """Money of a period in the platform's currency.

    Attributes:
        revenue: Billed usage and accrued fees, without tax.
        cost: Our cost.
        unpriced: Entries of calls without a known cost.
        paid: Invoices that were paid since its first day.
        pending, overdue: What is open now.
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
    """What a workspace owes.

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
