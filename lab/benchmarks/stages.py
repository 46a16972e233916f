"""What the stages of the frame path cost in a whole server: servers that lack a stage run beside one that has all.

All servers have their calls on one core in the same seconds, as in `comparison.py`. Callers are silent, so every frame
is alike and no turn happens.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.comparison import LoadSize
from lab.benchmarks.load import LoadPlan, run_loads
from lab.benchmarks.meter import Meter
from lab.benchmarks.results import LoadResult
from lab.benchmarks.server import OURS, Contender, running

FRAMES_PER_S: Final = 50


def _trimmed(stage: str) -> Contender:
    arguments = ("-m", "tools.trimmed_media", stage, *OURS.arguments[2:])
    return replace(OURS, name=stage, title=f"without {stage}", arguments=arguments)


SERVERS: Final = (OURS, _trimmed("ticks"), _trimmed("path"))


def measure(phrase: Phrase, size: LoadSize, rounds: int, core: int) -> Iterator[str]:
    """Yields a line per round, then the medians as Markdown. Raises server.NotReady, RuntimeError if a call was lost.

    Args:
        size: The calls of each server.
        core: The core of all servers.
    """
    costs: list[Mapping[str, float]] = []
    for number in range(rounds):
        order = SERVERS if number % 2 == 0 else SERVERS[::-1]
        found = dict(zip((server.name for server in order), _run(order, phrase, size, core), strict=True))
        costs.append({name: _frame_us(result) for name, result in found.items()})
        yield "round " + ", ".join(f"{name} {us:.1f}" for name, us in costs[-1].items()) + " us a frame"
    yield from table(costs)


def table(costs: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """The medians of the differences, as Markdown. costs: µs per frame of each server, a mapping per round."""
    stages = {
        "kernel, event loop and WebSocket": [cost["path"] for cost in costs],
        "message to floor": [cost["ticks"] - cost["path"] for cost in costs],
        "ticks of the calls": [cost["ours"] - cost["ticks"] for cost in costs],
        "whole server": [cost["ours"] for cost in costs],
    }
    yield "| stage | CPU per frame, µs |"
    yield "| --- | --- |"
    for stage, values in stages.items():
        yield f"| {stage} | {statistics.median(values):.1f} |"


def _run(servers: Sequence[Contender], phrase: Phrase, size: LoadSize, core: int) -> list[LoadResult]:
    behavior = CallerBehavior(len(phrase.frames), is_silent=True)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        loads: list[tuple[LoadPlan, Meter | None]] = []
        for server in servers:
            run = stack.enter_context(running(server, core, Path(folder) / server.name))
            loads.append((LoadPlan(run.url, size.calls, size.seconds, phrase, behavior), Meter(run.pid, core)))
        return run_loads(loads)


def _frame_us(result: LoadResult) -> float:
    if not result.whole or result.server is None:
        raise RuntimeError(f"{result.lost} calls lost, {result.refused} refused: the core is too small for this load")
    return result.server.cpu_ms * 1_000 / FRAMES_PER_S
