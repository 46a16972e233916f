"""One run of calls with simulated vendors: ours and pipecat's, one after the other; each load has new vendors."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.load import LoadPlan, run_load
from lab.benchmarks.meter import Meter
from lab.benchmarks.results import GENERATOR_SHARE, LAG_MS, LoadResult, Spread, spread
from lab.benchmarks.run import Machine, holds, summary
from lab.benchmarks.server import LEAN, OURS, STOCK, Contender, running
from lab.benchmarks.vendors.conversation import (
    BASE,
    VendorAddresses,
    VendorTrio,
    make_plan,
    make_services,
    make_vendor_config,
    write_json,
)
from lab.benchmarks.vendors.markers import MarkerLog
from lab.benchmarks.vendors.vendor_process import VendorFigures, running_vendors

# Calls that begin in a second: each costs the simulated vendors three handshakes.
PER_SECOND = 20.0

PEER_SECONDS = 30.0

Say = Callable[[str], None]


class VendorLoad(msgspec.Struct, frozen=True):
    """One load. recogniser_ms: from sending a frame until its audio came to the recognizer's socket. missing: markers
    that did not come. vendors: share of a core that the simulated vendors used; vendor_lag: how late they were, ms."""

    load: LoadResult
    recognizer_ms: list[float]
    missing: int
    vendors: float
    vendor_lag: Spread

    @property
    def recognizer(self) -> Spread:
        """Percentiles of the time to the recognizer's socket."""
        return spread(self.recognizer_ms)

    @property
    def void(self) -> bool:
        """Whether the server's core was too shared, or callers and vendors were too busy, for valid figures."""
        crowded = self.vendors + self.load.generator > GENERATOR_SHARE
        return self.load.void or crowded or self.vendor_lag.p99 > LAG_MS


class VendorRecord(msgspec.Struct, frozen=True):
    """One server's loads, smallest first. held: calls of the largest one that it held; None without one."""

    name: str
    title: str
    loads: list[VendorLoad]
    held: int | None

    @property
    def best(self) -> VendorLoad:
        """The largest held load, or the smallest one."""
        return next((load for load in self.loads if load.load.calls == self.held), self.loads[0])


class VendorRun(msgspec.Struct, frozen=True):
    """The results of a run."""

    machine: Machine
    records: list[VendorRecord]


@dataclass(frozen=True, slots=True)
class VendorSeries:
    """The loads of one server. smaller: loads in place of a first one that was void. trio: of our server."""

    contender: Contender
    steps: tuple[int, ...]
    seconds: float
    smaller: tuple[int, ...] = ()
    trio: VendorTrio = BASE


@dataclass(frozen=True, slots=True)
class LoadCores:
    """CPU cores. server: under test. vendors: of the simulated vendors; the callers run on the process's own."""

    server: int
    vendors: int


def prepare(contender: Contender, addresses: VendorAddresses, folder: Path, trio: VendorTrio = BASE) -> Contender:
    """The server with the simulated vendors' addresses, which are written into the folder."""
    trust = {"SSL_CERT_FILE": addresses.authority}
    if contender.name == OURS.name:
        path = write_json(folder / "plan.json", make_plan(addresses, trio))
        arguments = ("-m", "media", "--port", "{port}", "--plan", str(path))
        return replace(contender, arguments=arguments, environment=trust)
    path = write_json(folder / "services.json", make_services(addresses))
    return replace(contender, arguments=(*contender.arguments, "--services", str(path)), environment=trust)


class VendorBench:
    """Runs loads, each against a newly started server with newly started vendors."""

    def __init__(self, phrase: Phrase, cores: LoadCores, say: Say) -> None:
        self._phrase = phrase
        self._cores = cores
        self._say = say

    def record(self, series: VendorSeries) -> VendorRecord:
        """Runs the loads of one server; stops at the first one that it does not hold. Raises server.NotReady."""
        loads: list[VendorLoad] = []
        for calls in series.steps:
            loads.append(self.load(series, calls))
            if not self._held(loads, loads[-1]):
                break
        for calls in series.smaller:
            if not loads[0].void:
                break
            loads.insert(0, self.load(series, calls))
        held = [one.load.calls for one in loads if self._held(loads, one)]
        return VendorRecord(series.contender.name, series.contender.title, loads, max(held, default=None))

    @staticmethod
    def _held(loads: list[VendorLoad], load: VendorLoad) -> bool:
        return holds(load.load, loads[0].load) and not load.void

    def load(self, series: VendorSeries, calls: int) -> VendorLoad:
        """Runs one load, and repeats it once if it was void."""
        result = self._run_once(series, calls)
        if result.void:
            self._say(f"{series.contender.title}, {calls} calls: the machine was too busy; repeating")
            result = self._run_once(series, calls)
        self._say(f"{series.contender.title}: {describe(result)}")
        return result

    def _run_once(self, series: VendorSeries, calls: int) -> VendorLoad:
        log = MarkerLog()
        with TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            config = make_vendor_config(self._phrase, serves_all=series.trio != BASE)
            with running_vendors(config, self._cores.vendors, folder) as vendors:
                contender = prepare(series.contender, vendors.addresses, folder, series.trio)
                with running(contender, self._cores.server, folder / "log") as server:
                    plan = self._plan(server.url, calls, series.seconds, log)
                    load = run_load(plan, Meter(server.pid, self._cores.server))
        return join(load, log, vendors.figures)

    def _plan(self, url: str, calls: int, seconds: float, log: MarkerLog) -> LoadPlan:
        behavior = CallerBehavior(len(self._phrase.frames), greeted=True)
        return LoadPlan(
            url=url,
            calls=calls,
            seconds=seconds,
            phrase=self._phrase,
            behavior=behavior,
            per_second=PER_SECOND,
            make_silence=lambda number: log.of_call(number).next_frame,
        )


def join(load: LoadResult, log: MarkerLog, figures: VendorFigures) -> VendorLoad:
    """What callers and vendors measured of one load."""
    start, end = load.began, load.began + load.seconds
    return VendorLoad(
        load,
        log.delays_ms(figures.arrivals, start, end),
        log.missing(figures.arrivals, start, end),
        figures.share(start, end),
        figures.lag(start, end),
    )


def vendor_series(calls: int, seconds: float) -> list[VendorSeries]:
    """The loads of each server."""
    smaller = tuple(sorted({calls * 3 // 4, calls // 2} - {0, calls}, reverse=True))
    return [
        VendorSeries(OURS, (calls,), seconds, smaller),
        VendorSeries(LEAN, (5, 10, 15, 20, 30), min(seconds, PEER_SECONDS)),
        VendorSeries(STOCK, (4, 8), min(seconds, PEER_SECONDS)),
    ]


def describe(result: VendorLoad) -> str:
    """A load in one line."""
    load, recognizer = result.load, result.recognizer
    first, answers = spread(load.first_words), (spread(load.first_answers), spread(load.second_answers))
    return (
        f"{summary(load)}; to the recognizer p50 {recognizer.p50:.1f} p99 {recognizer.p99:.1f} ms "
        f"({recognizer.count} frames, {result.missing} did not come); first word p50 {first.p50:.0f} "
        f"p95 {first.p95:.0f} ms, first answer p95 {answers[0].p95:.0f}, second {answers[1].p95:.0f} ms; "
        f"vendors {result.vendors:.0%} of a core, late by p99 {result.vendor_lag.p99:.1f} ms"
    )
