"""Levels of telephone audio, and the first and last sample of speech in a recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.mulaw import FRAME, FRAME_MS, RATE, decode, to_float

# An agent may send comfort noise while idle. Sound below this level does not count as an answer.
AUDIBLE_DBFS = -48.0

_BLOCK = RATE // 100  # 10 ms: the resolution of the ends of speech
_FLOOR_DBFS = -120.0
_SEED_BELOW_DB = 12.0  # a loud block is at most this far below the loudest blocks
_TAIL_BELOW_DB = 32.0  # a soft ending is at most this far below the loudest blocks
_ABOVE_NOISE_DB = 12.0  # above the softest moments
_CLEAR_OF_NOISE_DB = 19.0
_CLOSURE = 12  # blocks; the silent closure before a plosive, such as the "t" of "right"
_LONGEST_TAIL = 30  # blocks; the longest unvoiced ending ("...ss") after the last voiced sound
_SHORTEST_VOICE = 2  # blocks
_PITCH_LAGS = slice(RATE // 400, RATE // 70)
_VOICED = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """A range of samples; `end` is not included."""

    start: int
    end: int


def dbfs(samples: NDArray[np.float32]) -> float:
    """RMS level in dB relative to full scale; -120 for silence or no samples."""
    if not len(samples):
        return _FLOOR_DBFS
    return max(_FLOOR_DBFS, 10 * float(np.log10(np.mean(np.square(samples)) + 1e-12)))


def levels(samples: NDArray[np.float32], block: int) -> NDArray[np.float64]:
    """Return the level of each block of `block` samples, in dBFS. The last block may be shorter."""
    padded = np.pad(samples, (0, -len(samples) % block))
    power = np.square(padded.reshape(-1, block)).mean(axis=1)
    return np.asarray(np.maximum(_FLOOR_DBFS, 10 * np.log10(power + 1e-12)), dtype=np.float64)


def audible_span(ulaw: bytes) -> Span | None:
    """Return the span from the first to the last audible 20 ms, in samples; None if no 20 ms are audible."""
    if not ulaw:
        return None
    loud = np.flatnonzero(levels(to_float(decode(ulaw)), FRAME) > AUDIBLE_DBFS)
    if not len(loud):
        return None
    return Span(int(loud[0]) * FRAME, min(len(ulaw), (int(loud[-1]) + 1) * FRAME))


def speech_level(samples: NDArray[np.float32]) -> float:
    """Return the level of the loud parts of the speech in a clip, in dBFS."""
    measured = levels(samples, FRAME)
    return float(np.percentile(measured[measured > _FLOOR_DBFS], 90)) if (measured > _FLOOR_DBFS).any() else _FLOOR_DBFS


def speech_span(samples: NDArray[np.float32]) -> Span | None:
    """Return the span of speech in a clip at 8 kHz, accurate to 10 ms; None if the clip is silent.

    Loud blocks with a pitch are speech. The span is extended over the soft consonants around them while the level stays
    above the clip's own noise, so applause or a hum after the last word does not count as speech.
    """
    measured = levels(samples, _BLOCK)
    loudest = float(np.percentile(measured, 95)) if len(measured) else _FLOOR_DBFS
    if loudest <= _FLOOR_DBFS + 40:
        return None
    loud = measured > loudest - _SEED_BELOW_DB
    voiced = _in_runs(loud & _pitched(samples, len(measured)), _SHORTEST_VOICE)
    seeds = np.flatnonzero(voiced if voiced.any() else loud)
    noise = float(np.percentile(measured, 3))
    soft = measured > min(loudest - _SEED_BELOW_DB, max(loudest - _TAIL_BELOW_DB, noise + _ABOVE_NOISE_DB))
    clear = measured > min(loudest - _SEED_BELOW_DB, max(loudest - _TAIL_BELOW_DB, noise + _CLEAR_OF_NOISE_DB))
    first, last = int(seeds[0]), int(seeds[-1])
    before = _reach(soft[:first][::-1], clear[:first][::-1])
    after = _reach(soft[last + 1 :], clear[last + 1 :])
    return Span((first - before) * _BLOCK, min(len(samples), (last + 1 + after) * _BLOCK))


def _reach(soft: NDArray[np.bool_], clear: NDArray[np.bool_]) -> int:
    """Return how many blocks after a seed are speech: across short closures to clear sound, then through the soft
    ending.
    """
    reached = 0
    while (near := np.flatnonzero(clear[reached : min(reached + _CLOSURE, _LONGEST_TAIL)])).size:
        reached += int(near[-1]) + 1
    while reached < min(len(soft), _LONGEST_TAIL) and soft[reached]:
        reached += 1
    return reached


def _in_runs(flags: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Keep only runs of at least `shortest` set flags."""
    edges = np.flatnonzero(np.diff(np.pad(flags.astype(np.int8), 1)))
    kept = np.zeros_like(flags)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        kept[start:end] = end - start >= shortest
    return kept


def _pitched(samples: NDArray[np.float32], blocks: int) -> NDArray[np.bool_]:
    """Return which 10 ms blocks are periodic at the pitch of a voice (70-400 Hz), measured over the 40 ms around each
    block.
    """
    window = 4 * _BLOCK
    padded = np.pad(samples, (window // 2 - _BLOCK // 2, window + _BLOCK))
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::_BLOCK][:blocks]
    centerd = windows - windows.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centerd, n=2 * window, axis=1)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)), axis=1)[:, :window]
    overlap = 1 - np.arange(window) / window
    normal = correlation / (correlation[:, :1] + 1e-9) / overlap
    return np.asarray(normal[:, _PITCH_LAGS].max(axis=1) > _VOICED, dtype=np.bool_)


def milliseconds(samples: int) -> float:
    """Return the duration of `samples` samples at 8 kHz."""
    return samples * FRAME_MS / FRAME
