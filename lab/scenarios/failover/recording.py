"""What a caller heard: silences in samples of the received audio, and the words of the simulated voice found in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.silence import LOUD
from simulator.vendors.voice import SpokenWord, find_words, words

_PER_MS: Final = RATE // 1_000
# A silence that is longer is taken out before words are looked for: a word in which audio came late is one word.
_PAUSE_MS: Final = 10


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """One answer. wait_ms: from the caller's last speech to the first audible sample, of a filler too; None when
    nothing came. gap_ms: the longest silence between two audible samples. filler_ms: from the caller's last speech to
    the first filler; None without one. words_ms: to the first word that is no filler's, where there is a filler."""

    wait_ms: float | None = None
    gap_ms: float = 0.0
    filler_ms: float | None = None
    words_ms: float | None = None

    @property
    def longest_ms(self) -> float | None:
        """The longest silence that the caller hears; None without an answer."""
        return None if self.wait_ms is None else max(self.wait_ms, self.gap_ms)


def measure_answer(
    agent: bytes, spoke_until_ms: float, next_spoke_ms: float | None, *, answer: str, fillers: Sequence[str]
) -> HeardAnswer:
    """The answer between two times of the call. agent: what was played to the caller, in mu-law. answer: the text that
    is expected. fillers: texts that may come before it or in it, each known by its first word."""
    end = len(agent) if next_spoke_ms is None else round(next_spoke_ms) * _PER_MS
    begin = round(spoke_until_ms) * _PER_MS
    samples = decode(agent[begin:end])
    loud = np.flatnonzero(_is_loud(samples))
    if not loud.size:
        return HeardAnswer()
    filler_ms = _first(find_words(samples, [words(filler)[0] for filler in fillers]))
    words_ms = None if filler_ms is None else _first(find_words(samples, words(answer)))
    return HeardAnswer(float(loud[0]) / _PER_MS, float(np.diff(loud).max(initial=0)) / _PER_MS, filler_ms, words_ms)


def _first(found: Sequence[SpokenWord]) -> float | None:
    return found[0].start_ms if found else None


def _is_loud(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    return np.abs(samples.astype(np.int32)) >= LOUD


def heard_words(ulaw: bytes, vocabulary: Sequence[str]) -> list[str]:
    """The words of the vocabulary in what the caller heard, in order; each also where silences tear it."""
    samples = decode(ulaw)
    loud = np.flatnonzero(_is_loud(samples))
    if not loud.size:
        return []
    pieces = np.split(loud, np.flatnonzero(np.diff(loud) > _PAUSE_MS * _PER_MS) + 1)
    joined = np.concatenate([samples[piece[0] : piece[-1] + 1] for piece in pieces])
    return [spoken.text for spoken in find_words(joined, vocabulary)]


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Words of an expected text that are missing, that come too often, and whether the rest is in another order."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    is_disordered: bool = False

    @property
    def is_none(self) -> bool:
        """Whether the text is the expected one."""
        return not (self.lost or self.doubled or self.is_disordered)


def compare_words(expected: Sequence[str], found: Sequence[str]) -> WordErrors:
    """What is wrong with the words that were found."""
    lost, doubled = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    is_disordered = not lost and not doubled and list(expected) != list(found)
    return WordErrors(tuple(sorted(lost.elements())), tuple(sorted(doubled.elements())), is_disordered)


def compare_texts(expected: str, found: str) -> WordErrors:
    """As `compare_words`, of two texts."""
    return compare_words(words(expected), words(found))


def find_word_errors(agent: bytes, starts_ms: Sequence[float], expected: Sequence[str]) -> WordErrors:
    """Looks for the clips of all expected words in what the caller heard.

    starts_ms: when the caller's turns began, between which the audio is cut, because long audio takes much longer.
    """
    wanted = words(" ".join(expected))
    ends = [*(round(start) * _PER_MS for start in starts_ms[1:]), len(agent)]
    found: list[str] = []
    for start, end in zip((0, *ends[:-1]), ends, strict=True):
        found += heard_words(agent[start:end], wanted)
    return compare_words(wanted, found)
