"""Roll-ups equal the figures of calls and usage records, with concurrent writers and workers and after failures."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.analytics.rollups.service import WorkspaceDay, mark_all_days, mark_day, mark_days, roll_up_days
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform, enter_workspace
from tests.control.analytics.days import (
    AGENTS,
    START,
    WORKSPACES,
    RollupPlatform,
    bill_in,
    insert_call,
    insert_marked_call,
    insert_usage,
    open_rollup_platform,
)

ONE, TWO = WORKSPACES
TODAY = START.date()
# The second changes within the second day, and so holds from the third on.
EURO_RATES = ((timedelta(days=-9), "1.10"), (timedelta(hours=36), "0.95"))


@dataclass(frozen=True, slots=True)
class Write:
    """One transaction: a call with its usage, possibly corrected or rolled back. hour: after START. judgment:
    sentiment, its score, success."""

    workspace: UUID
    hour: int
    status: str
    direction: str
    carrier: str
    seconds: int
    agent: int | None
    is_test: bool
    judgment: tuple[str | None, float | None, bool | None]
    details: Mapping[str, Any]
    usage: Sequence[tuple[str, str, Decimal | None, int]]
    corrected: bool
    fails: bool


roles = st.sampled_from(["stt", "llm", "tts"])
providers = st.sampled_from(["deepgram", "openai", "cartesia"])
amounts = st.decimals(min_value=-5, max_value=50, places=9)
writes = st.builds(
    Write,
    workspace=st.sampled_from(WORKSPACES),
    hour=st.integers(0, 71),
    status=st.sampled_from(["completed", "failed", "no_answer", "in_progress"]),
    direction=st.sampled_from(["inbound", "outbound"]),
    carrier=st.sampled_from(["twilio", "telnyx", "browser"]),
    seconds=st.integers(0, 4000),
    agent=st.sampled_from([None, 0, 1]),
    is_test=st.booleans(),
    judgment=st.tuples(
        st.sampled_from([None, "positive", "neutral", "negative"]),
        st.sampled_from([None, -0.5, 0.25, 1.0]),
        st.sampled_from([None, False, True]),
    ),
    details=st.fixed_dictionaries(
        {},
        optional={
            "failed_providers": st.dictionaries(roles, st.lists(providers, min_size=1, unique=True), max_size=2),
            "latency": st.dictionaries(
                roles, st.dictionaries(st.integers(0, 120).map(str), st.integers(1, 9), min_size=1, max_size=2)
            ),
        },
    ),
    usage=st.lists(
        st.tuples(
            st.sampled_from(["stt", "tts", "llm", "telephony", "credit"]),
            st.sampled_from(["", "deepgram", "openai"]),
            st.none() | amounts,
            st.integers(0, 30),
        ),
        max_size=4,
    ),
    corrected=st.booleans(),
    fails=st.booleans(),
)


class RollbackForced(Exception):
    """Raised to roll a transaction back."""


async def write_call(pool: Pool, write: Write) -> None:
    """Writes a call like a program: in its workspace's scope, marks last."""
    try:
        async with pool.transaction() as db:
            await enter_workspace(db, write.workspace)
            await mark_days(db, await insert_rows(db, write))
            if write.fails:
                raise RollbackForced
    except RollbackForced:
        pass


async def insert_rows(db: Connection, write: Write) -> list[WorkspaceDay]:
    agent = None if write.agent is None else AGENTS[write.workspace][write.agent]
    call, day = await insert_call(
        db, write.workspace, at=timedelta(hours=write.hour), status=write.status, direction=write.direction,
        carrier=write.carrier, duration_seconds=write.seconds, agent_id=agent, is_test=write.is_test,
        sentiment=write.judgment[0], sentiment_score=write.judgment[1], success=write.judgment[2],
        details=dict(write.details),
    )  # fmt: skip
    days = [day]
    for kind, provider, amount, later in write.usage:
        at = timedelta(hours=write.hour + later)
        call_or_none = None if kind == "credit" else call
        days.append(
            await insert_usage(
                db,
                write.workspace,
                call_or_none,
                at=at,
                resource_type=kind,
                provider=provider,
                price=amount,
                cost=None if amount is None else amount / 2,
                entry="adjustment" if later % 3 == 0 else "usage",
            )
        )
    if write.corrected:
        await db.execute("UPDATE calls SET status = 'busy', duration_seconds = 7 WHERE id = $1", call)
    return days


async def run_worker(pool: Pool, stop: asyncio.Event) -> None:
    """Rolls up until `stop` is set; every third round fails before its end."""
    rounds = 0
    while not stop.is_set():
        rounds += 1
        try:
            async with pool.transaction() as db:
                await enter_platform(db)
                await roll_up_days(db, 2)
                if rounds % 3 == 0:
                    raise RollbackForced
        except RollbackForced:
            pass


async def check_roll_ups(url: str, lanes: Sequence[Sequence[Write]]) -> None:
    async with open_rollup_platform(url) as platform:
        await bill_in(platform.owner, TWO, "eur", *EURO_RATES)
        stop = asyncio.Event()
        workers = [asyncio.create_task(run_worker(platform.pool, stop)) for _ in range(2)]
        await asyncio.gather(*(write_in_order(platform, writes_of_lane) for writes_of_lane in lanes))
        stop.set()
        await asyncio.gather(*workers)
        await platform.roll_up_all()
        await platform.check_figures()
        await platform.owner.execute(
            "UPDATE workspace_daily SET calls = 77; DELETE FROM usage_daily; DELETE FROM call_intervals; "
            "UPDATE provider_daily SET revenue = 1; UPDATE usage_intervals SET price = 1"
        )
        async with platform.pool.transaction() as db:
            await enter_platform(db)
            await mark_all_days(db)
        await platform.roll_up_all()
        await platform.check_figures()


async def write_in_order(platform: RollupPlatform, writes_of_lane: Sequence[Write]) -> None:
    for write in writes_of_lane:
        await write_call(platform.pool, write)


@settings(max_examples=40)
@given(lanes=st.lists(st.lists(writes, max_size=5), min_size=1, max_size=3))
def test_roll_ups_equal_the_ledger(rollup_url: str, lanes: list[list[Write]]) -> None:
    asyncio.run(check_roll_ups(rollup_url, lanes))


async def test_marks_do_not_block_and_each_is_processed(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        await _write_call(platform.pool)
        async with platform.pool.transaction() as db:
            await insert_marked_call(db, ONE)
            await _write_call(platform.pool)
            assert await platform.roll_up_once() == 1, "only committed marks are taken"
        assert await platform.roll_up_once() == 1
        await platform.check_figures()


async def test_mark_during_a_roll_up_is_not_lost(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        await _write_call(platform.pool)
        async with platform.pool.acquire() as working:
            transaction = working.transaction()
            await transaction.start()
            await enter_platform(working)
            assert await roll_up_days(working, 3) == 1
            await _write_call(platform.pool)
            other = asyncio.create_task(platform.roll_up_once())
            await platform.wait_for_blocked_transaction()
            await transaction.commit()
        assert await other == 1, "the second worker rolled the day up again"
        await platform.check_figures()


async def _write_call(pool: Pool) -> None:
    async with pool.transaction() as db:
        await insert_marked_call(db, ONE)


async def test_sums_of_two_workers_are_complete(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        for workspace in WORKSPACES:
            for day in range(3):
                async with platform.pool.transaction() as db:
                    await insert_marked_call(db, workspace, at=timedelta(days=day))
        assert sum(await asyncio.gather(*(platform.roll_up_once(1) for _ in range(6)))) == 6
        await platform.check_figures()


async def test_failed_roll_up_keeps_the_marks(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            await insert_marked_call(db, ONE)
        with pytest.raises(RollbackForced):
            async with platform.pool.transaction() as db:
                await enter_platform(db)
                assert await roll_up_days(db, 3) == 1
                raise RollbackForced
        assert await platform.roll_up_once() == 1
        await platform.check_figures()


async def test_days_end_at_midnight_utc(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            await db.execute("SET LOCAL TIME ZONE 'Pacific/Auckland'")
            await enter_platform(db)
            for at in (timedelta(hours=23, minutes=59), timedelta(days=1)):
                _, day = await insert_call(db, ONE, at=at)
                await mark_day(db, day.workspace_id, day.day)
            await roll_up_days(db, 9)
        rows = await platform.owner.fetch("SELECT day, calls, by_hour FROM workspace_daily ORDER BY day")
        assert [(row["day"], row["calls"]) for row in rows] == [(TODAY, 1), (TODAY + timedelta(days=1), 1)]
        assert rows[0]["by_hour"][23] == 1


async def test_test_calls_have_a_price_but_are_not_counted(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            await enter_workspace(db, ONE)
            call, day = await insert_call(db, ONE, is_test=True)
            await insert_usage(db, ONE, call, price=Decimal(3))
            await mark_day(db, day.workspace_id, day.day)
        await platform.roll_up_all()
        row = await platform.owner.fetchrow("SELECT calls, price, by_provider FROM platform_daily")
        assert (row["calls"], row["price"], row["by_provider"]) == (0, 3, {})


async def test_day_without_calls_has_no_row(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            call = await insert_marked_call(db, ONE)
        await platform.roll_up_all()
        async with platform.pool.transaction() as db:
            await enter_workspace(db, ONE)
            await db.execute("DELETE FROM calls WHERE id = $1", call)
            await mark_day(db, ONE, TODAY)
        await platform.roll_up_all()
        await platform.check_figures()
        assert await platform.owner.fetchval("SELECT count(*) FROM platform_daily") == 0


async def test_a_rebuild_keeps_the_figures_of_a_workspace_that_is_purged(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            await insert_usage(db, ONE, await insert_marked_call(db, ONE))
        await platform.roll_up_all()
        figures = "SELECT calls, seconds, price FROM platform_daily"
        before = await platform.owner.fetch(figures)
        assert [row["calls"] for row in before] == [1]
        await platform.owner.execute("DELETE FROM calls")
        await platform.owner.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", ONE)
        for _ in ("while it is purged", "afterwards"):
            async with platform.pool.transaction() as db:
                await enter_platform(db)
                assert await mark_all_days(db) == 0
            await platform.roll_up_all()
            assert await platform.owner.fetch(figures) == before
            await platform.owner.execute("DELETE FROM workspaces WHERE id = $1", ONE)


async def test_late_money_of_a_purged_workspace_counts_and_its_calls_stay(database_url: str) -> None:
    """The last period is billed after the purge, which deletes calls and not the ledger."""
    async with open_rollup_platform(database_url) as platform:
        await bill_in(platform.owner, ONE, "eur", *EURO_RATES)
        async with platform.pool.transaction() as db:
            await insert_usage(db, ONE, await insert_marked_call(db, ONE, sentiment="positive"), price=Decimal(2))
        await platform.roll_up_all()
        for late, state in enumerate(("being purged", "purged"), start=1):
            if state == "purged":
                await platform.owner.execute("DELETE FROM workspaces WHERE id = $1", ONE)
            else:
                await platform.owner.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now()")
                await platform.owner.execute("DELETE FROM calls")
            async with platform.pool.transaction() as db:
                await enter_workspace(db, ONE)
                await mark_days(
                    db, [await insert_usage(db, ONE, None, price=Decimal(3), resource_type="subscription", provider="")]
                )
            await platform.roll_up_all()
            row = await platform.owner.fetchrow("SELECT calls, price, by_status, by_provider FROM platform_daily")
            assert (row["calls"], row["price"]) == (1, Decimal("1.1") * (2 + 3 * late)), state
            assert (row["by_status"], row["by_provider"]) == ({"completed": 1}, {"deepgram": 1}), state
            kept = "SELECT (SELECT sum(positive) FROM call_intervals), (SELECT sum(calls) FROM agent_totals), "
            kept += "(SELECT sum(calls) FROM platform_provider_daily), (SELECT sum(price) FROM usage_intervals)"
            assert tuple(await platform.owner.fetchrow(kept)) == (1, 1, 1, 2 + 3 * late), state


async def test_amounts_in_currencies_of_small_units_fit(database_url: str) -> None:
    """Two billion dong are 80,000 dollars."""
    async with open_rollup_platform(database_url) as platform:
        await bill_in(platform.owner, ONE, "vnd", (timedelta(days=-9), "0.00004"))
        for day in range(2):
            async with platform.pool.transaction() as db:
                await enter_workspace(db, ONE)
                at = timedelta(days=day)
                await mark_days(
                    db, [await insert_usage(db, ONE, None, price=Decimal(2_000_000_000), cost=Decimal(1), at=at)]
                )
        await platform.roll_up_all()
        await platform.check_figures()
        assert await platform.owner.fetchval("SELECT sum(price) FROM platform_daily") == 160_000


async def test_marks_are_taken_in_order_and_in_batches(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            await enter_platform(db)
            for number in range(5):
                await mark_day(db, TWO, TODAY + timedelta(days=number))
        assert [await platform.roll_up_once(2) for _ in range(4)] == [2, 2, 1, 0]


# What a worker of the version before runs beside this one.
OLD_USAGE_DAYS = """
INSERT INTO usage_daily (workspace_id, day, resource_type, provider, quantity, calls, cost, price)
SELECT workspace_id, $1::date, resource_type, provider, sum(quantity), count(DISTINCT call_id), sum(cost), sum(price)
FROM usage_records GROUP BY 1, 3, 4
"""


async def test_a_worker_of_the_version_before_rolls_up_a_day_of_unknown_costs(database_url: str) -> None:
    async with open_rollup_platform(database_url) as platform:
        async with platform.pool.transaction() as db:
            call = await insert_marked_call(db, ONE)
            await insert_usage(db, ONE, call, cost=None, price=None)
        async with platform.pool.transaction() as db:
            await enter_platform(db)
            await db.execute(OLD_USAGE_DAYS, TODAY)
        await platform.roll_up_all()
        await platform.check_figures()
        row = await platform.owner.fetchrow("SELECT cost, price, unpriced FROM usage_daily")
        assert (row["cost"], row["price"], row["unpriced"]) == (0, 0, 1)
