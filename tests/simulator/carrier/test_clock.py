"""The line's clock."""

from simulator.carrier.clock import RealTimeClock


async def test_time_runs_as_many_times_faster_as_told() -> None:
    slow, fast = RealTimeClock(1.0), RealTimeClock(1_000.0)
    await fast.wait_until(5.0)
    assert fast.now() >= 5.0
    assert slow.now() < fast.now()


async def test_a_moment_that_is_past_is_not_waited_for() -> None:
    pace = RealTimeClock()
    await pace.wait_until(-100.0)
    assert pace.now() < 100.0
