"""Runs a worker's tasks: queued jobs, periodic duties and background services, with health and metrics."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from control.backups.rules import BackupRun
from control.billing.ledger.rules import UnpricedUsage
from control.calls.events.tasks import EventCounts, EventMetrics
from control.db.duties import AnyDuty, Duty, WorkerTasks
from control.db.jobs import JobFailed, JobHandler, JobQueueUnavailable, JobRetries, count_jobs, run_jobs
from control.db.partitions import PartitionState
from control.db.pool import Connection, Pool
from control.http.metrics import CONTENT_TYPE
from control.http.server import ListenOptions, listening
from control.keys.metrics import BusMetrics
from shared.http_protocol import name_server
from shared.logs import error_fields
from shared.process_metrics import ProcessMetrics
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()


class WorkerMetrics:
    """The worker's Prometheus metrics.

    Attributes:
        events: Counters that the event consumer increments.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.process = ProcessMetrics("worker", registry)
        self.events = EventCounts()
        registry.register(EventMetrics(self.events))
        self.jobs = Counter("vocalized_worker_jobs", "Attempts of jobs", ["job", "outcome"], registry=registry)
        self.bus = BusMetrics(registry)
        self.done = Counter("vocalized_worker_duty_rows", "Rows that a duty processed", ["duty"], registry=registry)
        self.failed = Counter("vocalized_worker_duty_failures", "Failed runs of a duty", ["duty"], registry=registry)
        self.seconds = Histogram("vocalized_worker_duty_seconds", "Duration of a run", ["duty"], registry=registry)
        self.last = Gauge(
            "vocalized_worker_duty_last", "Unix time of the last successful run", ["duty"], registry=registry
        )
        self.queue = Gauge("vocalized_worker_queue", "Jobs in the queue", ["job", "status"], registry=registry)
        self.oldest = Gauge(
            "vocalized_worker_queue_oldest", "Unix time of the oldest job", ["job", "status"], registry=registry
        )
        self.unpriced = Gauge(
            "vocalized_worker_unpriced_usage",
            "Ledger rows of the last day whose cost or price is unknown",
            ["provider", "resource_type", "unit"],
            registry=registry,
        )
        self.unopened = Gauge(
            "vocalized_worker_unopened_periods",
            "Workspaces whose next billing period the last run could not open",
            registry=registry,
        )
        self.refused_keys = Gauge(
            "vocalized_worker_provider_key_refused",
            "1 while the vendor does not accept the platform's key",
            ["provider"],
            registry=registry,
        )
        self.alarms = Gauge(
            "vocalized_worker_spend_alarms", "Alarms about unusual calls of the last day", ["kind"], registry=registry
        )
        self.partitions_until = Gauge(
            "vocalized_worker_partitions_until",
            "Unix time from which on no monthly partition exists",
            ["table"],
            registry=registry,
        )
        self.default_rows = Gauge(
            "vocalized_worker_default_partition_rows",
            "Rows in the default partition, counted up to 1,000",
            ["table"],
            registry=registry,
        )
        self.audit_breaks = Gauge(
            "vocalized_worker_audit_breaks",
            "Places at which the audit log is not as it was sealed",
            registry=registry,
        )
        self.backup_last = Gauge(
            "vocalized_worker_backup_last", "Unix time of the last successful run", ["kind"], registry=registry
        )
        self.backup_bytes = Gauge(
            "vocalized_worker_backup_bytes", "Size of that run's dump", ["kind"], registry=registry
        )
        self.webhook_attempts = Counter(
            "vocalized_worker_outbound_webhook_attempts",
            "Attempts to deliver events to customers' systems",
            ["outcome"],
            registry=registry,
        )
        self.webhook_oldest = Gauge(
            "vocalized_worker_outbound_webhook_oldest",
            "Unix time since which the oldest delivery to an endpoint that works is due; 0: none is",
            registry=registry,
        )

    def count_webhook_attempt(self, outcome: str) -> None:
        """Count an attempt to deliver an event to a customer's system."""
        self.webhook_attempts.labels(outcome).inc()

    def report_oldest_delivery(self, since: datetime | None) -> None:
        """Set since when the oldest delivery to a customer's system is due."""
        self.webhook_oldest.set(0 if since is None else since.timestamp())

    def report_backups(self, newest: Iterable[BackupRun]) -> None:
        """Set the times and sizes of the newest backup and the newest restore check."""
        for run in newest:
            self.backup_last.labels(run.kind).set(run.finished_at.timestamp())
            self.backup_bytes.labels(run.kind).set(run.size)

    def report_partitions(self, states: Iterable[PartitionState]) -> None:
        """Set how far ahead partitions exist, and how many rows are in the default partition."""
        for state in states:
            self.partitions_until.labels(state.table).set(state.made_until.timestamp())
            self.default_rows.labels(state.table).set(state.default_rows)

    def report_unpriced(self, found: Iterable[UnpricedUsage]) -> None:
        """Set the counts of usage without a price, and remove counts that are no longer reported."""
        self.unpriced.clear()
        for unpriced in found:
            self.unpriced.labels(unpriced.provider, unpriced.resource_type, unpriced.unit).set(unpriced.rows)

    def report_alarms(self, counts: Mapping[str, int]) -> None:
        """Set the number of alarms of each kind within a day. Kinds that are not listed have 0."""
        self.alarms.clear()
        for kind, raised in counts.items():
            self.alarms.labels(kind).set(raised)

    def report_refused_keys(self, providers: Iterable[str]) -> None:
        """Set the providers whose keys are refused, and remove providers that are no longer listed."""
        self.refused_keys.clear()
        for provider in providers:
            self.refused_keys.labels(provider).set(1)

    def render(self) -> bytes:
        """Return the metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class BackgroundWorker:
    """Runs tasks until it is stopped.

    Args:
        pool: Connections for the duties.
        database_url: URL for the job queue's own connections.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        database_url: str,
        tasks: WorkerTasks,
        retries: JobRetries | None = None,
        clock: Callable[[], datetime] | None = None,
        steady_clock: Callable[[], float] = time.monotonic,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        """Create the worker.

        Args:
            steady_clock: Returns monotonic seconds, so that a change of the wall clock does not make all duties look
                late.
        """
        self.metrics = metrics if metrics is not None else WorkerMetrics()
        self.tasks = tasks
        self._pool, self._url, self._retries = pool, database_url, retries or JobRetries()
        self._clock, self._steady_clock = clock or _now, steady_clock
        # At startup and after an outage, all duties are due at once. Without a limit they would wait for each other's
        # connections until they fail, and so would jobs and services, which share the pool.
        self._transactions = asyncio.Semaphore(max(1, pool.size // 2))
        self._last_runs: dict[str, float] = {}
        self._supervised: list[SupervisedTask] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then finish the running jobs and duties.

        Survives the loss of the database and the death of any of its tasks.
        """
        with self.metrics.process.measured():
            self._supervised = [self._supervise("jobs", self._run_jobs, stop)]
            for name, service in self.tasks.services.items():
                self._supervised.append(self._supervise(f"service.{name}", service, stop))
            for duty in (*self.tasks.duties, Duty("queue", 15, self.count_queue, 1 << 30)):
                self._supervised.append(self._supervise(f"duty.{duty.name}", partial(self._repeat, duty), stop))
            try:
                await stop.wait()
                # A restarted task would end immediately.
                await asyncio.gather(*(task.stop() for task in self._supervised if task.is_dead))
                await asyncio.gather(*(task.wait() for task in self._supervised))
            finally:
                await asyncio.gather(*(task.stop() for task in self._supervised))

    def dead_tasks(self) -> list[str]:
        """Return the names of the tasks that died and are not running again yet."""
        return [task.name for task in self._supervised if task.is_dead]

    def _supervise(
        self, name: str, work: Callable[[asyncio.Event], Coroutine[Any, Any, None]], stop: asyncio.Event
    ) -> SupervisedTask:
        return SupervisedTask(name, partial(work, stop), self.metrics.process.count_death, until=stop)

    def overdue(self) -> list[str]:
        """Return the names of the duties whose last run ended more than three intervals plus a minute ago."""
        now = self._steady_clock()
        return [
            duty.name for duty in self.tasks.duties if now - self._last_runs.get(duty.name, now) > 3 * duty.every_s + 60
        ]

    async def run_duty(self, duty: AnyDuty, stop: asyncio.Event | None = None) -> None:
        """Run a duty repeatedly until a batch is not full or `stop` is set."""
        while await self._run_batch(duty) >= duty.batch:
            if stop is not None and stop.is_set():
                return

    async def _run_batch(self, duty: AnyDuty) -> int:
        """Run a duty once and return the number of rows.

        An outside duty does not take a slot of the limit: it holds connections only briefly and may wait long for other
        services.
        """
        turn = self._transactions if isinstance(duty, Duty) else nullcontext()
        async with turn:
            with self.metrics.seconds.labels(duty.name).time():
                done = await duty.run_once(self._pool, self._clock())
        self.metrics.done.labels(duty.name).inc(done)
        # Recorded after each batch, so that a duty with a long backlog does not count as overdue.
        self._last_runs[duty.name] = self._steady_clock()
        self.metrics.last.labels(duty.name).set(self._clock().timestamp())
        return done

    async def _repeat(self, duty: AnyDuty, stop: asyncio.Event) -> None:
        """Run a duty at its interval.

        After a failure it runs again as soon as a failed job, because its interval may be an hour.
        """
        self._last_runs.setdefault(duty.name, self._steady_clock())
        failures = 0
        while not stop.is_set():
            try:
                await self.run_duty(duty, stop)
                failures = 0
            # A failure must end neither the other duties nor the next run of this duty.
            except Exception as error:  # noqa: BLE001
                failures += 1
                self.metrics.failed.labels(duty.name).inc()
                log.error("duty.failed", duty=duty.name, **error_fields(error))
            wait_s = min(duty.every_s, self._retries.wait_s(failures)) if failures else duty.every_s
            # Random, so that workers that started together do not run a duty at the same moment.
            await _pause(wait_s * random.uniform(0.8, 1.2), stop)

    async def _run_jobs(self, stop: asyncio.Event) -> None:
        handlers = {name: self._with_metrics(name, handler) for name, handler in self.tasks.handlers.items()}
        while not stop.is_set():
            try:
                await run_jobs(self._url, handlers, self._retries, stop, self.tasks.limits)
            except JobQueueUnavailable as error:
                log.warning("job_queue.lost", error=str(error))
                await _pause(self._retries.poll_every_s, stop)

    def _with_metrics(self, name: str, handler: JobHandler) -> JobHandler:
        """Return a handler that counts the outcome and turns every error into JobFailed."""

        async def run(payload: bytes) -> None:
            try:
                await handler(payload)
            except JobFailed as failure:
                self.metrics.jobs.labels(name, "refused" if failure.is_permanent else "failed").inc()
                raise
            except Exception as error:  # A failure must end neither the worker nor the other jobs.  # noqa: BLE001
                self.metrics.jobs.labels(name, "failed").inc()
                log.warning("job.failed", job=name, **error_fields(error))
                raise JobFailed(type(error).__name__) from None
            self.metrics.jobs.labels(name, "done").inc()

        return run

    async def count_queue(self, db: Connection, now: datetime) -> int:
        """Update the metrics of the job queue."""
        self.metrics.queue.clear()
        self.metrics.oldest.clear()
        for job_count in await count_jobs(db):
            self.metrics.queue.labels(job_count.job, job_count.status).set(job_count.count)
            self.metrics.oldest.labels(job_count.job, job_count.status).set(job_count.oldest.timestamp())
        return 0


@asynccontextmanager
async def serve_status(worker: BackgroundWorker, host: str, port: int) -> AsyncIterator[int]:
    """Serve /healthz and /metrics until the block ends. Yields the port.

    /healthz returns 503 with the names of overdue duties and dead tasks.
    """

    async def healthz(_: web.Request) -> web.Response:
        late, dead = worker.overdue(), worker.dead_tasks()
        status = "late" if late else "task_died" if dead else "ok"
        report = {"status": status, "late": late} | ({"dead": dead} if dead else {})
        return web.json_response(report, status=503 if late or dead else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=worker.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.on_response_prepare.append(name_server)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    async with listening(app, ListenOptions(host, port, drain_s=1.0)) as listened:
        yield listened


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but return early when `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def _now() -> datetime:
    return datetime.now(UTC)
