"""Recordings as telephone audio: mu-law at 8 kHz, from any WAV, FLAC or OGG file or from samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from simulator.carrier.audio_level import Span, dbfs, milliseconds, speech_level, speech_span
from simulator.carrier.mulaw import RATE, decode, encode, to_float, to_int16

# Only recordings that are too soft for a phone are amplified. Normal levels stay unchanged.
_TOO_SOFT_DBFS = -42.0
_AMPLIFIED_TO_DBFS = -22.0
_LOUDEST = 0.95
_LONGEST_S = 600


class ClipError(ValueError):
    """A recording cannot be used. The message names the recording and the reason."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Mu-law 8 kHz mono audio, and the span of its speech (None if there is none)."""

    ulaw: bytes
    speech: Span | None

    @property
    def duration_ms(self) -> float:
        """The length of the clip with its silences."""
        return milliseconds(len(self.ulaw))

    def samples(self) -> NDArray[np.float32]:
        """Return the clip as samples of -1.0..1.0."""
        return to_float(decode(self.ulaw))


def read_clip(path: Path) -> Clip:
    """Read a recording with any sample rate and number of channels. Raises ClipError, which names the file."""
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > _LONGEST_S * file.samplerate:
                raise ClipError(f"{path}: longer than {_LONGEST_S // 60} minutes")
            samples = file.read(dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except OSError as error:
        raise ClipError(f"{path}: {error.strerror or error}") from error
    except soundfile.SoundFileError as error:
        raise ClipError(_describe(path, error)) from error
    return make_clip(samples, rate, str(path))


def make_clip(samples: NDArray[np.float32], rate: int, name: str = "clip") -> Clip:
    """Convert samples of shape (n,) or (n, channels) at `rate` Hz. Raises ClipError if the samples are empty."""
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    if not len(mono) or not np.isfinite(mono).all():
        raise ClipError(
            f"{name}: contains no audio" if not len(mono) else f"{name}: contains samples that are not finite"
        )
    leveled = _amplify_soft(mono.astype(np.float32))
    line = leveled if rate == RATE else soxr.resample(leveled, rate, RATE, quality="HQ")
    if not len(line):
        raise ClipError(f"{name}: contains no audio")
    return Clip(encode(to_int16(line)), speech_span(line))


def clip_of_pcm(pcm: bytes, rate: int = RATE, name: str = "voice") -> Clip:
    """Convert 16-bit little-endian mono samples. Raises ClipError if the samples are empty."""
    return make_clip(to_float(np.frombuffer(pcm, dtype="<i2")), rate, name)


def _amplify_soft(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplify a recording that is too soft to be heard, without clipping."""
    level = speech_level(samples)
    if dbfs(samples) <= -110 or level >= _TOO_SOFT_DBFS:
        return samples
    gain = 10 ** ((_AMPLIFIED_TO_DBFS - level) / 20)
    return samples * np.float32(min(gain, _LOUDEST / float(np.abs(samples).max())))


def _describe(path: Path, error: soundfile.SoundFileError) -> str:
    if not path.exists():
        return f"{path}: no such file"
    if path.is_dir():
        return f"{path}: is a folder"
    reason = str(error).rpartition(": ")[2].rstrip(".")
    return f"{path}: not a readable recording ({reason})"
