"""Markers in a caller's audio, with which a benchmark measures when a frame reached the recognizer.

A marker is a run of samples of +8 and -8 (-72 dBFS). Markers are inaudible, no detector treats them as speech, and they
survive decoding and encoding of mu-law by a server. Each bit is a sample, highest bit first, with +8 (0xFE) for 0 and
-8 (0x7E) for 1: 32 bits `PREAMBLE`, 32 bits call number, 32 bits number of the marker in that call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import Hearing

PREAMBLE: Final = 0x5A3C96E1
_NUMBER_BITS: Final = 32
_ZERO, _ONE = b"\xfe", b"\x7e"
_BITS: Final = bytes.maketrans(_ZERO + _ONE, b"01")


@dataclass(frozen=True, slots=True)
class MarkerArrival:
    """A marker that a recognizer received.

    Attributes:
        at: When the marker's last sample arrived, in seconds of the machine's monotonic clock.
    """

    call: int
    number: int
    at: float


def _encode(number: int) -> bytes:
    return b"".join(_ONE if bit == "1" else _ZERO for bit in f"{number:0{_NUMBER_BITS}b}")


_PREAMBLE: Final = _encode(PREAMBLE)
_MARKER_BYTES: Final = len(_PREAMBLE) + 2 * _NUMBER_BITS


class MarkedEar:
    """An ear that also reports the markers in its audio, wherever they are in the messages."""

    def __init__(
        self, ear: Hearing, report: Callable[[MarkerArrival], None], clock: Callable[[], float] = perf_counter
    ) -> None:
        self._ear = ear
        self._report = report
        self._clock = clock
        self._tail = b""  # audio in which a marker may have begun

    @property
    def heard_ms(self) -> float:
        return self._ear.heard_ms

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        now = self._clock()
        audio = self._tail + ulaw
        while (at := audio.find(_PREAMBLE)) >= 0 and len(audio) - at >= _MARKER_BYTES:
            self._read(audio[at + len(_PREAMBLE) : at + _MARKER_BYTES], now)
            audio = audio[at + _MARKER_BYTES :]
        self._tail = audio[-(_MARKER_BYTES - 1) :]
        return self._ear.feed(ulaw)

    def _read(self, bits: bytes, now: float) -> None:
        text = bits.translate(_BITS)
        if text.strip(b"01"):
            return  # cut off: other audio follows the preamble
        self._report(MarkerArrival(int(text[:_NUMBER_BITS], 2), int(text[_NUMBER_BITS:], 2), now))
