"""The carrier's playout buffer: plays queued agent audio in real time, and echoes marks when they are reached."""

from collections import deque
from dataclasses import dataclass

from simulator.carrier.mulaw import SILENCE


@dataclass(frozen=True, slots=True)
class PlayedAudio:
    """Audio that the caller hears next, and the marks reached before it. Silence fills gaps."""

    audio: bytes
    marks: tuple[str, ...]


class PlayoutBuffer:
    """The buffer of a call, in mu-law (a byte is a sample). Its clock is the number of samples handed to the caller.

    A mark is echoed after all audio queued before it was played, or immediately if nothing is queued (Twilio's page
    voice/media-streams/websocket-messages). Audio that `advance` returned counts as played at the next `advance`.
    """

    def __init__(self) -> None:
        self.clock = 0
        self._queue = bytearray()
        self._received = 0
        self._played = 0
        self._playing = 0
        self._marks: deque[tuple[int, str]] = deque()  # (samples received before it, name)

    @property
    def queued(self) -> int:
        """Number of samples not handed out yet."""
        return len(self._queue)

    def play(self, payload: bytes) -> int:
        """Queue audio. Returns when it will begin to sound, in samples of the call."""
        begins = self.clock + len(self._queue)
        self._queue += payload
        self._received += len(payload)
        return begins

    def mark(self, name: str) -> tuple[str, ...]:
        """Queue a mark. Returns its name if it is echoed immediately."""
        if not self._queue and not self._playing and not self._marks:
            return (name,)
        self._marks.append((self._received, name))
        return ()

    def clear(self) -> tuple[str, ...]:
        """Discard queued audio. Returns all pending marks in order."""
        names = tuple(name for _, name in self._marks)
        self._marks.clear()
        self._queue.clear()
        self._played = self._received - self._playing
        return names

    def advance(self, samples: int) -> PlayedAudio:
        """Mark the audio of the previous call as played. Returns the next `samples` samples."""
        self._played += self._playing
        self._playing = min(samples, len(self._queue))
        audio = bytes(self._queue[: self._playing]).ljust(samples, SILENCE)
        del self._queue[: self._playing]
        self.clock += samples
        return PlayedAudio(audio, self._reached_marks())

    def _reached_marks(self) -> tuple[str, ...]:
        names = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return tuple(names)
