"""A rehearsal whose machine was busy is not valid."""

import asyncio
import time

from lab.benchmarks.results import spread
from lab.scenarios.failover.page import load_text
from lab.scenarios.outage.figures import load_row
from lab.stage.machine_load import MachineLoad, measuring_load

IDLE = MachineLoad(lag=spread([1.0] * 99 + [90.0]), own=0.4, nodes=0.4, others=0.1)


async def test_a_loop_that_is_blocked_is_late() -> None:
    async with measuring_load() as gauge:
        await asyncio.sleep(0.02)
        time.sleep(0.1)  # noqa: ASYNC251 - this is what is measured
        await asyncio.sleep(0.02)
    assert gauge.load is not None
    assert gauge.load.lag.worst >= 90
    assert gauge.load.own < 0.9
    assert gauge.load.nodes < 0.9


def test_a_run_on_an_idle_machine_is_valid() -> None:
    assert IDLE.is_valid
    assert load_row(IDLE).good
    assert load_text(IDLE).startswith("The run is valid")


def test_a_run_beside_other_programs_or_with_late_callers_is_not() -> None:
    for busy in (
        MachineLoad(IDLE.lag, own=0.4, nodes=0.4, others=0.5),
        MachineLoad(spread([30.0]), own=0.9, nodes=0.4, others=0.0),
    ):
        assert not busy.is_valid
        assert load_row(busy).good is False
        assert "not valid" in load_text(busy)
