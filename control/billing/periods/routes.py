"""Routes of closed billing periods for members of a workspace, and of currencies for staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.billing.fields import ADMIN_BILLING, BILLING, WRITERS
from control.billing.periods.rules import PeriodStatus, PeriodSummary
from control.billing.periods.service import list_periods, set_currency
from control.http.access import member
from control.http.body import Body, Currency, CurrencyCode, Money
from control.http.context import AdminContext, MemberContext
from control.http.fields import Id, WorkspaceId, copy_fields
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import Route


# --- For members ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed billing period."""

    id: Id
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    period_end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    total_amount: Annotated[Money, Field(description="Billed amount including tax, in major units.", examples=[120.79])]
    currency: Currency
    status: Annotated[
        PeriodStatus, Field(description="Status of the period's invoice; `paid` if there was nothing to bill.")
    ]
    paid_at: Annotated[datetime | None, Field(description="When the invoice was fully paid (UTC); null before.")]
    stripe_invoice_id: Annotated[
        str | None,
        Field(
            description="Id of the invoice at Stripe; null if the platform issued it.",
            examples=["in_1Pq2Rs3Tu4Vw5Xy6"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class PeriodList(ListAnswer):
    """A page of closed periods, newest first."""

    periods: list[PeriodView]


async def list_billing_periods(context: MemberContext, query: ListQuery) -> PeriodList:
    """List the workspace's closed billing periods, newest first."""
    found = await list_periods(context.db, context.workspace_id, page=query.request())
    return PeriodList([to_period(period) for period in found.rows], **page_fields(query, found))


def to_period(period: PeriodSummary) -> PeriodView:
    return copy_fields(PeriodView, period)


# --- For the staff -------------------------------------------------------------------------------------------------
class CurrencyChoice(Body):
    """The currency to bill a workspace in."""

    currency: Annotated[CurrencyCode, Field(description="Billing currency: ISO 4217, lower case.", examples=["eur"])]


@dataclass(frozen=True, slots=True)
class CurrencyAnswer:
    """The currency in which a workspace is billed."""

    currency: Currency


async def change_currency(context: AdminContext, workspace_id: WorkspaceId, body: CurrencyChoice) -> CurrencyAnswer:
    """Change a workspace's billing currency. Refused if the workspace was already charged."""
    account = await set_currency(context.db, context.actor, workspace_id, body.currency)
    return CurrencyAnswer(account.currency)


ROUTES: tuple[Route, ...] = (Route("GET", f"{BILLING}/history", list_billing_periods, member("admin", "billing:read")),)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "PUT",
        f"{ADMIN_BILLING}/workspaces/{{workspaceId}}/currency",
        change_currency,
        WRITERS,
        beyond_spec=True,
        errors=("404 workspace_not_found", "409 currency_in_use", "409 tier_not_priced"),
    ),
)
