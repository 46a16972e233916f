"""Markers that callers send, and how long they took."""

import base64

from lab.benchmarks.clip import SILENCE
from lab.benchmarks.vendors.markers import EVERY, MarkerArrival, MarkerLog, make_marker


def test_a_caller_marks_one_frame_of_many() -> None:
    markers = MarkerLog(lambda: 1.0).of_call(3)
    frames = [markers.next_frame() for _ in range(2 * EVERY)]
    marked = [frame for frame in frames if frame != SILENCE]
    assert [base64.b64decode(frame) for frame in marked] == [make_marker(3, 1), make_marker(3, 2)]


def test_delays_are_those_of_markers_sent_in_the_window() -> None:
    times = iter([0.5, 1.0, 1.5, 2.5])
    log = MarkerLog(times.__next__)
    for number in range(4):
        log.note(1, number)
    came = [MarkerArrival(1, number, at) for number, at in ((0, 0.6), (1, 1.02), (1, 9.0), (3, 2.6))]
    assert log.delays_ms(came, 1.0, 2.0) == [20.0]
    assert log.missing(came, 1.0, 2.0) == 1
