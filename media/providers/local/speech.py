"""Results of the engines: recognized text, and speech with word timings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio import mulaw

PHONE_RATE: Final = mulaw.RATE  # samples a second


class RecognitionAbandoned(Exception):
    """The recognition was stopped because its text is no longer needed."""


class RecognitionStop:
    """Ends a recognition from another thread.

    Attributes:
        is_set: The recognition was ended, or will be ended before it begins.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._actions: list[Callable[[], None]] = []

    def call(self, action: Callable[[], None]) -> None:
        """Call `action` when the recognition must end, which may be now."""
        self._actions.append(action)
        if self.is_set:
            action()

    def set(self) -> None:
        """End the recognition as soon as its model allows. Repeated calls change nothing."""
        self.is_set = True
        for action in self._actions:
            action()


@dataclass(frozen=True, slots=True)
class Recognition:
    """A recognized utterance.

    Attributes:
        text: The text; empty if nothing was recognized.
        confidence: The geometric mean probability of its tokens, 0 to 1.
        hearings: How often the most doubtful part was transcribed. The second and third transcription may each take
            twice as long as the first. A short sound counts as 2, because its transcriptions take about as long.
    """

    text: str
    confidence: float
    hearings: int = 1


@dataclass(frozen=True, slots=True)
class WordTiming:
    """A written word with its white space, and its time in ms from the start of the speech."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SynthesizedSpeech:
    """Synthesized speech with word times.

    Attributes:
        pcm: 16-bit little-endian mono audio at PHONE_RATE.
        words: All words of the text, in order. Their concatenation is the text.
    """

    pcm: bytes
    words: tuple[WordTiming, ...]

    @property
    def ms(self) -> float:
        """The length of the speech in ms."""
        return len(self.pcm) / 2 / PHONE_RATE * 1_000
