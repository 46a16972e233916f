"""The lag of a loop: nothing while it is idle, the length of what blocks it."""

import asyncio
import time

from prometheus_client import CollectorRegistry, generate_latest

from shared.loop_lag import PERIOD_S, measured_loop_lag
from shared.process_metrics import ProcessMetrics
from tests.virtual_time import run_virtual


def test_an_idle_loop_has_no_lag_and_is_measured_every_period() -> None:
    async def scenario() -> None:
        lags = list[float]()
        with measured_loop_lag(lags.append):
            await asyncio.sleep(40.5 * PERIOD_S)
        await asyncio.sleep(1)
        assert len(lags) == 40
        assert max(lags) < 1e-6

    run_virtual(scenario())


def test_what_blocks_the_loop_is_its_lag() -> None:
    async def scenario() -> list[float]:
        lags = list[float]()
        with measured_loop_lag(lags.append):
            await asyncio.sleep(0)
            time.sleep(0.2)  # noqa: ASYNC251  # blocks on purpose
            await asyncio.sleep(2 * PERIOD_S)
        return lags

    assert max(asyncio.run(scenario())) > 0.2 - 2 * PERIOD_S


def test_the_metrics_of_a_program() -> None:
    async def scenario() -> bytes:
        registry = CollectorRegistry()
        metrics = ProcessMetrics("worker", registry)
        with metrics.measured():
            await asyncio.sleep(20.5 * PERIOD_S)
        metrics.count_death("beats")
        return generate_latest(registry)

    text = run_virtual(scenario()).decode()
    assert 'vocalized_worker_task_deaths_total{task="beats"} 1.0' in text
    assert (
        "vocalized_worker_log_lines_dropped_total " in text
    )  # those of the whole process, tests before this one included
    assert 'vocalized_worker_loop_lag_seconds_bucket{le="0.001"} 20.0' in text
