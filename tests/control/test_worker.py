"""The worker: mails and roll-ups from end to end, duties that break off, the signs of life, and a graceful end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from config.catalogue import shipped_settings, shipped_tiers
from control.accounts.mail import JOB, Mail, Mailer
from control.accounts.policy import HashPolicy
from control.analytics.rollup import mark
from control.db.jobs import Retries, count_jobs, enqueue
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from control.http.wiring import Policies
from control.platform.seed import seed_platform
from control.worker import REBUILD, WorkerOptions, opened, run_worker
from control.working import Duty, Work, Worker, status_served
from shared.bus.client import bus_client
from shared.bus.events import EventStream
from shared.secrets import Sealer
from tests.control.running import outside_options

KEY = bytes(range(32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = Retries(attempts=2, first_wait_s=0.01, look_every_s=0.05)
POLICIES = Policies(links="https://app.example.com", hashing=HashPolicy(time_cost=1, memory_kib=8, parallelism=1))


@pytest.fixture
async def pool(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database_url, size=4) as opened_pool:
        async with opened_pool.transaction() as db:
            await enter_platform(db)
            await seed_platform(db, shipped_tiers(), shipped_settings())
        yield opened_pool


def options(url: str, mails: Path) -> WorkerOptions:
    sender = "Vocalized <no-reply@example.com>"
    outside = outside_options("redis://127.0.0.1:9", mails / "objects")
    return WorkerOptions(url, [KEY], POLICIES, mails.as_uri(), sender, outside, retries=SOON)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """Until the end of the block, then stopped gracefully."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Asks until the answer is a true one, and returns it."""
    async with asyncio.timeout(30):
        while not (answer := await condition()):  # noqa: ASYNC110 -- the database can't set an event
            await asyncio.sleep(0)
    return answer


def a_worker(pool: Pool, url: str, *duties: Duty, clock: Callable[[], datetime] | None = None, **jobs: Any) -> Worker:
    return Worker(pool=pool, database_url=url, work=Work(jobs, duties, retries=SOON), clock=clock)


async def test_mails_and_roll_ups_from_end_to_end(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with opened(options(fresh_database_url, tmp_path)) as worker, running(worker):
        async with pool.transaction() as db:
            await Mailer(Sealer([KEY]), "https://app.example.com").send(db, Mail("ann@example.com", "Hello", "There."))
            await enter_platform(db)
            workspace = await a_call(db)
        [mail] = await until(lambda: mails_in(tmp_path))
        assert "To: ann@example.com" in mail.read_text()
        assert await until(lambda: total_calls(pool)) == {workspace: 1}


async def mails_in(folder: Path) -> list[Path]:
    return await asyncio.to_thread(lambda: list(folder.glob("*.eml")))


async def total_calls(pool: Pool) -> dict[Any, int]:
    async with pool.transaction() as db:
        await enter_platform(db)
        return {row["workspace_id"]: row["calls"] for row in await db.fetch("SELECT * FROM workspace_totals")}


async def a_call(db: Connection) -> Any:
    workspace = uuid4()
    await db.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'trial', 'trial')", workspace
    )
    await db.execute(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) "
        "VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3)",
        uuid4(), workspace, NOON,
    )  # fmt: skip
    await mark(db, workspace, NOON.date())
    return workspace


async def test_a_rebuild_can_be_asked_for(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        workspace = await a_call(db)
        await db.execute("DELETE FROM rollup_dirty")
        await enqueue(db, REBUILD, b"")
    async with opened(options(fresh_database_url, tmp_path)) as worker, running(worker):
        assert await until(lambda: total_calls(pool)) == {workspace: 1}


async def test_every_duty_runs_on_an_empty_database(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with opened(options(fresh_database_url, tmp_path)) as worker, running(worker):
        text = await until(lambda: all_done(worker))
    assert "vocalized_worker_duty_failures_total{" not in text


async def all_done(worker: Worker) -> str:
    text = worker.metrics.render().decode()
    names = ("rollups", "partitions", "sign_ins", "answers", "jobs", "deleted_workspaces", "trials", "queue")
    return text if all(f'vocalized_worker_duty_last{{duty="{name}"}}' in text for name in names) else ""


async def test_what_becomes_of_events_is_told(
    pool: Pool, fresh_database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await EventStream(redis).append([b"no event", b"nor this"])
    await redis.aclose()
    usual = options(fresh_database_url, tmp_path)
    bus = replace(usual.outside, redis_url=valkey_url)

    async def set_aside() -> str:
        text = worker.metrics.render().decode()
        return text if 'vocalized_worker_events_total{outcome="set_aside"} 2.0' in text else ""

    async with opened(replace(usual, outside=bus)) as worker, running(worker):
        text = await until(set_aside)
    assert 'vocalized_worker_events_total{outcome="written"} 0.0' in text
    assert "# TYPE vocalized_control_webhook_resumed_total counter" in text


async def test_how_often_events_waited_is_told(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async def waited() -> bool:
        return "vocalized_worker_event_pauses_total 0.0" not in worker.metrics.render().decode()

    async with opened(options(fresh_database_url, tmp_path)) as worker:
        assert not await waited()
        async with running(worker):
            assert await until(waited)


async def test_a_trial_that_is_over_is_suspended_and_a_deleted_workspace_purged(
    pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        over, gone = await a_call(db), await a_call(db)
        await db.execute("UPDATE workspaces SET trial_ends_at = now() - interval '1 minute' WHERE id = $1", over)
        await db.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", gone)

    async def settled() -> bool:
        async with pool.transaction() as db:
            await enter_platform(db)
            return [tuple(row) for row in await db.fetch("SELECT id, status FROM workspaces")] == [(over, "suspended")]

    async with opened(options(fresh_database_url, tmp_path)) as worker, running(worker):
        assert await until(settled)


async def test_a_sealed_letter_that_cannot_be_opened_is_kept_as_failed(
    pool: Pool, fresh_database_url: str, tmp_path: Path
) -> None:
    async with pool.transaction() as db:
        await enqueue(db, JOB, b"not sealed")

    async def failed() -> bool:
        async with pool.acquire() as db:
            return [(one.job, one.status, one.count) for one in await count_jobs(db)] == [(JOB, "failed", 1)]

    async with opened(options(fresh_database_url, tmp_path)) as worker, running(worker):
        await until(failed)
        await worker.once(Duty("queue", 1, worker.count_queue, 1))
        text = worker.metrics.render().decode()
    assert f'vocalized_worker_queue{{job="{JOB}",status="failed"}} 1.0' in text
    assert f'vocalized_worker_jobs_total{{job="{JOB}",outcome="refused"}} 1.0' in text


async def test_what_a_job_raises_is_kept_by_its_kind_alone(
    pool: Pool, fresh_database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(_: bytes) -> None:
        raise ValueError("no such person: ann@example.com")

    async with pool.transaction() as db:
        await enqueue(db, "note", b"x")

    async def failed() -> Any:
        async with pool.acquire() as db:
            return await db.fetch("SELECT traceback FROM pgqueuer_log WHERE status = 'failed'")

    async with running(a_worker(pool, fresh_database_url, note=fail)):
        [row] = await until(failed)
    assert row["traceback"]["exception_message"] == "ValueError"
    async with pool.acquire() as db:
        kept = await db.fetchval("SELECT string_agg(traceback::text, '') FROM pgqueuer_log")
    assert "ann@" not in kept
    told = capfd.readouterr()
    assert "ann@" not in told.out + told.err
    assert "ValueError" in told.out + told.err


async def test_jobs_go_on_after_all_connections_were_cut(pool: Pool, fresh_database_url: str) -> None:
    taken: list[bytes] = []

    async def note(payload: bytes) -> None:
        taken.append(payload)

    async def put(payload: bytes) -> None:
        async with pool.transaction() as db:
            await enqueue(db, "note", payload)

        async def done() -> bool:
            return payload in taken

        await until(done)

    async with running(a_worker(pool, fresh_database_url, note=note)):
        await put(b"1")
        async with pool.transaction() as db:
            await db.execute("SET LOCAL ROLE owner")
            await db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'vocalized-jobs' AND datname = current_database()"
            )
        await put(b"2")


class Counting:
    """A duty's work that counts its runs, breaks off in those of `broken`, and does `amounts`, then nothing."""

    def __init__(self, *amounts: int, broken: frozenset[int] = frozenset()) -> None:
        self.runs = 0
        self._amounts, self._broken = list(amounts), broken

    async def __call__(self, db: Connection, now: datetime) -> int:
        self.runs += 1
        assert await db.fetchval("SELECT current_scope()") == "platform"
        if self.runs in self._broken:
            raise OSError("away")
        return self._amounts.pop(0) if self._amounts else 0


async def test_a_duty_runs_again_at_once_while_there_is_more(pool: Pool, fresh_database_url: str) -> None:
    work = Counting(10, 10, 3, 10)
    await a_worker(pool, fresh_database_url).once(Duty("d", 3_600, work, 10))
    assert work.runs == 3


async def test_a_duty_that_breaks_off_comes_back_and_stops_no_other(pool: Pool, fresh_database_url: str) -> None:
    bad, good = Counting(broken=frozenset({1, 2})), Counting()
    worker = a_worker(pool, fresh_database_url, Duty("bad", 0.01, bad, 1), Duty("good", 0.01, good, 1))

    async def enough() -> bool:
        return bad.runs >= 3 and good.runs >= 3

    async with running(worker):
        await until(enough)
    assert 'duty_failures_total{duty="bad"} 2.0' in worker.metrics.render().decode()


async def test_a_stop_waits_for_the_running_duty(pool: Pool, fresh_database_url: str) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def slow(db: Connection, now: datetime) -> int:
        begun.set()
        await go_on.wait()
        done.append(now)
        return 0

    stop = asyncio.Event()
    task = asyncio.create_task(a_worker(pool, fresh_database_url, Duty("slow", 60, slow, 1)).run(stop))
    await begun.wait()
    stop.set()
    go_on.set()
    await task
    assert len(done) == 1


async def test_a_backlog_is_no_lateness_and_does_not_hold_up_the_end(pool: Pool, fresh_database_url: str) -> None:
    hours = [NOON]
    stop, runs = asyncio.Event(), []

    async def endless(db: Connection, now: datetime) -> int:
        runs.append(worker.late(hours[0]))
        hours[0] += timedelta(seconds=60)
        if len(runs) == 5:
            stop.set()
        return 1

    worker = a_worker(pool, fresh_database_url, Duty("endless", 1, endless, 1), clock=lambda: hours[0])
    async with asyncio.timeout(30):
        await worker.run(stop)
    assert runs == [[]] * 5


async def test_an_overdue_duty_is_told(pool: Pool, fresh_database_url: str) -> None:
    hours = iter([NOON, NOON, NOON])
    worker = a_worker(pool, fresh_database_url, Duty("d", 10, Counting(), 1), clock=lambda: next(hours))
    await worker.once(Duty("d", 10, Counting(), 1))
    assert worker.late(NOON + timedelta(seconds=90)) == []
    assert worker.late(NOON + timedelta(seconds=91)) == ["d"]
    async with status_served(worker, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert (answer.status, await answer.json()) == (503, {"status": "late", "late": ["d"]})
        async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert "vocalized_worker_duty_last" in await answer.text()


async def test_a_worker_is_healthy_while_it_runs(pool: Pool, fresh_database_url: str, tmp_path: Path) -> None:
    async with (
        opened(options(fresh_database_url, tmp_path)) as worker,
        running(worker),
        status_served(worker, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/healthz") as answer,
    ):
        assert (answer.status, await answer.json()) == (200, {"status": "ok", "late": []})


async def test_a_worker_without_a_database_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await run_worker(options("postgresql://nobody@/x?host=/nowhere", tmp_path), asyncio.Event())


async def test_a_worker_that_is_told_to_stop_ends(fresh_database_url: str, pool: Pool, tmp_path: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    await run_worker(options(fresh_database_url, tmp_path), stop)
