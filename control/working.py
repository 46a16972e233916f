"""How a worker works: jobs from the queue, duties by the clock, companions beside them, and what it tells of itself."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from control.calls.metrics import EventFigures
from control.calls.sink import Counts
from control.db.jobs import Care, Handler, JobFailed, QueueLost, Retries, count_jobs, work_off
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.http.metrics import CONTENT_TYPE
from shared.logs import told

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that comes back every `every_s` seconds. run: in a transaction of its own with platform scope; returns how
    much it did. batch: when it did that much, there may be more, and it runs again at once."""

    name: str
    every_s: float
    run: Callable[[Connection, datetime], Awaitable[int]]
    batch: int

    async def act(self, pool: Pool, now: datetime) -> int:
        """One round."""
        async with pool.transaction() as db:
            await enter_platform(db)
            return await self.run(db, now)


@dataclass(frozen=True, slots=True)
class Errand:
    """A duty that also goes out (to the bus, to a carrier): it takes and ends its transactions itself."""

    name: str
    every_s: float
    run: Callable[[Pool, datetime], Awaitable[int]]
    batch: int

    async def act(self, pool: Pool, now: datetime) -> int:
        """One round."""
        return await self.run(pool, now)


Due = Duty | Errand
# Runs beside jobs and duties until the event is set; never raises.
Companion = Callable[[asyncio.Event], Awaitable[None]]


class WorkerMetrics:
    """What Prometheus is told, and when each duty was last done. events: for the sink to count in."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.events = Counts()
        registry.register(EventFigures(self.events))
        self.jobs = Counter("vocalized_worker_jobs", "Tries of jobs", ["job", "outcome"], registry=registry)
        self.done = Counter("vocalized_worker_duty_rows", "Rows that a duty did", ["duty"], registry=registry)
        self.failed = Counter("vocalized_worker_duty_failures", "Runs that broke off", ["duty"], registry=registry)
        self.seconds = Histogram("vocalized_worker_duty_seconds", "Time of a run", ["duty"], registry=registry)
        self.last = Gauge("vocalized_worker_duty_last", "Unix time of the last good run", ["duty"], registry=registry)
        self.queue = Gauge("vocalized_worker_queue", "Jobs in the queue", ["job", "status"], registry=registry)
        self.oldest = Gauge(
            "vocalized_worker_queue_oldest", "Unix time of the oldest job", ["job", "status"], registry=registry
        )

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self.registry)


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker does."""

    handlers: Mapping[str, Handler]
    duties: Sequence[Due]
    companions: Sequence[Companion] = ()
    retries: Retries = field(default_factory=Retries)
    cares: Mapping[str, Care] = field(default_factory=dict)


class Worker:
    """Does the work until told to stop. pool: for the duties; database_url: for the jobs' own connections; metrics:
    those that the work counts in, if it does."""

    def __init__(
        self,
        *,
        pool: Pool,
        database_url: str,
        work: Work,
        clock: Callable[[], datetime] | None = None,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self.metrics = metrics if metrics is not None else WorkerMetrics()
        self._pool, self._url, self._work = pool, database_url, work
        self._clock = clock or _now
        self._beats: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; jobs and duties then running are finished. A database that goes away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._jobs(stop))
            for companion in self._work.companions:
                tasks.create_task(_accompanied(companion, stop))
            for duty in (*self._work.duties, Duty("queue", 15, self.count_queue, 1 << 30)):
                tasks.create_task(self._repeat(duty, stop))

    def late(self, now: datetime) -> list[str]:
        """Duties that are overdue, by three times their pause and a minute: something is wrong with them."""
        return [
            duty.name
            for duty in self._work.duties
            if now - self._beats.get(duty.name, now) > timedelta(seconds=3 * duty.every_s + 60)
        ]

    async def once(self, duty: Due, stop: asyncio.Event | None = None) -> None:
        """A duty, round by round, until there is no more of it or `stop` is set."""
        while await self._round(duty) >= duty.batch:
            if stop is not None and stop.is_set():
                return

    async def _round(self, duty: Due) -> int:
        with self.metrics.seconds.labels(duty.name).time():
            done = await duty.act(self._pool, self._clock())
        self.metrics.done.labels(duty.name).inc(done)
        # Also where there is more: who works off a long backlog is not late.
        self._beats[duty.name] = self._clock()
        self.metrics.last.labels(duty.name).set(self._clock().timestamp())
        return done

    async def _repeat(self, duty: Due, stop: asyncio.Event) -> None:
        self._beats.setdefault(duty.name, self._clock())
        while not stop.is_set():
            try:
                await self.once(duty, stop)
            except Exception as error:  # one duty's fault must not end the others, nor this one's next run
                self.metrics.failed.labels(duty.name).inc()
                log.error("worker.duty_broke_off", duty=duty.name, **told(error))
            # Workers that were started together shall not all come at once.
            await _pause(duty.every_s * random.uniform(0.8, 1.2), stop)

    async def _jobs(self, stop: asyncio.Event) -> None:
        handlers = {name: self._counted(name, handler) for name, handler in self._work.handlers.items()}
        while not stop.is_set():
            try:
                await work_off(self._url, handlers, self._work.retries, stop, self._work.cares)
            except QueueLost as lost:
                log.warning("worker.queue_lost", fault=str(lost))
                await _pause(self._work.retries.look_every_s, stop)

    def _counted(self, name: str, handler: Handler) -> Handler:
        async def run(payload: bytes) -> None:
            try:
                await handler(payload)
            except JobFailed as failure:
                self.metrics.jobs.labels(name, "refused" if failure.for_good else "failed").inc()
                raise
            except Exception as error:  # a job's fault is the job's
                self.metrics.jobs.labels(name, "failed").inc()
                log.warning("worker.job_failed", job=name, **told(error))
                raise JobFailed(type(error).__name__) from None
            self.metrics.jobs.labels(name, "done").inc()

        return run

    async def count_queue(self, db: Connection, now: datetime) -> int:
        """Tells the metrics what is in the queue."""
        self.metrics.queue.clear()
        self.metrics.oldest.clear()
        for one in await count_jobs(db):
            self.metrics.queue.labels(one.job, one.status).set(one.count)
            self.metrics.oldest.labels(one.job, one.status).set(one.oldest.timestamp())
        return 0


@asynccontextmanager
async def status_served(worker: Worker, host: str, port: int) -> AsyncIterator[int]:
    """/healthz (503 names the duties that are overdue) and /metrics, until the block ends; yields the port."""

    async def healthz(_: web.Request) -> web.Response:
        late = worker.late(_now())
        return web.json_response({"status": "late" if late else "ok", "late": late}, status=503 if late else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=worker.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _accompanied(companion: Companion, stop: asyncio.Event) -> None:
    """One companion's fault must not end the worker, nor be the end of the companion."""
    while not stop.is_set():
        try:
            await companion(stop)
        except Exception as error:
            log.error("worker.companion_broke_off", **told(error))
            await _pause(1.0, stop)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Ends early when it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def _now() -> datetime:
    return datetime.now(UTC)
