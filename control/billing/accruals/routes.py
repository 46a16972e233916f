"""The route of the running period, for the members of a workspace."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.billing.accruals.service import RunningPeriod, load_running_period
from control.billing.fields import BILLING
from control.http.access import member
from control.http.body import Currency, Money
from control.http.context import MemberContext
from control.http.route import Route


@dataclass(frozen=True, slots=True)
class CurrentPeriodView:
    """The period that goes on. subtotal, subscription_fee and total are what its invoice will have, without tax and
    credits, if plan and numbers stay until its end and nothing else is used: usage so far with the numbers of the whole
    period, the fee of the whole period, and both. usage_billed, fees_accrued and accrued_total are what these days have
    cost until now."""

    start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    subtotal: Annotated[
        Money,
        Field(
            description="Usage so far, after included minutes, with the numbers of the whole period; without "
            "tax, in major units.",
            examples=[101.5],
        ),
    ]
    subscription_fee: Annotated[
        Money, Field(description="The fee of the whole period, in major units.", examples=[49.0])
    ]
    total: Annotated[
        Money,
        Field(
            description="What the invoice will have before credits and tax, if nothing else is used: subtotal "
            "and subscription_fee.",
            examples=[150.5],
        ),
    ]
    usage_list_price: Annotated[
        Money,
        Field(
            description="Call minutes at list price, before included and trial minutes, in major units.",
            examples=[137.5],
        ),
    ]
    usage_billed: Annotated[
        Money,
        Field(
            description="Call minutes after included and trial minutes, and numbers, in major units.", examples=[101.5]
        ),
    ]
    fees_accrued: Annotated[
        Money, Field(description="The fees of the days that have begun, in major units.", examples=[24.5])
    ]
    accrued_total: Annotated[
        Money,
        Field(
            description="usage_billed and fees_accrued: what was used and accrued until now, in major units.",
            examples=[126.0],
        ),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class UsageLineView:
    """A part of the period's cost."""

    resource_type: Annotated[
        str, Field(description="Such as call_minutes; included_minutes and trial are negative.", examples=["stt"])
    ]
    quantity: Annotated[
        float,
        Field(
            description="Seconds of calls, days of numbers, the share of the period of a subscription.",
            examples=[93_100],
        ),
    ]
    cost: Annotated[Money, Field(description="Exact, in major units.", examples=[0.19])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingNow:
    """The running period."""

    current_period: Annotated[CurrentPeriodView, Field(description="The running period.")]
    usage_breakdown: Annotated[list[UsageLineView], Field(description="Parts of the cost.")]
    percentage_of_limit: Annotated[
        float | None,
        Field(description="Usage in percent of usage_limit_monthly; null without a limit.", examples=[42.5]),
    ]
    included_minutes: Annotated[
        float | None,
        Field(
            description="Minutes that the fee of the period includes; null on trial, whose minutes are all free.",
            examples=[500],
        ),
    ]


async def get_current_period(context: MemberContext) -> BillingNow:
    """The running period: what was used so far, the fee, and how near the limit is."""
    return to_now(await load_running_period(context.db, context.workspace_id, context.now))


def to_now(running: RunningPeriod) -> BillingNow:
    period = CurrentPeriodView(
        start=running.period.start,
        end=running.period.end,
        subtotal=running.usage,
        subscription_fee=running.fee,
        total=running.usage + running.fee,
        usage_list_price=running.accrued.list_price,
        usage_billed=running.accrued.usage,
        fees_accrued=running.accrued.fees,
        accrued_total=running.accrued.total,
        currency=running.currency,
    )
    breakdown = [
        UsageLineView(kind, float(quantity), cost, running.currency)
        for kind, (quantity, cost) in running.by_resource().items()
    ]
    included = None if running.is_trial else round(float(running.statement.included_seconds / 60), 1)
    return BillingNow(period, breakdown, running.percentage_of_limit, included)


ROUTES: tuple[Route, ...] = (Route("GET", f"{BILLING}/current", get_current_period, member("viewer", "billing:read")),)
