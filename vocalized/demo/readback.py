"""Checks that the agent read a message back: compares the spoken words with those recognized in the recording."""

import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vocalized.caller.local_speech import RATE, Recognize

_BLOCK = RATE // 50
_LOUD = 300.0  # RMS of a block that belongs to speech
_PAUSE = 30  # blocks of silence that separate two utterances
_LONGEST = 50 * 25  # blocks that are recognized at once
_MARGIN = RATE // 5


@dataclass(frozen=True, slots=True)
class ReadBack:
    """`wanted` words, the `heard` text, and the wanted words `found` in it in the same order."""

    wanted: tuple[str, ...]
    heard: str
    found: tuple[str, ...]

    @property
    def share(self) -> float:
        """The part of the wanted words that was found, 0 to 1."""
        return len(self.found) / max(1, len(self.wanted))


def right_leg(path: Path) -> NDArray[np.int16]:
    """The right channel of a 16-bit stereo recording. Raises OSError and wave.Error."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return samples.reshape(-1, 2)[:, 1].astype(np.int16)


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def read_back(wanted: str, samples: NDArray[np.int16], recognize: Recognize) -> ReadBack:
    """Recognises a leg, utterance by utterance, and searches it for the wanted words."""
    heard = " ".join(filter(None, (recognize(piece.astype("<i2").tobytes()) for piece in utterances(samples))))
    said = words_of(wanted)
    return ReadBack(tuple(said), heard, tuple(common_words(said, words_of(heard))))


def utterances(samples: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """The parts of a leg that hold speech, split at pauses of 600 ms, each with a margin of 200 ms."""
    whole = samples[: len(samples) // _BLOCK * _BLOCK].astype(np.float64).reshape(-1, _BLOCK)
    loud = np.flatnonzero(np.sqrt(np.square(whole).mean(axis=1)) > _LOUD)
    if not len(loud):
        return []
    pauses = np.flatnonzero(np.diff(loud) > _PAUSE)
    firsts, lasts = [loud[0], *loud[pauses + 1]], [*loud[pauses], loud[-1]]
    spans = [part for first, last in zip(firsts, lasts, strict=True) for part in _shorter(int(first), int(last))]
    return [samples[max(0, a * _BLOCK - _MARGIN) : (b + 1) * _BLOCK + _MARGIN] for a, b in spans]


def _shorter(first: int, last: int) -> list[tuple[int, int]]:
    return [(at, min(last, at + _LONGEST)) for at in range(first, last + 1, _LONGEST)]


def common_words(wanted: Sequence[str], heard: Sequence[str]) -> list[str]:
    """The longest common subsequence of words."""
    best: list[list[int]] = [[0] * (len(heard) + 1) for _ in range(len(wanted) + 1)]
    for i in range(len(wanted) - 1, -1, -1):
        for j in range(len(heard) - 1, -1, -1):
            same = wanted[i] == heard[j]
            best[i][j] = best[i + 1][j + 1] + 1 if same else max(best[i + 1][j], best[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(wanted) and j < len(heard):
        if wanted[i] == heard[j]:
            found.append(wanted[i])
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found
