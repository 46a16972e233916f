"""Results of the engines: recognized text, and speech with word timings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio import mulaw

PHONE_RATE: Final = mulaw.RATE  # samples a second


class RecognitionAbandoned(Exception):
    """The text was not wanted any more while it was recognized."""


class RecognitionStop:
    """Ends a recognition from another thread. is_set: it was ended, or will be before it begins."""

    def __init__(self) -> None:
        self.is_set = False
        self._actions: list[Callable[[], None]] = []

    def call(self, action: Callable[[], None]) -> None:
        """Has `action` called when the recognition is to end, which may be now."""
        self._actions.append(action)
        if self.is_set:
            action()

    def set(self) -> None:
        """Ends the recognition as soon as its model lets it. Repeated, it changes nothing."""
        self.is_set = True
        for action in self._actions:
            action()


@dataclass(frozen=True, slots=True)
class Recognition:
    """text: "" when nothing was recognized. confidence: 0 to 1, the geometric mean probability of its tokens.
    hearings: how often its most doubtful part was heard; of these the second and third may take twice as long each. A
    short sound that was heard in several ways counts as 2, because that takes about as long."""

    text: str
    confidence: float
    hearings: int = 1


@dataclass(frozen=True, slots=True)
class WordTiming:
    """A written word with its white space, and when it sounds, in ms from the start of the speech."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SynthesizedSpeech:
    """pcm: 16-bit little-endian mono at PHONE_RATE. words: all of the text, in order; joined, they are the text."""

    pcm: bytes
    words: tuple[WordTiming, ...]

    @property
    def ms(self) -> float:
        """The speech's length."""
        return len(self.pcm) / 2 / PHONE_RATE * 1_000
