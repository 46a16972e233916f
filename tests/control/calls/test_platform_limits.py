"""Limits of what a workspace calls in an hour, and of what all workspaces together call."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from control.calls.outbound.queries import measure_platform_calls
from control.calls.outbound.rules import PlatformCalls, find_platform_limit
from control.platform.service import Platform
from shared.errors import TooManyRequests
from tests.control.calls.call_platform import NOW, STAFF, CallPlatform, LiveWorkspace, later

CALLEE = "+12125550123"
LIMITS = {
    "platform_calls_per_hour": 3, "platform_calls_per_day": 5, "platform_minutes_per_hour": 10,
    "platform_minutes_per_day": 20,
}  # fmt: skip


async def change_settings(platform: CallPlatform, **values: int) -> None:
    await platform.in_platform(lambda db: platform.services[Platform].change_settings(db, STAFF, values))


@pytest.fixture(autouse=True)
async def nothing_called(platform: CallPlatform) -> AsyncIterator[None]:
    """No call of another test counts, and its own limits count for no other."""
    await platform.in_platform(lambda db: db.execute("DELETE FROM calls"))
    await platform.in_platform(lambda db: db.execute("DELETE FROM platform_calls"))
    yield
    await change_settings(
        platform, platform_calls_per_hour=10_000, platform_minutes_per_day=200_000, outbound_minutes_per_hour=300
    )


async def refusal_of(
    platform: CallPlatform, workspace: LiveWorkspace, number: str, at: datetime = NOW
) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as raised:
        await platform.place(workspace, number, at=at)
    return raised.value


@pytest.mark.parametrize(
    ("used", "name"),
    [
        (PlatformCalls(2, 599, 4, 1_199), ""),
        (PlatformCalls(3, 0, 3, 0), "platform_calls_per_hour"),
        (PlatformCalls(0, 0, 5, 0), "platform_calls_per_day"),
        (PlatformCalls(1, 600, 1, 600), "platform_minutes_per_hour"),
        (PlatformCalls(0, 0, 1, 1_200), "platform_minutes_per_day"),
    ],
)
def test_limits_of_the_platform(used: PlatformCalls, name: str) -> None:
    assert find_platform_limit(used, LIMITS) == name


async def test_at_the_platforms_limit_no_call_is_placed_or_dialed_and_calls_in_progress_go_on(
    platform: CallPlatform,
) -> None:
    first, second = await platform.create_workspace(), await platform.create_workspace()
    await change_settings(platform, platform_calls_per_hour=2)
    talking = await platform.place(first, CALLEE)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'in_progress', answered_at = created_at WHERE id = $1", talking
        )
    )
    queued = await platform.place(second, CALLEE)
    await platform.in_platform(lambda db: measure_platform_calls(db, NOW))
    refused = await refusal_of(platform, second, "+12125550124")
    assert (refused.code, refused.retry_after_s) == ("platform_limit", 3_600)
    assert await platform.in_platform(lambda db: platform.placement.start(db, queued, NOW)) is None
    row = await platform.call_row(queued)
    assert (row["status"], row["end_detail"]) == ("failed", "platform_limit")
    assert (await platform.call_row(talking))["status"] == "in_progress"
    await platform.in_platform(lambda db: measure_platform_calls(db, later(3_601)))
    assert await platform.place(second, "+12125550124", at=later(3_601))


async def test_minutes_of_calls_in_progress_count_for_the_platform(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET status = 'in_progress', answered_at = created_at WHERE id = $1", call_id
        )
    )
    await change_settings(platform, platform_minutes_per_day=2)
    await platform.in_platform(lambda db: measure_platform_calls(db, later(119)))
    assert await platform.place(workspace, CALLEE, at=later(119))
    await platform.in_platform(lambda db: measure_platform_calls(db, later(120)))
    assert (await refusal_of(platform, workspace, CALLEE, at=later(120))).code == "platform_limit"


async def test_a_workspace_has_minutes_an_hour(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await change_settings(platform, outbound_minutes_per_hour=2)
    call_id = await platform.place(workspace, CALLEE)
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'completed', duration_seconds = 120 WHERE id = $1", call_id)
    )
    assert (await refusal_of(platform, workspace, CALLEE)).code == "outbound_hourly_limit"
    assert await platform.place(workspace, CALLEE, at=later(3_601))
