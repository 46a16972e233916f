"""The report of the API benchmark in Markdown."""

from collections.abc import Sequence
from pathlib import Path

from lab.benchmarks.api.run import CONNECTIONS, Figure
from lab.benchmarks.run import Machine

TIMES = 2.0  # the requests per core that ours must carry, against the peer's
METHOD = Path(__file__).with_name("method.md")


def verdict(figures: Sequence[Figure]) -> list[tuple[str, float, bool]]:
    """For each endpoint the ratio of our requests per core to the peer's, and whether it meets the target."""
    rows = []
    for mine in (figure for figure in figures if figure.server == "ours"):
        other = next(figure for figure in figures if figure.endpoint == mine.endpoint and figure.server != "ours")
        times = mine.per_core / other.per_core
        rows.append((mine.endpoint, times, times >= TIMES and mine.wrong == other.wrong == 0))
    return rows


def write(figures: Sequence[Figure], machine: Machine, seconds: float, folder: Path) -> Path:
    """Writes api-performance.md; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "api-performance.md"
    page.write_text(markdown(figures, machine, seconds), encoding="utf-8")
    return page


def markdown(figures: Sequence[Figure], machine: Machine, seconds: float) -> str:
    """The report as Markdown."""
    head = (
        "# Performance of the API\n\n"
        "Written by `make bench`; run it again instead of editing. One run, one machine.\n\n"
        f"{machine.date} · {machine.processor}, {machine.cores} cores · {machine.system} · Python {machine.python} · "
        f"{seconds:g} s an endpoint"
    )
    judged = [
        [endpoint, f"{times:.2f}x", f"≥ {TIMES:g}x", "PASS" if good else "MISS"]
        for endpoint, times, good in verdict(figures)
    ]
    rows = [
        [
            figure.endpoint, figure.server, f"{figure.cpu_ms:.3f}", f"{figure.per_core:.0f}", f"{figure.rate:.0f}",
            f"{figure.latency.p50:.1f}", f"{figure.latency.p99:.1f}", str(figure.requests), str(figure.wrong),
        ]
        for figure in sorted(figures, key=lambda figure: figure.endpoint)
    ]  # fmt: skip
    heading = ["endpoint", "server", "CPU ms", "per core", "per s here", "p50 ms", "p99 ms", "requests", "wrong"]
    tables = [
        _table(["requests per core, against FastAPI + SQLAlchemy", "ours", "must be", "verdict"], judged),
        _table(heading, rows),
    ]
    return (
        "\n\n".join([head, *tables, METHOD.read_text(encoding="utf-8").format(connections=CONNECTIONS).rstrip()]) + "\n"
    )


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
