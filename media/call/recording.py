"""The stereo recording, caller left and agent right as heard, mixed on the call's clock and written while it runs."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import structlog

from media.audio import mulaw
from media.audio.wav import WavError, WavWriter
from media.call.playback import HeardAudio

log = structlog.get_logger()

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

    def __init__(self, start_ms: float = 0.0) -> None:
        """start_ms: where both legs begin on the call's clock."""
        self._left = bytearray()
        self._right = bytearray()
        self._taken_ms = start_ms
        self._filling = range(0)  # where the latest filling lies in the left leg

    @property
    def caller_ms(self) -> float:
        """Where the caller's leg ends on the call's clock."""
        return self._taken_ms + len(self._left) / BYTES_PER_MS

    @property
    def end_ms(self) -> float:
        """Where the longer leg ends on the call's clock."""
        return self._taken_ms + max(len(self._left), len(self._right)) / BYTES_PER_MS

    def caller(self, ulaw: bytes, now: float) -> None:
        """The next caller audio, received at `now`; a hole that the carrier left is filled with silence.

        Audio that was only late comes in a burst behind the hole and would push the caller's leg ahead of the clock:
        then the filling is taken out again as far as needed."""
        missing = now - len(ulaw) / BYTES_PER_MS - self.caller_ms
        if missing > GAP_MS:
            start = len(self._left)
            self._left += SILENCE * round(missing * BYTES_PER_MS)
            self._filling = range(start, len(self._left))
        self._left += ulaw
        surplus = min(len(self._filling), round((self.caller_ms - now) * BYTES_PER_MS))
        if surplus > 0:
            start, stop = self._filling.start, self._filling.stop - surplus
            del self._left[start : start + surplus]
            self._filling = range(start, stop)

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
        self._filling = range(max(0, self._filling.start - size), max(0, self._filling.stop - size))
        both = np.empty((size, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(mulaw.decode(left), dtype="<i2")
        both[:, 1] = np.frombuffer(mulaw.decode(right), dtype="<i2")
        return both.tobytes()


def _cut(leg: bytearray, size: int) -> bytes:
    taken = bytes(leg[:size])
    del leg[:size]
    return taken + SILENCE * (size - len(taken))


class Archive(Protocol):
    """Where recordings go once they are complete."""

    async def keep(self, path: Path, kept: Callable[[str], None]) -> None:
        """Takes a finished file. Tells where it is kept: before this returns, later (even after the call), or never
        when it stays where only this machine finds it."""


class OnDisk:
    """An archive: files stay where they are."""

    async def keep(self, path: Path, kept: Callable[[str], None]) -> None:
        """Tells the file's path."""
        kept(str(path))


class Recorder:
    """Writes one call's mix to a WAV file. File work runs on `disk` (one thread), never on the event loop.

    start_ms: where this stream began on the call's clock; the file is silent up to there, so that a call's recordings
    lie on one time line.
    """

    def __init__(self, path: Path, disk: Executor, start_ms: float = 0.0) -> None:
        self.path = path
        self._mix = StereoMix(start_ms)
        self._start_ms = start_ms
        self._disk = disk
        self._file: BinaryIO | None = None
        self._writer: WavWriter | None = None
        self._broken = False

    def caller(self, ulaw: bytes, now: float) -> None:
        """Caller audio, on the frame path."""
        self._mix.caller(ulaw, now)

    def flush(self, heard: Iterable[HeardAudio], now: float, *, last: bool = False) -> None:
        """Hands what is settled to the disk thread; the file is whole and playable after each flush."""
        self._mix.agent(heard)
        pcm = self._mix.take(max(now, self._mix.end_ms) if last else now - SETTLE_MS)
        if pcm:
            self._disk.submit(self._write, pcm)

    def close(self) -> int:
        """Ends the file; returns its length in ms, 0 when nothing could be written. Waits for the disk thread, so call
        it off the event loop."""
        return self._disk.submit(self._close).result()

    def _write(self, pcm: bytes) -> None:
        """Appends. A disk that fails ends the recording, never the call: what was written before stays playable."""
        if self._broken:
            return
        try:
            self._append(pcm)
        except (OSError, WavError) as error:
            self._broken = True
            log.error("recording.broken", path=str(self.path), error=str(error))

    def _append(self, pcm: bytes) -> None:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
            self._writer = WavWriter(self._file, 2, SAMPLE_RATE)
            self._writer.silence(round(self._start_ms * BYTES_PER_MS))
        self._writer.write(pcm)
        self._writer.sync()

    def _close(self) -> int:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            log.error("recording.broken", path=str(self.path), error=str(error))
        return self._writer.frames * 1000 // SAMPLE_RATE if self._writer else 0
