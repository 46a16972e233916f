"""Markers in a caller's audio, made by the benchmark and found by the simulated recognizer."""

import numpy as np
import pytest

from lab.benchmarks.vendors.markers import make_marker
from simulator.carrier.mulaw import SILENT_FRAME, decode, encode
from simulator.vendors.audio_markers import MarkedEar, MarkerArrival
from simulator.vendors.script import DeafEar
from simulator.vendors.silence import LOUD

AUDIO = SILENT_FRAME + make_marker(7, 1) + SILENT_FRAME + make_marker(7, 2) + SILENT_FRAME


def arrivals(messages: list[bytes]) -> list[MarkerArrival]:
    """What is found when message n comes at n seconds."""
    found: list[MarkerArrival] = []
    ear = MarkedEar(DeafEar(), found.append, clock=iter(range(10_000)).__next__)
    for message in messages:
        ear.feed(message)
    assert ear.heard_ms == sum(map(len, messages)) / 8
    return found


@pytest.mark.parametrize("size", [160, 320, 7, len(AUDIO)])
def test_each_marker_is_found_once_in_messages_of_any_size(size: int) -> None:
    found = arrivals([AUDIO[at : at + size] for at in range(0, len(AUDIO), size)])
    assert [(marker.call, marker.number) for marker in found] == [(7, 1), (7, 2)]
    ends = [160 + 96, 480 + 96]  # of the markers' last samples
    assert [marker.at for marker in found] == [(end - 1) // size for end in ends]


def test_a_marker_survives_linear_audio_and_is_silence() -> None:
    samples = decode(make_marker(0xFFFFFFFF, 0))
    assert np.abs(samples).max() < LOUD
    assert [(marker.call, marker.number) for marker in arrivals([encode(samples)])] == [(0xFFFFFFFF, 0)]


def test_a_marker_that_was_cut_is_none() -> None:
    assert arrivals([make_marker(1, 1)[:60], SILENT_FRAME]) == []
