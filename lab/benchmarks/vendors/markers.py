"""Markers in the callers' silence, and how long each took to the recognizer.

simulator/vendors/audio_markers.py describes a marker, and finds it again in the audio of a recognizer's connection.
"""

import base64
from collections.abc import Callable, Iterable
from time import perf_counter

import msgspec

from lab.benchmarks.clip import FRAME, SILENCE

# Frames of silence from one marker to the next of a call: odd, so that a server that sends several frames in a message
# has markers in each of them.
EVERY = 51
_PREAMBLE = 0x5A3C96E1
_BITS = bytes.maketrans(b"01", b"\xfe\x7e")  # samples of +8 and -8


class MarkerArrival(msgspec.Struct, frozen=True):
    """When a marker's audio came to the recognizer, in seconds of the machine's monotonic clock."""

    call: int
    number: int
    at: float


def make_marker(call: int, number: int) -> bytes:
    """20 ms of mu-law that begin with a marker; the rest is silent."""
    bits = f"{_PREAMBLE:032b}{call:032b}{number:032b}".encode()
    return bits.translate(_BITS).ljust(FRAME, b"\xff")


class MarkerLog:
    """The markers of all calls of a load."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._sent: dict[tuple[int, int], float] = {}

    def of_call(self, call: int) -> "CallMarkers":
        """The markers of one call."""
        return CallMarkers(call, self)

    def note(self, call: int, number: int) -> None:
        """A marker goes out now."""
        self._sent[call, number] = self._clock()

    def delays_ms(self, arrivals: Iterable[MarkerArrival], start: float, end: float) -> list[float]:
        """From sending a marker, between these times, to its first arrival."""
        found: dict[tuple[int, int], float] = {}
        for arrival in arrivals:
            found.setdefault((arrival.call, arrival.number), arrival.at)
        times = [(sent, found[key]) for key, sent in self._sent.items() if key in found and start <= sent < end]
        return [round((came - sent) * 1_000, 2) for sent, came in times]

    def missing(self, arrivals: Iterable[MarkerArrival], start: float, end: float) -> int:
        """How many of the markers that were sent between these times never came."""
        came = {(arrival.call, arrival.number) for arrival in arrivals}
        return sum(start <= sent < end and key not in came for key, sent in self._sent.items())


class CallMarkers:
    """What one caller sends while silent: a marker in every `EVERY`th frame."""

    def __init__(self, call: int, log: MarkerLog) -> None:
        self._call = call
        self._log = log
        self._number = 0
        self._frames = call % EVERY  # calls take turns

    def next_frame(self) -> bytes:
        """The next 20 ms, in base64."""
        self._frames += 1
        if self._frames % EVERY:
            return SILENCE
        self._number += 1
        frame = base64.b64encode(make_marker(self._call, self._number))
        self._log.note(self._call, self._number)
        return frame
