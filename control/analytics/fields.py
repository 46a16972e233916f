"""Query parameters of the analytics of customers and of the staff."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from control.analytics.periods import Period, RangeChoice
from control.http.pagination import Query

# Bounded, because days near the calendar's ends have no beginning in UTC.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]
FROM_TEXT = "The first day, instead of a period; together with to."
TO_TEXT = "The last day, included; days after today are left out."


class RangeQuery(Query):
    """Base: the days `from` to `to` instead of a period."""

    first: Day | None = Field(None, alias="from", description=FROM_TEXT)
    last: Day | None = Field(None, alias="to", description=TO_TEXT)

    def to_choice(self) -> RangeChoice:
        """Return the requested days."""
        period: Period = getattr(self, "period", None) or "month"
        return RangeChoice(period, self.first, self.last)


class MemberRangeQuery(RangeQuery):
    """The days in the workspace's time zone."""

    period: Literal["day", "week", "month"] = Field("month", description="Today, this week or this month.")


class StaffRangeQuery(RangeQuery):
    """The days in UTC."""

    period: Period = Field("month", description="Today, or this week, month, quarter or year.")
