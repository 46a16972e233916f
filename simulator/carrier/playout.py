"""The carrier's play-out buffer: agent audio plays in real time, a mark comes back when all before it was played."""

from collections import deque
from dataclasses import dataclass

from simulator.carrier.mulaw import SILENCE


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the caller hears from now on (silence where nothing is queued) and the marks passed until now."""

    audio: bytes
    marks: tuple[str, ...]


class PlayOut:
    """One call's buffer. Its only clock is the number of samples handed to the caller; mu-law, so a byte is a sample.

    A mark is "echoed when everything queued before it has been played, or at once if nothing is queued"; audio that
    was handed out by `advance` sounds until the next `advance`, and only then has been played.
    """

    def __init__(self) -> None:
        self.clock = 0
        self._queue = bytearray()
        self._received = 0
        self._played = 0
        self._sounding = 0
        self._marks: deque[tuple[int, str]] = deque()  # (samples received before it, name)

    @property
    def queued(self) -> int:
        """Samples waiting to be handed out."""
        return len(self._queue)

    def play(self, payload: bytes) -> int:
        """Queues audio; returns the call's time in samples at which it will begin to sound."""
        begins = self.clock + len(self._queue)
        self._queue += payload
        self._received += len(payload)
        return begins

    def mark(self, name: str) -> tuple[str, ...]:
        """Queues a mark; returns it when it comes back at once."""
        if not self._queue and not self._sounding and not self._marks:
            return (name,)
        self._marks.append((self._received, name))
        return ()

    def clear(self) -> tuple[str, ...]:
        """Throws away what is queued; every pending mark comes back, in order."""
        names = tuple(name for _, name in self._marks)
        self._marks.clear()
        self._queue.clear()
        self._played = self._received - self._sounding
        return names

    def advance(self, samples: int) -> Stretch:
        """Ends the stretch that sounded until now and hands out the next `samples` samples."""
        self._played += self._sounding
        self._sounding = min(samples, len(self._queue))
        audio = bytes(self._queue[: self._sounding]).ljust(samples, SILENCE)
        del self._queue[: self._sounding]
        self.clock += samples
        return Stretch(audio, self._passed())

    def _passed(self) -> tuple[str, ...]:
        names = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return tuple(names)
