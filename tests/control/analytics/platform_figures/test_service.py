"""The dashboards' figures: what counts, and in which period."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from control.analytics.periods import Period, first_day
from control.analytics.platform_figures.rules import UsageFigures
from control.analytics.platform_figures.service import Dashboard
from control.analytics.rollups.service import mark_days
from control.db.pool import Connection
from control.db.scope import enter_platform
from tests.control.analytics.days import (
    AGENTS,
    START,
    WORKSPACES,
    RollupPlatform,
    insert_call,
    insert_usage,
    open_rollup_platform,
)

ONE, TWO = WORKSPACES
NOW = START + timedelta(days=40, hours=13)  # a Friday, 2026-04-10
analytics = Dashboard()


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[RollupPlatform]:
    async with open_rollup_platform(database_url) as call_id:
        yield call_id


@pytest.fixture
async def db(platform: RollupPlatform) -> AsyncIterator[Connection]:
    async with platform.pool.transaction() as connection:
        await enter_platform(connection)
        yield connection


@pytest.mark.parametrize(
    ("period", "today", "first"),
    [
        ("day", date(2026, 4, 10), date(2026, 4, 10)),
        ("week", date(2026, 4, 10), date(2026, 4, 6)),
        ("week", date(2026, 4, 6), date(2026, 4, 6)),
        ("week", date(2026, 1, 1), date(2025, 12, 29)),
        ("month", date(2026, 4, 10), date(2026, 4, 1)),
        ("quarter", date(2026, 4, 10), date(2026, 4, 1)),
        ("quarter", date(2026, 12, 31), date(2026, 10, 1)),
        ("quarter", date(2026, 3, 31), date(2026, 1, 1)),
        ("year", date(2026, 4, 10), date(2026, 1, 1)),
    ],
)
def test_periods_begin_with_the_calendar(period: Period, today: date, first: date) -> None:
    assert first_day(period, today) == first


async def add_call(
    platform: RollupPlatform, at: timedelta, *, price: int = 0, workspace: int = 0, seconds: int = 60
) -> None:
    """Adds a call at NOW + at with a price, and rolls it up."""
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        moment, tenant = NOW + at - START, WORKSPACES[workspace]
        call_id, day = await insert_call(db, tenant, at=moment, duration_seconds=seconds)
        days = [day, await insert_usage(db, tenant, call_id, at=moment, price=Decimal(price))]
        await mark_days(db, days)
    await platform.roll_up_all()


async def set_status_at(db: Connection, workspace: int, at: datetime, status: str) -> None:
    await db.execute(
        "INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee) "
        "VALUES ($1, $2, $3, $4, 'starter', 49)",
        uuid4(), WORKSPACES[workspace] if workspace < 2 else uuid4(), at, status,
    )  # fmt: skip


class TestOverview:
    async def test_empty_platform(self, platform: RollupPlatform, db: Connection) -> None:
        await db.execute("DELETE FROM workspaces")
        overview = await analytics.get_overview(db, NOW)
        assert (overview.workspaces, overview.active_workspaces, overview.calls_today, overview.calls_month) == (
            0,
            0,
            0,
            0,
        )
        assert (overview.revenue_month, overview.mrr, overview.live_agents) == (Decimal(0), Decimal(0), 0)
        assert overview.providers_by_health == {"healthy": 0, "degraded": 0, "down": 0, "unknown": 0}

    async def test_calls_of_today_and_of_this_month(self, platform: RollupPlatform, db: Connection) -> None:
        await add_call(platform, timedelta(0), price=1)
        await add_call(platform, timedelta(days=-9, hours=-12), price=10)  # the first of the month
        await add_call(platform, timedelta(days=-10), price=100)
        overview = await analytics.get_overview(db, NOW)
        assert (overview.calls_today, overview.calls_month, overview.revenue_month) == (1, 2, Decimal(11))

    async def test_mrr_is_what_active_workspaces_pay(self, platform: RollupPlatform, db: Connection) -> None:
        assert (await analytics.get_overview(db, NOW)).mrr == 49 + 99
        await db.execute("UPDATE workspaces SET status = 'trial' WHERE id = $1", ONE)
        overview = await analytics.get_overview(db, NOW)
        assert (overview.workspaces, overview.active_workspaces, overview.mrr) == (2, 1, Decimal(99))
        await db.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", TWO)
        overview = await analytics.get_overview(db, NOW)
        assert (overview.workspaces, overview.active_workspaces, overview.mrr) == (1, 0, Decimal(0))

    async def test_live_agents_of_running_workspaces_are_counted(
        self, platform: RollupPlatform, db: Connection
    ) -> None:
        for workspace in WORKSPACES:
            for agent, status in zip(AGENTS[workspace], ("live", "paused"), strict=True):
                await db.execute(
                    "INSERT INTO agents (id, workspace_id, name, status) VALUES ($1, $2, $3, $4)",
                    agent, workspace, status, status,
                )  # fmt: skip
        assert (await analytics.get_overview(db, NOW)).live_agents == 2
        await db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", ONE)
        assert (await analytics.get_overview(db, NOW)).live_agents == 1

    async def test_enabled_providers_by_health(self, platform: RollupPlatform, db: Connection) -> None:
        for name, health, enabled in (("a", "healthy", True), ("b", "down", True), ("c", "down", False)):
            await db.execute(
                "INSERT INTO providers (provider, health_status, is_enabled) VALUES ($1, $2, $3)", name, health, enabled
            )
        overview = await analytics.get_overview(db, NOW)
        assert overview.providers_by_health == {"healthy": 1, "degraded": 0, "down": 1, "unknown": 0}


class TestRevenue:
    async def test_revenue_by_period_and_tier(self, platform: RollupPlatform, db: Connection) -> None:
        await add_call(platform, timedelta(0), price=1)
        await add_call(platform, timedelta(days=-3), price=20, workspace=1)
        await add_call(platform, timedelta(days=-20), price=300)
        month, year = await analytics.get_revenue(db, "month", NOW), await analytics.get_revenue(db, "year", NOW)
        assert (month.total, month.by_tier) == (Decimal(21), {"growth": Decimal(20), "starter": Decimal(1)})
        assert (year.total, year.by_tier) == (Decimal(321), {"starter": Decimal(301), "growth": Decimal(20)})
        assert (year.mrr, year.arr) == (Decimal(148), Decimal(148 * 12))

    async def test_churn_is_the_share_of_active_workspaces_that_became_inactive(
        self, platform: RollupPlatform, db: Connection
    ) -> None:
        beginning = datetime(2026, 4, 1, tzinfo=UTC)
        assert (await analytics.get_revenue(db, "month", NOW)).churn_rate is None
        for workspace in (0, 1):
            await set_status_at(db, workspace, beginning - timedelta(days=1), "active")
        await set_status_at(db, 2, beginning - timedelta(days=1), "trial")
        await set_status_at(db, 3, beginning, "active")  # did not exist at the beginning
        assert (await analytics.get_revenue(db, "month", NOW)).churn_rate == 0
        await set_status_at(db, 0, beginning, "suspended")
        assert (await analytics.get_revenue(db, "month", NOW)).churn_rate == 0.5
        await set_status_at(db, 1, NOW, "deleted")
        await set_status_at(db, 0, NOW - timedelta(days=1), "active")
        await set_status_at(db, 0, NOW + timedelta(seconds=1), "suspended")  # after the requested time
        assert (await analytics.get_revenue(db, "month", NOW)).churn_rate == 0.5


class TestUsage:
    async def test_usage_without_calls(self, platform: RollupPlatform, db: Connection) -> None:
        assert await analytics.get_usage(db, "month", NOW) == UsageFigures(0, 0, {}, (0,) * 24)
        assert (await analytics.get_usage(db, "month", NOW)).average_seconds == 0

    async def test_calls_minutes_providers_and_hours(self, platform: RollupPlatform, db: Connection) -> None:
        await add_call(platform, timedelta(0), seconds=100)
        await add_call(platform, timedelta(days=-1), seconds=50, workspace=1)
        await add_call(platform, timedelta(days=-4, hours=2), seconds=30)
        day, week = await analytics.get_usage(db, "day", NOW), await analytics.get_usage(db, "week", NOW)
        assert (day.calls, day.seconds, day.by_provider) == (1, 100, {"deepgram": 1})
        assert (week.calls, week.minutes, week.average_seconds) == (3, 3.0, 60.0)
        assert (week.by_hour[13], week.by_hour[15]) == (2, 1)
