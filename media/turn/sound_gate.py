"""A cheap gate that decides by level and webrtcvad whether a frame may contain speech."""

from typing import Final

import webrtcvad  # type: ignore[import-untyped]  # ships no types

from media.audio.framer import FRAME_PCM
from media.audio.mulaw import RATE
from media.audio.pcm import audioop

# RMS of 16-bit samples. Softer than -63 dB of full scale is no speech: the softest caller who must be heard speaks at
# -53, and a frame of the softest sounds between such a caller's words has -60.
INAUDIBLE_RMS: Final = 24
# Of 24 callers at -53 dB over line noise webrtcvad (mode 3) lets none through, and at -40 dB 41 % of the frames. So
# what is softer than -37 dB is amplified for it to -31 dB at most, by 6, 12 or 18 dB: that lets all callers through, at
# -40 dB with 65 % of the frames. More would open it for noise as well.
SOFT_STEPS: Final = ((115, 8), (230, 4), (460, 2))
SOFT_RMS: Final = SOFT_STEPS[-1][0]
# Where somebody speaks at -30 dB or louder, soft sounds are not theirs, and nothing is amplified. A loud frame is
# remembered for 200 ms, all of them together for a minute at most, so that the tone of a key does not keep out a quiet
# caller.
LOUD_RMS: Final = 1_036
LOUD_FRAMES: Final = 10
MOST_LOUD_FRAMES: Final = 3_000


class SoundGate:
    """The gate of one caller. mode: webrtcvad's aggressiveness, 0-3."""

    __slots__ = ("_is_soft_sound", "_is_sound", "_loud")

    def __init__(self, mode: int) -> None:
        self._is_sound = webrtcvad.Vad(mode).is_speech
        # Of its own: webrtcvad learns the noise, which amplified frames would change for the others.
        self._is_soft_sound = webrtcvad.Vad(mode).is_speech
        self._loud = 0  # for so many more frames the caller counts as loud

    @property
    def is_loud(self) -> bool:
        """Whether the caller was loud lately."""
        return self._loud > 0

    def has_sound(self, pcm: bytes) -> bool:
        """Whether to listen closer to this frame: 20 ms, 16-bit little-endian, 8 kHz. Raises ValueError for other
        lengths."""
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
