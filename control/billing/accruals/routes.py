"""Routes of the running billing period, for members of a workspace."""

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
    """The running billing period.

    `subtotal`, `subscription_fee` and `total` forecast its invoice without tax and credits, assuming that plan and
    numbers stay unchanged and nothing else is used: usage so far with the numbers of the whole period, the fee of the
    whole period, and their sum. `usage_billed`, `fees_accrued` and `accrued_total` are the costs up to now.
    """

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
            description="Forecast of the invoice before credits and tax, if nothing else is used: `subtotal` "
            "plus `subscription_fee`.",
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
            description="Call minutes after included and trial minutes, plus numbers, in major units.", examples=[101.5]
        ),
    ]
    fees_accrued: Annotated[
        Money, Field(description="The fees of the days that have begun, in major units.", examples=[24.5])
    ]
    accrued_total: Annotated[
        Money,
        Field(
            description="Costs up to now: `usage_billed` plus `fees_accrued`, in major units.",
            examples=[126.0],
        ),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class UsageLineView:
    """A part of the period's cost."""

    resource_type: Annotated[
        str,
        Field(
            description="Kind of the cost, such as `call_minutes`. Amounts of `included_minutes` and "
            "`trial` are negative.",
            examples=["stt"],
        ),
    ]
    quantity: Annotated[
        float,
        Field(
            description="Quantity: seconds of calls, days of numbers, or the share of the period for a subscription.",
            examples=[93_100],
        ),
    ]
    cost: Annotated[Money, Field(description="Exact amount, in major units.", examples=[0.19])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingNow:
    """The running billing period with its costs."""

    current_period: Annotated[CurrentPeriodView, Field(description="The running period.")]
    usage_breakdown: Annotated[list[UsageLineView], Field(description="The parts of the cost.")]
    percentage_of_limit: Annotated[
        float | None,
        Field(description="Usage as a percentage of `usage_limit_monthly`; null without a limit.", examples=[42.5]),
    ]
    included_minutes: Annotated[
        float | None,
        Field(
            description="Minutes that the fee of the period includes; null on trial, whose minutes are all free.",
            examples=[500],
        ),
    ]


async def get_current_period(context: MemberContext) -> BillingNow:
    """Return the running billing period: usage so far, the fee, and the share of the spending limit."""
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
