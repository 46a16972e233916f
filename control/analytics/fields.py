"""Query parameters for the analytics of customers and staff."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from control.analytics.periods import Period, RangeChoice
from control.http.pagination import Query

# Bounded, because days near the limits of the calendar have no start in UTC.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]
FROM_TEXT = "The first day. Used together with `to`, instead of a period."
TO_TEXT = "The last day (inclusive). Days after today are left out."


class RangeQuery(Query):
    """Base of queries for a period, or for the days `from` to `to`."""

    first: Day | None = Field(None, alias="from", description=FROM_TEXT)
    last: Day | None = Field(None, alias="to", description=TO_TEXT)

    def to_choice(self) -> RangeChoice:
        """Return the requested range."""
        period: Period = getattr(self, "period", None) or "month"
        return RangeChoice(period, self.first, self.last)


class MemberRangeQuery(RangeQuery):
    """Days in the workspace's time zone."""

    period: Literal["day", "week", "month"] = Field("month", description="Today, this week or this month.")


class StaffRangeQuery(RangeQuery):
    """Days in UTC."""

    period: Period = Field("month", description="Today, or this week, month, quarter or year.")
