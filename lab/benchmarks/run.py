"""One run over all servers on one machine: the same load, one after the other."""

import datetime
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.load import LoadPlan, run_load, run_loads
from lab.benchmarks.meter import Meter
from lab.benchmarks.results import LoadResult, without_rivals
from lab.benchmarks.server import Contender, running

SLOWER = 1.25  # a server holds a load while its median answer is within this of its own at the smallest load
BARGE_AFTER_S = 1.0

Report = Callable[[str], None]


class Machine(msgspec.Struct, frozen=True):
    """The machine of a run."""

    processor: str
    cores: int
    system: str
    python: str
    date: str


class ServerRecord(msgspec.Struct, frozen=True):
    """One server's loads, smallest first. held: calls of the largest load that it held, None without one.

    barge: a load with interruptions. finished: a load whose callers speak a finished sentence.
    """

    name: str
    title: str
    loads: list[LoadResult]
    held: int | None
    barge: LoadResult | None = None
    finished: LoadResult | None = None

    @property
    def best(self) -> LoadResult:
        """The largest held load, or the smallest load."""
        return next((load for load in self.loads if load.calls == self.held), self.loads[0])


class BenchmarkRun(msgspec.Struct, frozen=True):
    """The results of a run."""

    machine: Machine
    records: list[ServerRecord]
    speech_ms: tuple[int, int]
    cycle_s: float


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """The loads of one server. steps: numbers of calls. barge, finished: calls of these loads, 0 for none."""

    contender: Contender
    steps: tuple[int, ...]
    seconds: float
    barge: int = 0
    finished: int = 0


class Bench:
    """Runs loads, each against a newly started server."""

    def __init__(self, phrase: Phrase, finished: Phrase, core: int, say: Report) -> None:
        self._phrase = phrase
        self._finished = finished
        self._core = core
        self._say = say

    def record(self, series: LoadSeries) -> ServerRecord:
        """Runs all loads of one server; stops increasing at the first one that it does not hold."""
        loads: list[LoadResult] = []
        for calls in series.steps:
            loads.append(self.load(series, calls))
            if not holds(loads[-1], loads[0]):
                break
        held = [load.calls for load in loads if holds(load, loads[0])]
        return ServerRecord(
            series.contender.name,
            series.contender.title,
            loads,
            max(held, default=None),
            self.load(series, series.barge, barge=True) if series.barge else None,
            self.load(series, series.finished, phrase=self._finished) if series.finished else None,
        )

    def load(self, series: LoadSeries, calls: int, *, barge: bool = False, phrase: Phrase | None = None) -> LoadResult:
        """Runs one load, and repeats it once if it was void. Raises server.NotReady when the server does not start."""
        result = self._run_once(series, calls, barge, phrase or self._phrase)
        if result.void:
            self._say(f"{series.contender.title}, {calls} calls: the machine was busy with other processes; repeating")
            result = self._run_once(series, calls, barge, phrase or self._phrase)
        self._say(f"{series.contender.title}: {summary(result)}{' (interruptions)' if barge else ''}")
        return result

    def side_by_side(self, contenders: Sequence[Contender], calls: int, seconds: float) -> list[LoadResult]:
        """Runs the same load against servers that share the core, in the same seconds: what slows the machine slows
        all of them. Repeated once if it was void. Raises server.NotReady."""
        results = self._run_together(contenders, calls, seconds)
        if any(result.void for result in results):
            self._say(f"{calls} calls each: the machine was busy with other processes; repeating")
            results = self._run_together(contenders, calls, seconds)
        for contender, result in zip(contenders, results, strict=True):
            self._say(f"{contender.title}: {summary(result)}")
        return results

    def _run_together(self, contenders: Sequence[Contender], calls: int, seconds: float) -> list[LoadResult]:
        behavior = CallerBehavior(len(self._phrase.frames))
        loads: list[tuple[LoadPlan, Meter | None]] = []
        with TemporaryDirectory() as folder, ExitStack() as stack:
            for contender in contenders:
                server = stack.enter_context(running(contender, self._core, Path(folder) / contender.name))
                plan = LoadPlan(server.url, calls, seconds, self._phrase, behavior)
                loads.append((plan, Meter(server.pid, self._core)))
            return without_rivals(run_loads(loads))

    def _run_once(self, series: LoadSeries, calls: int, barge: bool, phrase: Phrase) -> LoadResult:
        behavior = CallerBehavior(len(phrase.frames), barge_after_s=BARGE_AFTER_S if barge else None)
        with TemporaryDirectory() as folder, running(series.contender, self._core, Path(folder) / "log") as server:
            plan = LoadPlan(server.url, calls, series.seconds, phrase, behavior)
            return run_load(plan, Meter(server.pid, self._core))


def holds(load: LoadResult, smallest: LoadResult) -> bool:
    """Whether a server holds a load: no call lost, no turn unanswered, and latency close to that of a small load."""
    return load.whole and load.turns > 0 and load.latency.p50 <= SLOWER * smallest.latency.p50


def summary(load: LoadResult) -> str:
    """A load in one line."""
    cost = f", {load.server.cpu_ms:.2f} ms a call-second" if load.server else ""
    yields = f", {len(load.yields)} interruptions" if load.yields or load.unyielded else ""
    return (
        f"{load.calls} calls, {load.turns} turns{cost}, "
        f"answer p50 {load.latency.p50:.0f} p95 {load.latency.p95:.0f} ms, "
        f"{load.unanswered} unanswered, {load.underruns} underruns, {load.lost + load.refused} lost{yields}, "
        f"generator {load.generator:.0%} of its core, late by p99 {load.lag.p99:.1f} ms"
    )


def machine() -> Machine:
    """Describes this machine, without its name."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def _processor() -> str:
    lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
