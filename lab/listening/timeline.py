"""A caller's side of a call, put together from speech and pauses, and the times of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from lab.listening.sound import PER_MS, Samples, room_noise, to_frames
from lab.listening.word_boundaries import WordBoundary

# Before the caller speaks, and after the end: an answer that has not come by then counts as none.
LEAD_MS, TAIL_MS = 1_000, 5_000
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class CallerSide:
    """frames: 20 ms of mu-law each. pauses: start and end of each made pause, in ms. end_ms: the true end of speech."""

    frames: list[bytes]
    pauses: list[tuple[float, float]]
    end_ms: float


def speak(samples: Samples, boundaries: Sequence[WordBoundary] = (), pause_ms: int = 0) -> CallerSide:
    """A caller who says a clip with a pause at each of the boundaries, which lasts `pause_ms` together with the soft
    place that it lengthens. The clip's own noise fills everything else."""
    edges = [0, *(boundary.at_ms * PER_MS for boundary in boundaries), len(samples)]
    pieces, pauses, at = [room_noise(samples, LEAD_MS, _SEED)], list[tuple[float, float]](), float(LEAD_MS)
    for number, (start, end) in enumerate(pairwise(edges)):
        if number:
            soft_ms = boundaries[number - 1].soft_ms
            made_ms = max(0, pause_ms - soft_ms)
            pieces.append(room_noise(samples, made_ms, _SEED + number))
            pauses.append((at - soft_ms / 2, at + made_ms + soft_ms / 2))
            at += made_ms
        pieces.append(samples[start:end])
        at += (end - start) / PER_MS
    pieces.append(room_noise(samples, TAIL_MS, _SEED))
    return CallerSide(to_frames(np.concatenate(pieces)), pauses, at)
