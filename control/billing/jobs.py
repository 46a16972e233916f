"""Helpers for the jobs of billing: transactions in the platform's scope, and enqueueing a job once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, TypeVar

import msgspec

from control.db.errors import COLLISIONS
from control.db.jobs import JobFailed, enqueue, is_waiting, list_queued
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from shared.errors import Unavailable

T = TypeVar("T")
# Maximum number of jobs that a duty enqueues in one run.
BATCH: Final = 200
# Maximum number of periods or invoices that a duty checks for missing jobs. It is much larger than BATCH, so that
# repeatedly failing jobs do not keep other jobs from being enqueued.
MOST_WAITING: Final = 20_000
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current UTC time."""
    return datetime.now(UTC)


def ignore_count(_: int) -> None:
    """Ignore the count, in programs that report no metric."""


async def enqueue_once(db: Connection, name: str, job: msgspec.Struct) -> None:
    """Enqueue a job unless an equal job is waiting.

    A running job does not count, because it may have read its data before the latest change.
    """
    payload = msgspec.json.encode(job)
    if not await is_waiting(db, name, payload):
        await enqueue(db, name, payload)


async def enqueue_new(db: Connection, name: str, wanted: Sequence[msgspec.Struct], most: int) -> int:
    """Enqueue the first `most` jobs for which no equal job is waiting. Return how many were enqueued."""
    queued = await list_queued(db, name) if wanted else set()
    payloads = (msgspec.json.encode(job) for job in wanted)
    new = list(islice((payload for payload in payloads if payload not in queued), most))
    for payload in new:
        await enqueue(db, name, payload)
    return len(new)


async def transact(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run `work` in a transaction in the platform's scope. Raises JobFailed without a database."""

    async def entered(db: Connection) -> T:
        await enter_platform(db)
        return await work(db)

    try:
        return await in_transaction(pool, entered)
    except (Unavailable, *COLLISIONS):
        raise JobFailed("database unavailable") from None
