"""The plot of an outage: each turn's silence, and when the first choices were out of service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.scenarios.failover.cells import ROLES
from lab.scenarios.outage.figures import BoardChange, OutageTurn
from lab.scenarios.outage.outage_calls import CHAIN, OutageRun

_COLORS: Final = {"stt": "tab:blue", "llm": "tab:orange", "tts": "tab:green"}


def draw_outage(run: OutageRun, turns: Sequence[OutageTurn], changes: Sequence[BoardChange], path: Path) -> None:
    """Writes an SVG. Raises OSError."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    silences, boards = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    answered = [(turn.at_s, turn.silence_ms / 1_000) for turn in turns if turn.silence_ms is not None]
    if answered:
        silences.plot(*zip(*answered, strict=True), ".", color="tab:grey", markersize=3)
    silences.axhline(1.5, color="tab:red", linewidth=1)
    silences.set_ylabel("longest silence of a turn, s")
    silences.set_ylim(bottom=0)
    _draw_boards(run, changes, boards)
    for axes in (silences, boards):
        axes.axvspan(run.struck_at - run.begun_at, run.healed_at - run.begun_at, color="tab:red", alpha=0.08)
        axes.grid(alpha=0.3)
    boards.set_xlabel("s since the first call; shaded: all first choices fail")
    figure.savefig(path, metadata={"Date": None})


def _draw_boards(run: OutageRun, changes: Sequence[BoardChange], axes: Axes) -> None:
    """A bar for each first choice and node while it is ejected."""
    labels: list[str] = []
    for role in ROLES:
        for node in range(len(run.logs)):
            own = [change for change in changes if change.node == node and change.provider == CHAIN.of(role)[0]]
            spans = [(start, end - start) for start, end in _ejected_spans(own, run.phases.total_s)]
            axes.broken_barh(spans, (len(labels) - 0.35, 0.7), color=_COLORS[role])
            labels.append(f"{CHAIN.of(role)[0]}, node {node + 1}")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_title("out of service", fontsize="medium")


def _ejected_spans(changes: Sequence[BoardChange], end_s: float) -> list[tuple[float, float]]:
    spans, since = [], None
    for change in changes:
        if change.what == "ejected" and since is None:
            since = change.at_s
        elif change.what == "healed" and since is not None:
            spans.append((since, change.at_s))
            since = None
    return [*spans, *([(since, end_s)] if since is not None else [])]
