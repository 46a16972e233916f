"""Both sides of a call's audio on a common time line: what the caller sent (left) and heard (right)."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.mulaw import RATE, decode


class CallAudio:
    """The audio of a call in mu-law at 8 kHz. Both sides always have the same number of samples."""

    def __init__(self) -> None:
        self.caller = bytearray()
        self.agent = bytearray()

    def add(self, caller: bytes, agent: bytes) -> None:
        """Append to both sides. Raises ValueError if the lengths differ."""
        if len(caller) != len(agent):
            raise ValueError(f"caller and agent audio differ in length: {len(caller)} and {len(agent)} samples")
        self.caller += caller
        self.agent += agent

    @property
    def duration_ms(self) -> int:
        """The length in media time."""
        return len(self.caller) * 1_000 // RATE

    def stereo(self) -> NDArray[np.int16]:
        """Samples of shape (n, 2): caller left, agent right."""
        return np.stack([decode(self.caller), decode(self.agent)], axis=1)

    def write_wav(self, path: Path) -> None:
        """Write 16-bit stereo at 8 kHz; creates the folder. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.stereo().astype("<i2").tobytes())
