"""The section on vendors in docs/evidence/performance.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from lab.benchmarks.delays import read_delays
from lab.benchmarks.page import VENDORS, write_vendors
from lab.benchmarks.report import make_table, show_others
from lab.benchmarks.results import GENERATOR_SHARE, LAG_MS, Spread, spread
from lab.benchmarks.vendors.conversation import ANSWER, GREETING
from lab.benchmarks.vendors.markers import EVERY
from lab.benchmarks.vendors.run import PER_SECOND, VendorLoad, VendorRecord, VendorRun
from lab.benchmarks.vendors.verdict import TARGETS, VendorTarget
from lab.benchmarks.verdict import TargetResult

METHOD = Path(__file__).parent / "method.md"
_SERVERS = ("stock", "lean", "ours")


def write(run: VendorRun, folder: Path) -> Path:
    """Writes the section into performance.md; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "performance.md"
    write_vendors(page, section(run))
    return page


def section(run: VendorRun) -> str:
    """The section as Markdown."""
    machine = run.machine
    head = f"{machine.date} · {machine.processor}, {machine.cores} cores · {machine.system} · Python {machine.python}"
    return "\n\n".join([VENDORS, head, _targets(run.records), _loads(run.records), _openings(run.records), _method()])


def verdicts(run: VendorRun) -> list[tuple[VendorTarget, TargetResult]]:
    """Each target with the verdict on our server."""
    return [(target, target.verdict(_find(run.records, "ours"))) for target in TARGETS]


def _find(records: Iterable[VendorRecord], name: str) -> VendorRecord | None:
    return next((record for record in records if record.name == name), None)


def _targets(records: Sequence[VendorRecord]) -> str:
    rows = []
    for target in TARGETS:
        cells = [_figure(target, _find(records, name)) for name in _SERVERS]
        limit, ours = f"≤ {target.limit:g} ms", _find(records, "ours")
        rows.append([target.what, *cells, limit, target.verdict(ours)])
    rows.append(["calls on one core", *(_held(_find(records, name)) for name in _SERVERS), "200 or all that fit", ""])
    return make_table(["what", "stock pipecat", "lean pipecat", "ours", "ours must be", "verdict"], rows)


def _figure(target: VendorTarget, record: VendorRecord | None) -> str:
    value = target.figure(record.best) if record else None
    if record is None or value is None:
        return "-"
    calls = f"{record.best.load.calls} calls{', VOID' if record.best.void else ''}"
    return f"{value:.{0 if abs(value) >= 100 else 2}f} ms ({calls})"


def _held(record: VendorRecord | None) -> str:
    if record is None:
        return "-"
    last, held = record.loads[-1], record.held or 0
    if held >= last.load.calls:
        return f"≥ {held}"
    return f"{held} ({last.load.calls} VOID)" if last.void else f"{held} (not {last.load.calls})"


def _loads(records: Sequence[VendorRecord]) -> str:
    heading = [
        "server", "calls", "s", "CPU ms", "core", "others", "turns", "p50", "p95", "p99", "unanswered", "underruns",
        "lost", "to the recognizer p50", "p99", "not come", "callers", "vendors", "vendors late p99", "held",
    ]  # fmt: skip
    return make_table(heading, [_row(record, load) for record in records for load in record.loads])


def _row(record: VendorRecord, measured: VendorLoad) -> list[str]:
    load = measured.load
    use, latency, recognizer = load.server, load.latency, measured.recognizer
    cost = [f"{use.cpu_ms:.2f}", f"{use.share:.0%}", show_others(use.others + use.stolen)] if use else ["-"] * 3
    held = "VOID" if measured.void else "yes" if record.held and load.calls <= record.held else "no"
    return [
        record.title, str(load.calls), f"{load.seconds:.0f}", *cost, str(load.turns),
        *(f"{ms:.0f}" for ms in (latency.p50, latency.p95, latency.p99)),
        str(load.unanswered), str(load.underruns), str(load.lost + load.refused + load.errors),
        f"{recognizer.p50:.1f}", f"{recognizer.p99:.1f}", str(measured.missing),
        f"{load.generator:.0%}", f"{measured.vendors:.0%}", f"{measured.vendor_lag.p99:.1f}", held,
    ]  # fmt: skip


def _openings(records: Sequence[VendorRecord]) -> str:
    heading = [
        "how calls begin", "calls", "first word p50 ms", "p95", "worst", "first answer p50", "p95",
        "second answer p50", "p95",
    ]  # fmt: skip
    rows = []
    for record in records:
        load = record.best.load
        first = spread(load.first_words)
        answers = [cell for values in (load.first_answers, load.second_answers) for cell in _middle(spread(values))]
        shown = [f"{first.count} of {load.calls}", *_middle(first), f"{first.worst:.0f}", *answers]
        rows.append([record.title, *shown])
    return make_table(heading, rows)


def _middle(times: Spread) -> list[str]:
    return [f"{times.p50:.0f}", f"{times.p95:.0f}"]


def _method() -> str:
    delays = read_delays()
    return (
        Template(METHOD.read_text(encoding="utf-8"))
        .substitute(
            answer=ANSWER,
            greeting=GREETING,
            silence=delays.silence,
            final=delays.final,
            first_token=delays.first_token,
            token=delays.token,
            first_byte=delays.first_byte,
            chunk=delays.chunk,
            total=delays.total,
            every=f"{EVERY * 20 / 1000:.2f}",
            per_second=f"{PER_SECOND:g}",
            crowded=f"{GENERATOR_SHARE:.0%}",
            lag=f"{LAG_MS:g}",
        )
        .rstrip()
    )
