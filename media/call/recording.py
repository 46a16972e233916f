"""The stereo recording, caller left and agent right as heard, mixed on the call's clock and written while it runs."""

from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from media.audio import mulaw
from media.audio.wav import WavWriter
from media.call.playback import HeardAudio

BYTES_PER_MS = 8
SILENCE = b"\xff"
SAMPLE_RATE = 8_000
# The newest stretch is kept back: a mark may still correct what was heard in it.
SETTLE_MS = 500.0
# The agent's pieces follow one another without a seam as long as the clock agrees within this.
SEAM_MS = 60.0
# The caller's leg is padded when the carrier sent nothing for longer than this.
GAP_MS = 200.0


class StereoMix:
    """Two mu-law legs on one clock; pure. `take` gives 16-bit stereo PCM in order, each moment once."""

    def __init__(self) -> None:
        self._left = bytearray()
        self._right = bytearray()
        self._taken_ms = 0.0

    @property
    def caller_ms(self) -> float:
        """Where the caller's leg ends on the call's clock."""
        return self._taken_ms + len(self._left) / BYTES_PER_MS

    def caller(self, ulaw: bytes, now: float) -> None:
        """The next caller audio, received at `now`; a hole that the carrier left is filled with silence."""
        missing = now - len(ulaw) / BYTES_PER_MS - self.caller_ms
        if missing > GAP_MS:
            self._left += SILENCE * round(missing * BYTES_PER_MS)
        self._left += ulaw

    def agent(self, pieces: Iterable[HeardAudio]) -> None:
        """Agent audio as it was heard."""
        for piece in pieces:
            gap = piece.at_ms - self._taken_ms - len(self._right) / BYTES_PER_MS
            if gap > SEAM_MS:
                self._right += SILENCE * round(gap * BYTES_PER_MS)
            self._right += piece.audio

    def take(self, upto_ms: float) -> bytes:
        """Interleaved 16-bit PCM of everything up to that moment that was not taken before."""
        size = round((upto_ms - self._taken_ms) * BYTES_PER_MS)
        if size <= 0:
            return b""
        left, right = _cut(self._left, size), _cut(self._right, size)
        self._taken_ms += size / BYTES_PER_MS
        both = np.empty((size, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(mulaw.decode(left), dtype="<i2")
        both[:, 1] = np.frombuffer(mulaw.decode(right), dtype="<i2")
        return both.tobytes()


def _cut(leg: bytearray, size: int) -> bytes:
    taken = bytes(leg[:size])
    del leg[:size]
    return taken + SILENCE * (size - len(taken))


class Recorder:
    """Writes one call's mix to a WAV file. File work runs on `disk` (one thread), never on the event loop."""

    def __init__(self, path: Path, disk: Executor) -> None:
        self.path = path
        self._mix = StereoMix()
        self._disk = disk
        self._file: BinaryIO | None = None
        self._writer: WavWriter | None = None
        self._duration_ms = 0.0

    def caller(self, ulaw: bytes, now: float) -> None:
        """Caller audio, on the frame path."""
        self._mix.caller(ulaw, now)

    def flush(self, heard: Iterable[HeardAudio], now: float, *, last: bool = False) -> None:
        """Hands what is settled to the disk thread; the file is whole and playable after each flush."""
        self._mix.agent(heard)
        upto = now if last else now - SETTLE_MS
        pcm = self._mix.take(upto)
        if pcm:
            self._duration_ms = upto
            self._disk.submit(self._write, pcm)

    def close(self) -> int:
        """Ends the file; returns its length in ms. Waits for the disk thread, so call it off the event loop."""
        self._disk.submit(self._close).result()
        return round(self._duration_ms)

    def _write(self, pcm: bytes) -> None:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
            self._writer = WavWriter(self._file, SAMPLE_RATE, 2)
        self._writer.write(pcm)
        self._writer.flush()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
