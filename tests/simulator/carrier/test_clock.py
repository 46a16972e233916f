"""The real-time clock."""

from simulator.carrier.clock import RealTimeClock


async def test_time_runs_at_the_given_speed() -> None:
    slow, fast = RealTimeClock(1.0), RealTimeClock(1_000.0)
    await fast.wait_until(5.0)
    assert fast.now() >= 5.0
    assert slow.now() < fast.now()


async def test_wait_for_a_past_moment_returns_at_once() -> None:
    pace = RealTimeClock()
    await pace.wait_until(-100.0)
    assert pace.now() < 100.0
