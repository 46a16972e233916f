"""A carrier by Twilio's and Telnyx's documents, independent of `Playback`: buffers, plays in real time, returns marks.

Its time step is one millisecond. Messages and marks are delayed by the two lists of delays, but stay in order (one TCP
connection). `clear` empties the buffer and returns every pending mark at once, as Twilio and Telnyx do.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from media.audio.framer import FRAME
from media.audio.mulaw import SILENCE

BYTES_PER_MS = 8


@dataclass(frozen=True, slots=True)
class ContinuousPlay:
    """Audio played without a clear in between: the end time of each millisecond that sounded, and its bytes."""

    end_times: list[int]
    pieces: list[bytes]

    @property
    def audio(self) -> bytes:
        """The audio as one piece."""
        return b"".join(self.pieces)


class SimulatedCarrier:
    """The playback's `MediaStream`, and the network that returns its marks.

    out_ms, back_ms: delays of the messages to the carrier and of the marks from it, used in turn. stalled: plays
    nothing. returns_no_marks: plays, but never returns a mark.
    """

    def __init__(self, out_ms: Sequence[int] = (0,), back_ms: Sequence[int] = (0,)) -> None:
        self.now = 0
        self.clears = 0
        self.stalled = False
        self.returns_no_marks = False
        self.runs = [ContinuousPlay([], [])]
        self._delays_out = cycle(out_ms)
        self._delays_back = cycle(back_ms)
        self._wire: deque[tuple[int, str | bytes | None]] = (
            deque()
        )  # (arrival time; audio, a mark's name, or None for a clear)
        self._buffer: deque[str | bytes] = deque()
        self._returning: deque[tuple[int, str]] = deque()

    # --- MediaStream ---

    def play(self, ulaw: bytes) -> None:
        """Sends audio to the carrier."""
        assert ulaw, "an empty message"
        self._send(ulaw)

    def mark(self, name: str) -> None:
        """Sends a mark to the carrier."""
        self._send(name)

    def clear(self) -> None:
        """Sends a clear to the carrier."""
        self.clears += 1
        self._send(None)

    def hang_up(self) -> None:
        """Not used by `Playback`."""
        raise AssertionError("Playback does not hang up")

    # --- the network ---

    def split(self) -> None:
        """Starts a new run."""
        self.runs.append(ContinuousPlay([], []))

    def step(self) -> list[str]:
        """Advances by one millisecond; returns the marks that have come back by its end."""
        while self._wire and self._wire[0][0] <= self.now:
            self._arrive(self._wire.popleft()[1])
        self.now += 1
        if not self.stalled:
            self._play()
        back = []
        while self._returning and self._returning[0][0] <= self.now:
            back.append(self._returning.popleft()[1])
        return back

    def _send(self, message: str | bytes | None) -> None:
        before = self._wire[-1][0] if self._wire else 0
        self._wire.append((max(before, self.now + next(self._delays_out)), message))

    def _arrive(self, message: str | bytes | None) -> None:
        if message is not None:
            self._buffer.append(message)
            return
        for item in self._buffer:
            if isinstance(item, str):
                self._return(item)
        self._buffer.clear()
        self.split()

    def _play(self) -> None:
        left, played = BYTES_PER_MS, b""
        while self._buffer and (left or isinstance(self._buffer[0], str)):
            item = self._buffer.popleft()
            if isinstance(item, str):
                self._return(item)
                continue
            played += item[:left]
            if len(item) > left:
                self._buffer.appendleft(item[left:])
            left = BYTES_PER_MS - len(played)
        if played:
            self.runs[-1].end_times.append(self.now)
            self.runs[-1].pieces.append(played)

    def _return(self, name: str) -> None:
        before = self._returning[-1][0] if self._returning else 0
        if not self.returns_no_marks:
            self._returning.append((max(before, self.now + next(self._delays_back)), name))


@dataclass(frozen=True, slots=True)
class PlayedStretch:
    """The place of a run in the utterance's audio: its first byte; the time and the byte position after each ms."""

    start: int
    end_times: list[int]
    positions: list[int]

    @property
    def end(self) -> int:
        """The position after the last byte played."""
        return self.positions[-1]

    def reached(self, now: float) -> int:
        """The position after the last byte played by that time, 0 when none was."""
        count = bisect_right(self.end_times, now)
        return self.positions[count - 1] if count else 0

    def time_of(self, position: int) -> float | None:
        """The time at which that byte began to sound; None when it is not in this stretch."""
        if not self.start <= position < self.end:
            return None
        return self.end_times[bisect_right(self.positions, position)] - 1


def played_stretches(carrier: SimulatedCarrier, audio: bytes) -> list[PlayedStretch]:
    """Finds what a carrier played in `audio`, whose pieces must be unique. The silence that fills up the last frame is
    left out."""
    filled = audio + SILENCE * (FRAME - 1)
    found = []
    for run in carrier.runs:
        played = run.audio
        if len(played) < BYTES_PER_MS:
            continue
        start = filled.find(played)
        assert start >= 0, "the carrier played audio that is not part of the utterance"
        at, positions = start, []
        for piece in run.pieces:
            at += len(piece)
            positions.append(min(at, len(audio)))
        found.append(PlayedStretch(start, run.end_times, positions))
    return found
