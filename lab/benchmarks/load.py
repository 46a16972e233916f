"""The load: N callers connect, talk for a measured window, and hang up."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlsplit

import msgspec
import uvloop

from lab.benchmarks.caller import Caller, CallerBehavior
from lab.benchmarks.clip import SILENCE, Phrase
from lab.benchmarks.line import Line, LineState
from lab.benchmarks.meter import CpuReading, Meter
from lab.benchmarks.pacer import Pacer
from lab.benchmarks.results import LoadResult, in_window, judge, openings, server_cost

FEW = 2  # calls that are connected at the first reading of memory
GOODBYE_S = 0.5


MakeFrame = Callable[[], bytes]


def digital_silence(number: int) -> MakeFrame:
    """Silent frames for any call."""
    return lambda: SILENCE


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load.

    seconds: the measured window. per_second: rate at which calls connect. settle_s: time between the last connection
    and the window. dial_s: a call that is not connected by then counts as refused. make_silence: for a call's number,
    what makes each of its silent frames. make_suffix: for a call's number, what follows the URL. on_connected: awaited
    when all calls are connected.
    """

    url: str
    calls: int
    seconds: float
    phrase: Phrase
    behavior: CallerBehavior
    per_second: float = 40.0
    settle_s: float = 8.0
    dial_s: float = 10.0
    make_silence: Callable[[int], MakeFrame] = digital_silence
    make_suffix: Callable[[int], str] = lambda number: ""
    on_connected: Callable[[Sequence[Line]], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class _Window:
    start: float
    end: float
    lags: list[float]
    generator: float  # seconds of processor time
    cpu: tuple[CpuReading, CpuReading] | None


def run_load(plan: LoadPlan, meter: Meter | None = None) -> LoadResult:
    """Runs a load against a running server; blocks until its end. With a meter, the result has the server's cost."""
    with _no_collections():
        return uvloop.run(_Load(plan, meter).run())


def run_loads(loads: Sequence[tuple[LoadPlan, Meter | None]]) -> list[LoadResult]:
    """Runs loads of equal lengths side by side, each against a server of its own, so that their windows are the same
    seconds. The generator's share is that of all."""
    with _no_collections():
        return uvloop.run(_run_together([_Load(plan, meter) for plan, meter in loads]))


@contextmanager
def _no_collections() -> Iterator[None]:
    """Disables garbage collection: the generator makes few cycles, and a pause would count against the server."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _run_together(loads: Sequence["_Load"]) -> list[LoadResult]:
    return await asyncio.gather(*(load.run() for load in loads))


class _Load:
    def __init__(self, plan: LoadPlan, meter: Meter | None) -> None:
        self._plan = plan
        self._meter = meter
        self._pacer = Pacer()
        self._lines: list[Line] = []

    async def run(self) -> LoadResult:
        plan = self._plan
        self._pacer.start()
        few = min(FEW, plan.calls)
        await self._dial(range(few))
        await asyncio.sleep(plan.behavior.cycle_s if self._meter else 0)
        memory_few = await self._memory()
        await self._dial(range(few, plan.calls))
        if plan.on_connected is not None:
            await plan.on_connected(self._lines)
        await asyncio.sleep(plan.settle_s)
        window = await self._measure()
        memory_all = await self._memory()
        await asyncio.sleep(plan.behavior.patience_s)
        result = self._result(window, few, (memory_few, memory_all))
        await self._hang_up()
        return result

    async def _dial(self, numbers: range) -> None:
        started = perf_counter()
        dialing = []
        for count, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, started + count / self._plan.per_second - perf_counter()))
            dialing.append(asyncio.create_task(self._connect(self._line(number))))
        await asyncio.gather(*dialing)

    def _line(self, number: int) -> Line:
        # The golden ratio spreads the callers' first turns evenly over one cycle, also for the first few callers.
        share = number * 0.618034 % 1.0
        caller = Caller(self._plan.behavior, perf_counter() + 0.5 + share * self._plan.behavior.cycle_s)
        line = Line(
            self._plan.url + self._plan.make_suffix(number),
            number,
            self._plan.phrase,
            caller,
            on_up=lambda up: self._pacer.join(up.send_frame),
            silence=self._plan.make_silence(number),
        )
        self._lines.append(line)
        return line

    async def _connect(self, line: Line) -> None:
        url, loop = urlsplit(self._plan.url), asyncio.get_running_loop()
        opening = loop.create_connection(lambda: line, url.hostname or "127.0.0.1", url.port or 80)
        deadline = perf_counter() + self._plan.dial_s
        try:
            await asyncio.wait_for(opening, self._plan.dial_s)
        except (OSError, TimeoutError):
            line.state = LineState.REFUSED
        while line.state is LineState.DIALING and perf_counter() < deadline:  # noqa: ASYNC110  a poll costs less than 400 events
            await asyncio.sleep(0.02)

    async def _measure(self) -> _Window:
        before = self._meter.cpu() if self._meter else None
        first_lag = len(self._pacer.lags)
        start, own = perf_counter(), time.process_time()
        await asyncio.sleep(self._plan.seconds)
        end, own = perf_counter(), time.process_time() - own
        lags = self._pacer.lags[first_lag:]
        after = self._meter.cpu() if self._meter else None
        return _Window(start, end, lags, own, (before, after) if before and after else None)

    async def _memory(self) -> float:
        # In a thread: the kernel walks the server's pages for milliseconds.
        return await asyncio.to_thread(self._meter.memory) if self._meter else 0.0

    def _result(self, window: _Window, few: int, memory: tuple[float, float]) -> LoadResult:
        turns = [turn for line in self._lines for turn in in_window(line.caller.turns, window.start, window.end)]
        seconds = window.end - window.start
        result = judge(
            turns,
            [line.state for line in self._lines],
            sum(line.errors for line in self._lines),
            seconds,
            window.lags,
            window.generator / seconds,
        )
        use = server_cost(*window.cpu, calls=len(self._lines), few=few, memory=memory) if window.cpu else None
        return msgspec.structs.replace(result, server=use, began=window.start, **openings(self._lines))

    async def _hang_up(self) -> None:
        for line in self._lines:
            line.hang_up()
        self._pacer.stop()
        await asyncio.sleep(GOODBYE_S)
        for line in self._lines:
            line.close()
