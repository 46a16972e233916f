"""The job queue: enqueueing in transactions, retries, permanent failures and dead workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from control.db.jobs import (
    JobFailed,
    JobHandler,
    JobLimits,
    JobQueueUnavailable,
    JobRetries,
    count_jobs,
    delete_history,
    enqueue,
    retry_failed,
    run_jobs,
)
from control.db.pool import Pool, Timeouts, open_pool
from vocalized.services.postgres import Postgres

FAST_RETRIES = JobRetries(attempts=3, first_wait_s=0.01, max_wait_s=0.02, timeout_s=5.0, poll_every_s=0.05)


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database_url, size=4, timeouts=Timeouts(acquire=30)) as opened:
        yield opened


@asynccontextmanager
async def run_worker(
    url: str, handler: JobHandler, retries: JobRetries = FAST_RETRIES, limits: JobLimits | None = None
) -> AsyncIterator[asyncio.Event]:
    """A worker of the job "note", stopped gracefully at the end of the block."""
    stop = asyncio.Event()
    limits_by_job = {} if limits is None else {"note": limits}
    task = asyncio.create_task(run_jobs(url, {"note": handler}, retries, stop, limits_by_job))
    try:
        yield stop
    finally:
        stop.set()
        await task


class RecordingHandler:
    """A handler that records payloads. failures: raised by the next jobs, one each."""

    def __init__(self, *failures: JobFailed) -> None:
        self.payloads: list[bytes] = []
        self._failures = list(failures)
        self._more = asyncio.Condition()

    async def __call__(self, payload: bytes) -> None:
        async with self._more:
            self.payloads.append(payload)
            self._more.notify_all()
        if self._failures:
            raise self._failures.pop(0)

    async def wait_for(self, count: int) -> None:
        """Waits until so many jobs were started."""
        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(lambda: len(self.payloads) >= count)


async def enqueue_payloads(pool: Pool, *payloads: bytes) -> None:
    async with pool.transaction() as db:
        for payload in payloads:
            await enqueue(db, "note", payload)


async def wait_until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Repeats the query until it is true."""
    async with asyncio.timeout(30):
        while not await condition():
            pass


async def count_by_status(pool: Pool) -> dict[tuple[str, str], int]:
    async with pool.acquire() as db:
        return {(counted.job, counted.status): counted.count for counted in await count_jobs(db)}


async def queue_log(pool: Pool) -> list[tuple[str, str | None]]:
    """Status and failure reason of each step in the queue's log."""
    async with pool.acquire() as db:
        rows = await db.fetch("SELECT status::text, traceback FROM pgqueuer_log ORDER BY id")
    return [(row["status"], row["traceback"] and row["traceback"]["exception_message"]) for row in rows]


async def test_job_is_enqueued_with_its_transaction(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler()
    async with run_worker(fresh_database_url, handler):
        async with pool.acquire() as db:
            await db.execute("BEGIN")
            await enqueue(db, "note", b"rolled back")
            await db.execute("ROLLBACK")
            await db.execute("BEGIN")
            await enqueue(db, "note", b"committed")
            assert handler.payloads == []
            await db.execute("COMMIT")
        await handler.wait_for(1)
    assert handler.payloads == [b"committed"]
    assert await count_by_status(pool) == {}


async def test_jobs_enqueued_without_a_worker_run_later(pool: Pool, fresh_database_url: str) -> None:
    await enqueue_payloads(pool, *(bytes([number]) for number in range(25)))
    assert await count_by_status(pool) == {("note", "queued"): 25}
    handler = RecordingHandler()
    async with run_worker(fresh_database_url, handler):
        await handler.wait_for(25)
    assert sorted(handler.payloads) == [bytes([number]) for number in range(25)]


async def test_delayed_job_waits(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler()
    async with pool.transaction() as db:
        await enqueue(db, "note", b"later", delay_s=3600)
        await enqueue(db, "note", b"soon", delay_s=0.2)
        await enqueue(db, "note", b"now")
    async with run_worker(fresh_database_url, handler):
        await handler.wait_for(2)
    # On a loaded machine the worker begins when both are due, in any order.
    assert sorted(handler.payloads) == [b"now", b"soon"]
    assert await count_by_status(pool) == {("note", "queued"): 1}


async def test_failed_job_is_retried(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler(JobFailed("away"), JobFailed("away"))
    await enqueue_payloads(pool, b"x")
    async with run_worker(fresh_database_url, handler):
        await handler.wait_for(3)
        await wait_until(lambda: _nothing_left(pool))
    assert handler.payloads == [b"x"] * 3
    entries = await queue_log(pool)
    assert [reason for _, reason in entries if reason] == ["away", "away"]
    assert entries[-1] == ("successful", None)


async def _nothing_left(pool: Pool) -> bool:
    return await count_by_status(pool) == {}


async def _one_failed(pool: Pool) -> bool:
    return await count_by_status(pool) == {("note", "failed"): 1}


async def test_job_out_of_attempts_is_kept_and_can_be_retried(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler(*(JobFailed(f"away {number}") for number in range(3)))
    await enqueue_payloads(pool, b"x")
    async with run_worker(fresh_database_url, handler):
        await wait_until(lambda: _one_failed(pool))
        assert handler.payloads == [b"x"] * 3
        async with pool.transaction() as db:
            assert await retry_failed(db, "other") == 0
            assert await retry_failed(db, "note") == 1
        await handler.wait_for(4)
    assert await count_by_status(pool) == {}
    assert ("failed", "away 2") in await queue_log(pool)


async def test_permanent_failure_is_not_retried(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler(JobFailed("refused", is_permanent=True))
    await enqueue_payloads(pool, b"x")
    async with run_worker(fresh_database_url, handler):
        await wait_until(lambda: _one_failed(pool))
    assert handler.payloads == [b"x"]


async def test_job_that_times_out_fails(pool: Pool, fresh_database_url: str) -> None:
    async def hang(_: bytes) -> None:
        await asyncio.Event().wait()

    await enqueue_payloads(pool, b"x")
    async with run_worker(fresh_database_url, hang, JobRetries(attempts=1, timeout_s=0.05, poll_every_s=0.05)):
        await wait_until(lambda: _one_failed(pool))
    assert ("failed", "timeout") in await queue_log(pool)


async def test_stop_finishes_the_running_job_and_takes_no_other(pool: Pool, fresh_database_url: str) -> None:
    started, resume, finished = asyncio.Event(), asyncio.Event(), []

    async def slow(payload: bytes) -> None:
        started.set()
        await resume.wait()
        finished.append(payload)

    await enqueue_payloads(pool, b"x")
    stop = asyncio.Event()
    # One at a time: the worker looks for more while the first runs, and may find the second before it stops.
    limits = {"note": JobLimits(timeout_s=20, concurrency=1)}
    worker = asyncio.create_task(run_jobs(fresh_database_url, {"note": slow}, FAST_RETRIES, stop, limits))
    await started.wait()
    stop.set()
    await enqueue_payloads(pool, b"y")
    assert not worker.done()
    resume.set()
    await worker
    assert finished == [b"x"]
    assert await count_by_status(pool) == {("note", "queued"): 1}


async def test_several_workers_run_each_job_once(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler()
    async with run_worker(fresh_database_url, handler), run_worker(fresh_database_url, handler):
        await asyncio.gather(*(enqueue_payloads(pool, bytes([number])) for number in range(60)))
        await handler.wait_for(60)
        await wait_until(lambda: _nothing_left(pool))
    assert sorted(handler.payloads) == [bytes([number]) for number in range(60)]


async def test_job_of_a_dead_worker_is_taken_by_another(pool: Pool, fresh_database_url: str) -> None:
    await enqueue_payloads(pool, b"x")
    async with pool.transaction() as db:
        await db.execute(
            "UPDATE pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid(), "
            "heartbeat = now() - interval '1 minute'"
        )
    handler = RecordingHandler()
    async with run_worker(fresh_database_url, handler):
        await handler.wait_for(1)


async def test_lost_database_raises_job_queue_unavailable(
    pool: Pool, postgres: Postgres, fresh_database_url: str
) -> None:
    handler = RecordingHandler()
    await enqueue_payloads(pool, b"x")
    worker = asyncio.create_task(run_jobs(fresh_database_url, {"note": handler}, FAST_RETRIES, asyncio.Event()))
    await handler.wait_for(1)
    await asyncio.to_thread(postgres.drop, urlsplit(fresh_database_url).path.strip("/"))
    with pytest.raises(JobQueueUnavailable):
        await asyncio.wait_for(worker, 60)


async def test_unreachable_database_raises_job_queue_unavailable() -> None:
    with pytest.raises(JobQueueUnavailable):
        await run_jobs("postgresql://nobody@/x?host=/nowhere", {}, FAST_RETRIES, asyncio.Event())


async def test_history_is_deleted_in_batches(pool: Pool) -> None:
    await enqueue_payloads(pool, b"1", b"2", b"3")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with pool.transaction() as db:
        await db.execute("UPDATE pgqueuer SET status = 'failed' WHERE payload <> '1'")
        assert await delete_history(db, tomorrow - timedelta(days=2), 10) == 0
        assert await delete_history(db, tomorrow, 1) == 2
        assert await delete_history(db, tomorrow, 10) == 3
        assert await delete_history(db, tomorrow, 10) == 0
    assert await count_by_status(pool) == {("note", "queued"): 1}


@pytest.mark.parametrize(("failures", "wait"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (5000, 3600)])
def test_waits_double_up_to_a_limit(failures: int, wait: float) -> None:
    assert JobRetries().wait_s(failures) == wait


async def test_job_limits_bound_concurrency_and_replace_the_timeout(pool: Pool, fresh_database_url: str) -> None:
    running, max_running = 0, 0
    handler = RecordingHandler()

    async def slow(payload: bytes) -> None:
        nonlocal running, max_running
        running += 1
        max_running = max(max_running, running)
        await asyncio.sleep(0.1)  # longer than the usual limit
        running -= 1
        await handler(payload)

    await enqueue_payloads(pool, *(bytes([number]) for number in range(4)))
    short = JobRetries(attempts=1, timeout_s=0.05, poll_every_s=0.05)
    limits = JobLimits(timeout_s=20, concurrency=1)
    async with (
        run_worker(fresh_database_url, slow, short, limits),
        run_worker(fresh_database_url, slow, short, limits),
    ):
        await handler.wait_for(4)
    assert max_running == 1


async def test_job_whose_workers_died_fails(pool: Pool, fresh_database_url: str) -> None:
    handler = RecordingHandler()
    await enqueue_payloads(pool, b"poison")
    # Three workers took the job and died.
    await _simulate_worker_deaths(pool, 3)
    async with run_worker(
        fresh_database_url,
        handler,
        replace(FAST_RETRIES, heartbeat_timeout_s=0.1),
        JobLimits(20, 1, max_worker_deaths=3),
    ):
        await wait_until(lambda: _is_failed(pool))
    assert handler.payloads == []
    async with pool.transaction() as db:
        assert await retry_failed(db, "note") == 1
    async with run_worker(fresh_database_url, handler, FAST_RETRIES, JobLimits(20, 1, max_worker_deaths=3)):
        await handler.wait_for(1)


async def _simulate_worker_deaths(pool: Pool, times: int) -> None:
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
        return any(counted.status == "failed" for counted in await count_jobs(db))
