"""Parties without a script: a silent person who stays on the line, and an answering machine."""

import numpy as np

from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import FRAME, FRAME_MS, RATE, SILENT_FRAME, encode

_BEEP_MS = 400


class PassiveParty:
    """Says nothing, or plays one sound after the answer, and stays until the other side ends the call.

    Args:
        longest_s: Hangs up after this time, so that every call ends.
    """

    def __init__(self, ulaw: bytes = b"", *, longest_s: float = 14_400.0) -> None:
        self._ulaw = ulaw
        self._longest_ms = longest_s * 1_000

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Return the next 20 ms of its sound."""
        at = at_ms * FRAME // FRAME_MS
        piece = self._ulaw[at : at + FRAME]
        frame = piece.ljust(FRAME, b"\xff") if piece else SILENT_FRAME
        return PartyOutput(frame, hang_up=at_ms >= self._longest_ms)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Ignore the audio."""

    def cleared(self, at_ms: float) -> None:
        """Ignore the event."""


def tone(ms: float, hertz: float, amplitude: float = 0.3) -> bytes:
    """Return a tone as mu-law."""
    time = np.arange(int(ms * RATE / 1_000)) / RATE
    return encode(np.rint(amplitude * 32_767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


def answering_machine(greeting_s: float, *, records_s: float = 30.0) -> PassiveParty:
    """Return an answering machine: a greeting (a tone of 180 Hz in place of a voice), a beep of 1 kHz, silence while it
    records, then a hang-up.
    """
    greeting_ms = max(0.0, greeting_s * 1_000 - _BEEP_MS)
    return PassiveParty(tone(greeting_ms, 180.0) + tone(_BEEP_MS, 1_000.0), longest_s=greeting_s + records_s)
