"""Recorded speech as phone audio: one phrase of a recording, cut at its acoustic start and end.

A 20 ms frame is speech when its level is within 20 dB of the recording's loudest frame; a phrase ends where no such
frame follows for 300 ms. The server's own voice activity detection is not used.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

RATE = 8000
FRAME = 160  # samples in 20 ms, and bytes of mu-law
BELOW_LOUDEST_DB = 20.0
JOIN_FRAMES = 15
SILENCE = base64.b64encode(b"\xff" * FRAME)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase. frames: 20 ms of mu-law each, in base64, all speech. start_ms, end_ms: position in the recording."""

    frames: tuple[bytes, ...]
    start_ms: int
    end_ms: int


def load_phrase(path: Path, number: int = 1) -> Phrase:
    """The `number`-th phrase (from 1) of a recording in any format that libsndfile reads.

    Raises ValueError when the recording has fewer phrases, and soundfile.SoundFileError when it cannot be read.
    """
    samples = _phone_band(path)
    spans = phrases(speech_frames(levels(samples)))
    if not 1 <= number <= len(spans):
        raise ValueError(f"{path.name} has {len(spans)} phrases, not {number}")
    start, end = spans[number - 1]
    ulaw = encode(samples[start * FRAME : end * FRAME]).tobytes()
    frames = (ulaw[at : at + FRAME] for at in range(0, len(ulaw), FRAME))
    return Phrase(tuple(base64.b64encode(frame) for frame in frames), start * 20, end * 20)


def _phone_band(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, RATE), dtype=np.float32)


def levels(samples: Samples) -> NDArray[np.float64]:
    """The level of each whole 20 ms frame in dB relative to full scale."""
    whole = len(samples) // FRAME * FRAME
    squares = samples[:whole].reshape(-1, FRAME).astype(np.float64) ** 2
    return np.asarray(10 * np.log10(squares.mean(axis=1) + 1e-12))


def speech_frames(frame_levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames are speech by level alone."""
    return np.asarray(frame_levels >= frame_levels.max() - BELOW_LOUDEST_DB)


def phrases(speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first frame, one past the last frame) of each phrase; shorter gaps than JOIN_FRAMES belong to the phrase."""
    spans: list[tuple[int, int]] = []
    for frame in np.flatnonzero(speech).tolist():
        if spans and frame - spans[-1][1] < JOIN_FRAMES:
            spans[-1] = (spans[-1][0], frame + 1)
        else:
            spans.append((frame, frame + 1))
    return spans


def encode(samples: Samples) -> NDArray[np.uint8]:
    """Samples of -1.0..1.0 as mu-law (ITU-T G.711: bias 132 at 16 bits, 8 segments of 16 steps, all bits inverted)."""
    wide = np.clip(samples * 32767.0, -32635, 32635).astype(np.int32)
    magnitude = np.abs(wide) + 132
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    return np.asarray(~(sign | (segment << 4) | step) & 0xFF, dtype=np.uint8)
