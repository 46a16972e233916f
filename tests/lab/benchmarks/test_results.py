"""The figures of a load."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.benchmarks.caller import Caller, CallerBehavior, Turn
from lab.benchmarks.clip import Phrase
from lab.benchmarks.line import Line, LineState
from lab.benchmarks.meter import CpuReading
from lab.benchmarks.results import LoadResult, in_window, judge, openings, server_cost, spread, without_rivals


def test_nearest_rank() -> None:
    whole = spread(range(1, 101))
    assert (whole.count, whole.p50, whole.p95, whole.p99, whole.worst) == (100, 50, 95, 99, 100)
    assert spread([7.0]).p50 == 7.0
    assert spread([]).count == 0


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_values_in_order(values: list[float]) -> None:
    whole = spread(values)
    assert min(values) <= whole.p50 <= whole.p95 <= whole.p99 <= whole.worst == max(values)
    assert {whole.p50, whole.p95, whole.p99} <= set(values)


def test_turns_are_assigned_by_the_end_of_their_speech() -> None:
    turns = [Turn(began=1.0, ended=ended) for ended in (1.9, 2.0, 3.99, 4.0, None)]
    assert [turn.ended for turn in in_window(turns, 2.0, 4.0)] == [2.0, 3.99]


def test_judgment() -> None:
    turns = [
        Turn(began=0.0, ended=1.0, answered=1.75, gaps=[0.1, 0.3]),
        Turn(began=2.0, ended=3.0, cut_in=True),
        Turn(began=4.0, ended=5.0, answered=5.8, interrupts=True, cleared=4.2),
        Turn(began=6.0, ended=7.0, interrupts=True),
    ]
    states = [LineState.UP, LineState.LOST, LineState.REFUSED, LineState.DIALING]
    result = judge(turns, states, errors=5, seconds=10.0, lags=[0.001, 0.002], generator=0.25)
    assert (result.calls, result.lost, result.refused, result.errors) == (4, 1, 2, 5)
    assert (result.turns, result.unanswered, result.cut_in, result.underruns) == (4, 2, 1, 2)
    assert result.longest_gap_ms == pytest.approx(300)
    assert result.latencies == [750, 800]
    assert (result.yields, result.unyielded) == ([200], 1)
    assert (result.lag.p50, result.lag.worst) == (1.0, 2.0)


def test_openings_are_first_words_and_the_first_two_answers() -> None:
    def call(*turns: Turn, heard: float | None) -> Line:
        caller = Caller(CallerBehavior(phrase_frames=1), first_turn_at=0.0)
        caller.turns, caller.first_heard = list(turns), heard
        line = Line("ws://127.0.0.1/", 1, Phrase((), 0, 0), caller, lambda up: None)
        line.up_at = 1.0
        return line

    def turn(ended: float, answered: float | None) -> Turn:
        return Turn(began=0.0, ended=ended, answered=answered)

    lines = [
        call(turn(3.0, 3.7), turn(11.0, 11.6), turn(20.0, 20.1), heard=1.1),
        call(turn(3.0, 3.8), turn(11.0, None), heard=1.2),
        call(turn(3.0, 3.9), heard=None),
    ]
    assert openings(lines) == {"first_words": [100, 200], "first_answers": [700], "second_answers": [600]}


@pytest.mark.parametrize("state", [LineState.LOST, LineState.REFUSED, LineState.DIALING])
def test_load_that_lost_a_call_is_not_held(state: LineState) -> None:
    turns = [Turn(began=0.0, ended=1.0, answered=1.8)]
    assert judge(turns, [LineState.UP], 0, 1.0, [], 0.1).whole
    assert not judge(turns, [LineState.UP, state], 0, 1.0, [], 0.1).whole


def test_server_cost() -> None:
    before = CpuReading(at=100.0, used=5.0, core_busy=50.0, core_stolen=1.0)
    after = CpuReading(at=110.0, used=9.0, core_busy=55.5, core_stolen=1.2)
    use = server_cost(before, after, calls=400, few=2, memory=(100.0, 259.2))
    assert use.cpu_ms == pytest.approx(1.0)
    assert use.share == pytest.approx(0.4)
    assert use.others == pytest.approx(0.15)
    assert use.stolen == pytest.approx(0.02)
    assert use.per_call == pytest.approx(0.4)


def _result(used_s: float, core_busy_s: float) -> LoadResult:
    """Of ten calls in ten seconds."""
    before, after = CpuReading(0.0, 0.0, 0.0, 0.0), CpuReading(10.0, used_s, core_busy_s, 0.0)
    cost = server_cost(before, after, calls=10, few=2, memory=(1.0, 2.0))
    return msgspec.structs.replace(judge([], [LineState.UP] * 10, 0, 10.0, [], 0.1), server=cost)


def test_servers_that_share_a_core_do_not_disturb_each_other() -> None:
    """Both together take 5 s of the core's 10; something else 1 s."""
    results = [_result(3.0, 6.0), _result(2.0, 6.0)]
    assert all(result.void for result in results)
    apart = without_rivals(results)
    assert [result.server.others for result in apart if result.server] == pytest.approx([0.1, 0.1])
    assert [result.server.cpu_ms for result in apart if result.server] == pytest.approx([30.0, 20.0])
    assert not any(result.void for result in apart)


def test_something_else_on_a_shared_core_voids_both() -> None:
    assert all(result.void for result in without_rivals([_result(3.0, 8.0), _result(2.0, 8.0)]))
