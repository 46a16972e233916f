"""Figures of a workspace for its members. Days and hours are in its time zone. Figures are a few seconds old."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.analytics.periods import DayRange, RangeChoice
from control.analytics.workspace_figures import queries
from control.analytics.workspace_figures.rules import AgentFigures, CallOverview, ChargeOverview, add_sums
from control.db.pool import Connection
from control.platform.service import find_currency

# Maximum number of days. With 20 agents that are busy in each quarter of an hour, 177,000 rows are added up.
MAX_DAYS: Final = 92


class WorkspaceAnalytics:
    """Reads a workspace's figures. Methods raise Invalid for an invalid range (see RangeChoice.resolve)."""

    async def get_overview(
        self, db: Connection, workspace_id: UUID, choice: RangeChoice, now: datetime
    ) -> CallOverview:
        """Return the calls of the range, without test calls."""
        days = await self.resolve(db, workspace_id, choice, now)
        agents = await queries.select_agents(db, workspace_id, days.since, days.until)
        hours = await queries.select_hours(db, workspace_id, days.since, days.until, days.zone)
        with_calls = [agent for agent in agents if agent.sums.calls]
        return CallOverview(days, add_sums(agent.sums for agent in with_calls), with_calls, hours)

    async def get_agents(
        self, db: Connection, workspace_id: UUID, choice: RangeChoice, now: datetime
    ) -> tuple[DayRange, list[AgentFigures]]:
        """Return existing agents, and deleted agents with calls in the range."""
        days = await self.resolve(db, workspace_id, choice, now)
        agents = await queries.select_agents(db, workspace_id, days.since, days.until)
        return days, [agent for agent in agents if agent.agent_id is not None]

    async def get_costs(self, db: Connection, workspace_id: UUID, choice: RangeChoice, now: datetime) -> ChargeOverview:
        """Return what the workspace was charged in the range, including the fees of its days."""
        days = await self.resolve(db, workspace_id, choice, now)
        resources = await queries.select_charges(db, workspace_id, days.since, days.until)
        by_day = await queries.select_daily_charges(db, workspace_id, days.since, days.until, days.zone)
        trend = [(day, by_day.get(day, Decimal(0))) for day in days.days]
        return ChargeOverview(days, await find_currency(db, workspace_id), resources, trend)

    async def resolve(
        self, db: Connection, workspace_id: UUID, choice: RangeChoice, now: datetime, most_days: int = MAX_DAYS
    ) -> DayRange:
        """Return the requested days in the workspace's time zone."""
        return choice.resolve(now, await queries.select_timezone(db, workspace_id), most_days)
