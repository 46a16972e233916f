"""The loudness of each voice, and the gain that makes a backup as loud as the first choice."""

from collections import OrderedDict
from typing import Final

import structlog

from media.audio.loudness import measure_loudness
from media.audio.mulaw import BYTES_PER_MS

log = structlog.get_logger()

# Each voice is measured once, from this much audio. The loudness over five seconds varies by about 1 dB.
MEASURED_MS: Final = 5_000
# A difference up to this is not audible as a jump. The gain's steps are half of it.
MIN_GAIN_DB: Final = 1.0
_STEP_DB: Final = 0.5
MAX_GAIN_DB: Final = 9.0
# The maximum number of voices in a process.
MOST_VOICES: Final = 500


class VoiceLevel:
    """The loudness of one voice with its options.

    Attributes:
        lufs: The loudness, or None before it was measured.
    """

    def __init__(self, provider: str) -> None:
        self.lufs: float | None = None
        self._provider = provider
        self._audio = bytearray()

    def add(self, ulaw: bytes) -> None:
        """Add audio of the voice, before any gain."""
        if self.lufs is not None:
            return
        self._audio += ulaw
        if len(self._audio) < MEASURED_MS * BYTES_PER_MS:
            return
        self.lufs = measure_loudness(bytes(self._audio))
        self._audio.clear()
        if self.lufs is not None:
            log.info("voice.loudness_measured", provider=self._provider, lufs=round(self.lufs, 1))


class VoiceLevels:
    """The loudness of all voices on an event loop. The least recently used voice is removed first."""

    def __init__(self, most: int = MOST_VOICES) -> None:
        self._most = most
        self._levels: OrderedDict[bytes, VoiceLevel] = OrderedDict()

    def find(self, provider: str, options: bytes) -> VoiceLevel:
        """Return the voice's level.

        Args:
            options: The encoded options from which the voice is made.
        """
        key = provider.encode() + b"\0" + options
        level = self._levels.setdefault(key, VoiceLevel(provider))
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return level


def gain_db(first: VoiceLevel, backup: VoiceLevel) -> float:
    """Return the gain that makes the backup as loud as the first choice, within MAX_GAIN_DB. Returns 0 until both were
    measured."""
    if first.lufs is None or backup.lufs is None:
        return 0.0
    difference = first.lufs - backup.lufs
    if abs(difference) <= MIN_GAIN_DB:
        return 0.0
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, round(difference / _STEP_DB) * _STEP_DB))
