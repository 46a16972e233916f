"""`python -m lab.benchmarks run` measures all servers, `load` any one; `report` writes the report of an earlier run."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console

from lab.benchmarks import comparison, listeners
from lab.benchmarks import stages as frame_stages
from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import load_phrase
from lab.benchmarks.comparison import LoadSize
from lab.benchmarks.judges import judged_loads, judges_table, measure_judges
from lab.benchmarks.load import LoadPlan, run_load
from lab.benchmarks.meter import Meter
from lab.benchmarks.report import verdicts, write
from lab.benchmarks.results import LoadResult
from lab.benchmarks.run import BARGE_AFTER_S, Bench, BenchmarkRun, LoadSeries, ServerRecord, machine, summary
from lab.benchmarks.server import LEAN, OURS, ROOT, STOCK, NotReady
from lab.benchmarks.vendors import costs
from lab.benchmarks.vendors import report as vendor_report
from lab.benchmarks.vendors.run import LoadCores, VendorBench, VendorRun, vendor_series

CLIP = ROOT / "config" / "samples" / "jfk.flac"
DOCS = ROOT / "docs" / "evidence"
UNFINISHED, FINISHED = 1, 5  # phrases of the clip

app = typer.Typer(
    help="Loads of simulated callers over the Twilio media-stream protocol.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True, highlight=False)

Clip = Annotated[Path, typer.Option(help="Recording of which the callers speak a phrase.")]
Folder = Annotated[Path, typer.Option(help="Folder for performance.md and performance.png.")]


@app.command()
def run(
    calls: Annotated[int, typer.Option(help="Calls of our own server's load.")] = 400,
    seconds: Annotated[float, typer.Option(help="Measured seconds of our own server's load.")] = 60.0,
    quick: Annotated[bool, typer.Option(help="Fewer steps and shorter windows, for a first look.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="ours, lean, stock; may be repeated.")] = None,
    server_core: Annotated[int, typer.Option(help="The core that the server is pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core that the load generator is pinned to.")] = 0,
    clip: Clip = CLIP,
    out: Folder = DOCS,
    json: Annotated[Path | None, typer.Option(help="Keep all figures in this file.")] = None,
) -> None:
    """Measure our media server and plain pipecat with the same load; write the table and the plot."""
    if not {server_core, load_core} <= os.sched_getaffinity(0) or server_core == load_core:
        raise typer.BadParameter("the server and the load need a core each")
    phrase, finished = load_phrase(clip, UNFINISHED), load_phrase(clip, FINISHED)
    os.sched_setaffinity(0, {load_core})
    bench = Bench(phrase, finished, server_core, console.print)
    chosen = [series for series in all_series(calls, seconds, quick) if not only or series.contender.name in only]
    records = [record for series in chosen if (record := _record(bench, series))]
    benchmark_run = BenchmarkRun(machine(), records, (phrase.start_ms, phrase.end_ms), CallerBehavior(1).cycle_s)
    if json:
        json.write_bytes(msgspec.json.encode(benchmark_run))
    if records:
        _conclude(benchmark_run, out)
    sys.exit(0 if len(records) == len(chosen) else 1)


def _record(bench: Bench, series: LoadSeries) -> ServerRecord | None:
    """Measures a server; None if it does not start, so that the others are still measured."""
    try:
        return bench.record(series)
    except NotReady as error:
        console.print(f"{series.contender.title}: {error}", markup=False)
        return None


def all_series(calls: int, seconds: float, quick: bool) -> list[LoadSeries]:
    """The loads of each server."""
    if quick:
        short = min(seconds, 15.0)
        return [
            LoadSeries(OURS, (calls,), short, barge=min(calls, 100)),
            LoadSeries(LEAN, (10, 30), short, barge=10),
            LoadSeries(STOCK, (4, 8), short, barge=4),
        ]
    return [
        LoadSeries(OURS, (calls,), seconds, barge=min(calls, 100)),
        LoadSeries(LEAN, (10, 20, 30, 40, 50, 60), 30.0, barge=20),
        LoadSeries(STOCK, (4, 8, 14, 20, 30), 30.0, barge=8, finished=4),
    ]


@app.command()
def vendors(
    calls: Annotated[int, typer.Option(help="Calls of our own server's load.")] = 200,
    seconds: Annotated[float, typer.Option(help="Measured seconds of our own server's load.")] = 60.0,
    only: Annotated[list[str] | None, typer.Option(help="ours, lean, stock; may be repeated.")] = None,
    which: Annotated[
        Literal["three", "all"],
        typer.Option("--vendors", help="all: ours alone, with each vendor in turn, into vendor-costs.md."),
    ] = "three",
    server_core: Annotated[int, typer.Option(help="The core that the server is pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core that the callers are pinned to.")] = 0,
    vendor_core: Annotated[int, typer.Option(help="The core of the simulated vendors.")] = 0,
    clip: Clip = CLIP,
    out: Annotated[Path, typer.Option(help="Folder for performance.md, of which one section is written.")] = DOCS,
    json: Annotated[Path | None, typer.Option(help="Keep all figures in this file.")] = None,
) -> None:
    """Measure calls with Deepgram, OpenAI and Cartesia, simulated over TLS, with ours and with pipecat's services."""
    if server_core in {load_core, vendor_core}:
        raise typer.BadParameter("the server needs a core of its own")
    os.sched_setaffinity(0, {load_core})
    bench = VendorBench(load_phrase(clip, UNFINISHED), LoadCores(server_core, vendor_core), console.print)
    if which == "all":
        console.print(f"wrote {costs.write(machine(), costs.measure(bench, calls, seconds), out)}")
        return
    chosen = [series for series in vendor_series(calls, seconds) if not only or series.contender.name in only]
    result = VendorRun(machine(), [bench.record(series) for series in chosen])
    if json:
        json.write_bytes(msgspec.json.encode(result))
    _conclude_vendors(result, out)


@app.command()
def judges(
    calls: Annotated[int, typer.Option(help="Calls with plain silence, and with the completeness model.")] = 400,
    teacher_calls: Annotated[int, typer.Option(help="Calls with the teacher, and without it beside.")] = 40,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each load.")] = 60.0,
    server_core: Annotated[int, typer.Option(help="The core that the server is pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core that the load generator is pinned to.")] = 0,
    clip: Clip = CLIP,
) -> None:
    """Measure what it costs our server to judge whether callers have finished; prints a table."""
    os.sched_setaffinity(0, {load_core})
    bench = Bench(load_phrase(clip, UNFINISHED), load_phrase(clip, FINISHED), server_core, console.print)
    loads = judged_loads(calls, teacher_calls)
    for line in judges_table(loads, measure_judges(bench, loads, seconds)):
        console.print(line, markup=False)


@app.command()
def stages(
    calls: Annotated[int, typer.Option(help="Calls of each of the three servers.")] = 100,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each round.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, max=30, help="Rounds, each with servers newly started.")] = 5,
    server_core: Annotated[int, typer.Option(help="The core that the servers are pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core that the load generator is pinned to.")] = 0,
    clip: Clip = CLIP,
) -> None:
    """Measure what sockets, frame path and ticks cost our server for a silent caller's frame."""
    os.sched_setaffinity(0, {load_core})
    size = LoadSize(calls, seconds)
    for line in frame_stages.measure(load_phrase(clip, UNFINISHED), size, rounds, server_core):
        console.print(line, markup=False)


@app.command()
def load(
    url: Annotated[str, typer.Option(help="A media socket that speaks Twilio's protocol (ws://…).")],
    calls: int = 50,
    seconds: float = 30.0,
    barge_in: Annotated[bool, typer.Option(help="Interrupt every second answer.")] = False,
    pid: Annotated[int | None, typer.Option(help="The server's process, to read its cost.")] = None,
    core: Annotated[int, typer.Option(help="The core that it runs on.")] = 1,
    phrase: Annotated[int, typer.Option(help="Which phrase of the clip the callers speak.")] = UNFINISHED,
    clip: Clip = CLIP,
    json: Annotated[Path | None, typer.Option(help="Keep all figures in this file.")] = None,
) -> None:
    """Measure one server that already runs."""
    speech = load_phrase(clip, phrase)
    behavior = CallerBehavior(len(speech.frames), barge_after_s=BARGE_AFTER_S if barge_in else None)
    meter = Meter(pid, core) if pid else None
    result = run_load(LoadPlan(url, calls, seconds, speech, behavior), meter)
    _print_load(result)
    if json:
        json.write_bytes(msgspec.json.encode(result))
    sys.exit(0 if result.whole else 1)


@app.command()
def compare(
    base: Annotated[Path, typer.Option(help="Checkout of the commit to compare with.")],
    calls: Annotated[int, typer.Option(help="Calls of each server.")] = 100,
    seconds: Annotated[float, typer.Option(help="Measured seconds of each run.")] = 20.0,
    pairs: Annotated[int, typer.Option(min=2, max=30, help="Runs of both, each with servers newly started.")] = 6,
    server_core: Annotated[int, typer.Option(help="The core that the servers are pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core that the load generator is pinned to.")] = 0,
    clip: Clip = CLIP,
) -> None:
    """Measure this checkout's media server beside another's, on one core: CPU per call-second."""
    os.sched_setaffinity(0, {load_core})
    phrase = load_phrase(clip, UNFINISHED)
    bench = Bench(phrase, phrase, server_core, console.print)
    for line in comparison.compare(bench, base.resolve(), LoadSize(calls, seconds), pairs):
        console.print(line)


@app.command()
def api(
    seconds: Annotated[float, typer.Option(help="Measured seconds of each endpoint.")] = 15.0,
    server_core: Annotated[int, typer.Option(help="The core that the server is pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core of the generator, PostgreSQL and Valkey.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for api-performance.md.")] = DOCS,
) -> None:
    """Measure the control API and the same endpoints in FastAPI and SQLAlchemy with the same requests."""
    from lab.benchmarks.api import report, run

    os.sched_setaffinity(0, {load_core})
    figures = run.run(run.Cores(server_core, load_core), seconds, console.print)
    console.print(f"wrote {report.write(figures, machine(), seconds, out)}")
    for endpoint, times, good in report.verdict(figures):
        console.print(f"{'PASS' if good else 'MISS':8} {endpoint}: {times:.2f} times the peer's requests per core")


@app.command("listeners")
def measure_listeners(
    calls: Annotated[int, typer.Option(min=1, help="Calls of each server.")] = 100,
    seconds: Annotated[float, typer.Option(help="Measured seconds.")] = 60.0,
    pairs: Annotated[int, typer.Option(min=1, max=30, help="Runs of both, each with servers newly started.")] = 4,
    server_core: Annotated[int, typer.Option(help="The core that both servers are pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core of callers and listeners.")] = 0,
    clip: Clip = CLIP,
    out: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
) -> None:
    """Measure calls with listeners beside calls without: their CPU, and how far behind listeners hear."""
    phrase = load_phrase(clip, UNFINISHED)
    os.sched_setaffinity(0, {load_core})
    found = list(listeners.measure(phrase, calls, seconds, pairs, server_core, console.print))
    text = listeners.page(machine(), found)
    console.print(text, markup=False)
    if out is not None:
        out.write_text(text)


@app.command()
def api_compare(
    base: Annotated[Path, typer.Option(help="Checkout of the commit to compare with.")],
    seconds: Annotated[float, typer.Option(help="Measured seconds of each endpoint.")] = 6.0,
    pairs: Annotated[int, typer.Option(min=2, max=30, help="Runs of both, each with servers newly started.")] = 6,
    server_core: Annotated[int, typer.Option(help="The core that the servers are pinned to.")] = 1,
    load_core: Annotated[int, typer.Option(help="The core of the generator, PostgreSQL and Valkey.")] = 0,
) -> None:
    """Measure this checkout's API beside another's, on one core: CPU a request."""
    from lab.benchmarks.api import run

    os.sched_setaffinity(0, {load_core})
    for line in run.compare(run.Cores(server_core, load_core), base.resolve(), seconds, pairs, console.print):
        console.print(line)


@app.command()
def vendors_report(figures: Path, out: Folder = DOCS) -> None:
    """Write the section on vendors from the figures of an earlier run."""
    _conclude_vendors(msgspec.json.decode(figures.read_bytes(), type=VendorRun), out)


@app.command()
def report(figures: Path, out: Folder = DOCS) -> None:
    """Write the table and the plot from the figures of an earlier run."""
    _conclude(msgspec.json.decode(figures.read_bytes(), type=BenchmarkRun), out)


def _print_load(result: LoadResult) -> None:
    console.print(summary(result))
    if result.yields or result.unyielded:
        times = result.interruption
        console.print(
            f"interruptions: {times.count} yielded, p50 {times.p50:.0f} p95 {times.p95:.0f} "
            f"worst {times.worst:.0f} ms; {result.unyielded} not yielded"
        )


def _conclude(benchmark_run: BenchmarkRun, out: Path) -> None:
    console.print(f"wrote {write(benchmark_run, out)}")
    for demand, outcome in verdicts(benchmark_run):
        console.print(f"{outcome:8} {demand.what}: {demand.words}")


def _conclude_vendors(result: VendorRun, out: Path) -> None:
    console.print(f"wrote {vendor_report.write(result, out)}")
    for target, outcome in vendor_report.verdicts(result):
        console.print(f"{outcome:8} {target.what}: at most {target.limit:g} ms")


if __name__ == "__main__":
    app()
