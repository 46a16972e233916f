"""The worker: does jobs, and what is due by the clock. Any number may run; each duty is harmless when done twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from control.accounts.mail import JOB as MAIL
from control.accounts.mail import MailRefused, Postman
from control.accounts.mail_gateways import open_gateway
from control.accounts.passwords import Passwords
from control.accounts.proofs import RECOVER_JOB as RECOVER
from control.accounts.service import Accounts
from control.analytics.rollup import mark_everything, roll_up
from control.calls.metrics import EventFigures
from control.calls.reaper import reap
from control.calls.sink import Counts, consume
from control.calls.work import (
    FETCH,
    HANG_UP,
    JOIN,
    PLACE,
    fetch_recording_by,
    hang_up_by,
    join_recordings_by,
    place_by,
)
from control.db.jobs import Care, Handler, JobFailed, QueueLost, Retries, count_jobs, forget, work_off
from control.db.pool import Connection, Pool, Timeouts, open_pool
from control.db.scope import enter_platform
from control.http.context import Services
from control.http.metrics import CONTENT_TYPE
from control.http.outside import OutsideOptions, opened_outside
from control.http.wiring import Policies, make_services
from control.numbers.work import BUY, RELEASE, buy_by, release_by
from control.platform.expiry import remove_old_answers
from control.webhooks.later import finish_open
from control.webhooks.later import purge as purge_webhooks
from control.webhooks.metrics import WebhookMetrics
from shared.bus.client import bus_client
from shared.logs import told
from shared.secrets import Sealer, Unsealable

REBUILD: Final = "rollups.rebuild"
SINK_TIMEOUT_S: Final = 10.0
# A recording may have hundreds of megabytes: longer than all tries of the download, and then it is put into storage.
CARES: Final = {FETCH: Care(timeout_s=900.0, at_once=2)}

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


def make_duties(rooms: Services, hooks: WebhookMetrics | None = None) -> tuple[Due, ...]:
    """What is due by the clock, with the size of one transaction. hooks: counts webhooks that are finished late."""
    platform, accounts, workspaces = rooms.platform, rooms.accounts, rooms.workspaces

    async def rollups(db: Connection, _: datetime) -> int:
        return await roll_up(db, 200)

    async def partitions(db: Connection, _: datetime) -> int:
        return int(await db.fetchval("SELECT ensure_partitions()"))

    async def sign_ins(db: Connection, now: datetime) -> int:
        return await accounts.purge(db, now, 1_000)

    async def answers(db: Connection, now: datetime) -> int:
        return await remove_old_answers(db, now, 1_000)

    async def jobs(db: Connection, now: datetime) -> int:
        return await forget(db, now - timedelta(days=await platform.setting(db, "job_history_days")), 1_000)

    async def deleted_workspaces(db: Connection, now: datetime) -> int:
        return await workspaces.purge_due(db, now, 10)

    async def trials(db: Connection, now: datetime) -> int:
        return await workspaces.staff.end_trials(db, now, 50)

    async def numbers(db: Connection, now: datetime) -> int:
        return await rooms.numbers.reconcile(db, now, 50)

    async def doomed_numbers(db: Connection, now: datetime) -> int:
        return await rooms.numbers.release_doomed(db, now, 10)

    async def lost_calls(pool: Pool, now: datetime) -> int:
        return await reap(pool, rooms.handover, now)

    async def webhooks(pool: Pool, now: datetime) -> int:
        return await finish_open(pool, rooms, now, 50, hooks)

    async def old_webhooks(db: Connection, now: datetime) -> int:
        return await purge_webhooks(db, now, 1_000)

    return (
        Duty("rollups", 2, rollups, 200),
        Duty("partitions", 3_600, partitions, 1 << 30),
        Duty("sign_ins", 600, sign_ins, 1_000),
        Duty("answers", 600, answers, 1_000),
        Duty("jobs", 3_600, jobs, 1_000),
        Duty("deleted_workspaces", 600, deleted_workspaces, 1),
        Duty("trials", 300, trials, 50),
        Duty("numbers", 60, numbers, 50),
        Duty("doomed_numbers", 600, doomed_numbers, 10),
        Errand("lost_calls", 10, lost_calls, 1 << 30),
        Errand("webhooks", 5, webhooks, 50),
        Duty("old_webhooks", 3_600, old_webhooks, 1_000),
    )


def deliver_by(postman: Postman) -> Handler:
    """Sends a mail."""

    async def run(payload: bytes) -> None:
        try:
            await postman.deliver(payload)
        except (MailRefused, Unsealable) as error:
            raise JobFailed(type(error).__name__, for_good=True) from None

    return run


def recover_by(pool: Pool, accounts: Accounts) -> Handler:
    """Writes to whoever forgot their password, if the address has an account."""

    async def run(payload: bytes) -> None:
        try:
            async with pool.transaction() as db:
                await accounts.proofs.recover(db, payload, _now())
        except Unsealable as error:
            raise JobFailed(type(error).__name__, for_good=True) from None

    return run


def rebuild_by(pool: Pool) -> Handler:
    """Has all roll-ups made anew, by marking every day."""

    async def run(_: bytes) -> None:
        async with pool.transaction() as db:
            await enter_platform(db)
            log.info("worker.days_marked", count=await mark_everything(db))

    return run


def make_call_handlers(pool: Pool, rooms: Services, *, delete_at_carrier: bool) -> dict[str, Handler]:
    """Jobs of numbers and calls."""
    carriers = rooms.carriers
    return {
        BUY: buy_by(pool, rooms.numbers, carriers),
        RELEASE: release_by(pool, rooms.numbers, carriers),
        PLACE: place_by(pool, rooms.calls, carriers),
        HANG_UP: hang_up_by(pool, carriers, rooms.handover),
        FETCH: fetch_recording_by(pool, rooms.calls, carriers, rooms.storage, delete=delete_at_carrier),
        JOIN: join_recordings_by(pool, rooms.storage),
    }


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Everything that a worker is made of. host, port: of /healthz and /metrics; port 0 takes a free one."""

    database_url: str
    secret_keys: Sequence[bytes]
    policies: Policies
    mail_url: str
    mail_from: str
    outside: OutsideOptions
    carrier_recordings_deleted: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    pool_size: int = 4
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: Retries = field(default_factory=Retries)


@asynccontextmanager
async def opened(options: WorkerOptions) -> AsyncIterator[Worker]:
    """A worker with its connections. Raises OSError, TimeoutError and asyncpg.PostgresError without a database, and
    ValueError for a mail URL that is none."""
    sealer = Sealer(options.secret_keys)
    postman = Postman(sealer, open_gateway(options.mail_url), options.mail_from)
    async with open_pool(
        options.database_url, size=options.pool_size, timeouts=options.timeouts, name="vocalized-worker"
    ) as pool:
        with closing(Passwords(options.policies.hashing)) as passwords:
            async with opened_outside(options.outside, sealer) as outside:
                rooms = make_services(sealer, options.policies, passwords, outside)
                handlers = {
                    MAIL: deliver_by(postman),
                    RECOVER: recover_by(pool, rooms.accounts),
                    REBUILD: rebuild_by(pool),
                    **make_call_handlers(pool, rooms, delete_at_carrier=options.carrier_recordings_deleted),
                }
                # Its reads wait for events: longer than others may wait for an answer.
                reader = bus_client(options.outside.redis_url, SINK_TIMEOUT_S)
                try:
                    metrics = WorkerMetrics()
                    duties = make_duties(rooms, WebhookMetrics(metrics.registry))
                    sink = partial(consume, pool, reader, rooms.handover.forget, counts=metrics.events)
                    work = Work(handlers, duties, [sink], options.retries, CARES)
                    yield Worker(pool=pool, database_url=options.database_url, work=work, metrics=metrics)
                finally:
                    await reader.aclose()


async def run_worker(options: WorkerOptions, stop: asyncio.Event) -> None:
    """Returns when `stop` is set and what was running then is done. Raises as `opened` does."""
    async with opened(options) as worker, status_served(worker, options.host, options.port) as port:
        log.info("worker.ready", host=options.host, port=port)
        await worker.run(stop)
    log.info("worker.stopped")


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
