"""The picture of runs: how many pauses are cut, and when callers are answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.listening.figures import share
from lab.listening.pauses import PAUSES_MS
from lab.listening.results import ListeningRun
from lab.listening.summary import NATURAL, READ, SHORT, response_kinds

DRAWN_KINDS: Final = (NATURAL, READ, SHORT)


def draw(runs: Sequence[ListeningRun], path: Path) -> None:
    """Write two panels as PNG: the share of calls cut by the length of a made pause, and the response times of
    the first run by kind of turn."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    cuts, times = figure.subplots(1, 2)
    for number, run in enumerate(run for run in runs if run.pauses):
        _draw_cuts(cuts, run, number)
    _draw_times(times, runs[0])
    _label(cuts, "Callers cut off in a made pause", "pause, ms", "share of calls")
    _label(times, "Response after the true end of speech", "ms", "share of calls")
    cuts.set_ylim(0, 1.3)  # room for the legend
    figure.savefig(path, dpi=110)


def name_of(run: ListeningRun) -> str:
    """A run in a few words."""
    smart = ", smart-turn" if run.smart_turn else ""
    return f"{run.set.replace('_', ' ')}, model {run.llm_ms} + voice {run.tts_ms} ms{smart}"


def _draw_cuts(axes: Axes, run: ListeningRun, number: int) -> None:
    shares = [share([case.was_cut for case in run.pauses if case.pause_ms == pause_ms]) for pause_ms in PAUSES_MS]
    places = [index + number * 0.25 for index in range(len(PAUSES_MS))]
    bars = axes.bar(places, shares, 0.22, label=name_of(run))
    axes.bar_label(bars, [f"{one:.0%}" for one in shares])
    axes.set_xticks(range(len(PAUSES_MS)), [f"{pause_ms:,}" for pause_ms in PAUSES_MS])


def _draw_times(axes: Axes, run: ListeningRun) -> None:
    for title, cases in response_kinds(run).items():
        times = sorted(case.response_ms for case in cases if case.response_ms is not None and case.response_ms >= 0)
        if times and title in DRAWN_KINDS:
            axes.step(times, [(count + 1) / len(times) for count in range(len(times))], label=title)
    axes.set_xlim(0, 2_500)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right" if x == "ms" else "upper left")
