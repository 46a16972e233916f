"""The caller's audio that no final text covers yet, bounded, to be played again to another recogniser; pure."""

from collections.abc import Iterator
from typing import Final

BYTES_PER_S: Final = 8000
# Kept at most once the caller speaks, and while nobody is known to speak (speech too quiet for the detector).
MOST_S: Final = 60
MOST_QUIET_S: Final = 5
# What is played again comes in pieces of 100 ms.
PIECE: Final = BYTES_PER_S // 10


class Tape:
    """Positions count bytes (8 per ms) since the beginning of the call."""

    def __init__(self, most_s: float = MOST_S, most_quiet_s: float = MOST_QUIET_S) -> None:
        self._most = int(most_s * BYTES_PER_S)
        self._most_quiet = int(most_quiet_s * BYTES_PER_S)
        self._audio = bytearray()
        self._speech: int | None = None  # position at which the caller was said to have begun
        self.end = 0

    def push(self, ulaw: bytes) -> None:
        """Takes the next audio."""
        self._audio += ulaw
        self.end += len(ulaw)
        most = self._most_quiet if self._speech is None else self._most
        if len(self._audio) > most + BYTES_PER_S:  # cut once a second, not with every frame
            del self._audio[:-most]

    def started(self) -> None:
        """The caller began to speak a moment ago."""
        if self._speech is None:
            self._speech = self.end

    def settle(self, position: int) -> None:
        """The text of the audio before `position` is known for good."""
        beginning = self.end - len(self._audio)
        if position > beginning:
            del self._audio[: position - beginning]
        if self._speech is not None and self._speech < position:
            self._speech = None

    def replay(self) -> Iterator[bytes | None]:
        """The audio in pieces, with None at the place where the caller was said to have begun."""
        beginning = self.end - len(self._audio)
        speech = None if self._speech is None else max(0, self._speech - beginning)
        audio = bytes(self._audio)
        yield from _pieces(audio[:speech])
        if speech is not None:
            yield None
            yield from _pieces(audio[speech:])


def _pieces(audio: bytes) -> Iterator[bytes]:
    return (audio[at : at + PIECE] for at in range(0, len(audio), PIECE))
