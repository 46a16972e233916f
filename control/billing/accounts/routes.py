"""Routes of billing settings for members of a workspace, and of exemptions for staff."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.accounts.rules import Address
from control.billing.accounts import queries
from control.billing.accounts.rules import (
    MOST_EXEMPTIONS,
    BillingAccount,
    BillingSettings,
    ExemptionRule,
    ListedExemption,
)
from control.billing.accounts.service import (
    change_settings,
    get_settings,
    set_payment_method_exempt,
    set_prepaid,
    set_tax_exempt,
)
from control.billing.fields import ADMIN_BILLING, BILLING, READERS, WRITERS
from control.http.access import member
from control.http.body import ONE_LINE, Body, ChangeBody, Currency, Money
from control.http.context import AdminContext, MemberContext
from control.http.fields import WorkspaceId, copy_fields
from control.http.pagination import Query
from control.http.route import Route

# --- For members ---------------------------------------------------------------------------------------------------
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
# A unit of some currencies is worth 0.00004 US dollars. Reservations are counted in micros, up to nine billion units.
Limit = Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=3)]


@dataclass(frozen=True, slots=True)
class BillingSettingsView:
    """Spending limit and invoice details of a workspace."""

    usage_limit_monthly: Annotated[
        Money | None,
        Field(
            description="Maximum cost of usage in a period, without the fee, in major units; null for no limit.",
            examples=[200.0],
        ),
    ]
    currency: Currency
    alert_threshold_percentage: Annotated[
        int, Field(description="Percentage of the limit at which the workspace is warned.", examples=[80])
    ]
    auto_pause_on_limit: Annotated[
        bool, Field(description="Whether calls end at the limit. Otherwise reaching the limit only sends a warning.")
    ]
    payment_method_last4: Annotated[
        str | None, Field(description="Last four digits of the card that pays; null without a card.", examples=["4242"])
    ]
    billing_email: Annotated[
        str | None,
        Field(
            description="E-mail address that receives invoices; null to send them to the owner.",
            examples=["billing@example.com"],
        ),
    ]
    legal_name: Annotated[
        str,
        Field(
            description="The name on invoices; empty to use the workspace's name.", examples=["Riverside Dental GmbH"]
        ),
    ]
    country: Annotated[
        str | None, Field(description="Country whose taxes apply to invoices; null for none.", examples=["DE"])
    ]
    tax_id: Annotated[
        str, Field(description="The customer's tax number; empty if there is none.", examples=["DE123456789"])
    ]


class BillingChange(ChangeBody):
    """Changes to billing settings. Omitted fields stay unchanged."""

    usage_limit_monthly: Limit | None = Field(
        None,
        description="Maximum cost of usage in a period, without the fee, in major units; null removes the limit.",
        examples=[200.0],
    )
    alert_threshold_percentage: int = Field(
        80, ge=1, le=100, description="Percentage of the limit at which the workspace is warned.", examples=[80]
    )
    auto_pause_on_limit: bool = Field(
        False, description="Whether calls end at the limit. Otherwise reaching the limit only sends a warning."
    )
    billing_email: Address | None = Field(
        None,
        description="E-mail address that receives invoices; null to send them to the owner with the oldest membership.",
    )
    legal_name: ShortText = Field(
        "", description="The name on invoices; empty to use the workspace's name.", examples=["Riverside Dental GmbH"]
    )
    country: Country | None = Field(
        None, description="Country whose taxes apply to invoices; null removes it.", examples=["DE"]
    )
    tax_id: ShortText = Field("", description="The customer's tax number, shown on invoices.", examples=["DE123456789"])


async def get_billing_settings(context: MemberContext) -> BillingSettingsView:
    """Return the workspace's spending limit and invoice details."""
    return to_settings(*await get_settings(context.db, context.workspace_id))


async def change_billing_settings(context: MemberContext, body: BillingChange) -> BillingSettingsView:
    """Change the workspace's spending limit or invoice details."""
    values = body.model_dump(exclude_unset=True)
    return to_settings(*await change_settings(context.db, context.actor, context.workspace_id, values))


def to_settings(chosen: BillingSettings, account: BillingAccount) -> BillingSettingsView:
    return copy_fields(BillingSettingsView, chosen, account)


# --- For the staff -------------------------------------------------------------------------------------------------
WhyExempt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class TaxExemption(Body):
    """Exempts a workspace's invoices from tax, or ends the exemption."""

    is_tax_exempt: Annotated[bool, Field(description="Whether the workspace's invoices have no tax.")]
    reason: WhyExempt = Field(
        "", description="The reason; required to exempt the workspace.", examples=["Reverse charge"]
    )


class Prepayment(Body):
    """Sets whether a workspace can spend only what it has paid in advance."""

    is_prepaid: Annotated[bool, Field(description="Whether the workspace's calls end when its credits are used up.")]


class PaymentMethodExemption(Body):
    """Exempts a workspace from the payment method that buying phone numbers requires, or ends the exemption."""

    is_payment_method_exempt: Annotated[
        bool, Field(description="Whether the workspace can buy phone numbers without a payment method.")
    ]
    reason: WhyExempt = Field(
        "", description="The reason; required to exempt the workspace.", examples=["Pays by bank transfer"]
    )


class ExemptionsQuery(Query):
    """Filters for the list of exemptions."""

    workspace_id: UUID | None = Field(None, description="Return only exemptions of this workspace.")
    rule: ExemptionRule | None = Field(None, description="Return only exemptions from this rule.")


@dataclass(frozen=True, slots=True)
class ExemptionView:
    """An exemption of a workspace from a rule."""

    id: Annotated[UUID, Field(description="Id of the exemption.")]
    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    rule: Annotated[ExemptionRule, Field(description="The rule that does not apply to the workspace.")]
    reason: Annotated[
        str, Field(description="The reason; empty if it was not recorded.", examples=["Pays by bank transfer"])
    ]
    granted_by: Annotated[
        str | None,
        Field(
            description="E-mail address of the administrator; null if it was not recorded.",
            examples=["ops@example.com"],
        ),
    ]
    granted_at: Annotated[datetime, Field(description="When the workspace was exempted (UTC).")]


@dataclass(frozen=True, slots=True)
class ExemptionList:
    """Exemptions, newest first."""

    exemptions: Annotated[list[ExemptionView], Field(description="The exemptions.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


async def list_exemptions(context: AdminContext, query: ExemptionsQuery) -> ExemptionList:
    """List the exemptions of workspaces with their authors and reasons, newest first."""
    found = await queries.select_exemptions(context.db, query.workspace_id, query.rule)
    return ExemptionList([to_exemption(exemption) for exemption in found], has_more=len(found) == MOST_EXEMPTIONS)


def to_exemption(listed: ListedExemption) -> ExemptionView:
    """Convert an exemption to its API representation."""
    return copy_fields(ExemptionView, listed.exemption, workspace_name=listed.workspace_name)


async def set_tax_exemption(context: AdminContext, workspace_id: WorkspaceId, body: TaxExemption) -> None:
    """Set whether a workspace's invoices have no tax, for example because of reverse charge."""
    await set_tax_exempt(context.db, context.actor, workspace_id, body.is_tax_exempt, body.reason, context.now)


async def set_prepayment(context: AdminContext, workspace_id: WorkspaceId, body: Prepayment) -> None:
    """Set whether a workspace pays in advance. Its calls then end when its credits are used up."""
    await set_prepaid(context.db, context.actor, workspace_id, body.is_prepaid)


async def set_payment_method_exemption(
    context: AdminContext, workspace_id: WorkspaceId, body: PaymentMethodExemption
) -> None:
    """Set whether a workspace can buy phone numbers without a payment method, for example because it pays by bank
    transfer.
    """
    await set_payment_method_exempt(
        context.db, context.actor, workspace_id, body.is_payment_method_exempt, body.reason, context.now
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/settings", get_billing_settings, member("admin", "billing:read")),
    Route(
        "PUT",
        f"{BILLING}/settings",
        change_billing_settings,
        member("owner"),
        errors=("422 amount_invalid", "422 country_unknown"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ADMIN_BILLING}/exemptions", list_exemptions, READERS, beyond_spec=True),
    Route(
        "PUT",
        f"{ADMIN_BILLING}/workspaces/{{workspaceId}}/tax-exemption",
        set_tax_exemption,
        WRITERS,
        beyond_spec=True,
        errors=("404 workspace_not_found", "422 reason_required"),
    ),
    Route(
        "PUT",
        f"{ADMIN_BILLING}/workspaces/{{workspaceId}}/prepayment",
        set_prepayment,
        WRITERS,
        beyond_spec=True,
        errors=("404 workspace_not_found",),
    ),
    Route(
        "PUT",
        f"{ADMIN_BILLING}/workspaces/{{workspaceId}}/payment-method-exemption",
        set_payment_method_exemption,
        WRITERS,
        beyond_spec=True,
        errors=("404 workspace_not_found", "422 reason_required"),
    ),
)
