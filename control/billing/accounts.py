"""Values of a workspace's billing account, its settings, its periods, and what it was told of its limit."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.billing.periods import BillingPeriod

# pending, paid, overdue, void: as its invoice is; paid also where nothing was to be billed.
PeriodStatus = Literal["open", "pending", "paid", "overdue", "void"]

# threshold: the workspace's percentage of the limit is spent. limit: all of it, or less than a call's minute is left.
AlertKind = Literal["threshold", "limit"]
# Of one workspace, at once. There are two for each limit in a period.
MOST_ALERTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAccount:
    """Who is billed. currency: ISO 4217, lower case. anchor_day: of the month on which periods begin. opened_at:
    nothing before it is billed. legal_name: for invoices; empty: the workspace's name. country: ISO 3166, whose tax
    rates hold. is_prepaid: calls end when its credits are used up. is_payment_method_exempt: it buys numbers without a
    payment method at the sink."""

    workspace_id: UUID
    currency: str = "usd"
    anchor_day: int = 1
    opened_at: datetime
    legal_name: str = ""
    country: str | None = None
    tax_id: str = ""
    is_tax_exempt: bool = False
    is_prepaid: bool = False
    is_payment_method_exempt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingSettings:
    """What a workspace chooses. usage_limit_monthly: money of a period's usage, without the fee, in major units; None:
    no limit. alert_threshold_percentage: of the limit, at which it is warned. auto_pause_on_limit: calls end at the
    limit; otherwise it only warns. payment_method_last4: of a card at the sink."""

    usage_limit_monthly: Decimal | None = None
    alert_threshold_percentage: int = 80
    auto_pause_on_limit: bool = False
    billing_email: str | None = None
    payment_method_last4: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """What billing knows of a workspace. name: empty once it is purged."""

    name: str
    timezone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPeriod:
    """A row of billing_periods. total: of its invoice; 0 while it is open."""

    id: UUID
    workspace_id: UUID
    period: BillingPeriod
    currency: str
    status: PeriodStatus
    total: Decimal


@dataclass(frozen=True, slots=True)
class PeriodSummary:
    """A period as its workspace lists it."""

    id: UUID
    period_start: datetime
    period_end: datetime
    total_amount: Decimal
    currency: str
    status: PeriodStatus
    paid_at: datetime | None
    stripe_invoice_id: str | None


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
