"""Writes a call's stereo recording while the call runs: caller left, agent as heard right."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO, Protocol

import structlog

from media.audio.mulaw import BYTES_PER_MS, RATE
from media.audio.wav import WavError, WavWriter
from media.call.disk_backlog import DiskBacklog
from media.call.stereo_mix import StereoMix
from shared.open_file import is_in_place

log = structlog.get_logger()

# The file's data rate: two channels of 16-bit samples.
_BYTES_PER_S = 4 * RATE


class RecordingArchive(Protocol):
    """Stores recordings once they are complete."""

    async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        """Store a finished file.

        Args:
            on_stored: Called with the file's location: before this returns, later (even after the call), or never if
                the file stays where only this machine finds it.
            on_lost: Called instead if the file can no longer be read.
        """


class LocalArchive:
    """Leaves files where they are."""

    async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        """Report the file's path."""
        on_stored(str(path))


class RecordingWriter:
    """Writes one call's mix to a WAV file. File work runs on `disk` (one thread), never on the event loop.

    Attributes:
        start_ms: Where this stream began on the call's clock. The file is silent up to there, so that all recordings of
            a call have the same time line.
        add_caller: Adds audio, as in `StereoMix`.
        add_agent: Adds audio, as in `StereoMix`.
    """

    def __init__(
        self,
        path: Path,
        disk: Executor,
        start_ms: float = 0.0,
        count_lost: Callable[[float], object] = lambda seconds: None,
        backlog: DiskBacklog | None = None,
    ) -> None:
        """Create the writer.

        Args:
            count_lost: Called on the disk thread with the seconds of audio that the disk did not accept.
            backlog: Shared with other writers on this disk.
        """
        self.path = path
        self._mix = mix = StereoMix(start_ms)
        self.add_caller, self.add_agent = mix.add_caller, mix.add_agent
        self._start_ms = start_ms
        self._disk = disk
        self._count_lost, self._backlog = count_lost, backlog or DiskBacklog()
        self._skipped = 0  # bytes that did not fit into the backlog and are not yet reported to the disk thread
        self._file: BinaryIO | None = None
        self._writer: WavWriter | None = None
        self._missing = 0  # bytes since the disk began to fail, which silence replaces
        self._lost = 0  # the total number of lost bytes
        self._failed = False

    def begin(self, at_ms: float) -> None:
        """Begin both channels here. Nothing must have been added yet."""
        self._mix = mix = StereoMix(at_ms)
        self.add_caller, self.add_agent = mix.add_caller, mix.add_agent
        self._start_ms = at_ms

    @property
    def is_displaced(self) -> bool:
        """Whether the caller's channel may be later than the clock, as in `StereoMix`."""
        return self._mix.is_displaced

    @property
    def lost_ms(self) -> int:
        """How much audio the disk did not accept. Final once the writer is closed."""
        return self._lost * 1_000 // _BYTES_PER_S

    def discard(self) -> None:
        """Delete the file, and write nothing more."""
        self._disk.submit(self._delete)

    def flush(self, now: float, *, last: bool = False) -> None:
        """Give the disk thread what can no longer change. The file is whole and playable after each flush."""
        pcm = self._mix.take(max(now, self._mix.end_ms) if last else self._mix.settled_ms(now))
        if not pcm:
            return
        if self._backlog.add(len(pcm)):
            self._disk.submit(self._write, pcm, self._take_skipped())
        else:
            self._skipped += len(pcm)

    async def close(self) -> int:
        """End the file. Return its length in ms, 0 if nothing could be written. Waits for the disk thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, self._close, self._take_skipped())

    def _take_skipped(self) -> int:
        skipped, self._skipped = self._skipped, 0
        return skipped

    def _write(self, pcm: bytes, skipped: int) -> None:
        """Append audio.

        Audio that a disk does not accept is lost and becomes silence once the disk accepts audio again, so that the
        time line stays correct. A failure never ends the call or the recording.

        Args:
            skipped: The number of earlier bytes that were not handed over.
        """
        self._backlog.take(len(pcm))
        if self._failed:
            return
        self._lose(skipped, "the disk is too slow")
        try:
            self._append(pcm)
        except WavError as error:  # 4 GiB
            self._failed = True
            log.error("recording.failed", recording=self.path.stem, error=str(error))
        except OSError as error:
            self._lose(len(pcm), error.strerror or type(error).__name__)

    def _lose(self, size: int, reason: str) -> None:
        if not size:
            return
        if not self._missing:
            log.error("recording.interrupted", recording=self.path.stem, error=reason)
        self._missing += size
        self._lost += size
        self._count_lost(size / _BYTES_PER_S)

    def _append(self, pcm: bytes) -> None:
        """Append all of it or nothing. Raises OSError, WavError.

        Missing audio is not filled before the disk accepts audio again, because a full disk accepts silence as a hole
        of the file.
        """
        self._forget_vanished()
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

    def _forget_vanished(self) -> None:
        """Continue in a new file if the file was removed. The content of the old file is lost."""
        if self._writer is None or self._file is None or is_in_place(self._file, self.path):
            return
        written = 4 * (self._writer.frames - round(self._start_ms * BYTES_PER_MS))
        self._writer = None
        counted = self._lost - self._missing  # written as silence in place of earlier losses
        self._lose(written - counted, "the file has vanished")
        self._missing += counted

    def _open(self) -> WavWriter:
        """Open the file. Raises OSError, after which it can be called again.

        The file is unbuffered: a buffer would keep data that the disk refused, and write it later in another place.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._file is not None:
            self._file.close()
        self._file = self.path.open("wb", buffering=0)
        writer = WavWriter(self._file, 2, RATE)
        writer.write_silence(round(self._start_ms * BYTES_PER_MS))
        self._writer = writer
        return writer

    def _delete(self) -> None:
        """Close and delete the file. Some systems cannot delete open files."""
        self._close_file()
        self._failed, self._writer, self._file = True, None, None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.error("recording.not_deleted", path=str(self.path), error=str(error))

    def _close(self, skipped: int) -> int:
        self._lose(skipped, "the disk is too slow")
        self._forget_vanished()
        if self._lost:
            log.error("recording.incomplete", recording=self.path.stem, lost_s=round(self._lost / _BYTES_PER_S, 1))
        self._close_file()
        return self._writer.frames * 1000 // RATE if self._writer else 0

    def _close_file(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            log.error("recording.failed", recording=self.path.stem, error=str(error))
