"""The ticker: members are spread evenly, and an exception in one tick does not reach the others."""

import asyncio
from collections import Counter
from collections.abc import Callable

from media.server.ticker import CHECK_PERIODS, PERIOD_S, SLOTS, CallTicker
from tests.virtual_time import VirtualLoop, clock_ms, run_virtual


def nothing() -> None:
    """Does nothing."""


def run_ticker(
    seconds: float,
    *,
    run_vad: Callable[[], object] = nothing,
    check_limits: Callable[[], None] = nothing,
    prepare: Callable[[CallTicker], None] = lambda ticker: None,
) -> list[dict[str, object]]:
    """Runs a ticker for so long; returns what the loop's exception handler got."""
    contexts: list[dict[str, object]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
        ticker = CallTicker(run_vad, check_limits)
        prepare(ticker)
        ticker.start()
        await asyncio.sleep(seconds + PERIOD_S / 2)
        ticker.stop()
        await asyncio.sleep(10)

    run_virtual(scenario())
    return contexts


def test_runs_the_detector_every_20_ms_and_checks_limits_once_a_second() -> None:
    runs: list[float] = []
    checks: list[float] = []
    assert run_ticker(3, run_vad=lambda: runs.append(clock_ms()), check_limits=lambda: checks.append(clock_ms())) == []
    assert [round(at) for at in runs] == list(range(20, 3_001, 20))
    assert [round(at) for at in checks] == [1_000, 2_000, 3_000]
    assert CHECK_PERIODS * PERIOD_S == 1.0


def test_every_member_is_ticked_four_times_a_second_in_evenly_filled_periods() -> None:
    ticks: Counter[int] = Counter()
    periods: Counter[int] = Counter()

    def member(number: int) -> Callable[[], None]:
        def tick() -> None:
            ticks[number] += 1
            periods[round(clock_ms())] += 1

        return tick

    def prepare(ticker: CallTicker) -> None:
        for number in range(30):
            ticker.add(number, member(number))

    run_ticker(SLOTS * PERIOD_S * 10, prepare=prepare)
    assert set(ticks.values()) == {10}
    assert len(ticks) == 30
    assert max(periods.values()) == 3  # 30 members in 12 slots
    assert 4 <= 1 / (SLOTS * PERIOD_S) <= 5


def test_removed_member_is_not_ticked_even_in_the_same_period() -> None:
    ticked: list[str] = []

    def prepare(ticker: CallTicker) -> None:
        def first() -> None:
            ticked.append("first")
            ticker.remove("second")

        ticker.add("first", first)
        for number in range(SLOTS - 1):
            ticker.add(number, nothing)
        ticker.add("second", lambda: ticked.append("second"))  # in the same slot as "first"
        ticker.remove("unknown")

    run_ticker(1, prepare=prepare)
    assert set(ticked) == {"first"}


def test_failing_tick_is_reported_and_does_not_stop_the_others() -> None:
    ticked: list[int] = []
    checks: list[float] = []

    def fail() -> None:
        raise ZeroDivisionError

    def prepare(ticker: CallTicker) -> None:
        for number in range(SLOTS):
            ticker.add(f"bad {number}", fail)
        for number in range(SLOTS):
            ticker.add(number, lambda: ticked.append(1))

    contexts = run_ticker(2.4, check_limits=lambda: checks.append(clock_ms()), prepare=prepare)
    assert len(ticked) == 120
    assert len(contexts) == 120
    assert len(checks) == 2


def test_failing_detector_stops_no_tick() -> None:
    ticked: list[int] = []

    def run_vad() -> None:
        raise ZeroDivisionError

    contexts = run_ticker(2.4, run_vad=run_vad, prepare=lambda ticker: ticker.add("call", lambda: ticked.append(1)))
    assert len(ticked) == 10
    assert len(contexts) == 120


def test_missed_periods_are_not_made_up_for() -> None:
    runs: list[float] = []

    def run_vad() -> None:
        runs.append(clock_ms())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        if len(runs) == 3:
            loop.advance(0.111)  # something blocked the loop

    run_ticker(0.4, run_vad=run_vad)
    assert [round(at) for at in runs[:6]] == [20, 40, 60, 171, 191, 211]


def test_stopping_before_the_start_is_harmless() -> None:
    CallTicker(nothing, nothing).stop()
