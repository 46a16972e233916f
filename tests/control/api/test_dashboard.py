"""GET /admin/dashboard/…: fields, periods and permissions."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from control.analytics.rollups.service import mark_day, roll_up_days
from control.db.pool import open_pool
from control.db.scope import enter_platform
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def test_dashboard_counts_a_call(api: Api, database_url: str) -> None:
    admin = await api.admin("read_only")
    before = (await admin.get("/admin/dashboard/overview")).body
    workspace = UUID(await (await api.sign_up()).workspace())
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        call = uuid4()
        day = await db.fetchval(
            "INSERT INTO calls (id, workspace_id, direction, carrier, status, duration_seconds) "
            "VALUES ($1, $2, 'inbound', 'twilio', 'completed', 90) RETURNING (created_at AT TIME ZONE 'UTC')::date",
            call, workspace,
        )  # fmt: skip
        await db.execute(
            "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, quantity, unit, cost, "
            "price) VALUES ($1, $2, $3, now(), 'stt', 'deepgram', 90, 's', 0.01, 0.25)",
            uuid4(), workspace, call,
        )  # fmt: skip
        await mark_day(db, workspace, day)
        assert await roll_up_days(db, 10) == 1
    after = (await admin.get("/admin/dashboard/overview")).body
    assert after.keys() == {
        "total_workspaces", "active_workspaces", "total_calls_today", "total_calls_month", "total_revenue_month", "mrr",
        "currency", "active_agents", "provider_health_summary",
    }  # fmt: skip
    assert after["total_workspaces"] == before["total_workspaces"] + 1
    assert after["total_revenue_month"] == before["total_revenue_month"] + 0.25
    usage = (await admin.get("/admin/dashboard/usage", params={"period": "day"})).body
    assert usage["total_calls"] == 1
    assert usage["total_minutes"] == 1.5
    assert usage["avg_call_duration"] == 90
    assert usage["calls_by_provider"] == {"deepgram": 1}
    assert [hour["calls"] for hour in usage["peak_hours"]] == [1]
    revenue = (await admin.get("/admin/dashboard/revenue", params={"period": "year"})).body
    assert revenue == {
        "total_revenue": 0.25, "revenue_by_tier": {"trial": 0.25}, "mrr": 0.0, "arr": 0.0, "currency": "usd",
        "churn_rate": None,
    }  # fmt: skip


async def test_roles_that_may_see_revenue(api: Api) -> None:
    support, finance = await api.admin("support"), await api.admin("finance")
    assert (await support.get("/admin/dashboard/revenue")).status == 403
    assert (await finance.get("/admin/dashboard/revenue")).status == 200
    assert (await support.get("/admin/dashboard/overview")).status == 200


async def test_unknown_period_is_named(api: Api) -> None:
    admin = await api.admin()
    for path, period in (("revenue", "day"), ("usage", "year")):
        reply = await admin.get(f"/admin/dashboard/{path}", params={"period": period})
        assert (reply.status, reply.param) == (422, "period")
