"""Figures of the whole platform for staff. Days are in UTC. Figures are a few seconds old. Requires platform scope."""

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
        """Return the figures of today and this month. `mrr` is the sum of the monthly fees of all active workspaces."""
        today = now.astimezone(UTC).date()
        return await queries.select_overview(db, today, first_day("month", today))

    async def get_revenue(self, db: Connection, period: Literal["month", "quarter", "year"], now: datetime) -> Revenue:
        """Return the amounts charged in the period, by the tier that each workspace had when its day was last computed.

        `churn_rate` is the share of the workspaces active at the start of the period that are not active now
        (suspended, deleted or purged). It is None if there were none. A workspace that was suspended and is active
        again does not count as lost.
        """
        first = first_day(period, now.astimezone(UTC).date())
        total, by_tier = await queries.select_revenue(db, first)
        began = datetime(first.year, first.month, first.day, tzinfo=UTC)
        before, lost = await queries.count_churn(db, began, now)
        return Revenue(total, by_tier, await queries.select_mrr(db), round(lost / before, 4) if before else None)

    async def get_usage(self, db: Connection, period: Literal["day", "week", "month"], now: datetime) -> UsageFigures:
        """Return the calls of the period, without test calls."""
        return await queries.select_usage(db, first_day(period, now.astimezone(UTC).date()))


class PlatformAnalytics:
    """Figures for chosen ranges of days. Each method raises Invalid for an invalid range (see RangeChoice.resolve)."""

    async def get_overview(self, db: Connection, choice: RangeChoice, now: datetime) -> PlatformOverview:
        """Return calls and money of the range.

        The top workspaces are ordered by revenue. The churn rate is computed as on the dashboard, for the range.
        """
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
        """Return the first `limit` workspaces of the range. Without a choice, the figures are all-time."""
        if choice is None:
            return None, await queries.rank_workspaces_of_all_time(db, order, limit)
        days = _resolve(choice, now)
        return days, await self._rank(db, days, order, limit, now)

    async def list_providers(
        self, db: Connection, choice: RangeChoice, now: datetime
    ) -> tuple[DayRange, list[ProviderFigures]]:
        """Return the providers and carriers in the calls of the range."""
        days = _resolve(choice, now)
        return days, await queries.select_providers(db, days.first, days.last)

    async def get_costs(self, db: Connection, choice: RangeChoice, limit: int, now: datetime) -> CostOverview:
        """Return cost and revenue of the range by provider, and the `limit` workspaces with the highest cost."""
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
