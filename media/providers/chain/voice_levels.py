"""How loud each voice is, and the gain that makes a backup as loud as the first choice."""

from collections import OrderedDict
from typing import Final

import structlog

from media.audio.loudness import measure_loudness
from media.audio.mulaw import BYTES_PER_MS

log = structlog.get_logger()

# A voice is measured once, from so much of its audio: its loudness over five seconds varies by about 1 dB.
MEASURED_MS: Final = 5_000
# A difference up to this is not heard as a jump; the gain's steps are half of it.
MIN_GAIN_DB: Final = 1.0
_STEP_DB: Final = 0.5
MAX_GAIN_DB: Final = 9.0
# Voices that a process remembers.
MOST_VOICES: Final = 500


class VoiceLevel:
    """Of one voice with its options. lufs: None until it was measured."""

    def __init__(self, provider: str) -> None:
        self.lufs: float | None = None
        self._provider = provider
        self._audio = bytearray()

    def add(self, ulaw: bytes) -> None:
        """Adds audio of the voice, before any gain."""
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
    """One per event loop, for all calls. The voice that was used longest ago makes room."""

    def __init__(self, most: int = MOST_VOICES) -> None:
        self._most = most
        self._levels: OrderedDict[bytes, VoiceLevel] = OrderedDict()

    def find(self, provider: str, options: bytes) -> VoiceLevel:
        """The voice's level. options: all that it is made from, encoded."""
        key = provider.encode() + b"\0" + options
        level = self._levels.setdefault(key, VoiceLevel(provider))
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return level


def gain_db(first: VoiceLevel, backup: VoiceLevel) -> float:
    """What makes the backup as loud as the first choice, within MAX_GAIN_DB; 0 while one of them was not measured."""
    if first.lufs is None or backup.lufs is None:
        return 0.0
    difference = first.lufs - backup.lufs
    if abs(difference) <= MIN_GAIN_DB:
        return 0.0
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, round(difference / _STEP_DB) * _STEP_DB))
