"""The stereo recording of a call: caller left, agent right as heard, mixed on the call's clock, written as it runs."""

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import structlog

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS, RATE, SILENCE
from media.audio.wav import WavError, WavWriter

log = structlog.get_logger()

# The newest stretch is not written yet: a mark may still correct what was heard in it.
SETTLE_MS = 500.0
# Caller audio may come so much later than it was spoken: a silent socket is dropped after this time. Until then what is
# missing is not written as silence.
LATE_MS = 10_000.0
# So much audio after inserted silence shows that what is missing there will not come in a burst any more.
BURST_MS = 1_000.0
# Agent audio is joined without a gap as long as the clock agrees within this.
SEAM_MS = 60.0
# The caller's channel is filled with silence when the carrier sent nothing for longer than this.
GAP_MS = 200.0
# The caller's channel may run so far ahead of the clock: jitter. What lies further ahead came in a burst that was too
# long to be put right.
AHEAD_MS = 150.0
# Of the file: two channels of 16-bit samples.
_BYTES_PER_S = 4 * RATE


class StereoMix:
    """Two mu-law channels on one clock; pure. `take` returns 16-bit stereo PCM in order, each moment once.

    is_displaced: the caller's channel has been ahead of the clock, and may be so to the end: what was said is later in
    it than the clock tells.
    """

    def __init__(self, start_ms: float = 0.0) -> None:
        """start_ms: where both channels begin on the call's clock."""
        self._left = bytearray()
        self._right = bytearray()
        self._taken_ms = start_ms
        self.is_displaced = False
        self._padding: list[range] = []  # where inserted silence lies in the left channel, which may still be removed

    @property
    def caller_ms(self) -> float:
        """Where the caller's channel ends on the call's clock."""
        return self._taken_ms + len(self._left) / BYTES_PER_MS

    @property
    def end_ms(self) -> float:
        """Where the longer channel ends on the call's clock."""
        return self._taken_ms + max(len(self._left), len(self._right)) / BYTES_PER_MS

    def add_caller(self, ulaw: bytes, now: float) -> None:
        """Appends caller audio received at `now`; a gap that the carrier left is filled with silence.

        Audio that was only late comes in a burst after the gap and would push the caller's channel ahead of the clock:
        the inserted silence is then removed as far as needed."""
        missing = now - len(ulaw) / BYTES_PER_MS - self.caller_ms
        if missing > GAP_MS:
            start = len(self._left)
            self._left += SILENCE * round(missing * BYTES_PER_MS)
            self._padding.append(range(start, len(self._left)))
        elif missing < -AHEAD_MS:
            self.is_displaced = True
        self._left += ulaw
        if self._padding:
            self._remove_padding(round((self.caller_ms - now) * BYTES_PER_MS))

    def settled_ms(self, now: float) -> float:
        """Up to where nothing can change any more: audio may still come late, and marks correct what was heard."""
        known = self._padding[0].start if self._padding else len(self._left)
        return max(min(now - SETTLE_MS, self._taken_ms + known / BYTES_PER_MS), now - LATE_MS)

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Appends agent audio that the caller heard from `at_ms` on."""
        gap_ms = at_ms - self._taken_ms - len(self._right) / BYTES_PER_MS
        if gap_ms > SEAM_MS:
            self._right += SILENCE * round(gap_ms * BYTES_PER_MS)
        self._right += ulaw

    def take(self, upto_ms: float) -> bytes:
        """Returns interleaved 16-bit PCM of everything up to that moment that was not taken before."""
        size = round((upto_ms - self._taken_ms) * BYTES_PER_MS)
        if size <= 0:
            return b""
        left, right = _cut(self._left, size), _cut(self._right, size)
        self._taken_ms += size / BYTES_PER_MS
        self._move_padding(size)
        both = np.empty((size, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(mulaw.decode(left), dtype="<i2")
        both[:, 1] = np.frombuffer(mulaw.decode(right), dtype="<i2")
        return both.tobytes()

    def _remove_padding(self, surplus: int) -> None:
        """Removes so many bytes of inserted silence, the latest first. What much audio has followed stays for good."""
        while surplus > 0 and self._padding:
            last = self._padding.pop()
            removed = min(surplus, len(last))
            del self._left[last.start : last.start + removed]
            surplus -= removed
            if removed < len(last):
                self._padding.append(range(last.start, last.stop - removed))
        settled = len(self._left) - round(BURST_MS * BYTES_PER_MS)
        if self._padding and self._padding[0].stop < settled:
            self._padding = [part for part in self._padding if part.stop >= settled]

    def _move_padding(self, size: int) -> None:
        moved = (range(max(0, part.start - size), max(0, part.stop - size)) for part in self._padding)
        self._padding = [part for part in moved if part]


def _cut(channel: bytearray, size: int) -> bytes:
    taken = bytes(channel[:size])
    del channel[:size]
    return taken + SILENCE * (size - len(taken))


class RecordingArchive(Protocol):
    """Stores recordings once they are complete."""

    async def store(self, path: Path, on_stored: Callable[[str], None]) -> None:
        """Takes a finished file and calls `on_stored` with its location: before this returns, later (even after the
        call), or never if the file stays where only this machine finds it."""


class LocalArchive:
    """Leaves files where they are."""

    async def store(self, path: Path, on_stored: Callable[[str], None]) -> None:
        """Reports the file's path."""
        on_stored(str(path))


class RecordingWriter:
    """Writes one call's mix to a WAV file. File work runs on `disk` (one thread), never on the event loop.

    start_ms: where this stream began on the call's clock; the file is silent up to there, so that all recordings of a
    call have the same time line. add_caller, add_agent: take audio, as in `StereoMix`.
    """

    def __init__(
        self,
        path: Path,
        disk: Executor,
        start_ms: float = 0.0,
        count_lost: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        """count_lost: called on the disk thread with the seconds that the disk did not take."""
        self.path = path
        self._mix = mix = StereoMix(start_ms)
        self.add_caller, self.add_agent = mix.add_caller, mix.add_agent
        self._start_ms = start_ms
        self._disk = disk
        self._count_lost = count_lost
        self._file: BinaryIO | None = None
        self._writer: WavWriter | None = None
        self._missing = 0  # bytes since the disk began to fail; silence takes their place
        self._lost = 0  # bytes in all
        self._failed = False

    def begin(self, at_ms: float) -> None:
        """Both channels begin here instead; nothing was added yet."""
        self._mix = mix = StereoMix(at_ms)
        self.add_caller, self.add_agent = mix.add_caller, mix.add_agent
        self._start_ms = at_ms

    @property
    def is_displaced(self) -> bool:
        """Whether the caller's channel may be later than the clock, as in `StereoMix`."""
        return self._mix.is_displaced

    @property
    def lost_ms(self) -> int:
        """How much the disk did not take; final once the writer is closed."""
        return self._lost * 1_000 // _BYTES_PER_S

    def discard(self) -> None:
        """Deletes the file, and writes nothing more."""
        self._disk.submit(self._delete)

    def flush(self, now: float, *, last: bool = False) -> None:
        """Gives the disk thread what can no longer change; the file is whole and playable after each flush."""
        pcm = self._mix.take(max(now, self._mix.end_ms) if last else self._mix.settled_ms(now))
        if pcm:
            self._disk.submit(self._write, pcm)

    def close(self) -> int:
        """Ends the file; returns its length in ms, 0 if nothing could be written. Waits for the disk thread, so it must
        not be called on the event loop."""
        return self._disk.submit(self._close).result()

    def _write(self, pcm: bytes) -> None:
        """Appends. What a disk does not take is lost and becomes silence once it does again, so that the time line
        stays; it never ends the call or the recording."""
        if self._failed:
            return
        try:
            self._append(pcm)
        except WavError as error:  # 4 GiB
            self._failed = True
            log.error("recording.failed", recording=self.path.stem, error=str(error))
        except OSError as error:
            self._lose(pcm, error)

    def _lose(self, pcm: bytes, error: OSError) -> None:
        if not self._missing:
            log.error("recording.interrupted", recording=self.path.stem, error=error.strerror)
        self._missing += len(pcm)
        self._lost += len(pcm)
        self._count_lost(len(pcm) / _BYTES_PER_S)

    def _append(self, pcm: bytes) -> None:
        """All of it or nothing: what is missing is not made up for before the disk takes sound again, because a full
        disk takes silence, as a hole of the file. Raises OSError, WavError."""
        writer = self._writer or self._open()
        kept = writer.frames
        try:
            if self._missing:
                writer.rewind()
                writer.write_silence(self._missing // 4)
            writer.write(pcm)
            writer.sync()
        except OSError:
            writer.forget_after(kept)
            raise
        if self._missing:
            log.warning("recording.continued", recording=self.path.stem, lost_s=round(self._missing / _BYTES_PER_S, 1))
            self._missing = 0

    def _open(self) -> WavWriter:
        """Unbuffered: a buffer would keep what the disk refused, and write it later in another place. Raises OSError,
        after which it can be called again."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._file is not None:
            self._file.close()
        self._file = self.path.open("wb", buffering=0)
        writer = WavWriter(self._file, 2, RATE)
        writer.write_silence(round(self._start_ms * BYTES_PER_MS))
        self._writer = writer
        return writer

    def _delete(self) -> None:
        """The file is closed first: some systems delete none that is open."""
        self._close()
        self._failed, self._writer, self._file = True, None, None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.error("recording.not_deleted", path=str(self.path), error=str(error))

    def _close(self) -> int:
        if self._lost:
            log.error("recording.incomplete", recording=self.path.stem, lost_s=round(self._lost / _BYTES_PER_S, 1))
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            log.error("recording.failed", recording=self.path.stem, error=str(error))
        return self._writer.frames * 1000 // RATE if self._writer else 0
