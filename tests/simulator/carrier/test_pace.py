"""The line's clock."""

from simulator.carrier.pace import RealTime


async def test_time_runs_as_many_times_faster_as_told() -> None:
    slow, fast = RealTime(1.0), RealTime(1_000.0)
    await fast.until(5.0)
    assert fast.now() >= 5.0
    assert slow.now() < fast.now()


async def test_a_moment_that_is_past_is_not_waited_for() -> None:
    pace = RealTime()
    await pace.until(-100.0)
    assert pace.now() < 100.0
