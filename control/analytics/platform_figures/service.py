"""Figures of the whole platform, for the staff. Days are UTC; figures are seconds old. Requires platform scope."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

from control.analytics.periods import DayRange, RangeChoice, first_day
from control.analytics.platform_figures import queries
from control.analytics.platform_figures.rules import (
    CostOverview,
    Overview,
    PlatformOverview,
    ProviderFigures,
    Revenue,
    UsageFigures,
    WorkspaceFigures,
    WorkspaceOrder,
)
from control.db.pool import Connection

MAX_DAYS: Final = 366
TOP_WORKSPACES: Final = 10


class Dashboard:
    """Figures of the dashboards. Periods are calendar periods in UTC up to `now`."""

    async def get_overview(self, db: Connection, now: datetime) -> Overview:
        """Today and this month. mrr: the monthly fees of the tiers of all active workspaces."""
        today = now.astimezone(UTC).date()
        return await queries.select_overview(db, today, first_day("month", today))

    async def get_revenue(self, db: Connection, period: Literal["month", "quarter", "year"], now: datetime) -> Revenue:
        """Return what was charged in the period, by the tier that each workspace had when its day was last computed.

        churn_rate: of the workspaces that were active when the period began, the share that is not active now
        (suspended, deleted or purged), None if there were none. A workspace that was suspended and is active again does
        not count.
        """
        first = first_day(period, now.astimezone(UTC).date())
        total, by_tier = await queries.select_revenue(db, first)
        began = datetime(first.year, first.month, first.day, tzinfo=UTC)
        before, lost = await queries.count_churn(db, began, now)
        return Revenue(total, by_tier, await queries.select_mrr(db), round(lost / before, 4) if before else None)

    async def get_usage(self, db: Connection, period: Literal["day", "week", "month"], now: datetime) -> UsageFigures:
        """Call of the period, without test calls."""
        return await queries.select_usage(db, first_day(period, now.astimezone(UTC).date()))


class PlatformAnalytics:
    """Figures of chosen ranges of days. Every method raises Invalid for an invalid range (see RangeChoice.resolve)."""

    async def get_overview(self, db: Connection, choice: RangeChoice, now: datetime) -> PlatformOverview:
        """Call and money of the range. top_workspaces: by revenue. churn_rate: as on the dashboard, of the range."""
        days = _resolve(choice, now)
        before, lost = await queries.count_churn(db, days.since, min(days.until, now))
        return PlatformOverview(
            range=days,
            sums=await queries.select_sums(db, days.first, days.last),
            top_workspaces=await self._rank(db, days, "revenue", TOP_WORKSPACES, now),
            mrr=await queries.select_mrr(db),
            churn_rate=round(lost / before, 4) if before else None,
        )

    async def list_workspaces(
        self, db: Connection, choice: RangeChoice | None, order: WorkspaceOrder, limit: int, now: datetime
    ) -> tuple[DayRange | None, list[WorkspaceFigures]]:
        """Return the first `limit` workspaces of the range; without a choice, of all time."""
        if choice is None:
            return None, await queries.rank_workspaces_of_all_time(db, order, limit)
        days = _resolve(choice, now)
        return days, await self._rank(db, days, order, limit, now)

    async def list_providers(
        self, db: Connection, choice: RangeChoice, now: datetime
    ) -> tuple[DayRange, list[ProviderFigures]]:
        """Providers and carriers in the calls of the range."""
        days = _resolve(choice, now)
        return days, await queries.select_providers(db, days.first, days.last)

    async def get_costs(self, db: Connection, choice: RangeChoice, limit: int, now: datetime) -> CostOverview:
        """Cost and revenue of the range, by provider, and of the `limit` workspaces that cost most."""
        days = _resolve(choice, now)
        sums = await queries.select_sums(db, days.first, days.last)
        providers = await queries.select_providers(db, days.first, days.last)
        workspaces = await self._rank(db, days, "cost", limit, now)
        unpriced = await queries.count_unpriced(
            db, [figures.workspace_id for figures in workspaces], days.first, days.last
        )
        counted = [replace(figures, unpriced=unpriced.get(figures.workspace_id, 0)) for figures in workspaces]
        return CostOverview(days, sums, providers, counted)

    async def _rank(
        self, db: Connection, days: DayRange, order: WorkspaceOrder, limit: int, now: datetime
    ) -> list[WorkspaceFigures]:
        months, rest = days.split(now.astimezone(UTC).date())
        return await queries.rank_workspaces(db, months, rest, order, limit)


def _resolve(choice: RangeChoice, now: datetime) -> DayRange:
    return choice.resolve(now, "UTC", MAX_DAYS)
