"""The report of a run in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template

from lab.benchmarks.delays import read_delays
from lab.benchmarks.page import write_rest
from lab.benchmarks.plot import draw
from lab.benchmarks.results import LAG_MS, OTHERS_SHARE, LoadResult
from lab.benchmarks.run import SLOWER, BenchmarkRun, ServerRecord
from lab.benchmarks.verdict import DEMANDS, Demand, overhead, verdict

METHOD = Path(__file__).parent / "method.md"
DISTURBED = 0.05  # of the server's core used by others, or taken by the machine's host


def write(benchmark_run: BenchmarkRun, folder: Path) -> Path:
    """Writes performance.md, but for its section on vendors, and performance.png; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(benchmark_run, folder / "performance.png")
    page = folder / "performance.md"
    write_rest(page, markdown(benchmark_run))
    return page


def markdown(benchmark_run: BenchmarkRun) -> str:
    """The report as Markdown."""
    parts = [
        _head(benchmark_run),
        _demands(benchmark_run.records),
        _picture(),
        _loads(benchmark_run.records),
        _method(benchmark_run),
    ]
    return "\n\n".join(parts) + "\n"


def verdicts(benchmark_run: BenchmarkRun) -> list[tuple[Demand, str]]:
    """Each target with PASS, MISS, VOID or not run, for our server."""
    ours = _find(benchmark_run.records, "ours")
    return [(demand, verdict(demand, ours)) for demand in DEMANDS]


def _find(records: Iterable[ServerRecord], name: str) -> ServerRecord | None:
    return next((record for record in records if record.name == name), None)


def _head(benchmark_run: BenchmarkRun) -> str:
    machine = benchmark_run.machine
    return (
        "# Performance\n\n"
        "Written by `make bench`; run it again instead of editing. One run, one machine, one load generator: each\n"
        "server had one core to itself and was started afresh for each load.\n\n"
        f"{machine.date} · {machine.processor}, {machine.cores} cores · {machine.system} · Python {machine.python}"
    )


def _demands(records: Sequence[ServerRecord]) -> str:
    rows = []
    for demand in DEMANDS:
        ours = _find(records, "ours")
        cells = [_figure(demand, _find(records, name)) for name in ("stock", "lean", "ours")]
        rows.append([demand.what, *cells, demand.words, verdict(demand, ours)])
    heading = ["what", "stock pipecat", "lean pipecat", "ours", "ours must be", "verdict"]
    return "## Against the design\n\n" + make_table(heading, rows) + "\n\n" + _footnote(records)


def _figure(demand: Demand, record: ServerRecord | None) -> str:
    load = demand.load(record) if record else None
    value = demand.figure(record) if record else None
    if record is None or load is None or value is None:
        return "-"
    if demand.at_least:
        return f"≥ {value:g}" if load.calls == record.held else f"{value:g} (not {load.calls})"
    return f"{value:.{0 if abs(value) >= 100 else 2}f} {demand.unit} ({load.calls} calls)"


def _footnote(records: Sequence[ServerRecord]) -> str:
    delays = read_delays()
    parts = f"{delays.silence} silence + {delays.final} recognizer + {delays.first_token} first token"
    text = (
        "CPU, memory and latency are those of the largest load that the server held. The latency is what is left\n"
        f"after {parts} + {delays.first_byte} first byte = {delays.total} ms;\n"
        "it can be negative, for a server may let the recognizer finish during the silence."
    )
    stock = _find(records, "stock")
    return f"{text}\n{_finished(stock.finished)}" if stock and stock.finished else text


def _finished(load: LoadResult) -> str:
    latency = load.latency
    return (
        "Smart-turn can take the callers' phrase for an unfinished sentence, and then waits for 3 s by design. With a\n"
        f"finished sentence and {load.calls} calls the answers of stock pipecat take p50 {latency.p50:.0f} ms, p95 "
        f"{latency.p95:.0f} ms ({overhead(latency.p95):+.0f} ms)."
    )


def _picture() -> str:
    return "![core use, latency and memory of each server](performance.png)"


def _loads(records: Sequence[ServerRecord]) -> str:
    heading = [
        "server", "calls", "s", "CPU ms", "core", "others", "MB", "turns", "p50", "p95", "p99",
        "unanswered", "cut in", "underruns", "lost", "late p99", "generator", "held",
    ]  # fmt: skip
    rows = [_row(record, load) for record in records for load in record.loads]
    return "## Every load\n\n" + make_table(heading, rows) + "\n\n" + _barges(records)


def _row(record: ServerRecord, load: LoadResult) -> list[str]:
    use, latency = load.server, load.latency
    cost = (
        [f"{use.cpu_ms:.2f}", f"{use.share:.0%}", show_others(use.others + use.stolen), f"{use.memory_all:.0f}"]
        if use
        else ["-"] * 4
    )
    held = "VOID" if load.void else "yes" if record.held and load.calls <= record.held else "no"
    counts = (load.unanswered, load.cut_in, load.underruns, load.lost + load.refused + load.errors)
    times = (latency.p50, latency.p95, latency.p99)
    return [
        record.title, str(load.calls), f"{load.seconds:.0f}", *cost, str(load.turns), *(f"{ms:.0f}" for ms in times),
        *map(str, counts), f"{load.lag.p99:.1f}", f"{load.generator:.0%}", held,
    ]  # fmt: skip


def show_others(share: float) -> str:
    """The share of the server's core that others used; bold where it is too much for good figures."""
    return f"**{share:.0%}**" if share > DISTURBED else f"{share:.0%}"


def _barges(records: Sequence[ServerRecord]) -> str:
    heading = ["interruptions", "calls", "yielded", "not yielded", "p50 ms", "p95 ms", "worst ms"]
    rows = []
    for record in records:
        if record.barge:
            times = record.barge.interruption
            shown = [f"{ms:.0f}" for ms in (times.p50, times.p95, times.worst)]
            counts = [str(number) for number in (record.barge.calls, times.count, record.barge.unyielded)]
            rows.append([record.title, *counts, *shown])
    return make_table(heading, rows) if rows else ""


def make_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _method(benchmark_run: BenchmarkRun) -> str:
    start, end = benchmark_run.speech_ms
    text = Template(METHOD.read_text(encoding="utf-8"))
    return text.substitute(
        asdict(read_delays()),
        start=start,
        end=end,
        phrase_s=f"{(end - start) / 1000:.2f}",
        cycle_s=f"{benchmark_run.cycle_s:g}",
        disturbed=f"{DISTURBED:.0%}",
        slower=f"{SLOWER - 1:.0%}",
        lag=f"{LAG_MS:g}",
        others=f"{OTHERS_SHARE:.0%}",
    ).rstrip()
