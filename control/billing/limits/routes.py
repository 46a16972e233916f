"""Routes of spending limits, for members of a workspace."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.billing.accounts.service import load_account
from control.billing.fields import BILLING
from control.billing.limits import queries
from control.billing.limits.rules import MOST_ALERTS, AlertKind, SpendAlert
from control.http.access import member
from control.http.body import Currency, Money
from control.http.context import MemberContext
from control.http.fields import Id, copy_fields
from control.http.route import Route


@dataclass(frozen=True, slots=True)
class SpendAlertView:
    """An alert about the workspace's spending limit."""

    id: Id
    kind: Annotated[AlertKind, Field(description="Whether the limit was near (`threshold`) or reached (`limit`).")]
    at: Annotated[datetime, Field(description="When the alert was raised (UTC).")]
    usage_limit: Annotated[
        Money,
        Field(
            description="The limit at that time, or the remaining prepaid credits, in major units.", examples=[200.0]
        ),
    ]
    spent: Annotated[Money, Field(description="Amount spent of the limit, in major units.", examples=[160.4])]
    currency: Currency
    alert_threshold_percentage: Annotated[
        int | None,
        Field(
            description="Percentage of the limit at which the workspace was to be warned, at that time.", examples=[80]
        ),
    ]
    ends_calls: Annotated[
        bool | None, Field(description="Whether the limit ended running calls and refused new calls.")
    ]
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]


@dataclass(frozen=True, slots=True)
class SpendAlertList:
    """Alerts about the workspace's spending limits, newest first."""

    alerts: Annotated[list[SpendAlertView], Field(description="The alerts.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


async def list_spend_alerts(context: MemberContext) -> SpendAlertList:
    """List the alerts about the workspace's spending limit, newest first. Alerts are also sent by e-mail."""
    account = await load_account(context.db, context.workspace_id)
    found = await queries.select_alerts(context.db, context.workspace_id)
    return SpendAlertList([to_alert(alert, account.currency) for alert in found], has_more=len(found) == MOST_ALERTS)


def to_alert(alert: SpendAlert, currency: str) -> SpendAlertView:
    return copy_fields(SpendAlertView, alert, currency=currency, alert_threshold_percentage=alert.threshold_percentage)


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/alerts", list_spend_alerts, member("admin", "billing:read"), beyond_spec=True),
)
