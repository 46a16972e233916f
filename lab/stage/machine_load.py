"""How busy the machine was during a rehearsal: if it was too busy, the silences are the machine's, not the calls'.

The simulated carrier, the callers and the vendors share one event loop, so its lag is theirs.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Final

from lab.benchmarks.meter import CpuReading, Meter
from lab.benchmarks.results import Spread, spread

BEAT_S: Final = 0.005
# A frame: beyond this callers and vendors may have been late.
MOST_LAG_MS: Final = 20.0
# Cores used by programs that are no part of the run, or by other virtual machines.
MOST_OTHERS: Final = 0.25


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """lag: of the loop of callers and vendors, in ms. own: cores used by them; nodes: by the media nodes and their
    Valkey; others: by anything else, and by other virtual machines."""

    lag: Spread
    own: float
    nodes: float
    others: float

    @property
    def is_valid(self) -> bool:
        """Whether the figures are the calls'."""
        return self.lag.p99 <= MOST_LAG_MS and self.others <= MOST_OTHERS

    @property
    def text(self) -> str:
        """For a page."""
        return (
            f"callers, carrier and vendors {self.own:.2f} of a core, media nodes {self.nodes:.2f}, other programs "
            f"{self.others:.2f}; callers and vendors were late by {self.lag.p50:.1f} ms (p50), {self.lag.p99:.1f} ms "
            f"(p99), {self.lag.worst:.0f} ms (longest)"
        )


@dataclass(slots=True)
class LoadGauge:
    """Measures while `measuring_load` is entered. load: set when it has ended."""

    load: MachineLoad | None = None
    _late_ms: list[float] = field(default_factory=list)

    async def beat(self) -> None:
        """Measures how late the loop is, until it is cancelled."""
        while True:
            due = perf_counter() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self._late_ms.append(max(0.0, perf_counter() - due) * 1_000)

    @property
    def lag(self) -> Spread:
        """The lag until now."""
        return spread(self._late_ms)


@asynccontextmanager
async def measuring_load() -> AsyncIterator[LoadGauge]:
    """Measures this process, its children and the machine (Linux) as long as the block runs."""
    gauge = LoadGauge()
    beating = asyncio.create_task(gauge.beat())
    before, own_before = _read_cores(), process_time()
    try:
        yield gauge
    finally:
        beating.cancel()
        gauge.load = _compare(before, _read_cores(), process_time() - own_before, gauge.lag)


def _read_cores() -> list[CpuReading]:
    return [Meter(os.getpid(), core).cpu() for core in sorted(os.sched_getaffinity(0))]


def _compare(before: list[CpuReading], after: list[CpuReading], own_s: float, lag: Spread) -> MachineLoad:
    seconds = after[0].at - before[0].at
    used_s = after[0].used - before[0].used
    busy_s = sum(reading.core_busy + reading.core_stolen for reading in after)
    busy_s -= sum(reading.core_busy + reading.core_stolen for reading in before)
    return MachineLoad(
        lag=lag,
        own=own_s / seconds,
        nodes=max(0.0, used_s - own_s) / seconds,
        others=max(0.0, busy_s - used_s) / seconds,
    )
