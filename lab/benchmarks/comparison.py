"""Two commits of our media server under the same load, side by side: the ratio of their CPU cost."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.benchmarks.results import LoadResult
from lab.benchmarks.run import Bench
from lab.benchmarks.server import OURS

# Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond the table, of the normal distribution.
_T95: Final = {
    1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 12: 2.18, 15: 2.13,
    20: 2.09, 29: 2.05,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadSize:
    """The size of a load. calls: concurrent calls of each server. seconds: the measured window."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """The geometric mean of the pairs' ratios, with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def compare(bench: Bench, base: Path, size: LoadSize, pairs: int) -> Iterator[str]:
    """Yields a line per pair, then the ratio. Raises server.NotReady.

    The two servers of a pair have their calls on one core in the same seconds, because a shared machine's speed changes
    by more from one minute to the next than one commit from another. Which one starts first alternates.
    """
    both = (OURS, replace(OURS, name="base", title=f"base {base.name}", folder=base))
    costs = []
    for pair in range(pairs):
        order = both if pair % 2 == 0 else both[::-1]
        results = bench.side_by_side(order, size.calls, size.seconds)
        cost = {contender.name: _cpu_ms(result) for contender, result in zip(order, results, strict=True)}
        costs.append(cost)
        quotient = cost["ours"] / cost["base"]
        yield f"pair {pair + 1}: {cost['ours']:.3f} / {cost['base']:.3f} ms a call-second = {quotient:.3f}"
    yield paired(costs)


def paired(costs: Sequence[Mapping[str, float]]) -> str:
    """One line on pairs of costs, each of `ours` and of `base`."""
    ratio = interval([cost["ours"] / cost["base"] for cost in costs])
    return f"ratio {ratio.mean:.3f}, 95 % interval {ratio.low:.3f} to {ratio.high:.3f} ({len(costs)} pairs)"


def interval(ratios: Sequence[float]) -> Ratio:
    """The mean of two or more ratios, which are assumed to be log-normal."""
    logs = [math.log(ratio) for ratio in ratios]
    freedom = len(logs) - 1
    quantile = next((t for degrees, t in sorted(_T95.items(), reverse=True) if degrees <= freedom), _T95[1])
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.fmean(logs)
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def _cpu_ms(result: LoadResult) -> float:
    assert result.server is not None
    return result.server.cpu_ms
