"""The plot of a run."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.benchmarks.run import BenchmarkRun, ServerRecord

COLORS = {"ours": "tab:blue", "lean": "tab:orange", "stock": "tab:red"}


def draw(benchmark_run: BenchmarkRun, path: Path) -> None:
    """Writes three panels as PNG: the core's use over calls, the answers' latency, memory per call."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    cpu, latency, memory = figure.subplots(1, 3)
    for record in benchmark_run.records:
        _core_use(cpu, record)
        _latency(latency, record)
    _memory(memory, benchmark_run.records)
    _label(cpu, "Use of the server's core", "simulated calls", "share of one core")
    _label(latency, "Answer latency at the largest load held", "caller's last speech to first agent audio, ms", "share")
    steps = sorted({load.calls for record in benchmark_run.records for load in record.loads})
    cpu.set_xscale("log")
    cpu.set_xticks(steps, list(map(str, steps)))
    cpu.set_xticks([], minor=True)
    cpu.set_ylim(bottom=0)
    cpu.legend()
    latency.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def _core_use(axes: Axes, record: ServerRecord) -> None:
    points = [(load.calls, load.server.share) for load in record.loads if load.server]
    axes.plot(*zip(*points, strict=True), "o-", color=COLORS[record.name], label=record.title)


def _latency(axes: Axes, record: ServerRecord) -> None:
    values = sorted(record.best.latencies)
    shares = [(count + 1) / len(values) for count in range(len(values))]
    axes.step(values, shares, color=COLORS[record.name], label=f"{record.title}, {record.best.calls} calls")


def _memory(axes: Axes, records: list[ServerRecord]) -> None:
    measured = [(record, record.best.server.per_call) for record in records if record.best.server]
    names = [record.title for record, _ in measured]
    heights = [max(0.01, megabytes) for _, megabytes in measured]
    bars = axes.bar(names, heights, color=[COLORS[record.name] for record, _ in measured])
    axes.bar_label(bars, [f"{megabytes:.2f}" for _, megabytes in measured])
    axes.set_yscale("log")
    _label(axes, "Memory per further call", "", "MB (proportional set size)")


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
