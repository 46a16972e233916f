"""Analytics of both portals: fields, ranges, permissions; and the export as a file."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import pytest

from control.analytics.call_exports.service import CallExports, ExportPolicy
from control.analytics.rollups.service import mark_all_days, roll_up_days
from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from shared.ids import new_id
from tests.control.api.call_workspace import NOW, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def roll_up(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        await mark_all_days(db)
        assert await roll_up_days(db, 1_000)


async def insert_usage(db: Connection, workspace: CallWorkspace, call: str, kind: str, **amounts: Any) -> None:
    await db.execute(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, quantity, unit, cost, "
        "price, price_version) VALUES ($1, $2, $3, $4, $5, $6, 90, 'second', $7, $8, $9)",
        UUID(new_id()), UUID(workspace.workspace_id), UUID(call), NOW, kind, amounts.get("provider", ""),
        Decimal(amounts.get("cost", 0)), Decimal(amounts.get("price", 0)), 1 if "price" in amounts else None,
    )  # fmt: skip


async def insert_figures(workspace: CallWorkspace) -> None:
    """One judged call of 90 s that cost 0.3 at two providers and 1.2 to the customer; one that failed; a test call."""
    db = workspace.api.owner
    details = {"failed_providers": {"stt": ["deepgram"]}, "latency": {"tts": {"50": 3}, "stt": {"40": 3}}}
    call = await workspace.insert_call(
        duration_seconds=90, sentiment="positive", sentiment_score=0.5, success=True, details=details
    )
    await insert_usage(db, workspace, call, "call_minutes", price="1.2")
    await insert_usage(db, workspace, call, "stt", provider="deepgram", cost="0.1")
    await insert_usage(db, workspace, call, "tts", provider="cartesia", cost="0.2")
    await workspace.insert_call(status="no_answer", direction="outbound", duration_seconds=0)
    await workspace.insert_call(is_test=True, duration_seconds=999)


async def test_figures_of_a_workspace(api: Api, workspace: CallWorkspace, database_url: str) -> None:
    await insert_figures(workspace)
    await roll_up(database_url)
    path = f"{workspace.path}/analytics"
    overview = (await workspace.ann.get(f"{path}/overview", params={"period": "day"})).body
    assert overview | {"calls_by_agent": 0, "peak_hours": 0, "first_day": 0, "last_day": 0} == {
        "first_day": 0, "last_day": 0, "timezone": "UTC", "total_calls": 2, "total_minutes": 1.5,
        "avg_call_duration": 45.0, "calls_by_status": {"completed": 1, "no_answer": 1},
        "calls_by_direction": {"inbound": 1, "outbound": 1}, "calls_by_agent": 0, "peak_hours": 0,
        "sentiment_distribution": {"positive": 1, "neutral": 0, "negative": 0, "unknown": 1}, "success_rate": 1.0,
        "sentiment_score": 0.5,
    }  # fmt: skip
    assert overview["first_day"] == overview["last_day"] == str(NOW.date())
    assert [(one["agent_id"], one["calls"]) for one in overview["calls_by_agent"]] == [(workspace.agent_id, 2)]
    assert overview["peak_hours"] == [{"hour": NOW.hour, "calls": 2}]
    (agent,) = (await workspace.ann.get(f"{path}/agents")).body["agents"]
    assert (agent["total_calls"], agent["judged_calls"], agent["success_rate"], agent["avg_duration"]) == (2, 1, 1, 45)
    costs = (await workspace.ann.get(f"{path}/costs", params={"period": "day"})).body
    assert (costs["current_period_cost"], costs["unpriced"]) == (1.2, 0)
    assert [(one["resource_type"], one["quantity"], one["cost"]) for one in costs["by_resource"]] == [
        ("call_minutes", 90, 1.2)
    ], "what providers cost is not for customers"
    assert costs["trend"] == [{"date": str(NOW.date()), "cost": 1.2, "currency": "usd"}]


async def bill_in_yen(workspace: CallWorkspace) -> None:
    """100 yen are a dollar. The workspace has no calls yet."""
    owner = workspace.api.owner
    await owner.execute(
        "INSERT INTO billing_accounts (workspace_id, currency, opened_at) VALUES ($1, 'jpy', $2) "
        "ON CONFLICT (workspace_id) DO UPDATE SET currency = 'jpy'",
        UUID(workspace.workspace_id), NOW - timedelta(days=90),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO exchange_rates (currency, usd, valid_from, created_at) VALUES ('jpy', 0.01, $1, $1) "
        "ON CONFLICT DO NOTHING",
        NOW - timedelta(days=90),
    )


async def test_a_workspace_sees_its_own_currency(api: Api, workspace: CallWorkspace, database_url: str) -> None:
    await bill_in_yen(workspace)
    await insert_figures(workspace)
    await roll_up(database_url)
    costs = (await workspace.ann.get(f"{workspace.path}/analytics/costs", params={"period": "day"})).body
    assert (costs["current_period_cost"], costs["currency"]) == (1.2, "jpy")
    export = f"{workspace.path}/analytics/export"
    rows = (await workspace.ann.get(export, params={"format": "json"})).body["calls"]
    assert {row["currency"] for row in rows} == {"jpy"}


async def test_the_platform_adds_up_us_dollars(fresh_database_url: str, valkey_url: str) -> None:
    """100 yen are less than 1.20 dollars, and cost more than they earn."""
    async with running_api(fresh_database_url, valkey_url) as api:
        dollars, yen = await make_call_workspace(api), await make_call_workspace(api)
        await bill_in_yen(yen)
        await insert_figures(dollars)
        call = await yen.insert_call(duration_seconds=60)
        await insert_usage(api.owner, yen, call, "call_minutes", price="100")
        await insert_usage(api.owner, yen, call, "stt", provider="deepgram", cost="2")
        await roll_up(fresh_database_url)
        staff, today = await api.admin("finance"), {"from": str(NOW.date()), "to": str(NOW.date())}
        for query in ({}, {"period": "month"}, today):
            path = "/admin/analytics/workspaces"
            ranked = (await staff.get(path, params=query | {"sort_by": "revenue"})).body["workspaces"]
            assert [(one["workspace_id"], one["total_revenue"]) for one in ranked] == [
                (dollars.workspace_id, 1.2), (yen.workspace_id, 1.0),
            ]  # fmt: skip
        found = (await staff.get("/admin/analytics/platform", params=today)).body
        assert (found["total_revenue"], sum(found["revenue_by_tier"].values())) == (2.2, pytest.approx(2.2))
        assert [top_workspace["total_revenue"] for top_workspace in found["top_workspaces"]] == [1.2, 1.0]
        costs = (await staff.get("/admin/analytics/costs", params=today)).body
        assert [(one["workspace_id"], one["margin"]) for one in costs["by_workspace"]] == [
            (yen.workspace_id, -1.0), (dollars.workspace_id, 0.75),
        ]  # fmt: skip
        assert {one["provider"]: one["revenue"] for one in costs["by_provider"]} == {"cartesia": 0.8, "deepgram": 1.4}


async def test_a_workspace_without_calls_knows_nothing(api: Api, workspace: CallWorkspace) -> None:
    empty = f"{workspace.path}/analytics"
    overview = (await workspace.ann.get(f"{empty}/overview")).body
    names = ("total_calls", "avg_call_duration", "success_rate", "sentiment_score", "peak_hours")
    assert [overview[name] for name in names] == [0, None, None, None, []]
    (agent,) = (await workspace.ann.get(f"{empty}/agents")).body["agents"]
    assert [agent[name] for name in ("total_calls", "success_rate", "avg_duration")] == [0, None, None]


async def test_figures_of_the_platform(fresh_database_url: str, valkey_url: str) -> None:
    async with running_api(fresh_database_url, valkey_url) as api:
        staff = await api.admin("finance")
        empty = (await staff.get("/admin/analytics/platform", params={"period": "year"})).body
        assert [empty[name] for name in ("total_calls", "profit_margin", "churn_rate")] == [0, None, None]
        workspace = await make_call_workspace(api)
        await insert_figures(workspace)
        await roll_up(fresh_database_url)
        for query in ({"period": "year"}, {"from": str(NOW.date()), "to": str(NOW.date())}):
            found = (await staff.get("/admin/analytics/platform", params=query)).body
            assert (found["total_calls"], found["total_revenue"], found["total_cost"]) == (2, 1.2, 0.3)
            assert (found["profit_margin"], found["arr"]) == (0.75, 12 * found["mrr"])
            assert found["calls_by_provider"] == {"cartesia": 1, "deepgram": 1}
            assert [top_workspace["total_calls"] for top_workspace in found["top_workspaces"]] == [2]
        for query in ({}, {"period": "month", "sort_by": "minutes"}):
            (one,) = (await staff.get("/admin/analytics/workspaces", params=query)).body["workspaces"]
            assert (one["workspace_id"], one["total_minutes"]) == (workspace.workspace_id, 1.5)
        providers = (await staff.get("/admin/analytics/providers")).body["by_provider"]
        assert [(row["provider"], row["success_rate"], row["revenue_generated"]) for row in providers] == [
            ("cartesia", 1.0, 0.8), ("deepgram", 0.0, 0.4),
        ]  # fmt: skip
        assert providers[0]["latency_by_role"] == {"tts": providers[0]["avg_latency"]}
        assert 117 < providers[0]["avg_latency"] < 130, "bucket 50: 1.1^50 ms to 1.1^51 ms"
        costs = (await staff.get("/admin/analytics/costs")).body
        assert [(one["provider"], one["margin"]) for one in costs["by_provider"]] == [
            ("cartesia", 0.75), ("deepgram", 0.75),
        ]  # fmt: skip
        assert [(one["cost"], one["revenue"]) for one in costs["by_workspace"]] == [(0.3, 1.2)]


async def test_ranges_that_cannot_be_are_named(api: Api, workspace: CallWorkspace) -> None:
    staff = await api.admin()
    for client, path in ((workspace.ann, f"{workspace.path}/analytics/overview"), (staff, "/admin/analytics/platform")):
        for query, param in (
            ({"from": "2026-01-01"}, "to"), ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
            ({"from": "2020-01-01", "to": "2026-01-01"}, "to"), ({"period": "decade"}, "period"),
            ({"from": "0001-01-01", "to": "0001-01-02"}, "from"),
        ):  # fmt: skip
            reply = await client.get(path, params=query)
            assert (reply.status, reply.param) == (422, param), query


async def test_export_has_one_row_a_call(api: Api, workspace: CallWorkspace) -> None:
    await insert_figures(workspace)
    await workspace.insert_call(summary="=HYPERLINK(1)", caller_number="anonymous")
    path = f"{workspace.path}/analytics/export"
    reply = await workspace.ann.get(path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="calls-')
    rows = list(csv.DictReader(StringIO(reply.raw.decode("utf-8-sig"), newline="")))
    ids = {str(row["id"]) for row in await calls_of(workspace)}
    assert {row["call_id"] for row in rows} == ids
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    assert "'=HYPERLINK(1)" in {row["summary"] for row in rows}
    as_json = (await workspace.ann.get(path, params={"format": "json"})).body["calls"]
    assert {one["call_id"] for one in as_json} == ids
    assert sum(one["is_test"] for one in as_json) == 1
    stored = await api.owner.fetch(
        "SELECT format, outcome, rows FROM call_exports WHERE workspace_id = $1 ORDER BY started_at",
        UUID(workspace.workspace_id),
    )
    assert [tuple(row) for row in stored] == [("csv", "complete", 4), ("json", "complete", 4)]
    audited = await api.owner.fetch(
        "SELECT actor_email, details FROM audit_log WHERE action = 'calls.export' AND workspace_id = $1",
        UUID(workspace.workspace_id),
    )
    assert [row["actor_email"] for row in audited] == [workspace.ann.email] * 2
    viewer = await api.member(workspace.workspace_id, "member")
    assert (await viewer.get(path)).status == 403


async def calls_of(workspace: CallWorkspace) -> Any:
    return await workspace.api.owner.fetch("SELECT id FROM calls WHERE workspace_id = $1", UUID(workspace.workspace_id))


async def test_pages_miss_no_call_of_the_same_time(
    api: Api, workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of the same microsecond, over the bounds of pages."""
    set_policy(monkeypatch, ExportPolicy(page=3))
    expected = {await workspace.insert_call(created_at=NOW - timedelta(seconds=number // 4)) for number in range(11)}
    reply = await workspace.ann.get(f"{workspace.path}/analytics/export", params={"format": "json"})
    found = [call["call_id"] for call in reply.body["calls"]]
    assert (len(found), set(found)) == (11, expected)


async def test_an_export_that_fails_is_no_complete_file(
    api: Api, workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, ExportPolicy(page=1))
    for _ in range(3):
        await workspace.insert_call()
    read, pages = CallExports._read_page, 0

    async def fail_on_the_third(self: CallExports, db: Connection, **more: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise asyncpg.PostgresConnectionError("the server went away")
        return await read(self, db, **more)

    monkeypatch.setattr(CallExports, "_read_page", fail_on_the_third)
    for file_format in ("csv", "json"):
        pages = 0
        with pytest.raises(aiohttp.ClientError):
            await workspace.ann.get(f"{workspace.path}/analytics/export", params={"format": file_format})
    pages = 0
    with pytest.raises(ConnectionResetError):
        await read_by_http_1_0(workspace)
    assert await outcomes(workspace) == [("aborted", 2)] * 3


async def read_by_http_1_0(workspace: CallWorkspace) -> bytes:
    """A client that knows no chunks takes the end of the connection for the end of the file."""
    host, port = workspace.api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET {workspace.path}/analytics/export HTTP/1.0\r\nHost: {host}\r\n"
    writer.write(f"{head}Authorization: Bearer {workspace.ann.token}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


async def test_a_client_that_takes_nothing_ends_the_export(
    api: Api, workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, ExportPolicy(stall_s=0.2, page=100))
    await api.owner.execute(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, summary) "
        "SELECT gen_random_uuid(), $1, 'inbound', 'twilio', 'completed', repeat('x', 20000) "
        "FROM generate_series(1, 900)",
        UUID(workspace.workspace_id),
    )  # fmt: skip
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    head = f"GET {workspace.path}/analytics/export HTTP/1.1\r\nHost: {host}\r\n"
    writer.write(f"{head}Authorization: Bearer {workspace.ann.token}\r\n\r\n".encode())
    try:
        ((outcome, rows),) = await wait_for_outcomes(workspace)
        assert outcome == "aborted"
        assert rows < 900, "no more was read than the sockets' buffers hold"
    finally:
        writer.close()
    assert reader is not None


async def wait_for_outcomes(workspace: CallWorkspace) -> list[tuple[str, int]]:
    """Waits until an export has ended."""
    for _ in range(400):
        if ended := await outcomes(workspace):
            return ended
        await asyncio.sleep(0.05)
    raise AssertionError("no export ended within 20 s")


async def outcomes(workspace: CallWorkspace) -> list[tuple[str, int]]:
    """How the ended exports ended."""
    rows = await workspace.api.owner.fetch(
        "SELECT outcome, rows FROM call_exports WHERE workspace_id = $1 AND ended_at IS NOT NULL ORDER BY started_at",
        UUID(workspace.workspace_id),
    )
    return [(row["outcome"], row["rows"]) for row in rows]


async def test_exports_are_limited(api: Api, workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    set_policy(monkeypatch, ExportPolicy(concurrency=1, per_hour=3, longest_s=60))
    path = f"{workspace.path}/analytics/export"

    async def insert_running(minutes: int) -> None:
        await api.owner.execute(
            "INSERT INTO call_exports (id, workspace_id, user_id, format, since, until, started_at) "
            "VALUES ($1, $2, $1, 'csv', now(), now(), now() - make_interval(mins => $3))",
            UUID(new_id()), UUID(workspace.workspace_id), minutes,
        )  # fmt: skip

    await insert_running(2)
    assert (await workspace.ann.get(path)).status == 200, "one whose process was killed counts for longest_s only"
    await insert_running(0)
    refused = await workspace.ann.get(path)
    assert (refused.status, refused.code) == (429, "export_running")
    await api.owner.execute("UPDATE call_exports SET ended_at = now(), outcome = 'complete', rows = 0")
    refused = await workspace.ann.get(path)
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "export_hourly_limit", "1200")


def set_policy(monkeypatch: pytest.MonkeyPatch, policy: ExportPolicy) -> None:
    """Of the exports of all running APIs."""
    monkeypatch.setattr(CallExports, "policy", property(lambda _: policy, lambda *_: None), raising=False)
