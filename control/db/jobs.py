"""Background jobs in PostgreSQL (pgqueuer). Callers enqueue a job in the transaction that needs it.

A job runs at least once: if a worker dies, another worker takes its job after `JobRetries.heartbeat_timeout_s` without
a heartbeat. A failed job is retried with growing waits. A job that failed permanently stays in the queue's table as
`failed` and is counted until `retry_failed` or `delete_history` removes it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg  # type: ignore[import-untyped]
import msgspec
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import EntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Context, Job

from control.db.job_driver import JobDriver
from control.db.pool import ROLE, Connection

JobHandler = Callable[[bytes], Awaitable[None]]
T = TypeVar("T")

_STATEMENTS: Final = QueryQueueBuilder()
# pgqueuer's own statement, called without its client: the client passes JSON as text, which our codec would encode
# twice.
_ENQUEUE: Final = _STATEMENTS.build_enqueue_query("raise")
_REQUEUE: Final = _STATEMENTS.build_requeue_jobs_query()
_COUNT_PICKED: Final = """
    SELECT count(*) AS taken FROM pgqueuer_log WHERE job_id = $1 AND status = 'picked' AND id > (
        SELECT coalesce(max(id), 0) FROM pgqueuer_log WHERE job_id = $1 AND status = 'queued')
"""
_HIGHEST: Final = """
    SELECT max(priority) FROM (
        (SELECT priority FROM pgqueuer WHERE entrypoint = $1 AND status = 'queued' AND execute_after <= now()
         ORDER BY priority DESC, id LIMIT 1)
        UNION ALL SELECT priority FROM pgqueuer WHERE entrypoint = $1 AND status = 'picked'
    ) due
"""
_DEFAULT_PRIORITY: Final = 0
_CONNECTIONS: Final = 4  # One of the connections listens for notifications.
_BATCH: Final = 10


class JobFailed(Exception):
    """A handler raises this error if its job failed.

    Args:
        reason: Logged and stored, so it must not contain personal data.
        is_permanent: Whether retrying is pointless. The job is then not retried.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_permanent = reason, is_permanent


def decode_payload(payload: bytes, kind: type[T]) -> T:
    """Decode a job's payload.

    Raises:
        JobFailed: The payload does not have this type. The failure is permanent, because a retry reads the same bytes.
    """
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None


class JobQueueUnavailable(Exception):
    """The database is unreachable or the listener failed. The caller runs `run_jobs` again."""


@dataclass(frozen=True, slots=True)
class JobRetries:
    """Retry settings of jobs, in seconds. The wait doubles from `first_wait_s` to `max_wait_s`.

    Attributes:
        poll_every_s: Interval between searches for retries. pgqueuer announces new jobs but not retries, so a retry may
            start this much later.
    """

    attempts: int = 10
    first_wait_s: float = 5.0
    max_wait_s: float = 3_600.0
    timeout_s: float = 60.0
    heartbeat_timeout_s: float = 30.0
    poll_every_s: float = 5.0

    def wait_s(self, failures: int) -> float:
        """Return the wait in seconds after this many failures (at least one)."""
        return float(min(self.first_wait_s * 2 ** min(failures - 1, 30), self.max_wait_s))


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of a heavy job.

    Attributes:
        timeout_s: Replaces the default timeout.
        concurrency: Maximum concurrent jobs in all workers together.
        max_worker_deaths: After this many consecutive workers died while running the job, it fails permanently.
    """

    timeout_s: float
    concurrency: int
    max_worker_deaths: int = 3


@dataclass(frozen=True, slots=True)
class JobCount:
    """Number of queued jobs with a name and status.

    Attributes:
        status: Queued, picked or failed.
        oldest: When the oldest of these jobs was enqueued.
    """

    job: str
    status: str
    count: int
    oldest: datetime


# asyncpg also raises InternalClientError for a connection that was cut during a query.
_UNAVAILABLE: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    FailingListenerError,
)


async def enqueue(
    db: Connection, job: str, payload: bytes, *, delay_s: float = 0, priority: int = _DEFAULT_PRIORITY
) -> None:
    """Enqueue a job in the current transaction. Workers see the job after the commit.

    Args:
        job: Name of the job's handler.
        payload: Must be sealed if it contains personal data.
        delay_s: Seconds to wait before the job may run.
        priority: Jobs with a higher priority run first. Jobs of equal priority run in the order in which they were
            enqueued.
    """
    await db.execute(_ENQUEUE, [priority], [job], [payload], [timedelta(seconds=delay_s)], [None], [None])


async def run_jobs(
    url: str,
    handlers: Mapping[str, JobHandler],
    retries: JobRetries,
    stop: asyncio.Event,
    limits: Mapping[str, JobLimits] | None = None,
) -> None:
    """Run jobs with the handler of their name until `stop` is set, then finish the running jobs.

    Several processes may run jobs concurrently. A handler raises JobFailed to report a failure.

    Args:
        limits: Limits of heavy jobs by job name. All processes must use equal limits.

    Raises:
        JobQueueUnavailable: The database is unreachable or the listener failed.
    """
    try:
        async with _open_driver(url) as driver:
            await _run_jobs(driver, handlers, retries, stop, limits or {})
    except _UNAVAILABLE as error:
        raise JobQueueUnavailable(type(error).__name__) from error


async def count_jobs(db: Connection) -> list[JobCount]:
    """Count the jobs in the queue by name and status."""
    rows = await db.fetch(
        "SELECT entrypoint AS job, status::text, count(*) AS count, min(created) AS oldest "
        "FROM pgqueuer GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [JobCount(**row) for row in rows]


async def is_queued(db: Connection, job: str, payload: bytes) -> bool:
    """Return whether a job with this payload is queued or running."""
    queued: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND payload = $2 "
        "AND status IN ('queued', 'picked'))",
        job,
        payload,
    )
    return queued


async def has_unfinished(db: Connection, job: str, payloads: Sequence[bytes]) -> bool:
    """Return whether one of these jobs is queued, running, or permanently failed without a retry."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND payload = ANY($2) "
        "AND status IN ('queued', 'picked', 'failed'))",
        job,
        payloads,
    )
    return found


async def is_waiting(db: Connection, job: str, payload: bytes) -> bool:
    """Return whether a job with this payload is queued but not running yet.

    The caller needs a job that reads data no older than now.
    """
    waiting: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND payload = $2 AND status = 'queued')",
        job,
        payload,
    )
    return waiting


async def select_highest_priority(db: Connection, job: str) -> int | None:
    """Return the highest priority among the jobs of this name that run or are due now, or None."""
    highest: int | None = await db.fetchval(_HIGHEST, job)
    return highest


async def list_queued(db: Connection, job: str) -> set[bytes]:
    """Return the payloads of the jobs of this name that are queued or running."""
    rows = await db.fetch(
        "SELECT DISTINCT payload FROM pgqueuer WHERE entrypoint = $1 AND status IN ('queued', 'picked')", job
    )
    return {row["payload"] for row in rows}


async def retry_failed(db: Connection, job: str) -> int:
    """Requeue all permanently failed jobs of this name. Return how many there were."""
    rows = await db.fetch("SELECT id FROM pgqueuer WHERE status = 'failed' AND entrypoint = $1", job)
    await db.execute(_REQUEUE, [row["id"] for row in rows])
    return len(rows)


async def delete_history(db: Connection, before: datetime, most: int) -> int:
    """Delete up to `most` rows that are older than `before` from each table: the queue's log, its statistics and failed
    jobs.

    Returns how many rows were deleted.
    """
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
    """One attempt of a job, with a timeout. pgqueuer stores and logs what this executor raises, so it raises only our
    reason.
    """

    def __init__(
        self,
        parameters: EntrypointExecutorParameters,
        retries: JobRetries,
        driver: JobDriver,
        limits: JobLimits | None,
    ) -> None:
        super().__init__(parameters)
        self._retries, self._driver, self._limits = retries, driver, limits
        self._timeout_s = retries.timeout_s if limits is None else limits.timeout_s

    async def execute(self, job: Job, context: Context) -> None:
        if self._limits is not None and await self._worker_deaths(job) >= self._limits.max_worker_deaths:
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
        if failure.is_permanent or failures >= self._retries.attempts:
            raise JobFailed(failure.reason)
        raise RetryRequested(timedelta(seconds=self._retries.wait_s(failures)), failure.reason)

    async def _worker_deaths(self, job: Job) -> int:
        """Count how often the job was taken since it was last enqueued: each of these workers died.

        pgqueuer does not keep this count.
        """
        row: Any
        (row,) = await self._driver.fetch(_COUNT_PICKED, job.id)
        return int(row["taken"]) - 1


async def _run_jobs(
    driver: JobDriver,
    handlers: Mapping[str, JobHandler],
    retries: JobRetries,
    stop: asyncio.Event,
    limits: Mapping[str, JobLimits],
) -> None:
    manager = QueueManager(Queries(driver))
    for name, handler in handlers.items():
        limit = limits.get(name)
        manager.entrypoint(
            name,
            concurrency_limit=0 if limit is None else limit.concurrency,
            accepts_context=False,
            on_failure="hold",
            executor_factory=partial(_Attempt, retries=retries, driver=driver, limits=limit),
        )(_payload_handler(handler))
    # pgqueuer's manager also sets its own event when its listener fails.
    stopping = asyncio.create_task(_forward_stop(stop, manager.shutdown))
    try:
        await manager.run(
            dequeue_timeout=timedelta(seconds=retries.poll_every_s),
            batch_size=_BATCH,
            max_concurrent_tasks=2 * _BATCH,
            shutdown_on_listener_failure=True,
            heartbeat_timeout=timedelta(seconds=retries.heartbeat_timeout_s),
        )
    finally:
        stopping.cancel()


def _payload_handler(handler: JobHandler) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        await handler(job.payload or b"")

    return run


async def _forward_stop(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()


@asynccontextmanager
async def _open_driver(url: str) -> AsyncIterator[JobDriver]:
    """Yield connections for pgqueuer, without our codecs, because it passes JSON as text.

    The connections are closed afterwards, because the listening connection would continue to listen.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=_CONNECTIONS,
        connection_class=Connection,
        init=_set_role,
        timeout=5,
        command_timeout=15,
        server_settings={"application_name": "vocalized-jobs"},
    )
    try:
        yield JobDriver(pool)
    finally:
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _set_role(connection: Connection) -> None:
    await connection.execute(f'SET ROLE "{ROLE}"')
