"""Types of billing accounts, settings and exemptions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAccount:
    """The customer that a workspace is.

    Attributes:
        currency: ISO 4217, lower case.
        anchor_day: The day of the month on which periods begin.
        opened_at: When billing starts.
        legal_name: The name on invoices; if it is empty, they have the workspace's name.
        country: ISO 3166; its tax rates apply.
        is_prepaid: Calls end when the credits are used up.
        is_payment_method_exempt: The workspace buys numbers without a payment method.
    """

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
    """What a workspace chooses.

    Attributes:
        usage_limit_monthly: Of a period's usage, without the fee, in major units; None: no limit.
        alert_threshold_percentage: The percentage of the limit at which the workspace is warned.
        auto_pause_on_limit: Calls end at the limit; otherwise the workspace is only warned.
        payment_method_last4: Of the card that pays.
    """

    usage_limit_monthly: Decimal | None = None
    alert_threshold_percentage: int = 80
    auto_pause_on_limit: bool = False
    billing_email: str | None = None
    payment_method_last4: str | None = None


ExemptionRule = Literal["tax", "payment_method"]
# Maximum number of exemptions in a list. Few customers have one.
MOST_EXEMPTIONS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Exempts a workspace from a rule.

    Attributes:
        granted_by: An administrator's e-mail address; None if it was not recorded.
    """

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
    """Facts of a workspace that billing needs.

    Attributes:
        name: Empty after the workspace was purged.
    """

    name: str
    timezone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceState:
    """Status and tier of a workspace from `at` on.

    Attributes:
        status: Trial, active, suspended or deleted.
    """

    at: datetime
    status: str
    tier_name: str
