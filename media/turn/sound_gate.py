"""A cheap gate that decides by level and webrtcvad whether a frame may contain speech."""

from typing import Final

import webrtcvad  # type: ignore[import-untyped]  # ships no types

from media.audio.framer import FRAME_PCM
from media.audio.mulaw import RATE
from media.audio.pcm import audioop

# RMS of 16-bit samples. Sounds below -63 dB of full scale are not speech: the softest caller that must be detected
# speaks at -53 dB, and the softest sounds between such a caller's words have -60 dB.
INAUDIBLE_RMS: Final = 24
# webrtcvad (mode 3) rejects all of 24 callers at -53 dB over line noise, and accepts 41 % of the frames at -40 dB.
# Sound below -37 dB is therefore amplified by 6, 12 or 18 dB, to at most -31 dB. This accepts all callers, and 65 % of
# the frames at -40 dB. More amplification would accept noise as well.
SOFT_STEPS: Final = ((115, 8), (230, 4), (460, 2))
SOFT_RMS: Final = SOFT_STEPS[-1][0]
# If the caller speaks at -30 dB or louder, soft sounds do not come from the caller, and nothing is amplified. Each loud
# frame counts for 200 ms, and all together for at most a minute, so that the tone of a key does not mask a quiet
# caller.
LOUD_RMS: Final = 1_036
LOUD_FRAMES: Final = 10
MOST_LOUD_FRAMES: Final = 3_000


class SoundGate:
    """The gate of one caller.

    Args:
        mode: webrtcvad's aggressiveness, 0 to 3.
    """

    __slots__ = ("_is_soft_sound", "_is_sound", "_loud")

    def __init__(self, mode: int) -> None:
        self._is_sound = webrtcvad.Vad(mode).is_speech
        # A separate detector, because webrtcvad adapts to noise, and amplified frames would change its adaptation for
        # other frames.
        self._is_soft_sound = webrtcvad.Vad(mode).is_speech
        self._loud = 0  # number of further frames for which the caller counts as loud

    @property
    def is_loud(self) -> bool:
        """Whether the caller was loud recently."""
        return self._loud > 0

    def has_sound(self, pcm: bytes) -> bool:
        """Return whether the model should judge this frame: 20 ms, 16-bit little-endian, 8 kHz. Raises ValueError for
        other lengths."""
        if len(pcm) != FRAME_PCM:
            raise ValueError(f"a frame of {len(pcm)} bytes instead of {FRAME_PCM}")
        rms = audioop.rms(pcm, 2)
        if rms < LOUD_RMS:
            if self._loud:
                self._loud -= 1
            if rms < INAUDIBLE_RMS:
                return False
            if rms < SOFT_RMS and not self._loud:
                gain = next(gain for below, gain in SOFT_STEPS if rms < below)
                return bool(self._is_soft_sound(audioop.mul(pcm, 2, gain), RATE))
        if not self._is_sound(pcm, RATE):
            return False
        if rms >= LOUD_RMS:
            self._loud = min(self._loud + LOUD_FRAMES, MOST_LOUD_FRAMES)
        return True
