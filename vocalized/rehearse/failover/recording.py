"""What a caller heard: silences in samples of the received audio, and the words of the simulated voice found in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.carrier.mulaw import RATE, decode
from simulator.vendors.silence import LOUD
from simulator.vendors.voice import find_words, words

_PER_MS: Final = RATE // 1_000


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """One answer. wait_ms: from the caller's last speech to its first audible sample; None when nothing came. gap_ms:
    the longest silence between two audible samples of it."""

    wait_ms: float | None = None
    gap_ms: float = 0.0

    @property
    def longest_ms(self) -> float | None:
        """The longest silence that the caller hears; None without an answer."""
        return None if self.wait_ms is None else max(self.wait_ms, self.gap_ms)


def measure_answer(agent: bytes, spoke_until_ms: float, next_spoke_ms: float | None) -> HeardAnswer:
    """The answer between two times of the call. agent: what was played to the caller, in mu-law."""
    end = len(agent) if next_spoke_ms is None else round(next_spoke_ms) * _PER_MS
    begin = round(spoke_until_ms) * _PER_MS
    loud = np.flatnonzero(np.abs(decode(agent[begin:end]).astype(np.int32)) >= LOUD)
    if not loud.size:
        return HeardAnswer()
    return HeardAnswer(float(loud[0]) / _PER_MS, float(np.diff(loud).max(initial=0)) / _PER_MS)


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
        found += [spoken.text for spoken in find_words(decode(agent[start:end]), set(wanted))]
    return compare_words(wanted, found)
