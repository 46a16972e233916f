"""Measures how long a caller has been silent, by the loudness of the audio."""

from typing import Final

from simulator.carrier.mulaw import decode

# Samples count as speech from this amplitude on (-36 dBFS), so line noise counts as silence.
LOUD: Final = 500
_PER_MS: Final = 8
_QUIET: Final = bytes(code for code in range(256) if abs(int(decode(bytes((code,)))[0])) < LOUD)


class SilenceMeter:
    """Measures the silence at the end of mu-law audio at 8 kHz, in whole messages."""

    def __init__(self) -> None:
        self.quiet_ms = 0.0

    def feed(self, ulaw: bytes) -> None:
        """Process audio."""
        is_loud = bool(ulaw.translate(None, _QUIET))
        self.quiet_ms = 0.0 if is_loud else self.quiet_ms + len(ulaw) / _PER_MS
