"""Draws a call: the caller's waveform above, the agent's below, with text, waits and interruptions, in rows of 12 s."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

RATE = 8_000
WIDTH_PX = 1_600
ROW_S = 12.0

_SHORTEST_ROW_S = 1.0
_DPI = 100
_ROW_IN = 2.4
_HEAD_IN = 0.8
_FOOT_IN = 0.45
_SIDE = 0.055  # of the width, left for the legs' names
_POINTS_PER_S = 200
_CHARACTERS_PER_S = 16.5  # that fit beside each other in this font at this width
_NARROWEST = 16  # characters
_MOST_LINES = 3
_COLORS = {"caller": "#1d5fa8", "agent": "#2c7a3f"}
_GRAY = "#808080"
_RED = "#c0392b"


@dataclass(frozen=True, slots=True)
class Utterance:
    """Text and when it was heard; `unheard` is what was planned and then cut off."""

    who: Literal["caller", "agent"]
    start_ms: float
    end_ms: float
    text: str
    unheard: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """The silence between the caller's last sound and the agent's first: the latency, with a line for each part."""

    start_ms: float
    total_ms: float
    parts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CallPicture:
    """What is drawn. `legs` are 16-bit samples of shape (n, 2) at 8 kHz, caller first."""

    title: str
    subtitle: str
    legs: NDArray[np.int16]
    utterances: Sequence[Utterance]
    waits: Sequence[Wait]


def draw(picture: CallPicture, path: Path) -> None:
    """Writes a PNG 1600 px wide, as high as the call is long. Raises OSError."""
    seconds = len(picture.legs) / RATE
    rows = rows_of(seconds)
    height = _HEAD_IN + len(rows) * _ROW_IN + _FOOT_IN
    figure = Figure(figsize=(WIDTH_PX / _DPI, height), dpi=_DPI, facecolor="white")
    figure.text(_SIDE, 1 - 0.30 / height, picture.title, fontsize=15, fontweight="bold", va="center")
    figure.text(_SIDE, 1 - 0.58 / height, picture.subtitle, fontsize=10, color=_GRAY, va="center")
    for number, row in enumerate(rows, 1):
        bottom = 1 - (_HEAD_IN + number * _ROW_IN) / height
        axes = figure.add_axes((_SIDE, bottom, 0.985 - _SIDE, _ROW_IN * 0.93 / height))
        _draw_row(axes, picture, row, seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


@dataclass(frozen=True, slots=True)
class Row:
    """The part of the call that one row shows."""

    start_s: float
    end_s: float

    def __contains__(self, moment_ms: float) -> bool:
        return self.start_s <= moment_ms / 1_000 < self.end_s


def rows_of(seconds: float) -> list[Row]:
    """Rows of 12 s. When the last would be shorter than a second, all rows are made a little longer instead."""
    count = max(1, int(np.ceil((seconds - _SHORTEST_ROW_S) / ROW_S)))
    each = max(ROW_S, seconds / count)
    return [Row(number * each, (number + 1) * each) for number in range(count)]


def _draw_row(axes: Axes, picture: CallPicture, row: Row, seconds: float) -> None:
    axes.set_xlim(row.start_s, row.end_s)
    axes.set_ylim(-3.8, 3.8)
    axes.set_yticks([])
    axes.set_xticks(np.arange(np.ceil(row.start_s), row.end_s + 0.01, 1.0))
    axes.tick_params(axis="x", labelsize=8, colors=_GRAY, length=2, pad=2)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d0d0d0")
    for who, middle, column in (("caller", 1.0, 0), ("agent", -1.0, 1)):
        axes.text(-0.008, middle, who, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=11,
                  fontweight="bold", color=_COLORS[who])  # fmt: skip
        _wave(axes, picture.legs[:, column], row, middle, _COLORS[who])
    if row.end_s > seconds:
        axes.axvspan(seconds, row.end_s, color="#f4f4f4", lw=0)
    for text in _text_blocks(picture.utterances, row):
        axes.text(text.at_s, text.y, text.words, fontsize=9, va=text.align, color=text.color, linespacing=1.15)
    for utterance in picture.utterances:
        if utterance.cut and utterance.end_ms in row:
            axes.plot([utterance.end_ms / 1_000] * 2, [-1.9, 1.9], color=_RED, lw=1.2, ls=(0, (4, 2)))
    for wait in picture.waits:
        _wait(axes, wait, row)


def _wave(axes: Axes, samples: NDArray[np.int16], row: Row, middle: float, color: str) -> None:
    piece = samples[int(row.start_s * RATE) : int(row.end_s * RATE)].astype(np.float32) / 32_768
    step = RATE // _POINTS_PER_S
    whole = piece[: len(piece) // step * step].reshape(-1, step)
    if not len(whole):
        return
    time = row.start_s + np.arange(len(whole)) / _POINTS_PER_S
    # The square root makes soft consonants visible beside loud vowels.
    high, low = np.sqrt(np.clip(whole.max(axis=1), 0, 1)), np.sqrt(np.clip(-whole.min(axis=1), 0, 1))
    axes.axhline(middle, color="#e4e4e4", lw=0.8, zorder=0)
    axes.fill_between(time, middle - 0.8 * low, middle + 0.8 * high, color=color, lw=0, alpha=0.85)


def _wait(axes: Axes, wait: Wait, row: Row) -> None:
    """A bar between the legs. One that crosses the end of a row is drawn in both, and labeled in the longer part."""
    start, end = wait.start_ms / 1_000, (wait.start_ms + wait.total_ms) / 1_000
    if end <= row.start_s or start >= row.end_s:
        return
    axes.plot([start, start], [0.0, 1.0], color=_RED, lw=1)
    axes.plot([end, end], [-1.0, 0.0], color=_RED, lw=1)
    axes.plot([start, end], [0.0, 0.0], color=_RED, lw=2)
    left, right = max(start, row.start_s), min(end, row.end_s)
    if right - left >= (end - start) / 2:
        middle = min((left + right) / 2, row.end_s - 0.5)
        label = f"{wait.total_ms:,.0f} ms"
        axes.text(middle, 0.12, label, fontsize=9, fontweight="bold", color=_RED, va="bottom", ha="center")
        parts = "\n".join(wait.parts)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
        axes.text(middle, -0.15, parts, fontsize=7, color=_GRAY, va="top", ha="center", linespacing=1.1, bbox=box)


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of words placed in a row."""

    at_s: float
    y: float
    words: str
    align: Literal["top", "bottom"]
    color: str


def _text_blocks(utterances: Sequence[Utterance], row: Row) -> Iterator[_Block]:
    """The text of a row, wrapped to the space before the same side's next text."""
    for who in ("caller", "agent"):
        side = [utterance for utterance in utterances if utterance.who == who]
        limits = [following.start_ms / 1_000 for following in side[1:]]
        for number, utterance in enumerate(side):
            limit = limits[number] if number < len(limits) else row.end_s
            yield from _blocks(utterance, row, min(limit, row.end_s))


def _blocks(utterance: Utterance, row: Row, limit_s: float) -> Iterator[_Block]:
    share = [word for word, at_ms in _timed(utterance) if at_ms in row]
    if not share:
        return
    at_s = max(row.start_s, utterance.start_ms / 1_000)
    end_s = min(row.end_s, utterance.end_ms / 1_000)
    words = " ".join(share)
    if utterance.unheard and utterance.end_ms / 1_000 <= row.end_s:
        words += f" — [unheard: {utterance.unheard}]"
    wanted = max(end_s - at_s, len(words) / _MOST_LINES / _CHARACTERS_PER_S)
    room = int(min(wanted, limit_s - at_s) * _CHARACTERS_PER_S)
    wrapped = textwrap.fill(words, max(_NARROWEST, room), max_lines=_MOST_LINES, placeholder=" …")
    width_s = max(map(len, wrapped.splitlines())) / _CHARACTERS_PER_S
    at_s = max(row.start_s, min(at_s, row.end_s - width_s))
    color = _COLORS[utterance.who]
    if utterance.who == "caller":
        yield _Block(at_s, 1.95, wrapped, "bottom", color)
    else:
        yield _Block(at_s, -1.95, wrapped, "top", color)


def _timed(utterance: Utterance) -> Iterator[tuple[str, float]]:
    """Each word with its estimated time in ms, as if all letters took equally long."""
    words = utterance.text.split()
    lengths = np.cumsum([0, *(len(word) + 1 for word in words)])
    span = utterance.end_ms - utterance.start_ms
    for word, (before, _) in zip(words, pairwise(lengths), strict=True):
        yield word, utterance.start_ms + span * before / max(1, lengths[-1])
