"""A carrier as the facts describe it, written apart from the ledger: it buffers, plays at real time, returns marks.

A millisecond is its smallest step. Messages and marks are late by what the two lists of delays say, but keep their
order (it is one TCP connection). `clear` empties the buffer and sends every pending mark back at once, as Twilio and
Telnyx do.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

BYTES_PER_MS = 8


@dataclass(frozen=True, slots=True)
class Run:
    """What was played in one go: when each millisecond that sounded was over, and its bytes."""

    ends: list[int]
    pieces: list[bytes]

    @property
    def audio(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


class Carrier:
    """Both ends of the line: the ledger's `Line`, and what comes back from the network."""

    def __init__(self, out_ms: Sequence[int] = (0,), back_ms: Sequence[int] = (0,)) -> None:
        self.now = 0
        self.clears = 0
        self.stalled = False
        self.deaf = False  # plays, but never returns a mark
        self.runs = [Run([], [])]
        self._out = cycle(out_ms)
        self._back = cycle(back_ms)
        self._wire: deque[tuple[int, str | bytes | None]] = deque()  # arrival; audio, the name of a mark, None = clear
        self._buffer: deque[str | bytes] = deque()
        self._returning: deque[tuple[int, str]] = deque()

    # --- Line ---

    def play(self, ulaw: bytes) -> None:
        """Audio, on its way."""
        assert ulaw, "an empty message"
        self._send(ulaw)

    def mark(self, name: str) -> None:
        """A mark, on its way."""
        self._send(name)

    def clear(self) -> None:
        """A clear, on its way."""
        self.clears += 1
        self._send(None)

    def hang_up(self) -> None:
        """Not used by the ledger."""
        raise AssertionError("the ledger does not hang up")

    # --- the network ---

    def split(self) -> None:
        """What is played from here on is another run."""
        self.runs.append(Run([], []))

    def step(self) -> list[str]:
        """One millisecond passes; returns the marks that have come back by its end."""
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
        self._wire.append((max(before, self.now + next(self._out)), message))

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
            self.runs[-1].ends.append(self.now)
            self.runs[-1].pieces.append(played)

    def _return(self, name: str) -> None:
        before = self._returning[-1][0] if self._returning else 0
        if not self.deaf:
            self._returning.append((max(before, self.now + next(self._back)), name))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run, found again in the utterance's audio: from byte `start` on; `ends` and byte `positions` after each ms."""

    start: int
    ends: list[int]
    positions: list[int]

    @property
    def end(self) -> int:
        """The byte behind the last one played."""
        return self.positions[-1]

    def reached(self, now: float) -> int:
        """The byte behind the last one played by that time, 0 when none was."""
        count = bisect_right(self.ends, now)
        return self.positions[count - 1] if count else 0

    def time_of(self, position: int) -> float | None:
        """When that byte began to sound; None when it is not in this stretch."""
        if not self.start <= position < self.end:
            return None
        return self.ends[bisect_right(self.positions, position)] - 1


def stretches(carrier: Carrier, audio: bytes) -> list[Stretch]:
    """What a carrier played, as places in `audio`, whose bytes must be random enough to be found again."""
    found = []
    for run in carrier.runs:
        played = run.audio
        if len(played) < BYTES_PER_MS:
            continue
        start = audio.find(played)
        assert start >= 0, "the carrier played something that is no stretch of the utterance"
        at, positions = start, []
        for piece in run.pieces:
            at += len(piece)
            positions.append(at)
        found.append(Stretch(start, run.ends, positions))
    return found
