"""What judging the caller's words costs: our server's load with plain silence, with the model, with the teacher, too.

The stand-in's words in the adaptive plan are a whole turn, of which both judges are asked at each pause; those of the
other plan are half a sentence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.benchmarks.results import LoadResult
from lab.benchmarks.run import Bench, LoadSeries
from lab.benchmarks.server import OURS, Contender

PLAN: Final = Path(__file__).parent / "plans" / "adaptive.json"
_ARGUMENTS: Final = ("-m", "media", "--port", "{port}", "--plan", str(PLAN))
MODEL: Final = replace(OURS, name="model", title="Vocalized media, words judged by the model", arguments=_ARGUMENTS)
TEACHER: Final = replace(
    MODEL,
    name="teacher",
    title="Vocalized media, by the teacher, too",
    environment={"VOCALIZED_MEDIA_TURN_TEACHER": "true"},
)


@dataclass(frozen=True, slots=True)
class JudgedLoad:
    """A load by a way of judging. target_ms: processor time per call-second that it should not exceed; None: none."""

    contender: Contender
    calls: int
    target_ms: float | None = None


def judged_loads(calls: int, teacher_calls: int) -> list[JudgedLoad]:
    """The loads. The teacher takes some 45 ms of a core a decision, on the server's core: a node with it has few
    calls."""
    return [
        JudgedLoad(OURS, calls),
        JudgedLoad(MODEL, calls, target_ms=2.0),
        JudgedLoad(MODEL, teacher_calls),
        JudgedLoad(TEACHER, teacher_calls),
    ]


def measure_judges(bench: Bench, loads: Sequence[JudgedLoad], seconds: float) -> list[LoadResult]:
    """Runs the loads, each against a newly started server. Raises server.NotReady."""
    return [bench.load(LoadSeries(load.contender, (load.calls,), seconds), load.calls) for load in loads]


def judges_table(loads: Sequence[JudgedLoad], results: Sequence[LoadResult]) -> Iterator[str]:
    """The costs, as Markdown."""
    yield "| | calls | CPU per call-second, ms | target | answer p50, p95, ms |"
    yield "| --- | --- | --- | --- | --- |"
    for load, result in zip(loads, results, strict=True):
        cost = f"{result.server.cpu_ms:.2f}" if result.server else "-"
        target = "-" if load.target_ms is None else f"{load.target_ms:g}"
        times = f"{result.latency.p50:.0f}, {result.latency.p95:.0f}"
        yield f"| {load.contender.title} | {load.calls} | {cost} | {target} | {times} |"
