"""The worker: does jobs, and what is due by the clock. Any number may run; each duty is harmless when done twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from control.accounts.mail import JOB as MAIL
from control.accounts.mail import MailRefused, Postman
from control.accounts.mail_gateways import open_gateway
from control.accounts.passwords import Passwords
from control.accounts.proofs import RECOVER_JOB as RECOVER
from control.accounts.service import Accounts
from control.analytics.rollup import mark_everything, roll_up
from control.calls.reaper import reap
from control.calls.sink import consume
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
from control.db.jobs import Care, Handler, JobFailed, Retries, forget
from control.db.pool import Connection, Pool, Timeouts, open_pool
from control.db.scope import enter_platform
from control.http.context import Services
from control.http.outside import OutsideOptions, opened_outside
from control.http.wiring import Policies, make_services
from control.numbers.work import BUY, RELEASE, buy_by, release_by
from control.platform.expiry import remove_old_answers
from control.webhooks.later import finish_open
from control.webhooks.later import purge as purge_webhooks
from control.webhooks.metrics import WebhookMetrics
from control.working import Due, Duty, Errand, Work, Worker, WorkerMetrics, status_served
from shared.bus.client import bus_client
from shared.secrets import Sealer, Unsealable

REBUILD: Final = "rollups.rebuild"
SINK_TIMEOUT_S: Final = 10.0
# A recording may have hundreds of megabytes: longer than all tries of the download, and then it is put into storage.
CARES: Final = {FETCH: Care(timeout_s=900.0, at_once=2)}

log = structlog.get_logger()


def make_duties(rooms: Services, hooks: WebhookMetrics | None = None) -> tuple[Due, ...]:
    """What is due by the clock, with the size of one transaction. hooks: counts webhooks that are finished late."""
    return (*_housekeeping(rooms), *_of_customers(rooms), *_of_calls(rooms, hooks))


def _housekeeping(rooms: Services) -> tuple[Due, ...]:
    async def rollups(db: Connection, _: datetime) -> int:
        return await roll_up(db, 200)

    async def partitions(db: Connection, _: datetime) -> int:
        return int(await db.fetchval("SELECT ensure_partitions()"))

    async def sign_ins(db: Connection, now: datetime) -> int:
        return await rooms.accounts.purge(db, now, 1_000)

    async def answers(db: Connection, now: datetime) -> int:
        return await remove_old_answers(db, now, 1_000)

    async def jobs(db: Connection, now: datetime) -> int:
        kept = timedelta(days=await rooms.platform.setting(db, "job_history_days"))
        return await forget(db, now - kept, 1_000)

    return (
        Duty("rollups", 2, rollups, 200),
        Duty("partitions", 3_600, partitions, 1 << 30),
        Duty("sign_ins", 600, sign_ins, 1_000),
        Duty("answers", 600, answers, 1_000),
        Duty("jobs", 3_600, jobs, 1_000),
    )


def _of_customers(rooms: Services) -> tuple[Due, ...]:
    async def deleted_workspaces(db: Connection, now: datetime) -> int:
        return await rooms.workspaces.purge_due(db, now, 10)

    async def trials(db: Connection, now: datetime) -> int:
        return await rooms.workspaces.staff.end_trials(db, now, 50)

    async def numbers(db: Connection, now: datetime) -> int:
        return await rooms.numbers.reconcile(db, now, 50)

    async def doomed_numbers(db: Connection, now: datetime) -> int:
        return await rooms.numbers.release_doomed(db, now, 10)

    return (
        Duty("deleted_workspaces", 600, deleted_workspaces, 1),
        Duty("trials", 300, trials, 50),
        Duty("numbers", 60, numbers, 50),
        Duty("doomed_numbers", 600, doomed_numbers, 10),
    )


def _of_calls(rooms: Services, hooks: WebhookMetrics | None) -> tuple[Due, ...]:
    async def lost_calls(pool: Pool, now: datetime) -> int:
        return await reap(pool, rooms.handover, now)

    async def webhooks(pool: Pool, now: datetime) -> int:
        return await finish_open(pool, rooms, now, 50, hooks)

    async def old_webhooks(db: Connection, now: datetime) -> int:
        return await purge_webhooks(db, now, 1_000)

    return (
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
                await accounts.proofs.recover(db, payload, datetime.now(UTC))
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
        FETCH: fetch_recording_by(pool, carriers, rooms.storage, delete=delete_at_carrier),
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
