"""Alarms about unusual outbound calls: when they are raised, and who is told."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.accounts.emails.service import EMAIL_JOB
from control.calls.spend_alarms.service import SpendAlarms
from control.platform.service import Platform
from tests.control.calls.call_platform import NOW, STAFF, CallPlatform, LiveWorkspace, later

CALLEE = "+12125550123"
SETTINGS = {
    "alarm_short_calls_per_hour": 2, "alarm_short_call_s": 6, "alarm_test_calls_per_hour": 2,
    "alarm_new_countries_per_day": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
async def nothing_called(platform: CallPlatform, database_url: str) -> AsyncIterator[None]:
    """With low thresholds, and one admin."""
    owner = await asyncpg.connect(database_url)
    await owner.execute("DELETE FROM admins")
    await owner.execute(
        "INSERT INTO admins (id, email, name, role, password_hash) "
        "VALUES (gen_random_uuid(), 'sam@vocalized.example', 'Sam', 'support', 'x')"
    )
    await owner.close()

    async def prepare(db: Any) -> None:
        for table in ("calls", "spend_alarms", "called_countries", "pgqueuer"):
            await db.execute(f"DELETE FROM {table}")
        await platform.services[Platform].change_settings(db, STAFF, SETTINGS)

    await platform.in_platform(prepare)
    yield
    await platform.in_platform(
        lambda db: platform.services[Platform].change_settings(db, STAFF, {"platform_calls_per_day": 100_000})
    )


async def end_calls(platform: CallPlatform, seconds: int) -> None:
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'completed', duration_seconds = $1", seconds)
    )


async def raise_due(platform: CallPlatform, after_s: float = 0) -> int:
    return await platform.in_platform(lambda db: platform.services[SpendAlarms].raise_due(db, later(after_s)))


async def alarms_of(platform: CallPlatform, workspace: LiveWorkspace) -> list[Mapping[str, Any]]:
    """What the audit log has of the workspace's alarms."""
    rows = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT details FROM audit_log WHERE action = 'spend.alarm' AND workspace_id = $1 ORDER BY at, id",
            workspace.workspace_id,
        )
    )
    return [row["details"]["after"] for row in rows]


async def test_rows_of_short_calls_raise_one_alarm_a_day(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.place(workspace, CALLEE)
    await end_calls(platform, 5)
    assert await raise_due(platform) == 0
    await platform.place(workspace, CALLEE)
    await end_calls(platform, 6)
    assert await raise_due(platform) == 0, "6 s are not short"
    await end_calls(platform, 5)
    assert await raise_due(platform) == 1
    assert await raise_due(platform) == 0
    assert await alarms_of(platform, workspace) == [{"kind": "short_calls", "figure": 2, "threshold": 2}]
    counted = await platform.in_platform(lambda db: platform.services[SpendAlarms].count_of_day(db, NOW))
    assert counted == {"short_calls": 1}
    # The owner and the staff; nobody else.
    assert len(await platform.job_payloads(EMAIL_JOB)) == 2


async def test_masses_of_test_calls_raise_an_alarm(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    await platform.place(other, CALLEE, test=True)
    for _ in range(2):
        await platform.place(workspace, CALLEE, test=True)
    assert await raise_due(platform, 3_600) == 0, "an hour ago"
    assert await raise_due(platform, 3_599) == 1
    assert await alarms_of(platform, workspace) == [{"kind": "test_calls", "figure": 2, "threshold": 2}]
    assert await alarms_of(platform, other) == []


async def test_sudden_destinations_raise_an_alarm(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    countries = {"outbound_countries": ["US", "GB", "DE"]}
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET settings = $2 WHERE id = $1", workspace.workspace_id, countries)
    )
    for number in (CALLEE, CALLEE, "+442079460123"):
        await platform.place(workspace, number)
    assert await raise_due(platform) == 0
    await platform.place(workspace, "+493022334455")
    assert await raise_due(platform) == 1
    assert await alarms_of(platform, workspace) == [{"kind": "new_countries", "figure": 3, "threshold": 3}]


async def test_a_limit_of_the_platform_is_told_to_the_staff_alone(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.place(workspace, CALLEE)
    await platform.in_platform(
        lambda db: platform.services[Platform].change_settings(db, STAFF, {"platform_calls_per_day": 1})
    )
    assert await raise_due(platform) == 1
    assert await raise_due(platform) == 0
    assert await alarms_of(platform, workspace) == []
    assert len(await platform.job_payloads(EMAIL_JOB)) == 1
