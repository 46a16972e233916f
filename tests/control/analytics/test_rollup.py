"""Roll-ups equal what calls and ledger say, whoever writes and works at the same time and whatever breaks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.analytics.rollup import Day, mark, mark_all, mark_everything, roll_up
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform, enter_workspace
from tests.control.analytics.scenes import AGENTS, START, WORKSPACES, Scene, put_call, put_marked_call, put_usage, scene

ONE, TWO = WORKSPACES
TODAY = START.date()


@dataclass(frozen=True, slots=True)
class Write:
    """One transaction: a call with its usage, perhaps corrected, perhaps taken back. hour: after START."""

    workspace: UUID
    hour: int
    status: str
    direction: str
    carrier: str
    seconds: int
    agent: int | None
    is_test: bool
    usage: Sequence[tuple[str, str, Decimal, int]]
    corrected: bool
    fails: bool


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
    usage=st.lists(
        st.tuples(
            st.sampled_from(["stt", "tts", "llm", "credit"]),
            st.sampled_from(["", "deepgram", "openai"]),
            amounts,
            st.integers(0, 30),
        ),
        max_size=4,
    ),
    corrected=st.booleans(),
    fails=st.booleans(),
)


class Broken(Exception):
    """A transaction's end."""


async def write(pool: Pool, one: Write) -> None:
    """As a program writes a call: in its tenant's scope, marks last."""
    try:
        async with pool.transaction() as db:
            await enter_workspace(db, one.workspace)
            await mark_all(db, await _written(db, one))
            if one.fails:
                raise Broken
    except Broken:
        pass


async def _written(db: Connection, one: Write) -> list[Day]:
    agent = None if one.agent is None else AGENTS[one.workspace][one.agent]
    call, day = await put_call(
        db, one.workspace, at=timedelta(hours=one.hour), status=one.status, direction=one.direction,
        carrier=one.carrier, duration_seconds=one.seconds, agent_id=agent, is_test=one.is_test,
    )  # fmt: skip
    days = [day]
    for kind, provider, amount, later in one.usage:
        at = timedelta(hours=one.hour + later)
        about = None if kind == "credit" else call
        days.append(
            await put_usage(
                db, one.workspace, about, at=at, resource_type=kind, provider=provider, price=amount, cost=amount / 2
            )
        )
    if one.corrected:
        await db.execute("UPDATE calls SET status = 'busy', duration_seconds = 7 WHERE id = $1", call)
    return days


async def worker(pool: Pool, stop: asyncio.Event) -> None:
    """Rolls up until told to stop; every third round breaks off before its end."""
    rounds = 0
    while not stop.is_set():
        rounds += 1
        try:
            async with pool.transaction() as db:
                await enter_platform(db)
                await roll_up(db, 2)
                if rounds % 3 == 0:
                    raise Broken
        except Broken:
            pass


async def _everything(url: str, lanes: Sequence[Sequence[Write]]) -> None:
    async with scene(url) as stage:
        stop = asyncio.Event()
        workers = [asyncio.create_task(worker(stage.pool, stop)) for _ in range(2)]
        await asyncio.gather(*(_lane(stage, lane) for lane in lanes))
        stop.set()
        await asyncio.gather(*workers)
        await stage.drain()
        await stage.check()
        await stage.owner.execute("UPDATE workspace_daily SET calls = 77; DELETE FROM usage_daily")
        async with stage.pool.transaction() as db:
            await enter_platform(db)
            await mark_everything(db)
        await stage.drain()
        await stage.check()


async def _lane(stage: Scene, lane: Sequence[Write]) -> None:
    for one in lane:
        await write(stage.pool, one)


@settings(max_examples=40)
@given(lanes=st.lists(st.lists(writes, max_size=5), min_size=1, max_size=3))
def test_roll_ups_equal_the_ledger(rollup_url: str, lanes: list[list[Write]]) -> None:
    asyncio.run(_everything(rollup_url, lanes))


async def test_nobody_waits_for_a_mark_and_each_is_worked_off(database_url: str) -> None:
    async with scene(database_url) as stage:
        await _write_call(stage.pool)
        async with stage.pool.transaction() as db:
            await put_marked_call(db, ONE)
            await _write_call(stage.pool)
            assert await stage.round() == 1, "the marks of what is written, not of what is being written"
        assert await stage.round() == 1
        await stage.check()


async def test_who_marks_what_a_worker_has_taken_is_not_lost(database_url: str) -> None:
    async with scene(database_url) as stage:
        await _write_call(stage.pool)
        async with stage.pool.acquire() as working:
            transaction = working.transaction()
            await transaction.start()
            await enter_platform(working)
            assert await roll_up(working, 3) == 1
            await _write_call(stage.pool)
            other = asyncio.create_task(stage.round())
            await stage.until_somebody_waits()
            await transaction.commit()
        assert await other == 1, "the other worker made the day again, after the first"
        await stage.check()


async def _write_call(pool: Pool) -> None:
    async with pool.transaction() as db:
        await put_marked_call(db, ONE)


async def test_two_workers_sums_do_not_miss_each_other(database_url: str) -> None:
    async with scene(database_url) as stage:
        for workspace in WORKSPACES:
            for day in range(3):
                async with stage.pool.transaction() as db:
                    await put_marked_call(db, workspace, at=timedelta(days=day))
        assert sum(await asyncio.gather(*(stage.round(1) for _ in range(6)))) == 6
        await stage.check()


async def test_a_worker_that_breaks_off_leaves_the_marks(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            await put_marked_call(db, ONE)
        with pytest.raises(Broken):
            async with stage.pool.transaction() as db:
                await enter_platform(db)
                assert await roll_up(db, 3) == 1
                raise Broken
        assert await stage.round() == 1
        await stage.check()


async def test_days_end_at_midnight_utc(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            await db.execute("SET LOCAL TIME ZONE 'Pacific/Auckland'")
            await enter_platform(db)
            for at in (timedelta(hours=23, minutes=59), timedelta(days=1)):
                _, day = await put_call(db, ONE, at=at)
                await mark(db, day.workspace_id, day.day)
            await roll_up(db, 9)
        rows = await stage.owner.fetch("SELECT day, calls, by_hour FROM workspace_daily ORDER BY day")
        assert [(row["day"], row["calls"]) for row in rows] == [(TODAY, 1), (TODAY + timedelta(days=1), 1)]
        assert rows[0]["by_hour"][23] == 1


async def test_test_calls_count_as_money_only(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            await enter_workspace(db, ONE)
            call, day = await put_call(db, ONE, is_test=True)
            await put_usage(db, ONE, call, price=Decimal(3))
            await mark(db, day.workspace_id, day.day)
        await stage.drain()
        row = await stage.owner.fetchrow("SELECT calls, price, by_provider FROM platform_daily")
        assert (row["calls"], row["price"], row["by_provider"]) == (0, 3, {})


async def test_a_day_that_lost_all_its_calls_has_no_figures(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            call = await put_marked_call(db, ONE)
        await stage.drain()
        async with stage.pool.transaction() as db:
            await enter_workspace(db, ONE)
            await db.execute("DELETE FROM calls WHERE id = $1", call)
            await mark(db, ONE, TODAY)
        await stage.drain()
        await stage.check()
        assert await stage.owner.fetchval("SELECT count(*) FROM platform_daily") == 0


async def test_a_rebuild_keeps_the_figures_of_a_workspace_that_is_purged(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            await put_usage(db, ONE, await put_marked_call(db, ONE))
        await stage.drain()
        figures = "SELECT calls, seconds, price FROM platform_daily"
        before = await stage.owner.fetch(figures)
        assert [row["calls"] for row in before] == [1]
        await stage.owner.execute("DELETE FROM calls")
        await stage.owner.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", ONE)
        for _ in ("while it is purged", "afterwards"):
            async with stage.pool.transaction() as db:
                await enter_platform(db)
                assert await mark_everything(db) == 0
            await stage.drain()
            assert await stage.owner.fetch(figures) == before
            await stage.owner.execute("DELETE FROM workspaces WHERE id = $1", ONE)


async def test_marks_are_taken_in_order_and_in_bounded_numbers(database_url: str) -> None:
    async with scene(database_url) as stage:
        async with stage.pool.transaction() as db:
            await enter_platform(db)
            for number in range(5):
                await mark(db, TWO, TODAY + timedelta(days=number))
        assert [await stage.round(2) for _ in range(4)] == [2, 2, 1, 0]
