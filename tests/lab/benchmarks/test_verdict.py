"""Performance targets, and whether a run meets them."""

from typing import Any

import msgspec
import pytest

from lab.benchmarks.results import LoadResult, ServerCost, Spread
from lab.benchmarks.run import ServerRecord, holds
from lab.benchmarks.verdict import DEMANDS, overhead, verdict

CPU, HELD, MEMORY, LATENCY, BARGE = DEMANDS
USE = ServerCost(1.5, 0.6, 0.01, 0.0, 100.0, 240.0, 0.35)


def load(calls: int = 400, **changes: Any) -> LoadResult:
    good = LoadResult(
        calls=calls,
        seconds=60.0,
        refused=0,
        lost=0,
        errors=0,
        turns=4,
        unanswered=0,
        cut_in=0,
        underruns=0,
        longest_gap_ms=0.0,
        latencies=[800.0, 810.0, 820.0, 830.0],
        yields=[200.0, 250.0],
        unyielded=0,
        lag=Spread(100, 0.5, 1.0, 2.0, 5.0),
        generator=0.3,
        server=USE,
    )
    return msgspec.structs.replace(good, **changes)


def record(result: LoadResult, held: int | None = 400) -> ServerRecord:
    return ServerRecord("ours", "ours", [result], held, barge=result)


def test_all_targets_are_met() -> None:
    assert [verdict(demand, record(load())) for demand in DEMANDS] == ["PASS"] * 5


@pytest.mark.parametrize(
    ("demand", "changes"),
    [
        (CPU, {"server": msgspec.structs.replace(USE, cpu_ms=2.01)}),
        (MEMORY, {"server": msgspec.structs.replace(USE, per_call=0.41)}),
        (LATENCY, {"latencies": [841.0]}),
        (BARGE, {"yields": [301.0]}),
        (BARGE, {"yields": [1.0], "unyielded": 1}),
    ],
)
def test_each_target_can_be_missed(demand: object, changes: dict[str, Any]) -> None:
    outcomes = {each: verdict(each, record(load(**changes))) for each in DEMANDS}
    assert outcomes == {each: "MISS" if each is demand else "PASS" for each in DEMANDS}


def test_a_load_that_is_not_held_is_a_miss() -> None:
    assert verdict(HELD, record(load(), held=None)) == "MISS"


def test_target_without_a_measurement_is_not_run() -> None:
    assert verdict(CPU, None) == "not run"
    assert verdict(CPU, record(load(server=None))) == "not run"
    assert verdict(BARGE, msgspec.structs.replace(record(load()), barge=None)) == "not run"


@pytest.mark.parametrize(
    "changes",
    [
        {"lag": Spread(100, 0.5, 1.0, 10.1, 50.0)},
        {"generator": 0.95},
        {"server": msgspec.structs.replace(USE, others=0.2, stolen=0.1)},
    ],
)
def test_a_disturbed_load_is_void(changes: dict[str, Any]) -> None:
    assert not load().void
    assert verdict(CPU, record(load(**changes))) == "VOID"


def test_overhead_is_the_latency_without_the_delays() -> None:
    assert overhead(800.0) == 20.0


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"refused": 1},
        {"errors": 1},
        {"unanswered": 1},
        {"underruns": 1},
        {"turns": 0},
        {"latencies": [1050.0]},
    ],
)
def test_load_that_is_not_held(changes: dict[str, Any]) -> None:
    assert holds(load(), load())
    assert holds(load(latencies=[1000.0]), load())
    assert not holds(load(**changes), load())


def test_the_best_load_is_the_largest_held() -> None:
    climbed = ServerRecord("lean", "lean", [load(10), load(20), load(30)], held=20)
    assert climbed.best.calls == 20
    assert msgspec.structs.replace(climbed, held=None).best.calls == 10
