"""Runs the simulated vendors in a process of their own, beside the server under test and not in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lab.benchmarks.results import Spread, spread
from lab.benchmarks.server import ROOT, NotReady, stop
from lab.benchmarks.vendors.conversation import VendorAddresses, write_json
from lab.benchmarks.vendors.markers import MarkerArrival


class LoopBeat(msgspec.Struct, frozen=True, array_like=True):
    """A beat of the vendors' event loop: seconds of the monotonic clock, how late it was, processor time until then."""

    at: float
    late_s: float
    cpu_s: float


class VendorFigures(msgspec.Struct, frozen=True):
    """What the vendors have measured."""

    arrivals: list[MarkerArrival] = []
    beats: list[LoopBeat] = []

    def share(self, start: float, end: float) -> float:
        """The share of a core that they used between these times."""
        within = [beat for beat in self.beats if start <= beat.at < end]
        if len(within) < 2:
            return 0.0
        return (within[-1].cpu_s - within[0].cpu_s) / (within[-1].at - within[0].at)

    def lag(self, start: float, end: float) -> Spread:
        """How late they were between these times, in ms."""
        return spread(beat.late_s * 1_000 for beat in self.beats if start <= beat.at < end)


@dataclass(slots=True)
class RunningVendors:
    """The running process. figures: set once it has ended."""

    addresses: VendorAddresses
    figures: VendorFigures


@contextmanager
def running_vendors(config: dict[str, Any], core: int, folder: Path) -> Iterator[RunningVendors]:
    """Runs the vendors pinned to `core`; the folder takes their files. Raises NotReady."""
    arguments = ["--config", str(write_json(folder / "vendors.json", config)), "--folder", str(folder)]
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator.vendors.timed_vendors", *arguments], cwd=ROOT, stdout=subprocess.PIPE
        )
    finally:
        os.sched_setaffinity(0, own)
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise NotReady("the simulated vendors did not start")
            running = RunningVendors(msgspec.json.decode(line, type=VendorAddresses), VendorFigures())
            yield running
        finally:
            stop(process)
    running.figures = msgspec.json.decode((folder / "figures.json").read_bytes(), type=VendorFigures)
