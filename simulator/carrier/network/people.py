"""People without a script: whoever answers a phone that nobody described further, and an answering machine."""

import numpy as np

from simulator.carrier.mulaw import FRAME, FRAME_MS, RATE, SILENT_FRAME, encode
from simulator.carrier.stream import Step

_BEEP_MS = 400


class Listener:
    """Says nothing, or one sound when the phone was answered, and stays until the other side ends the call.

    longest_s: after this the phone is put down, so that no call lasts for ever.
    """

    def __init__(self, ulaw: bytes = b"", *, longest_s: float = 14_400.0) -> None:
        self._ulaw = ulaw
        self._longest_ms = longest_s * 1_000

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """The next 20 ms of its sound."""
        at = at_ms * FRAME // FRAME_MS
        piece = self._ulaw[at : at + FRAME]
        frame = piece.ljust(FRAME, b"\xff") if piece else SILENT_FRAME
        return Step(frame, hang_up=at_ms >= self._longest_ms)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """It doesn't mind."""

    def cleared(self, at_ms: float) -> None:
        """It doesn't mind."""


def tone(ms: float, hertz: float, amplitude: float = 0.3) -> bytes:
    """A tone as mu-law."""
    time = np.arange(int(ms * RATE / 1_000)) / RATE
    return encode(np.rint(amplitude * 32_767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


def answering_machine(greeting_s: float, *, records_s: float = 30.0) -> Listener:
    """A greeting (a murmur, for want of a voice), a beep of 1 kHz, then it records and puts the phone down."""
    greeting_ms = max(0.0, greeting_s * 1_000 - _BEEP_MS)
    return Listener(tone(greeting_ms, 180.0) + tone(_BEEP_MS, 1_000.0), longest_s=greeting_s + records_s)
