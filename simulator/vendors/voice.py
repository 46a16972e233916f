"""The simulated voice: each word is a known clip, which can be found again in a recording.

A clip is noise of the phone band that belongs to its word alone, so it correlates only with itself.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.mulaw import FRAME, RATE, SILENCE, encode

# A word's length follows from its letters, like a voice with about 15 letters per second.
FRAMES_PER_LETTER: Final = 3
MIN_FRAMES: Final = 8
GAP_FRAMES: Final = 2
# A clip counts as found if this share of its energy correlates. Other clips reach 0.1.
FOUND: Final = 0.5
_BAND_HZ: Final = (400.0, 3_200.0)
_AMPLITUDE: Final = 6_000.0
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word in the simulated voice's audio, with the position of its clip in ms."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A text as audio.

    Attributes:
        ulaw: mu-law at 8 kHz.
        words: The audible words, as written.
    """

    ulaw: bytes
    words: tuple[SpokenWord, ...]


# Speaks a text for a simulated vendor, piece by piece. Each piece may block while it is generated.
SimulatedVoice = Callable[[str], Iterable[SpokenText]]


def words(text: str) -> list[str]:
    """Return the words of a text in lower case without punctuation."""
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=4_096)
def clip_samples(word: str) -> NDArray[np.int16]:
    """Return the clip of a word: 16-bit samples at 8 kHz, in whole frames of 20 ms."""
    count = max(MIN_FRAMES, FRAMES_PER_LETTER * len(word)) * FRAME
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequencies < _BAND_HZ[0]) | (frequencies > _BAND_HZ[1])] = 0
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std() * _AMPLITUDE, dtype=np.int16)


def speak(text: str) -> bytes:
    """Return the audio of a text: the clip of each word followed by a short silence, mu-law at 8 kHz."""
    gap = SILENCE * (GAP_FRAMES * FRAME)
    return b"".join(encode(clip_samples(word)) + gap for word in words(text))


def speak_clips(text: str) -> Iterator[SpokenText]:
    """Speak a text in one piece with the simulated voice."""
    spoken: list[SpokenWord] = []
    at = 0
    for written in text.split():
        length = len(speak(written))
        if length:
            spoken.append(SpokenWord(written, _ms(at), _ms(at + length)))
        at += length
    yield SpokenText(speak(text), tuple(spoken))


def word_times(text: str) -> list[SpokenWord]:
    """Return when each word is spoken in `speak(text)`."""
    found: list[SpokenWord] = []
    at = 0
    for word in words(text):
        length = len(clip_samples(word))
        found.append(SpokenWord(word, _ms(at), _ms(at + length)))
        at += length + GAP_FRAMES * FRAME
    return found


def find_words(samples: NDArray[np.int16], vocabulary: Iterable[str]) -> list[SpokenWord]:
    """Return the words of the vocabulary in a recording (16-bit samples at 8 kHz), in order.

    A truncated word is found if more than `FOUND` of it is there.
    """
    recording = samples.astype(np.float64)
    clips = {word: clip_samples(word) for word in vocabulary}
    longest = max(map(len, clips.values()), default=0)
    if len(recording) < longest:
        recording = np.pad(recording, (0, longest - len(recording)))
    size = 1 << (len(recording) + longest).bit_length()
    spectrum = np.fft.rfft(recording, size)
    found = [spoken for word in clips for spoken in _find(spectrum, word, len(recording), size)]
    return sorted(found, key=lambda spoken: spoken.start_ms)


def _find(spectrum: NDArray[np.complex128], word: str, count: int, size: int) -> Iterator[SpokenWord]:
    """Find a word. `spectrum` belongs to a recording of `count` samples, padded to `size`."""
    length = len(clip_samples(word))
    share = np.fft.irfft(spectrum * _matched_filter(word, size), size)[:count]
    while (at := int(np.argmax(share))) >= 0 and share[at] > FOUND:
        yield SpokenWord(word, _ms(at), _ms(at + length))
        share[max(0, at - length // 2) : at + length // 2] = 0


@lru_cache(maxsize=64)
def _matched_filter(word: str, size: int) -> NDArray[np.complex128]:
    """Return the spectrum that correlates a recording with a clip. The correlation is 1 at the clip."""
    clip = clip_samples(word).astype(np.float64)
    return np.asarray(np.conj(np.fft.rfft(clip, size)) / float(clip @ clip))


def _ms(samples: int) -> float:
    return samples * 1_000 / RATE
