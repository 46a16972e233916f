"""What jobs of billing share: payloads, transactions in the platform's scope, jobs that wait once."""

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
# What one run of a duty does at most.
BATCH: Final = 200
# Periods and drafts that it looks at for those whose job is not queued: many more than BATCH, so that jobs which fail
# again and again keep no others from being queued.
MOST_WAITING: Final = 20_000
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def ignore_count(_: int) -> None:
    """For those who report no metric."""


async def enqueue_once(db: Connection, name: str, job: msgspec.Struct) -> None:
    """Enqueues a job unless the same one waits. One that runs does not count: it may have asked before what is new
    now."""
    payload = msgspec.json.encode(job)
    if not await is_waiting(db, name, payload):
        await enqueue(db, name, payload)


async def enqueue_new(db: Connection, name: str, wanted: Sequence[msgspec.Struct], most: int) -> int:
    """Enqueues the first `most` of those that do not wait; returns how many."""
    queued = await list_queued(db, name) if wanted else set()
    payloads = (msgspec.json.encode(job) for job in wanted)
    new = list(islice((payload for payload in payloads if payload not in queued), most))
    for payload in new:
        await enqueue(db, name, payload)
    return len(new)


async def transact(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Runs work in a transaction in the platform's scope. Raises JobFailed without a database."""

    async def entered(db: Connection) -> T:
        await enter_platform(db)
        return await work(db)

    try:
        return await in_transaction(pool, entered, _ignore)
    except (Unavailable, *COLLISIONS):
        raise JobFailed("database unavailable") from None


def decode_job(payload: bytes, kind: type[T]) -> T:
    """Raises JobFailed, permanently."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None


def _ignore() -> None:
    """A retry needs no preparation."""
