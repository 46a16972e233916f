"""The listeners of the benchmark: their lag by clicks and answers, and what they missed."""

import base64
import json
import struct
from dataclasses import replace
from time import perf_counter

import pytest

from lab.benchmarks import frames
from lab.benchmarks.caller import Caller, CallerBehavior, Turn
from lab.benchmarks.clip import Phrase
from lab.benchmarks.line import Line
from lab.benchmarks.listeners import CLICK, CLICK_EVERY, Clicks, Listener, ListenerFigures, ListenerPair, page
from lab.benchmarks.results import judge
from lab.benchmarks.run import Machine

QUIET = b"\xff"
MACHINE = Machine("A processor", 2, "Linux", "3.11", "2026-12-03")


def audio(at_ms: int, caller: bytes, agent: bytes) -> bytes:
    """A message of the server, without a mask."""
    payload = struct.pack("<IBxH", at_ms, 0, len(caller)) + caller + agent
    return bytes((0x82, 126)) + len(payload).to_bytes(2) + payload


def text(message: dict[str, object]) -> bytes:
    payload = json.dumps(message).encode()
    return bytes((0x80 | frames.TEXT, len(payload))) + payload


@pytest.fixture
def line() -> Line:
    return Line("ws://x/y", 0, Phrase((), 0, 0), Caller(CallerBehavior(1), 0.0), lambda _: None)


def listener(line: Line, sent: list[float]) -> Listener:
    """A listener whose handshake is over."""
    made = Listener("ws://127.0.0.1:1/media/supervise/token", line, sent)
    made._opening = None
    return made


def test_silence_holds_a_click_now_and_then() -> None:
    clicks = Clicks()
    make = clicks.make_silence(7)
    made = [base64.b64decode(make()) for _ in range(2 * CLICK_EVERY)]
    assert [CLICK in frame for frame in made].count(True) == len(clicks.sent[7]) == 2
    assert {len(frame) for frame in made} == {160}


@pytest.mark.parametrize("cut", [40, 400])
def test_click_is_found_wherever_messages_are_cut(line: Line, cut: int) -> None:
    caller = (QUIET * 392 + CLICK).ljust(800, QUIET)
    hears = listener(line, [perf_counter() - 0.2])
    hears.data_received(audio(0, caller[:cut], QUIET * cut) + audio(cut // 8, caller[cut:], QUIET * (800 - cut)))
    ((_, lag),) = hears.heard.caller
    assert 0.2 <= lag < 1.0 and hears.heard.missing_ms == 0


def test_missing_audio_counts_once_whether_it_was_announced_or_not(line: Line) -> None:
    hears = listener(line, [])
    hears.data_received(audio(0, QUIET * 160, QUIET * 160) + audio(120, QUIET * 160, QUIET * 160))
    assert hears.heard.missing_ms == 100
    hears.data_received(text({"event": "dropped", "ms": 200}) + audio(340, QUIET * 160, QUIET * 160))
    assert hears.heard.missing_ms == 300


def test_beginning_of_an_answer_counts_once(line: Line) -> None:
    hears, sound = listener(line, []), b"\x10"
    line.caller.turns.append(Turn(0.0, answered=perf_counter() - 0.15))
    hears.data_received(audio(0, QUIET * 800, sound * 800) + audio(100, QUIET * 800, sound * 800))
    assert [lag >= 0.15 for _, lag in hears.heard.agent] == [True]


def test_page_names_each_missed_target() -> None:
    load = judge([], [], 0, 1.0, [0.0], 0.1)
    figures = ListenerFigures([100.0, 450.0], [100.0], 5, 4, 2.0, 0)
    text = page(MACHINE, [ListenerPair(load, load, figures)])
    assert "| lag of the caller's side, p50 and p95, ms" in text and "at most 400 at p95: **missed**" in text
    assert "| clicks heard, of those sent | 4 of 5 | | all: **missed** |" in text
    met = replace(figures, caller_ms=[100.0], clicks_heard=5, missing_frames=0.0)
    assert "missed**" not in page(MACHINE, [ListenerPair(load, load, met)])
