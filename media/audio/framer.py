"""Cuts a stream of mu-law of any chunk sizes into the 20 ms frames that the phone network plays."""

from collections.abc import Sequence
from typing import Final

from media.audio.mulaw import SILENCE

FRAME: Final = 160  # bytes of mu-law in 20 ms


class Framer:
    """Holds back less than one frame."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, chunk: bytes) -> Sequence[bytes]:
        """Returns the whole frames that are there now; a chunk of one frame on an even boundary as it is."""
        if len(chunk) == FRAME and not self._rest:
            return (chunk,)
        audio = self._rest + chunk
        cut = len(audio) - len(audio) % FRAME
        self._rest = audio[cut:]
        return [audio[at : at + FRAME] for at in range(0, cut, FRAME)]

    def flush(self) -> Sequence[bytes]:
        """Returns the last, short frame filled up with silence, or nothing."""
        rest, self._rest = self._rest, b""
        return (rest.ljust(FRAME, SILENCE),) if rest else ()

    def clear(self) -> None:
        """Forgets what is held back."""
        self._rest = b""
