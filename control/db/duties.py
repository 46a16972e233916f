"""What a room has the worker do: jobs by name, duties by the clock, and services that run beside them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from control.db.jobs import JobHandler, JobLimits
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform


@dataclass(frozen=True, slots=True)
class Duty:
    """Periodic work, every `every_s` seconds.

    Attributes:
        run: Gets a transaction of its own with platform scope and returns how many rows it did.
        batch: The most that one run does; after a full batch the duty runs again at once.
    """

    name: str
    every_s: float
    run: Callable[[Connection, datetime], Awaitable[int]]
    batch: int

    async def run_once(self, pool: Pool, now: datetime) -> int:
        """Return how many rows were done."""
        async with pool.transaction() as db:
            await enter_platform(db)
            return await self.run(db, now)


@dataclass(frozen=True, slots=True)
class OutsideDuty:
    """A duty that also calls the bus or a carrier.

    Attributes:
        run: Opens its own transactions, so that none is open meanwhile.
    """

    name: str
    every_s: float
    run: Callable[[Pool, datetime], Awaitable[int]]
    batch: int

    async def run_once(self, pool: Pool, now: datetime) -> int:
        """Return how many rows were done."""
        return await self.run(pool, now)


AnyDuty = Duty | OutsideDuty
# Runs beside jobs and duties until the event is set. Should it end earlier, it is started again.
BackgroundService = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class WorkerTasks:
    """What the worker runs.

    Attributes:
        handlers: Job handlers by the job's name.
        services: Long-lived tasks by their name in the health report and in the metric of deaths.
        limits: Limits of heavy jobs by the job's name.
    """

    handlers: Mapping[str, JobHandler] = field(default_factory=dict)
    duties: Sequence[AnyDuty] = ()
    services: Mapping[str, BackgroundService] = field(default_factory=dict)
    limits: Mapping[str, JobLimits] = field(default_factory=dict)


def join_tasks(parts: Iterable[WorkerTasks]) -> WorkerTasks:
    """Return the tasks of all parts.

    Raises ValueError when two parts handle the same job or name the same duty or service.
    """
    parts = list(parts)
    joined = WorkerTasks(
        handlers={name: handler for part in parts for name, handler in part.handlers.items()},
        duties=[duty for part in parts for duty in part.duties],
        services={name: service for part in parts for name, service in part.services.items()},
        limits={name: limit for part in parts for name, limit in part.limits.items()},
    )
    if len(joined.handlers) < sum(len(part.handlers) for part in parts):
        raise ValueError("two rooms handle a job of the same name")
    if len({duty.name for duty in joined.duties}) < len(joined.duties):
        raise ValueError("two duties have the same name")
    if len(joined.services) < sum(len(part.services) for part in parts):
        raise ValueError("two services have the same name")
    return joined
