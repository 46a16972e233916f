"""What the engines give: transcripts, and speech with the time of every word."""

from dataclasses import dataclass
from typing import Final

PHONE_RATE: Final = 8_000  # samples a second


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, empty when nothing was. confidence: 0 to 1, the geometric mean probability of its tokens."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Word:
    """A written word with its white space, and when it sounds, in ms from the start of the speech."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """pcm: 16-bit little-endian mono at PHONE_RATE. words: all of the text, in order; joined, they are the text."""

    pcm: bytes
    words: tuple[Word, ...]

    @property
    def ms(self) -> float:
        """The speech's length."""
        return len(self.pcm) / 2 / PHONE_RATE * 1_000
