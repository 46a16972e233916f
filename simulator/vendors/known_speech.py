"""The ear of a simulated recognizer. It recognizes the words of known recordings in identical audio.

The phone network carries the caller's mu-law bytes unchanged, so audio is recognized by its bytes. Lost audio loses its
words, and repeated audio repeats them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# This many bytes identify a position in a recording. Speech repeats no sequence of this length.
KEY_BYTES: Final = 16
_PER_MS: Final = 8


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word of a known recording, with its position in ms."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A known recording.

    Attributes:
        ulaw: mu-law at 8 kHz.
        words: The spoken words, in order.
    """

    ulaw: bytes
    words: tuple[KnownWord, ...]


def spread_words(ulaw: bytes, text: str, start_ms: float, end_ms: float) -> KnownRecording:
    """Return a recording whose text is spread by letters over the time from `start_ms` to `end_ms`.

    These times are approximate. They only have to assign each piece of audio to one word.
    """
    texts = text.split()
    letters = max(1, sum(map(len, texts)))
    words: list[KnownWord] = []
    at = start_ms
    for word in texts:
        until = at + (end_ms - start_ms) * len(word) / letters
        words.append(KnownWord(word, at, until))
        at = until
    return KnownRecording(ulaw, tuple(words))


class KnownSpeech:
    """All recordings that a recognizer recognizes."""

    def __init__(self, recordings: Sequence[KnownRecording]) -> None:
        self.recordings = tuple(recordings)
        self._places: dict[bytes, tuple[int, int] | None] = {}  # None: in more than one place
        for number, recording in enumerate(recordings):
            for at in range(len(recording.ulaw) - KEY_BYTES + 1):
                key = recording.ulaw[at : at + KEY_BYTES]
                self._places[key] = None if key in self._places else (number, at)

    def find(self, key: bytes) -> tuple[int, int] | None:
        """Return the recording and the position of `KEY_BYTES` bytes in it; None if they are unknown or ambiguous."""
        return self._places.get(key)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognized word, with its position in the recognizer's audio in ms."""

    text: str
    start_ms: float
    end_ms: float


class Ear:
    """Recognizes the words of a session. A word counts once its end and most of its audio have arrived."""

    def __init__(self, speech: KnownSpeech) -> None:
        self._speech = speech
        self._audio = bytearray()  # audio that was not looked up yet
        self._looked_up = 0  # number of bytes before `_audio`
        self._words: list[HeardWord] = []
        # recording, number of its current word, bytes of the word received
        self._next: tuple[int, int, int] | None = None

    @property
    def heard_ms(self) -> float:
        """Length of the received audio."""
        return (self._looked_up + len(self._audio)) / _PER_MS

    @property
    def words(self) -> tuple[HeardWord, ...]:
        """All words so far."""
        return tuple(self._words)

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        """Process audio and return the words that ended in it."""
        self._audio += ulaw
        before, whole = len(self._words), len(self._audio) // KEY_BYTES * KEY_BYTES
        for at in range(0, whole, KEY_BYTES):
            place = self._speech.find(bytes(self._audio[at : at + KEY_BYTES]))
            if place is not None:
                self._hear(*place)
            self._looked_up += KEY_BYTES
        del self._audio[:whole]
        return self._words[before:]

    def _hear(self, number: int, at: int) -> None:
        """Process `KEY_BYTES` of recording `number` from position `at` on."""
        end = at + KEY_BYTES
        for index, word in enumerate(self._speech.recordings[number].words):
            word_start, word_end = word.start_ms * _PER_MS, word.end_ms * _PER_MS
            if not word_start <= at < word_end:
                continue
            heard = KEY_BYTES + (self._next[2] if self._next and self._next[:2] == (number, index) else 0)
            self._next = (number, index, heard)
            if end + KEY_BYTES > word_end and heard > (word_end - word_start) / 2:
                now = (self._looked_up + KEY_BYTES) / _PER_MS
                self._words.append(HeardWord(word.text, now - (word.end_ms - word.start_ms), now))
                self._next = None
            return
