"""Boundaries between two words of a recording: soft places, each checked by recognizing both sides.

A soft place may be the closure of a plosive. So a boundary counts only if the recognizer's words of the part before it
are the first words of the whole, and those of the part after it are the rest: both sides agree on which words they are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.listening.recognition_cache import RecognizerEngine
from lab.listening.sound import PER_MS, RATE, Samples, active_level, block_levels, to_pcm
from media.providers.local.speech import Recognition
from media.turn.backchannels import split_words

_BLOCK_MS: Final = 10
# How far under the clip's level a place must be, over how many blocks, and how far from both ends and from each other.
SOFT_DB, SOFT_BLOCKS = 20.0, 3
LEAST_SIDE_MS, LEAST_APART_MS = 500, 700
MOST_TRIED: Final = 6


@dataclass(frozen=True, slots=True)
class WordBoundary:
    """at_ms: the middle of the soft place. before: how many words of the clip's text lie before it. soft_ms: how long
    the place is soft, which is a pause already."""

    at_ms: int
    before: int
    soft_ms: int


def recognize(samples: Samples, engine: RecognizerEngine) -> Recognition:
    """The recognizer's text of a sound on a telephone line."""
    return engine.transcribe(to_pcm(samples), RATE)


def find_boundaries(samples: Samples, text: str, engine: RecognizerEngine, most: int) -> list[WordBoundary]:
    """At most `most` checked boundaries, in order, of a recording whose recognized text is `text`."""
    words, boundaries = split_words(text), list[WordBoundary]()
    for at_ms, soft_ms in soft_places(samples)[:MOST_TRIED]:
        if any(abs(at_ms - boundary.at_ms) < LEAST_APART_MS for boundary in boundaries):
            continue
        before = split_words(recognize(samples[: at_ms * PER_MS], engine).text)
        if not before or before != words[: len(before)] or len(before) == len(words):
            continue
        if split_words(recognize(samples[at_ms * PER_MS :], engine).text) == words[len(before) :]:
            boundaries.append(WordBoundary(at_ms, len(before), soft_ms))
        if len(boundaries) == most:
            break
    return sorted(boundaries, key=lambda boundary: boundary.at_ms)


def soft_places(samples: Samples) -> list[tuple[int, int]]:
    """The middle and the length, in ms, of places that are soft for at least 30 ms, the longest first."""
    levels = block_levels(samples)
    soft = np.concatenate(([False], levels < active_level(samples) - SOFT_DB, [False]))
    edges = np.flatnonzero(soft[1:] != soft[:-1])
    places = [
        (int(end - start), int(start + end) * _BLOCK_MS // 2)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
    last = len(levels) * _BLOCK_MS - LEAST_SIDE_MS
    return [
        (at, length * _BLOCK_MS)
        for length, at in sorted(places, reverse=True)
        if length >= SOFT_BLOCKS and LEAST_SIDE_MS <= at <= last
    ]
