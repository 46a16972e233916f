"""Routes of credits, for members of a workspace and for staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.billing.accounts.service import load_account
from control.billing.credits import queries, service
from control.billing.credits.rules import CreditCategory, CreditGrant, CreditScope
from control.billing.fields import ADMIN_BILLING, BILLING, WRITERS, Amount, Reason, VoidReason
from control.http.access import member
from control.http.body import Body, Currency, Money
from control.http.context import AdminContext, MemberContext
from control.http.fields import Id, WorkspaceId, copy_fields
from control.http.pagination import UtcDatetime
from control.http.route import Route
from shared.ids import new_id


# --- For members ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class CreditFacts:
    """A credit of a workspace."""

    id: Id
    category: Annotated[
        CreditCategory,
        Field(
            description="Whether the credit was granted for free (`promotional`, `goodwill`) or paid for (`prepaid`)."
        ),
    ]
    applies_to: Annotated[CreditScope, Field(description="What the credit pays for: only usage, or also the fee.")]
    amount: Annotated[Money, Field(description="Original amount, in major units.", examples=[50.0])]
    balance: Annotated[Money, Field(description="Remaining amount, in major units.", examples=[12.5])]
    currency: Currency
    priority: Annotated[
        int, Field(description="Priority from 0 to 100. Credits with the lowest value are used first.", examples=[50])
    ]
    effective_at: Annotated[datetime, Field(description="When the credit becomes valid (UTC).")]
    expires_at: Annotated[datetime | None, Field(description="When the credit expires (UTC).")]


@dataclass(frozen=True, slots=True)
class CreditView(CreditFacts):
    """A credit of the workspace."""


@dataclass(frozen=True, slots=True)
class CreditList:
    """The workspace's credits, newest first."""

    credits: Annotated[list[CreditView], Field(description="The credits.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


async def list_credits(context: MemberContext) -> CreditList:
    """List the credits that invoices of the workspace use up."""
    found = await queries.select_grants(context.db, context.workspace_id)
    return CreditList([to_credit(grant) for grant in found], has_more=False)


def to_credit(grant: CreditGrant) -> CreditView:
    return copy_fields(CreditView, grant)


# --- For the staff -------------------------------------------------------------------------------------------------
class CreditBody(Body):
    """A credit to grant. Invoices use credits by priority, then by expiry."""

    amount: Annotated[Amount, Field(description="Amount, in major units.", examples=[50.0])]
    category: Annotated[
        CreditCategory,
        Field(
            description="Whether the credit is granted for free (`promotional`, `goodwill`) or paid for (`prepaid`)."
        ),
    ] = "goodwill"
    applies_to: Annotated[CreditScope, Field(description="What the credit pays for: only usage, or also the fee.")] = (
        "all"
    )
    priority: int = Field(
        50,
        ge=0,
        le=100,
        description="Priority from 0 to 100. Credits with the lowest value are used first.",
        examples=[50],
    )
    effective_at: UtcDatetime | None = Field(None, description="When the credit becomes valid (UTC); default: now.")
    expires_at: UtcDatetime | None = Field(None, description="When the credit expires (UTC); null for never.")
    reason: Annotated[
        Reason, Field(description="The reason, for staff and the audit log.", examples=["Payment overdue"])
    ]


@dataclass(frozen=True, slots=True)
class AdminCreditView(CreditFacts):
    """A credit of a workspace, as staff see it."""

    workspace_id: WorkspaceId
    voided_at: Annotated[datetime | None, Field(description="When the credit was voided (UTC); null if it was not.")]
    reason: Annotated[str, Field(description="The reason, for staff.", examples=["Payment overdue"])]


@dataclass(frozen=True, slots=True)
class AdminCreditAnswer:
    """A credit of a workspace."""

    credit: Annotated[AdminCreditView, Field(description="The credit.")]


async def grant_credit(context: AdminContext, workspace_id: WorkspaceId, body: CreditBody) -> AdminCreditAnswer:
    """Grant a workspace a credit, which its next invoices use up."""
    account = await load_account(context.db, workspace_id)
    grant = CreditGrant(
        id=UUID(new_id()),
        workspace_id=workspace_id,
        amount=body.amount,
        currency=account.currency,
        category=body.category,
        applies_to=body.applies_to,
        priority=body.priority,
        effective_at=body.effective_at or context.now,
        expires_at=body.expires_at,
        reason=body.reason,
        granted_by=context.admin_id,
        created_at=context.now,
    )
    return AdminCreditAnswer(to_admin_credit(await service.grant_credit(context.db, context.actor, grant)))


async def void_credit(
    context: AdminContext, credit_id: Annotated[UUID, Field(description="Id of the credit.")], body: VoidReason
) -> AdminCreditAnswer:
    """Void a credit. Amounts that invoices already took stay."""
    return AdminCreditAnswer(
        to_admin_credit(await service.void_credit(context.db, context.actor, credit_id, body.reason, context.now))
    )


def to_admin_credit(grant: CreditGrant) -> AdminCreditView:
    return copy_fields(AdminCreditView, grant)


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/credits", list_credits, member("admin", "billing:read"), beyond_spec=True),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{ADMIN_BILLING}/workspaces/{{workspaceId}}/credits",
        grant_credit,
        WRITERS,
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=("404 workspace_not_found", "422 amount_invalid", "422 expiry_invalid"),
    ),
    Route(
        "POST",
        f"{ADMIN_BILLING}/credits/{{creditId}}/void",
        void_credit,
        WRITERS,
        beyond_spec=True,
        errors=("404 credit_not_found",),
    ),
)
