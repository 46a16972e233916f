"""Ears of a simulated recognizer: one follows a script, whatever the audio, and others are deaf."""

from collections.abc import Sequence
from typing import Protocol

from simulator.vendors.faults import FaultInjector
from simulator.vendors.known_speech import HeardWord

_PER_MS = 8


class Hearing(Protocol):
    """Recognizes words in a session's mu-law audio at 8 kHz."""

    @property
    def heard_ms(self) -> float:
        """Length of the received audio."""

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        """Process audio and return the words that ended in it."""


class ScriptedEar:
    """Returns each word of the script once enough audio has arrived."""

    def __init__(self, script: Sequence[HeardWord]) -> None:
        self._script = sorted(script, key=lambda word: word.end_ms)
        self._next = 0
        self._heard = 0

    @property
    def heard_ms(self) -> float:
        return self._heard / _PER_MS

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        self._heard += len(ulaw)
        first = self._next
        while self._next < len(self._script) and self._script[self._next].end_ms <= self.heard_ms:
            self._next += 1
        return self._script[first : self._next]


class DeafEar:
    """Recognizes nothing."""

    def __init__(self) -> None:
        self._heard = 0

    @property
    def heard_ms(self) -> float:
        return self._heard / _PER_MS

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        self._heard += len(ulaw)
        return []


class FaultyEar:
    """Recognizes what `ear` recognizes, but nothing while its connection is deaf."""

    def __init__(self, ear: Hearing, faults: FaultInjector) -> None:
        self._ear, self._faults = ear, faults

    @property
    def heard_ms(self) -> float:
        return self._ear.heard_ms

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        words = self._ear.feed(ulaw)
        return [] if self._faults.has("deaf") else words
