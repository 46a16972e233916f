"""Splits mu-law chunks of any size into the 20 ms frames of the phone network."""

from collections.abc import Sequence
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, SILENCE

FRAME_MS: Final = 20
FRAME: Final = BYTES_PER_MS * FRAME_MS  # bytes of mu-law
FRAME_PCM: Final = 2 * FRAME  # bytes of 16-bit samples


def fill_frames(audio: bytes) -> bytes:
    """Return the audio (mu-law), padded with silence to whole frames."""
    return audio.ljust(-(-len(audio) // FRAME) * FRAME, SILENCE)


class Framer:
    """Cuts audio into frames. Buffers less than one frame."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def push(self, chunk: bytes) -> Sequence[bytes]:
        """Return the complete frames. A chunk of exactly one frame is returned unchanged if nothing is buffered."""
        if len(chunk) == FRAME and not self._rest:
            return (chunk,)
        audio = self._rest + chunk
        cut = len(audio) - len(audio) % FRAME
        self._rest = audio[cut:]
        return [audio[at : at + FRAME] for at in range(0, cut, FRAME)]

    def flush(self) -> Sequence[bytes]:
        """Return the buffered rest as one frame padded with silence, or nothing."""
        rest, self._rest = self._rest, b""
        return (fill_frames(rest),) if rest else ()

    def clear(self) -> None:
        """Discard the buffered rest."""
        self._rest = b""
