"""The figures of the admin dashboards, read from roll-ups. They are seconds old."""

from datetime import UTC, datetime
from typing import Literal

from control.analytics import read_dashboard
from control.analytics.model import Overview, Revenue, UsageFigures
from control.analytics.periods import first_day
from control.db.pool import Connection


class Analytics:
    """Reads only. Periods are calendar periods in UTC up to `now`. Needs platform scope."""

    async def get_overview(self, db: Connection, now: datetime) -> Overview:
        """Today and this month. mrr: the monthly fees of the tiers of all active workspaces."""
        today = now.astimezone(UTC).date()
        return await read_dashboard.select_overview(db, today, first_day("month", today))

    async def get_revenue(self, db: Connection, period: Literal["month", "quarter", "year"], now: datetime) -> Revenue:
        """What was charged in the period, by the tier that each workspace had when its day was last computed.

        churn_rate: of the workspaces that were active when the period began, the share that is not active now
        (suspended, deleted or purged), None if there were none. A workspace that was suspended and is active again does
        not count.
        """
        first = first_day(period, now.astimezone(UTC).date())
        total, by_tier = await read_dashboard.select_revenue(db, first)
        began = datetime(first.year, first.month, first.day, tzinfo=UTC)
        before, lost = await read_dashboard.count_churn(db, began, now)
        return Revenue(total, by_tier, await read_dashboard.select_mrr(db), round(lost / before, 4) if before else None)

    async def get_usage(self, db: Connection, period: Literal["day", "week", "month"], now: datetime) -> UsageFigures:
        """Calls of the period, without test calls."""
        return await read_dashboard.select_usage(db, first_day(period, now.astimezone(UTC).date()))
