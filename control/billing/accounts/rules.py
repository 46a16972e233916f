"""Records of billing accounts, settings and exemptions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAccount:
    """A workspace as a customer.

    Attributes:
        currency: ISO 4217, lower case.
        anchor_day: Day of the month on which periods begin.
        opened_at: When billing starts.
        legal_name: The name on invoices; empty to use the workspace's name.
        country: ISO 3166 code of the country whose tax rates apply.
        is_prepaid: Whether calls end when the credits are used up.
        is_payment_method_exempt: Whether the workspace can buy numbers without a payment method.
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
    """Billing settings that a workspace chooses.

    Attributes:
        usage_limit_monthly: Maximum cost of a period's usage, without the fee, in major units; None for no limit.
        alert_threshold_percentage: Percentage of the limit at which the workspace is warned.
        auto_pause_on_limit: Whether calls end at the limit. Otherwise the workspace is only warned.
        payment_method_last4: Last four digits of the card that pays.
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
    """An exemption of a workspace from a billing rule.

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
    """An exemption with the name of its workspace."""

    exemption: Exemption
    workspace_name: str


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """Facts about a workspace that billing needs.

    Attributes:
        name: Empty after a purge of the workspace.
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
