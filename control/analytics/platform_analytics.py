"""Analytics of the whole platform, for the staff. Days are UTC; figures are seconds old. Needs platform scope."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from control.analytics import read_dashboard
from control.analytics import read_platform_figures as read_model
from control.analytics.periods import DayRange, RangeChoice
from control.analytics.platform_figures import (
    CostOverview,
    PlatformOverview,
    ProviderFigures,
    WorkspaceFigures,
    WorkspaceOrder,
)
from control.db.pool import Connection

MAX_DAYS: Final = 366
TOP_WORKSPACES: Final = 10


class PlatformAnalytics:
    """Reads only. Raises Invalid for a range that cannot be (see RangeChoice.resolve)."""

    async def get_overview(self, db: Connection, choice: RangeChoice, now: datetime) -> PlatformOverview:
        """Calls and money of the range. top_workspaces: by revenue. churn_rate: as on the dashboard, of the range."""
        days = _resolve(choice, now)
        before, lost = await read_dashboard.count_churn(db, days.since, min(days.until, now))
        return PlatformOverview(
            range=days,
            sums=await read_model.select_sums(db, days.first, days.last),
            top_workspaces=await self._rank(db, days, "revenue", TOP_WORKSPACES, now),
            mrr=await read_dashboard.select_mrr(db),
            churn_rate=round(lost / before, 4) if before else None,
        )

    async def list_workspaces(
        self, db: Connection, choice: RangeChoice | None, order: WorkspaceOrder, limit: int, now: datetime
    ) -> tuple[DayRange | None, list[WorkspaceFigures]]:
        """The first `limit` workspaces of the range; without a choice, of all time."""
        if choice is None:
            return None, await read_model.rank_workspaces_of_all_time(db, order, limit)
        days = _resolve(choice, now)
        return days, await self._rank(db, days, order, limit, now)

    async def list_providers(
        self, db: Connection, choice: RangeChoice, now: datetime
    ) -> tuple[DayRange, list[ProviderFigures]]:
        """Providers and carriers in the calls of the range."""
        days = _resolve(choice, now)
        return days, await read_model.select_providers(db, days.first, days.last)

    async def get_costs(self, db: Connection, choice: RangeChoice, limit: int, now: datetime) -> CostOverview:
        """Cost and revenue of the range, by provider, and of the `limit` workspaces that cost most."""
        days = _resolve(choice, now)
        sums = await read_model.select_sums(db, days.first, days.last)
        providers = await read_model.select_providers(db, days.first, days.last)
        workspaces = await self._rank(db, days, "cost", limit, now)
        unpriced = await read_model.count_unpriced(
            db, [figures.workspace_id for figures in workspaces], days.first, days.last
        )
        counted = [replace(figures, unpriced=unpriced.get(figures.workspace_id, 0)) for figures in workspaces]
        return CostOverview(days, sums, providers, counted)

    async def _rank(
        self, db: Connection, days: DayRange, order: WorkspaceOrder, limit: int, now: datetime
    ) -> list[WorkspaceFigures]:
        months, rest = days.split(now.astimezone(UTC).date())
        return await read_model.rank_workspaces(db, months, rest, order, limit)


def _resolve(choice: RangeChoice, now: datetime) -> DayRange:
    return choice.resolve(now, "UTC", MAX_DAYS)
