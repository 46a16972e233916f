"""Ears of a simulated recognizer: one that hears what a script says, whatever the audio, and deaf ones."""

from collections.abc import Sequence
from typing import Protocol

from simulator.vendors.faults import FaultInjector
from simulator.vendors.known_speech import HeardWord

_PER_MS = 8


class Hearing(Protocol):
    """What a simulated recognizer hears of one session's mu-law audio at 8 kHz."""

    @property
    def heard_ms(self) -> float:
        """How much audio came."""

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        """Take the next audio; return the words that ended in it."""


class ScriptedEar:
    """Hears each word of the script once so much audio came that it has ended."""

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
    """Hears nothing."""

    def __init__(self) -> None:
        self._heard = 0

    @property
    def heard_ms(self) -> float:
        return self._heard / _PER_MS

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        self._heard += len(ulaw)
        return []


class FaultyEar:
    """Hears what `ear` hears, but nothing while its connection is deaf."""

    def __init__(self, ear: Hearing, faults: FaultInjector) -> None:
        self._ear, self._faults = ear, faults

    @property
    def heard_ms(self) -> float:
        return self._ear.heard_ms

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        words = self._ear.feed(ulaw)
        return [] if self._faults.has("deaf") else words
