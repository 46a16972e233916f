"""Conversion between a stream's encoding and the call's mu-law."""

from collections.abc import Callable

from media.audio import alaw, mulaw
from media.audio.pcm import WholeSamples
from media.audio.resample import Decimator, Interpolator

Conversion = Callable[[bytes], bytes]


class Transcoder:
    """One stream's two directions, each with its own state: audio must pass through in order.

    `encoding` is "PCMU", "PCMA" (both 8 kHz) or "L16" (little-endian; 8, 16, 24, 32 or 48 kHz).
    For PCMU both return their input. L16 above 8 kHz is delayed by 2 ms each way; the number of samples is kept.
    bytes_per_ms: of the stream's encoding. Raises ValueError for other formats.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self.to_ulaw: Conversion
        self.from_ulaw: Conversion
        self.to_ulaw, self.from_ulaw = _conversions(encoding, sample_rate)
        self.bytes_per_ms = sample_rate // 1000 * (2 if encoding == "L16" else 1)


def _conversions(encoding: str, sample_rate: int) -> tuple[Conversion, Conversion]:
    match encoding, sample_rate:
        case "PCMU", mulaw.RATE:
            return bytes, bytes
        case "PCMA", mulaw.RATE:
            return alaw.to_ulaw, alaw.from_ulaw
        case "L16", mulaw.RATE:
            whole = WholeSamples()
            return lambda pcm: mulaw.encode(whole.push(pcm)), mulaw.decode
        case "L16", 16000 | 24000 | 32000 | 48000:
            return _resampled(sample_rate // mulaw.RATE)
    raise ValueError(f"cannot convert between {encoding} at {sample_rate} Hz and mu-law")


def _resampled(factor: int) -> tuple[Conversion, Conversion]:
    down, up = Decimator(factor), Interpolator(factor)
    return lambda pcm: mulaw.encode(down.process(pcm)), lambda ulaw: up.process(mulaw.decode(ulaw))
