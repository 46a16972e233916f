"""Duties share a pool of connections with all that the worker does besides."""

import asyncio
from datetime import datetime

from control.db.duties import Duty
from control.db.pool import Connection, open_pool
from tests.control.test_worker import make_worker, running_worker, wait_until


async def test_duties_that_are_due_at_once_leave_connections_to_others(database_url: str) -> None:
    """Twelve on a pool of four, each until all others that may run at once do, too."""
    running, most, runs = 0, 0, 0
    both = asyncio.Barrier(2)

    async def hold(db: Connection, now: datetime) -> int:
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        await both.wait()
        running -= 1
        runs += 1
        return 0

    async def all_ran() -> bool:
        return runs >= 12

    async with open_pool(database_url, size=4) as pool:
        worker = make_worker(pool, database_url, *(Duty(f"d{number}", 3_600, hold, 1) for number in range(12)))
        async with running_worker(worker):
            await wait_until(all_ran)
    assert (most, runs) == (2, 12)
    assert "vocalized_worker_duty_failures_total{" not in worker.metrics.render().decode()


async def test_duty_that_failed_runs_again_before_its_hour_is_over(database_url: str) -> None:
    runs = 0

    async def fail_once(db: Connection, now: datetime) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ConnectionError
        return 0

    async def ran_again() -> bool:
        return runs == 2

    async with open_pool(database_url, size=2) as pool:
        worker = make_worker(pool, database_url, Duty("hourly", 3_600, fail_once, 1))
        async with running_worker(worker):
            await wait_until(ran_again)
    assert 'vocalized_worker_duty_failures_total{duty="hourly"} 1.0' in worker.metrics.render().decode()
