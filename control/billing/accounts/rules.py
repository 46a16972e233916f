"""Billing accounts as values: who is billed, what a workspace chose, and which rules do not apply to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID


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


ExemptionRule = Literal["tax", "payment_method"]
# A list has no more. Exemptions are for few customers.
MOST_EXEMPTIONS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A workspace to which a rule does not apply. granted_by: an administrator's e-mail address; None where it was not
    recorded."""

    id: UUID
    workspace_id: UUID
    rule: ExemptionRule
    reason: str
    granted_by: str | None
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class ListedExemption:
    """An exemption, and the name of its workspace."""

    exemption: Exemption
    workspace_name: str


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """What billing knows of a workspace. name: empty once it is purged."""

    name: str
    timezone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceState:
    """Status and tier of a workspace from `at` on. status: trial, active, suspended or deleted."""

    at: datetime
    status: str
    tier_name: str
