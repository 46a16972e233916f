"""The heartbeat: everyone's turn, evenly spread, and one call's fault is nobody else's."""

import asyncio
from collections import Counter
from collections.abc import Callable

from media.server.pulse import PERIOD_S, SLOTS, SWEEP_BEATS, Pulse
from tests.virtual_time import VirtualLoop, clock_ms, run_virtual


def nothing() -> None:
    """For what a test does not look at."""


def beat(
    seconds: float,
    *,
    judge: Callable[[], object] = nothing,
    sweep: Callable[[], None] = nothing,
    prepare: Callable[[Pulse], None] = lambda pulse: None,
) -> list[dict[str, object]]:
    """Lets a pulse beat for so long; returns what was told to the loop's exception handler."""
    faults: list[dict[str, object]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
        pulse = Pulse(judge, sweep)
        prepare(pulse)
        pulse.start()
        await asyncio.sleep(seconds + PERIOD_S / 2)
        pulse.stop()
        await asyncio.sleep(10)

    run_virtual(scenario())
    return faults


def test_judges_every_20_ms_and_sweeps_once_a_second() -> None:
    judged: list[float] = []
    swept: list[float] = []
    assert beat(3, judge=lambda: judged.append(clock_ms()), sweep=lambda: swept.append(clock_ms())) == []
    assert [round(at) for at in judged] == list(range(20, 3_001, 20))
    assert [round(at) for at in swept] == [1_000, 2_000, 3_000]
    assert SWEEP_BEATS * PERIOD_S == 1.0


def test_every_member_is_ticked_four_times_a_second_and_no_beat_is_long() -> None:
    ticks: Counter[int] = Counter()
    beats: Counter[int] = Counter()

    def member(number: int) -> Callable[[], None]:
        def tick() -> None:
            ticks[number] += 1
            beats[round(clock_ms())] += 1

        return tick

    def prepare(pulse: Pulse) -> None:
        for number in range(30):
            pulse.add(number, member(number))

    beat(SLOTS * PERIOD_S * 10, prepare=prepare)
    assert set(ticks.values()) == {10}
    assert len(ticks) == 30
    assert max(beats.values()) == 3  # 30 members in 12 slots
    assert 4 <= 1 / (SLOTS * PERIOD_S) <= 5


def test_a_member_that_left_is_not_ticked_even_in_the_same_beat() -> None:
    ticked: list[str] = []

    def prepare(pulse: Pulse) -> None:
        def first() -> None:
            ticked.append("first")
            pulse.remove("second")

        pulse.add("first", first)
        for number in range(SLOTS - 1):
            pulse.add(number, nothing)
        pulse.add("second", lambda: ticked.append("second"))  # in the same slot as "first"
        pulse.remove("unheard of")

    beat(1, prepare=prepare)
    assert set(ticked) == {"first"}


def test_a_tick_that_fails_is_told_and_spares_its_neighbours_and_the_sweep() -> None:
    ticked: list[int] = []
    swept: list[float] = []

    def fail() -> None:
        raise ZeroDivisionError

    def prepare(pulse: Pulse) -> None:
        for number in range(SLOTS):
            pulse.add(f"bad {number}", fail)
        for number in range(SLOTS):
            pulse.add(number, lambda: ticked.append(1))

    faults = beat(2.4, sweep=lambda: swept.append(clock_ms()), prepare=prepare)
    assert len(ticked) == 120
    assert len(faults) == 120
    assert len(swept) == 2


def test_a_judge_that_fails_stops_no_tick() -> None:
    ticked: list[int] = []

    def judge() -> None:
        raise ZeroDivisionError

    faults = beat(2.4, judge=judge, prepare=lambda pulse: pulse.add("call", lambda: ticked.append(1)))
    assert len(ticked) == 10
    assert len(faults) == 120


def test_missed_beats_are_not_made_up_for() -> None:
    judged: list[float] = []

    def judge() -> None:
        judged.append(clock_ms())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        if len(judged) == 3:
            loop.advance(0.111)  # something blocked the loop

    beat(0.4, judge=judge)
    assert [round(at) for at in judged[:6]] == [20, 40, 60, 171, 191, 211]


def test_stopping_before_the_start_is_harmless() -> None:
    Pulse(nothing, nothing).stop()
