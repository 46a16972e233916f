"""The targets of our server in calls with vendors, and whether a run meets them."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.benchmarks.results import spread
from lab.benchmarks.vendors.run import VendorLoad, VendorRecord
from lab.benchmarks.verdict import TargetResult, overhead


@dataclass(frozen=True, slots=True)
class VendorTarget:
    """One target: what `figure` reads from a load, in ms, has to be at most `limit`."""

    what: str
    limit: float
    figure: Callable[[VendorLoad], float | None]

    def verdict(self, record: VendorRecord | None) -> TargetResult:
        """Whether the server's best load meets it."""
        load = record.best if record else None
        value = self.figure(load) if load else None
        if record is None or load is None or value is None:
            return "not run"
        if load.void:
            return "VOID"
        return "PASS" if value <= self.limit and record.held is not None else "MISS"


def _cpu(load: VendorLoad) -> float | None:
    return load.load.server.cpu_ms if load.load.server else None


def _added(load: VendorLoad) -> float | None:
    return overhead(load.load.latency.p95) if load.load.latencies else None


def _recognizer(load: VendorLoad) -> float | None:
    """The p99; a marker that did not come counts as infinite."""
    if not load.recognizer_ms:
        return None
    return spread([*load.recognizer_ms, *([float("inf")] * load.missing)]).p99


def _first_word(load: VendorLoad) -> float | None:
    """How much later than the second answer the greeting comes, each by its p95."""
    first, second = spread(load.load.first_words), spread(load.load.second_answers)
    return first.p95 - second.p95 if first.count and second.count else None


TARGETS = (
    VendorTarget("CPU per call-second", 4.0, _cpu),
    VendorTarget("answer latency over silence and vendors' delays, p95", 60.0, _added),
    VendorTarget("caller's frame to the recognizer's socket, p99", 40.0, _recognizer),
    VendorTarget("first word of a call after that of its second turn, p95", 0.0, _first_word),
)
