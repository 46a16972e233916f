"""Conversion between a stream's encoding and the call's mu-law."""

from collections.abc import Callable

from media.audio import alaw, mulaw
from media.audio.g722 import G722Decoder
from media.audio.pcm import WholeSamples
from media.audio.resample import Decimator, Interpolator

Conversion = Callable[[bytes], bytes]


class Transcoder:
    """Converts both directions of one stream. Each direction has its own state, so its audio must be processed in
    order.

    For PCMU, both directions return their input. L16 above 8 kHz is delayed by 2 ms in each direction; the number of
    samples stays the same. The constructor raises ValueError for other formats.

    Args:
        encoding: "PCMU", "PCMA", "G722" (all 8,000 bytes per second) or "L16" (little-endian; 8, 16, 24, 32 or 48 kHz).
        sent_encoding: The encoding of the other direction, at 8 kHz, if it differs. G722 is only received.

    Attributes:
        bytes_per_ms: The data rate of the stream's encoding.
    """

    def __init__(self, encoding: str, sample_rate: int, sent_encoding: str = "") -> None:
        self.to_ulaw: Conversion
        self.from_ulaw: Conversion
        if sent_encoding and sent_encoding != encoding:
            self.from_ulaw = _conversions(sent_encoding, mulaw.RATE)[1]
            self.to_ulaw = _g722_to_ulaw() if encoding == "G722" else _conversions(encoding, sample_rate)[0]
        else:
            self.to_ulaw, self.from_ulaw = _conversions(encoding, sample_rate)
        self.bytes_per_ms = sample_rate // 1000 * (2 if encoding == "L16" else 1)


def _g722_to_ulaw() -> Conversion:
    decoder = G722Decoder()
    return lambda g722: mulaw.encode(decoder.process(g722))


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
