"""The tasks that a package gives to the worker: jobs by name, periodic duties, and background services."""

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
    """Periodic work that runs every `every_s` seconds.

    Attributes:
        run: Gets its own transaction with platform scope, and returns the number of rows that it processed.
        batch: Maximum number of rows per run. After a full batch, the duty runs again immediately.
    """

    name: str
    every_s: float
    run: Callable[[Connection, datetime], Awaitable[int]]
    batch: int

    async def run_once(self, pool: Pool, now: datetime) -> int:
        """Run the duty in a transaction. Return the number of rows that it processed."""
        async with pool.transaction() as db:
            await enter_platform(db)
            return await self.run(db, now)


@dataclass(frozen=True, slots=True)
class OutsideDuty:
    """A duty that also calls the bus or a carrier.

    Attributes:
        run: Opens its own transactions, so that no transaction is open during outside calls.
    """

    name: str
    every_s: float
    run: Callable[[Pool, datetime], Awaitable[int]]
    batch: int

    async def run_once(self, pool: Pool, now: datetime) -> int:
        """Run the duty. Return the number of rows that it processed."""
        return await self.run(pool, now)


AnyDuty = Duty | OutsideDuty
# Runs beside jobs and duties until the event is set. If it returns earlier, the worker starts it again.
BackgroundService = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class WorkerTasks:
    """Jobs, duties and services that the worker runs.

    Attributes:
        handlers: Job handlers by job name.
        services: Long-lived tasks by the name that the health report and the restart metric use.
        limits: Limits of heavy jobs by job name.
    """

    handlers: Mapping[str, JobHandler] = field(default_factory=dict)
    duties: Sequence[AnyDuty] = ()
    services: Mapping[str, BackgroundService] = field(default_factory=dict)
    limits: Mapping[str, JobLimits] = field(default_factory=dict)


def join_tasks(parts: Iterable[WorkerTasks]) -> WorkerTasks:
    """Return the tasks of all parts.

    Raises ValueError if two parts handle one job or use one name for a duty or service.
    """
    parts = list(parts)
    joined = WorkerTasks(
        handlers={name: handler for part in parts for name, handler in part.handlers.items()},
        duties=[duty for part in parts for duty in part.duties],
        services={name: service for part in parts for name, service in part.services.items()},
        limits={name: limit for part in parts for name, limit in part.limits.items()},
    )
    if len(joined.handlers) < sum(len(part.handlers) for part in parts):
        raise ValueError("two packages handle a job with the same name")
    if len({duty.name for duty in joined.duties}) < len(joined.duties):
        raise ValueError("two duties have the same name")
    if len(joined.services) < sum(len(part.services) for part in parts):
        raise ValueError("two services have the same name")
    return joined
