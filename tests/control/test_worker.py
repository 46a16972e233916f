"""The worker: email and roll-ups from end to end, failing duties, health, metrics and a graceful stop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from config.catalog import shipped_settings, shipped_tiers
from control.accounts.emails.service import EMAIL_JOB, Email, EmailQueue
from control.accounts.rules import HashPolicy
from control.analytics.rollups.service import mark_day
from control.analytics.rollups.tasks import REBUILD
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobRetries, count_jobs, enqueue
from control.db.logins import WORKER, with_login
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from control.platform.service import seed_platform
from control.services import Policies
from control.worker import BackgroundWorkerOptions, open_worker, run_worker
from control.worker_runtime import BackgroundWorker, serve_status
from shared.bus.client import bus_client
from shared.bus.events import EventStream
from shared.key_sets import KeySets
from shared.secrets import Sealer
from tests.platform.services import worker_outside

KEY = bytes(range(32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAST_RETRIES = JobRetries(attempts=2, first_wait_s=0.01, poll_every_s=0.05)
POLICIES = Policies(links="https://app.example.com", hashing=HashPolicy(time_cost=1, memory_kib=8, parallelism=1))


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database_url, size=4) as opened_pool:
        async with opened_pool.transaction() as db:
            await enter_platform(db)
            await seed_platform(db, shipped_tiers(), shipped_settings())
        yield opened_pool


def worker_options(url: str, emails: Path) -> BackgroundWorkerOptions:
    sender = "Vocalized <no-reply@example.com>"
    login, outside = with_login(url, WORKER), worker_outside("redis://127.0.0.1:9", emails / "objects")
    keys = KeySets.all_from([KEY])
    return BackgroundWorkerOptions(login, keys, POLICIES, emails.as_uri(), sender, outside, retries=FAST_RETRIES)


@asynccontextmanager
async def running_worker(worker: BackgroundWorker) -> AsyncIterator[None]:
    """Runs the worker until the block ends, then stops it gracefully."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def wait_until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Calls `condition` until its result is true, and returns that."""
    async with asyncio.timeout(30):
        while not (result := await condition()):  # noqa: ASYNC110 -- the database can't set an event
            await asyncio.sleep(0)
    return result


def make_worker(
    pool: Pool,
    url: str,
    *duties: Duty,
    clock: Callable[[], datetime] | None = None,
    steady_clock: Callable[[], float] = time.monotonic,
    **jobs: Any,
) -> BackgroundWorker:
    tasks = WorkerTasks(jobs, duties)
    return BackgroundWorker(
        pool=pool, database_url=url, tasks=tasks, retries=FAST_RETRIES, clock=clock, steady_clock=steady_clock
    )


async def test_email_is_sent_and_calls_are_rolled_up(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker, running_worker(worker):
        async with pool.transaction() as db:
            await EmailQueue(Sealer([KEY]), "https://app.example.com").enqueue(
                db, Email("ann@example.com", "Hello", "There.")
            )
            await enter_platform(db)
            workspace = await insert_call(db)
        [email] = await wait_until(lambda: emails_in(tmp_path))
        assert "To: ann@example.com" in email.read_text()
        assert await wait_until(lambda: total_calls(pool)) == {workspace: 1}


async def emails_in(folder: Path) -> list[Path]:
    return await asyncio.to_thread(lambda: list(folder.glob("*.eml")))


async def total_calls(pool: Pool) -> dict[Any, int]:
    async with pool.transaction() as db:
        await enter_platform(db)
        return {row["workspace_id"]: row["calls"] for row in await db.fetch("SELECT * FROM workspace_totals")}


async def insert_call(db: Connection) -> Any:
    workspace = uuid4()
    await db.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'trial', 'trial')", workspace
    )
    await db.execute(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) "
        "VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3)",
        uuid4(), workspace, NOON,
    )  # fmt: skip
    await mark_day(db, workspace, NOON.date())
    return workspace


async def test_rebuild_job_computes_all_roll_ups_again(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        workspace = await insert_call(db)
        await db.execute("DELETE FROM rollup_dirty")
        await enqueue(db, REBUILD, b"")
    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker, running_worker(worker):
        assert await wait_until(lambda: total_calls(pool)) == {workspace: 1}


async def test_every_duty_runs_on_an_empty_database(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker, running_worker(worker):
        text = await wait_until(lambda: all_done(worker))
    assert "vocalized_worker_duty_failures_total{" not in text


async def all_done(worker: BackgroundWorker) -> str:
    text = worker.metrics.render().decode()
    names = ("rollups", "partitions", "sign_ins", "answers", "jobs", "deleted_workspaces", "trials", "queue")
    return text if all(f'vocalized_worker_duty_last{{duty="{name}"}}' in text for name in names) else ""


async def test_metrics_count_events_by_outcome(
    pool: Pool, fresh_database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await EventStream(redis).append([b"no event", b"nor this"])
    await redis.aclose()
    defaults = worker_options(fresh_database_url, tmp_path)
    bus = replace(defaults.outside, redis_url=valkey_url)

    async def set_aside() -> str:
        text = worker.metrics.render().decode()
        return text if 'vocalized_worker_events_total{outcome="set_aside"} 2.0' in text else ""

    async with open_worker(replace(defaults, outside=bus)) as worker, running_worker(worker):
        text = await wait_until(set_aside)
    assert 'vocalized_worker_events_total{outcome="written"} 0.0' in text
    assert "# TYPE vocalized_control_webhook_resumed_total counter" in text


async def test_metrics_count_pauses_of_the_event_consumer(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async def waited() -> bool:
        return "vocalized_worker_event_pauses_total 0.0" not in worker.metrics.render().decode()

    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker:
        assert not await waited()
        async with running_worker(worker):
            assert await wait_until(waited)


async def test_ended_trial_is_suspended_and_deleted_workspace_is_purged(
    pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        expired, deleted = await insert_call(db), await insert_call(db)
        await db.execute("UPDATE workspaces SET trial_ends_at = now() - interval '1 minute' WHERE id = $1", expired)
        await db.execute(
            "UPDATE workspaces SET deleted_at = now() - interval '1 day', purge_after = now() WHERE id = $1", deleted
        )

    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker, running_worker(worker):

        async def is_done() -> bool:
            # Not once: a row that another duty has locked is passed over till the next run, minutes later.
            for duty in worker.tasks.duties:
                if duty.name in ("deleted_workspaces", "trials"):
                    await worker.run_duty(duty)
            async with pool.transaction() as db:
                await enter_platform(db)
                return [tuple(row) for row in await db.fetch("SELECT id, status FROM workspaces")] == [
                    (expired, "suspended")
                ]

        assert await wait_until(is_done)


async def test_email_that_cannot_be_unsealed_fails_for_good(
    pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    async with pool.transaction() as db:
        await enqueue(db, EMAIL_JOB, b"not sealed")

    async def failed() -> bool:
        async with pool.acquire() as db:
            return [(counted.job, counted.status, counted.count) for counted in await count_jobs(db)] == [
                (EMAIL_JOB, "failed", 1)
            ]

    async with open_worker(worker_options(fresh_database_url, tmp_path)) as worker, running_worker(worker):
        await wait_until(failed)

        async def is_counted() -> bool:
            # Not once: the worker's own duty may have counted before, and write its figures after ours.
            await worker.run_duty(Duty("queue", 1, worker.count_queue, 1))
            line = f'vocalized_worker_queue{{job="{EMAIL_JOB}",status="failed"}} 1.0'
            return line in worker.metrics.render().decode()

        await wait_until(is_counted)
        text = worker.metrics.render().decode()
    assert f'vocalized_worker_jobs_total{{job="{EMAIL_JOB}",outcome="refused"}} 1.0' in text


async def test_only_the_type_of_a_jobs_error_is_stored_and_logged(
    pool: Pool, fresh_database_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: bytes) -> None:
        raise ValueError("no such person: ann@example.com")

    async with pool.transaction() as db:
        await enqueue(db, "note", b"x")

    async def failed() -> Any:
        async with pool.acquire() as db:
            return await db.fetch("SELECT traceback FROM pgqueuer_log WHERE status = 'failed'")

    async with running_worker(make_worker(pool, fresh_database_url, note=fail)):
        [row] = await wait_until(failed)
    assert row["traceback"]["exception_message"] == "ValueError"
    async with pool.acquire() as db:
        stored = await db.fetchval("SELECT string_agg(traceback::text, '') FROM pgqueuer_log")
    assert "ann@" not in stored
    # Whether pgqueuer's lines reach the terminal depends on handlers that other tests have set.
    logged = "".join([*capfd.readouterr(), caplog.text])
    assert "ann@" not in logged
    assert "ValueError" in logged


async def test_jobs_run_again_after_all_connections_were_cut(pool: Pool, fresh_database_url: str) -> None:
    payloads: list[bytes] = []

    async def record(payload: bytes) -> None:
        payloads.append(payload)

    async def enqueue_and_wait(payload: bytes) -> None:
        async with pool.transaction() as db:
            await enqueue(db, "note", payload)

        async def done() -> bool:
            return payload in payloads

        await wait_until(done)

    async with running_worker(make_worker(pool, fresh_database_url, note=record)):
        await enqueue_and_wait(b"1")
        async with pool.transaction() as db:
            await db.execute("SET LOCAL ROLE owner")
            await db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'vocalized-jobs' AND datname = current_database()"
            )
        await enqueue_and_wait(b"2")


class CountingDuty:
    """A duty that counts its runs, fails in the runs of `failing`, and reports `amounts` one by one, then 0."""

    def __init__(self, *amounts: int, failing: frozenset[int] = frozenset()) -> None:
        self.runs = 0
        self._amounts, self._failing = list(amounts), failing

    async def __call__(self, db: Connection, now: datetime) -> int:
        self.runs += 1
        assert await db.fetchval("SELECT current_scope()") == "platform"
        if self.runs in self._failing:
            raise OSError("away")
        return self._amounts.pop(0) if self._amounts else 0


async def test_duty_runs_again_at_once_after_a_full_batch(pool: Pool, fresh_database_url: str) -> None:
    counting_duty = CountingDuty(10, 10, 3, 10)
    await make_worker(pool, fresh_database_url).run_duty(Duty("d", 3_600, counting_duty, 10))
    assert counting_duty.runs == 3


async def test_failed_duty_runs_again_and_does_not_stop_others(pool: Pool, fresh_database_url: str) -> None:
    failing_duty, working_duty = CountingDuty(failing=frozenset({1, 2})), CountingDuty()
    worker = make_worker(
        pool, fresh_database_url, Duty("bad", 0.01, failing_duty, 1), Duty("good", 0.01, working_duty, 1)
    )

    async def enough() -> bool:
        return failing_duty.runs >= 3 and working_duty.runs >= 3

    async with running_worker(worker):
        await wait_until(enough)
    assert 'duty_failures_total{duty="bad"} 2.0' in worker.metrics.render().decode()


async def test_stop_waits_for_the_running_duty(pool: Pool, fresh_database_url: str) -> None:
    started, released, finished = asyncio.Event(), asyncio.Event(), []

    async def slow(db: Connection, now: datetime) -> int:
        started.set()
        await released.wait()
        finished.append(now)
        return 0

    stop = asyncio.Event()
    task = asyncio.create_task(make_worker(pool, fresh_database_url, Duty("slow", 60, slow, 1)).run(stop))
    await started.wait()
    stop.set()
    released.set()
    await task
    assert len(finished) == 1


async def test_duty_with_a_backlog_is_not_overdue_and_stops_at_once(pool: Pool, fresh_database_url: str) -> None:
    clock = [0.0]
    stop, runs = asyncio.Event(), []

    async def endless(db: Connection, now: datetime) -> int:
        runs.append(worker.overdue())
        clock[0] += 60
        if len(runs) == 5:
            stop.set()
        return 1

    worker = make_worker(pool, fresh_database_url, Duty("endless", 1, endless, 1), steady_clock=lambda: clock[0])
    async with asyncio.timeout(30):
        await worker.run(stop)
    assert runs == [[]] * 5


async def test_a_task_that_dies_is_named_by_health_and_starts_again(pool: Pool, fresh_database_url: str) -> None:
    counting_duty = CountingDuty()
    worker = make_worker(pool, fresh_database_url, Duty("d", 0.01, counting_duty, 1))
    async with (
        running_worker(worker),
        serve_status(worker, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):

        async def duty_has_run() -> bool:
            return counting_duty.runs > 0

        await wait_until(duty_has_run)
        [task] = [task for task in asyncio.all_tasks() if task.get_name() == "duty.d"]
        task.cancel()
        await asyncio.wait({task})  # its transaction is rolled back
        async with client.get("/healthz") as response:
            assert (response.status, (await response.json())["dead"]) == (503, ["duty.d"])
        counting_duty.runs = 0
        await wait_until(duty_has_run)
    assert 'vocalized_worker_task_deaths_total{task="duty.d"} 1.0' in worker.metrics.render().decode()


async def test_running_worker_is_healthy(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with (
        open_worker(worker_options(fresh_database_url, tmp_path)) as worker,
        running_worker(worker),
        serve_status(worker, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/healthz") as response,
    ):
        assert (response.status, await response.json()) == (200, {"status": "ok", "late": []})


async def test_worker_without_a_database_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await run_worker(worker_options("postgresql://nobody@/x?host=/nowhere", tmp_path), asyncio.Event())


async def test_worker_ends_when_stopped(fresh_database_url: str, pool: Pool, tmp_path: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    await run_worker(worker_options(fresh_database_url, tmp_path), stop)
