"""Background jobs in PostgreSQL (pgqueuer): asked for in the transaction that needs them, to stand or fall with it.

A job is done at least once: a worker that dies leaves its job to another, which takes it when the dead one's sign of
life is `Retries.lost_after_s` old. One that fails is tried again, later and later; one that failed for good stays in
the queue's table as `failed`, where it is counted until somebody has it tried anew or `forget` removes it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import EntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Context, Job

from control.db.pool import ROLE, Connection

Handler = Callable[[bytes], Awaitable[None]]

_STATEMENTS: Final = QueryQueueBuilder()
# The statement of pgqueuer without its client, which hands JSON over as text: our codec would quote that again.
_ENQUEUE: Final = _STATEMENTS.build_enqueue_query("raise")
_REQUEUE: Final = _STATEMENTS.build_requeue_jobs_query()
_TAKEN: Final = """
    SELECT count(*) AS taken FROM pgqueuer_log WHERE job_id = $1 AND status = 'picked' AND id > (
        SELECT coalesce(max(id), 0) FROM pgqueuer_log WHERE job_id = $1 AND status = 'queued')
"""
_USUAL_PRIORITY: Final = 0
_CONNECTIONS: Final = 4  # one of them listens
_BATCH: Final = 10


class JobFailed(Exception):
    """A job's end without success. reason: shown in logs and kept in the database, so nothing personal.

    for_good: trying again would not help.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.for_good = reason, for_good


class QueueLost(Exception):
    """The database went away, or no longer tells of new jobs: start again."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a job is tried. Seconds. The wait doubles from `first_wait_s` to `longest_wait_s`.

    look_every_s: pgqueuer announces new jobs, but not those to be tried again: they may wait so much longer.
    """

    attempts: int = 10
    first_wait_s: float = 5.0
    longest_wait_s: float = 3_600.0
    timeout_s: float = 60.0
    lost_after_s: float = 30.0
    look_every_s: float = 5.0

    def wait_s(self, failures: int) -> float:
        """After so many failures, at least one."""
        return float(min(self.first_wait_s * 2 ** min(failures - 1, 30), self.longest_wait_s))


@dataclass(frozen=True, slots=True)
class Care:
    """What holds for jobs of one name that are heavy. timeout_s: in place of the usual limit. at_once: by all workers
    together. deaths: after so many workers that died at it, one after the other, it has failed for good."""

    timeout_s: float
    at_once: int
    deaths: int = 3


@dataclass(frozen=True, slots=True)
class JobCount:
    """Jobs in the queue. status: queued, picked or failed. oldest: when the first of them was asked for."""

    job: str
    status: str
    count: int
    oldest: datetime


# asyncpg also takes a connection that was cut in the middle of a query for a fault of its own.
_LOST: Final = (
    OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, FailingListenerError,
)  # fmt: skip


async def enqueue(db: Connection, job: str, payload: bytes, *, delay_s: float = 0) -> None:
    """Asks for a job as part of the caller's transaction: a worker sees it when that commits, never when it rolls back.

    job: the name of its handler in `control/worker.py`. payload: sealed if it holds anything personal. delay_s: not
    before so many seconds from now.
    """
    await db.execute(_ENQUEUE, [_USUAL_PRIORITY], [job], [payload], [timedelta(seconds=delay_s)], [None], [None])


async def work_off(
    url: str,
    handlers: Mapping[str, Handler],
    retries: Retries,
    stop: asyncio.Event,
    cares: Mapping[str, Care] | None = None,
) -> None:
    """Does jobs as they come, each by the handler of its name, until `stop` is set; those begun are finished first.
    cares: by name, for those that are heavy; the same in all processes.

    A handler raises JobFailed when it failed. Several processes may do so at once. Raises QueueLost.
    """
    try:
        async with _driver(url) as driver:
            await _work_off(driver, handlers, retries, stop, cares or {})
    except _LOST as error:
        raise QueueLost(type(error).__name__) from error


async def count_jobs(db: Connection) -> list[JobCount]:
    """What is in the queue, by job and status."""
    rows = await db.fetch(
        "SELECT entrypoint AS job, status::text, count(*) AS count, min(created) AS oldest "
        "FROM pgqueuer GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [JobCount(**row) for row in rows]


async def retry_failed(db: Connection, job: str) -> int:
    """Has all jobs of this name that failed for good tried anew; returns how many."""
    rows = await db.fetch("SELECT id FROM pgqueuer WHERE status = 'failed' AND entrypoint = $1", job)
    await db.execute(_REQUEUE, [row["id"] for row in rows])
    return len(rows)


async def forget(db: Connection, before: datetime, most: int) -> int:
    """Removes up to `most` rows of each kind that are older: the queue's log, its statistics, failed jobs."""
    gone = 0
    for table, condition in (
        ("pgqueuer_log", "created < $1"),
        ("pgqueuer_statistics", "created < $1"),
        ("pgqueuer", "status = 'failed' AND updated < $1"),
    ):
        status = await db.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT $2)",
            before,
            most,
        )
        gone += int(status.split()[-1])
    return gone


class _Attempt(EntrypointExecutor):
    """One try of a job, bounded in time. What it raises is what pgqueuer stores and logs: our reason, nothing more."""

    def __init__(
        self, parameters: EntrypointExecutorParameters, retries: Retries, driver: AsyncpgPoolDriver, care: Care | None
    ) -> None:
        super().__init__(parameters)
        self._retries, self._driver, self._care = retries, driver, care
        self._timeout_s = retries.timeout_s if care is None else care.timeout_s

    async def execute(self, job: Job, context: Context) -> None:
        if self._care is not None and await self._deaths(job) >= self._care.deaths:
            raise JobFailed("its workers died")
        try:
            async with asyncio.timeout(self._timeout_s):
                await super().execute(job, context)
        except TimeoutError:
            failure = JobFailed("timeout")
        except JobFailed as error:
            failure = error
        else:
            return
        failures = job.attempts + 1
        if failure.for_good or failures >= self._retries.attempts:
            raise JobFailed(failure.reason)
        raise RetryRequested(timedelta(seconds=self._retries.wait_s(failures)), failure.reason)

    async def _deaths(self, job: Job) -> int:
        """How often it was taken since it was last put into the queue, but for this time: none of them came to an end,
        of which pgqueuer itself keeps no count."""
        row: Any
        (row,) = await self._driver.fetch(_TAKEN, job.id)
        return int(row["taken"]) - 1


async def _work_off(
    driver: AsyncpgPoolDriver,
    handlers: Mapping[str, Handler],
    retries: Retries,
    stop: asyncio.Event,
    cares: Mapping[str, Care],
) -> None:
    manager = QueueManager(Queries(driver))
    for name, handler in handlers.items():
        care = cares.get(name)
        manager.entrypoint(
            name,
            concurrency_limit=0 if care is None else care.at_once,
            accepts_context=False,
            on_failure="hold",
            executor_factory=partial(_Attempt, retries=retries, driver=driver, care=care),
        )(_taking_payload(handler))
    # Its own event is set by the manager too, when its listener fails.
    stopping = asyncio.create_task(_pass_on(stop, manager.shutdown))
    try:
        await manager.run(
            dequeue_timeout=timedelta(seconds=retries.look_every_s),
            batch_size=_BATCH,
            max_concurrent_tasks=2 * _BATCH,
            shutdown_on_listener_failure=True,
            heartbeat_timeout=timedelta(seconds=retries.lost_after_s),
        )
    finally:
        stopping.cancel()


def _taking_payload(handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        await handler(job.payload or b"")

    return run


async def _pass_on(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()


@asynccontextmanager
async def _driver(url: str) -> AsyncIterator[AsyncpgPoolDriver]:
    """Connections for pgqueuer alone: without our codecs, for it writes and reads JSON as text, and closed afterwards,
    for the one that listened would go on to do so."""
    pool = await asyncpg.create_pool(
        url, min_size=1, max_size=_CONNECTIONS, connection_class=Connection, init=_as_role, timeout=5,
        command_timeout=15, server_settings={"application_name": "vocalized-jobs"},
    )  # fmt: skip
    try:
        yield AsyncpgPoolDriver(pool)
    finally:
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _as_role(connection: Connection) -> None:
    await connection.execute(f'SET ROLE "{ROLE}"')
