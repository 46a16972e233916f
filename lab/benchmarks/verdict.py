"""The performance targets of our media server, and whether a run meets them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lab.benchmarks.delays import read_delays
from lab.benchmarks.results import LoadResult, spread
from lab.benchmarks.run import ServerRecord

TargetResult = Literal["PASS", "MISS", "VOID", "not run"]


@dataclass(frozen=True, slots=True)
class Demand:
    """One target. figure: reads the value from a server's record; None if it was not measured."""

    what: str
    unit: str
    limit: float
    at_least: bool
    figure: Callable[[ServerRecord], float | None]
    load: Callable[[ServerRecord], LoadResult | None]

    def met(self, value: float) -> bool:
        """Whether the value meets the target."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def words(self) -> str:
        """The target as text."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".rstrip()


def overhead(latency_ms: float) -> float:
    """Milliseconds above the silence and the stand-ins' delays."""
    return latency_ms - read_delays().total


def verdict(demand: Demand, record: ServerRecord | None) -> TargetResult:
    """The targets, for our server."""
    load = demand.load(record) if record else None
    value = demand.figure(record) if record else None
    if load is None or value is None:
        return "not run"
    if load.void:
        return "VOID"
    return "PASS" if demand.met(value) else "MISS"


def _best(record: ServerRecord) -> LoadResult | None:
    return record.best


def _last(record: ServerRecord) -> LoadResult | None:
    return record.loads[-1]


def _barge(record: ServerRecord) -> LoadResult | None:
    return record.barge


def _cpu(record: ServerRecord) -> float | None:
    return record.best.server.cpu_ms if record.best.server else None


def _memory(record: ServerRecord) -> float | None:
    return record.best.server.per_call if record.best.server else None


def _overhead_p95(record: ServerRecord) -> float | None:
    return overhead(record.best.latency.p95) if record.best.latencies else None


def _held(record: ServerRecord) -> float | None:
    return float(record.held or 0)


def _yield_p95(record: ServerRecord) -> float | None:
    """The p95 of the time to `clear`; an interruption without one counts as infinite."""
    if record.barge is None or not (record.barge.yields or record.barge.unyielded):
        return None
    return spread([*record.barge.yields, *([float("inf")] * record.barge.unyielded)]).p95


DEMANDS = (
    Demand("CPU per call-second", "ms", 2.0, False, _cpu, _best),
    Demand("calls on one core, no loss, no underrun", "", 400, True, _held, _last),
    Demand("memory per further call", "MB", 0.4, False, _memory, _best),
    Demand("answer latency over silence and stand-ins, p95", "ms", 60, False, _overhead_p95, _best),
    Demand("barge-in: first speech frame to `clear`, p95", "ms", 300, False, _yield_p95, _barge),
)
