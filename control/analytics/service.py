"""The figures of the admin dashboards, read from roll-ups: seconds old, and none of them computed from single calls."""

from datetime import UTC, datetime
from typing import Literal

from control.analytics import store
from control.analytics.model import Overview, Revenue, Usage
from control.analytics.periods import first_day
from control.db.pool import Connection


class Analytics:
    """Reads only. Periods are calendar ones in UTC, to date; `now` is the moment asked about. Needs platform scope."""

    async def overview(self, db: Connection, now: datetime) -> Overview:
        """Today and this month. mrr: the monthly fees of the tiers of all active workspaces."""
        today = now.astimezone(UTC).date()
        return await store.select_overview(db, today, first_day("month", today))

    async def revenue(self, db: Connection, period: Literal["month", "quarter", "year"], now: datetime) -> Revenue:
        """What the ledger charged in the period, by the tier that each workspace had when its day was last made.

        churn_rate: of the workspaces that were active when the period began, the share that is not active now
        (suspended or deleted, or gone). One that was suspended and is back is no loss.
        """
        first = first_day(period, now.astimezone(UTC).date())
        total, by_tier = await store.select_revenue(db, first)
        began = datetime(first.year, first.month, first.day, tzinfo=UTC)
        before, lost = await store.count_churn(db, began, now)
        return Revenue(total, by_tier, await store.select_mrr(db), round(lost / before, 4) if before else 0.0)

    async def usage(self, db: Connection, period: Literal["day", "week", "month"], now: datetime) -> Usage:
        """Calls of the period, test calls aside."""
        return await store.select_usage(db, first_day(period, now.astimezone(UTC).date()))
