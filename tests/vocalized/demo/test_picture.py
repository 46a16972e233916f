"""The picture of a call."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocalized.demo.picture import RATE, CallPicture, Utterance, Wait, draw, rows_of


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def picture(seconds: float, utterances: list[Utterance], waits: list[Wait]) -> CallPicture:
    time = np.arange(int(seconds * RATE)) / RATE
    wave = (8_000 * np.sin(2 * np.pi * 200 * time)).astype(np.int16)
    return CallPicture("A call", "two legs", np.stack([wave, wave], axis=1), utterances, waits)


UTTERANCES = [
    Utterance("agent", 0, 900, "Hello."),
    Utterance("caller", 1_500, 14_000, "A long turn that goes on over the end of the first row of the picture."),
    Utterance("agent", 15_000, 16_000, "We are", "open until six.", True),
]


@pytest.mark.parametrize(("seconds", "rows"), [(0.0, 1), (5.0, 1), (12.9, 1), (13.1, 2), (36.2, 3), (40.0, 4)])
def test_picture_is_1600_px_wide_and_grows_a_row_every_12_s(seconds: float, rows: int, tmp_path: Path) -> None:
    draw(picture(seconds, UTTERANCES, [Wait(14_000, 1_000, ["640 end of turn"])]), tmp_path / "new" / "call.png")
    assert size_of(tmp_path / "new" / "call.png") == (1_600, 125 + 240 * rows)


@settings(deadline=None)
@given(st.floats(0, 500))
def test_the_rows_cover_the_call_without_gaps(seconds: float) -> None:
    rows = rows_of(seconds)
    assert rows[0].start_s == 0 and rows[-1].end_s >= seconds - 1e-6
    assert all(before.end_s == after.start_s for before, after in pairwise(rows))
    assert all(12.0 <= row.end_s - row.start_s <= 13.01 for row in rows)


def test_text_waits_and_interruptions_are_drawn(tmp_path: Path) -> None:
    draw(picture(20.0, [], []), tmp_path / "bare.png")
    draw(picture(20.0, UTTERANCES, []), tmp_path / "words.png")
    draw(picture(20.0, UTTERANCES, [Wait(11_500, 1_000, ["640 end of turn"])]), tmp_path / "waits.png")
    assert len({(tmp_path / f"{name}.png").read_bytes() for name in ("bare", "words", "waits")}) == 3


def test_picture_is_deterministic(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(picture(3.0, UTTERANCES, []), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
