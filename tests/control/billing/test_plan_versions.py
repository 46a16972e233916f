"""Plan versions: one for each change of a tier's fee or included minutes, never changed."""

from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.analytics.platform_figures.queries import count_churn
from control.billing.accounts.queries import select_states
from control.billing.ledger.queries import select_call_tiers
from control.billing.ledger.rules import CallTier, FinishedCall
from control.billing.prices.queries import select_plans
from control.billing.prices.service import follow_tier_prices
from control.db.pool import Connection
from tests.control.calls.call_platform import CallPlatform
from tests.platform.catalog import PRICED_FROM

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


async def starter(db: Connection) -> list[tuple[int, int, datetime]]:
    """Fee, included minutes and begin of each version."""
    plans = [plan for plan in await select_plans(db, "usd") if plan.tier_name == "starter"]
    return [(int(plan.monthly_fee), plan.included_minutes, plan.valid_from) for plan in plans]


async def change(db: Connection, fee: int, minutes: int, now: datetime) -> None:
    """As the staff do."""
    await db.execute(
        "UPDATE tiers SET monthly_fee = $1, included_minutes = $2 WHERE tier_name = 'starter'", fee, minutes
    )
    await follow_tier_prices(db, now)


async def execute(db: Connection, statement: str) -> None:
    await db.execute(statement)


async def test_each_change_of_a_tier_opens_one_version(platform: CallPlatform) -> None:
    before = (49, 300, PRICED_FROM)

    async def check(db: Connection) -> None:
        assert await starter(db) == [before]
        await change(db, 49, 300, NOW)
        assert await starter(db) == [before]
        await change(db, 59, 300, NOW)
        # In the same moment: versions have different times.
        await change(db, 59, 500, NOW)
        later = NOW + timedelta(microseconds=1)
        assert await starter(db) == [before, (59, 300, NOW), (59, 500, later)]

    await platform.in_platform(check)
    for statement in ("UPDATE plan_versions SET monthly_fee = 0", "DELETE FROM plan_versions"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await platform.in_platform(partial(execute, statement=statement))


async def test_of_changes_at_one_moment_the_last_one_holds(platform: CallPlatform) -> None:
    """Eight of them, whose ids are in no order."""
    made = await platform.create_workspace()
    workspace_id, at = made.workspace_id, NOW + timedelta(hours=1)
    tiers = ["growth", "starter", "trial", "starter", "growth", "starter", "growth", "business"]

    async def check(db: Connection) -> None:
        for tier in tiers:
            await db.execute(
                "INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee) "
                "VALUES (gen_random_uuid(), $1, $2, $3, $4, 0)",
                *(workspace_id, at, "active" if tier == "business" else "suspended", tier),
            )
        states = await select_states(db, workspace_id, at - timedelta(minutes=1), at + timedelta(days=1))
        assert [state.tier_name for state in states[-len(tiers) :]] == tiers
        call = FinishedCall(
            call_id=workspace_id,
            workspace_id=workspace_id,
            agent_id=None,
            at=at,
            seconds=1,
            is_test=False,
            carrier="twilio",
            direction="inbound",
        )
        assert await select_call_tiers(db, [call]) == {workspace_id: CallTier("business", "usd")}
        assert await count_churn(db, at + timedelta(hours=1), at + timedelta(hours=2)) == (1, 0), "active at last"

    await platform.in_platform(check)
