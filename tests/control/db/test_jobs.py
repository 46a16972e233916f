"""Jobs: asked for within a transaction, done by whoever is there, tried again, kept when they fail for good."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from control.db.jobs import (
    Care,
    Handler,
    JobFailed,
    QueueLost,
    Retries,
    count_jobs,
    enqueue,
    forget,
    retry_failed,
    work_off,
)
from control.db.pool import Pool, open_pool
from vocalized.services.postgres import Postgres

SOON = Retries(attempts=3, first_wait_s=0.01, longest_wait_s=0.02, timeout_s=5.0, look_every_s=0.05)


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database_url, size=4) as opened:
        yield opened


@asynccontextmanager
async def working(
    url: str, handler: Handler, retries: Retries = SOON, care: Care | None = None
) -> AsyncIterator[asyncio.Event]:
    """A worker of the job "note", stopped gracefully at the end of the block."""
    stop = asyncio.Event()
    cares = {} if care is None else {"note": care}
    task = asyncio.create_task(work_off(url, {"note": handler}, retries, stop, cares))
    try:
        yield stop
    finally:
        stop.set()
        await task


class Notes:
    """Does jobs by noting their payloads. broken: reasons for which the next ones fail."""

    def __init__(self, *broken: JobFailed) -> None:
        self.taken: list[bytes] = []
        self._broken = list(broken)
        self._more = asyncio.Condition()

    async def __call__(self, payload: bytes) -> None:
        async with self._more:
            self.taken.append(payload)
            self._more.notify_all()
        if self._broken:
            raise self._broken.pop(0)

    async def until(self, count: int) -> None:
        """So many were begun."""
        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(lambda: len(self.taken) >= count)


async def put(pool: Pool, *payloads: bytes) -> None:
    async with pool.transaction() as db:
        for payload in payloads:
            await enqueue(db, "note", payload)


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Asks the database until it says so."""
    async with asyncio.timeout(30):
        while not await condition():
            pass


async def counts(pool: Pool) -> dict[tuple[str, str], int]:
    async with pool.acquire() as db:
        return {(one.job, one.status): one.count for one in await count_jobs(db)}


async def log(pool: Pool) -> list[tuple[str, str | None]]:
    """What the queue's log says of each step: its status, and why it failed."""
    async with pool.acquire() as db:
        rows = await db.fetch("SELECT status::text, traceback FROM pgqueuer_log ORDER BY id")
    return [(row["status"], row["traceback"] and row["traceback"]["exception_message"]) for row in rows]


async def test_a_job_is_part_of_its_transaction(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes()
    async with working(fresh_database_url, notes):
        async with pool.acquire() as db:
            await db.execute("BEGIN")
            await enqueue(db, "note", b"rolled back")
            await db.execute("ROLLBACK")
            await db.execute("BEGIN")
            await enqueue(db, "note", b"committed")
            assert notes.taken == []
            await db.execute("COMMIT")
        await notes.until(1)
    assert notes.taken == [b"committed"]
    assert await counts(pool) == {}


async def test_jobs_asked_for_while_nobody_worked_are_done_later(pool: Pool, fresh_database_url: str) -> None:
    await put(pool, *(bytes([number]) for number in range(25)))
    assert await counts(pool) == {("note", "queued"): 25}
    notes = Notes()
    async with working(fresh_database_url, notes):
        await notes.until(25)
    assert sorted(notes.taken) == [bytes([number]) for number in range(25)]


async def test_a_delayed_job_waits(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes()
    async with pool.transaction() as db:
        await enqueue(db, "note", b"later", delay_s=3600)
        await enqueue(db, "note", b"soon", delay_s=0.2)
        await enqueue(db, "note", b"now")
    async with working(fresh_database_url, notes):
        await notes.until(2)
    assert notes.taken == [b"now", b"soon"]
    assert await counts(pool) == {("note", "queued"): 1}


async def test_a_failed_job_is_tried_again(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes(JobFailed("away"), JobFailed("away"))
    await put(pool, b"x")
    async with working(fresh_database_url, notes):
        await notes.until(3)
        await until(lambda: _nothing_left(pool))
    assert notes.taken == [b"x"] * 3
    told = await log(pool)
    assert [reason for _, reason in told if reason] == ["away", "away"]
    assert told[-1] == ("successful", None)


async def _nothing_left(pool: Pool) -> bool:
    return await counts(pool) == {}


async def _one_failed(pool: Pool) -> bool:
    return await counts(pool) == {("note", "failed"): 1}


async def test_a_job_that_fails_for_too_long_is_kept_and_can_be_tried_anew(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes(*(JobFailed(f"away {number}") for number in range(3)))
    await put(pool, b"x")
    async with working(fresh_database_url, notes):
        await until(lambda: _one_failed(pool))
        assert notes.taken == [b"x"] * 3
        async with pool.transaction() as db:
            assert await retry_failed(db, "other") == 0
            assert await retry_failed(db, "note") == 1
        await notes.until(4)
    assert await counts(pool) == {}
    assert ("failed", "away 2") in await log(pool)


async def test_what_can_never_succeed_is_not_tried_again(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes(JobFailed("refused", for_good=True))
    await put(pool, b"x")
    async with working(fresh_database_url, notes):
        await until(lambda: _one_failed(pool))
    assert notes.taken == [b"x"]


async def test_a_job_that_hangs_counts_as_failed(pool: Pool, fresh_database_url: str) -> None:
    async def hang(_: bytes) -> None:
        await asyncio.Event().wait()

    await put(pool, b"x")
    async with working(fresh_database_url, hang, Retries(attempts=1, timeout_s=0.05, look_every_s=0.05)):
        await until(lambda: _one_failed(pool))
    assert ("failed", "timeout") in await log(pool)


async def test_a_stop_lets_the_running_job_finish_and_takes_no_other(pool: Pool, fresh_database_url: str) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def slow(payload: bytes) -> None:
        begun.set()
        await go_on.wait()
        done.append(payload)

    await put(pool, b"x")
    stop = asyncio.Event()
    worker = asyncio.create_task(work_off(fresh_database_url, {"note": slow}, SOON, stop))
    await begun.wait()
    stop.set()
    await put(pool, b"y")
    assert not worker.done()
    go_on.set()
    await worker
    assert done == [b"x"]
    assert await counts(pool) == {("note", "queued"): 1}


async def test_several_workers_do_each_job_once(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes()
    async with working(fresh_database_url, notes), working(fresh_database_url, notes):
        await asyncio.gather(*(put(pool, bytes([number])) for number in range(60)))
        await notes.until(60)
        await until(lambda: _nothing_left(pool))
    assert sorted(notes.taken) == [bytes([number]) for number in range(60)]


async def test_the_job_of_a_dead_worker_goes_to_another(pool: Pool, fresh_database_url: str) -> None:
    await put(pool, b"x")
    async with pool.transaction() as db:
        await db.execute(
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid(), "
            "heartbeat = now() - interval '1 minute'"
        )
    notes = Notes()
    async with working(fresh_database_url, notes):
        await notes.until(1)


async def test_a_lost_database_is_told(pool: Pool, postgres: Postgres, fresh_database_url: str) -> None:
    notes = Notes()
    await put(pool, b"x")
    worker = asyncio.create_task(work_off(fresh_database_url, {"note": notes}, SOON, asyncio.Event()))
    await notes.until(1)
    await asyncio.to_thread(postgres.drop, urlsplit(fresh_database_url).path.strip("/"))
    with pytest.raises(QueueLost):
        await asyncio.wait_for(worker, 60)


async def test_no_database_at_all() -> None:
    with pytest.raises(QueueLost):
        await work_off("postgresql://nobody@/x?host=/nowhere", {}, SOON, asyncio.Event())


async def test_what_is_old_is_forgotten_a_bounded_number_at_a_time(pool: Pool) -> None:
    await put(pool, b"1", b"2", b"3")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with pool.transaction() as db:
        await db.execute("UPDATE pgqueuer SET status = 'failed' WHERE payload <> '1'")
        assert await forget(db, tomorrow - timedelta(days=2), 10) == 0
        assert await forget(db, tomorrow, 1) == 2
        assert await forget(db, tomorrow, 10) == 3
        assert await forget(db, tomorrow, 10) == 0
    assert await counts(pool) == {("note", "queued"): 1}


@pytest.mark.parametrize(("failures", "wait"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (5000, 3600)])
def test_waits_double_up_to_a_bound(failures: int, wait: float) -> None:
    assert Retries().wait_s(failures) == wait


async def test_heavy_jobs_take_turns_and_have_a_limit_of_their_own(pool: Pool, fresh_database_url: str) -> None:
    inside, most = 0, 0
    notes = Notes()

    async def slow(payload: bytes) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.1)  # longer than the usual limit
        inside -= 1
        await notes(payload)

    await put(pool, *(bytes([number]) for number in range(4)))
    short = Retries(attempts=1, timeout_s=0.05, look_every_s=0.05)
    care = Care(timeout_s=20, at_once=1)
    async with (
        working(fresh_database_url, slow, short, care),
        working(fresh_database_url, slow, short, care),
    ):
        await notes.until(4)
    assert most == 1


async def test_a_job_that_kills_its_workers_is_given_up(pool: Pool, fresh_database_url: str) -> None:
    notes = Notes()
    await put(pool, b"poison")
    # So often it was taken, by workers of which nothing was heard again.
    await _taken(pool, 3)
    async with working(fresh_database_url, notes, replace(SOON, lost_after_s=0.1), Care(20, 1, deaths=3)):
        await until(lambda: _is_failed(pool))
    assert notes.taken == []
    async with pool.transaction() as db:
        assert await retry_failed(db, "note") == 1
    async with working(fresh_database_url, notes, SOON, Care(20, 1, deaths=3)):
        await notes.until(1)


async def _taken(pool: Pool, times: int) -> None:
    async with pool.transaction() as db:
        for _ in range(times):
            await db.execute(
                "WITH taken AS (UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '1 hour', "
                "queue_manager_id = gen_random_uuid() RETURNING id, entrypoint, priority) "
                "INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) "
                "SELECT id, 'picked', entrypoint, priority FROM taken"
            )


async def _is_failed(pool: Pool) -> bool:
    async with pool.transaction() as db:
        return any(one.status == "failed" for one in await count_jobs(db))
