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

# Of the file: two channels of 16-bit samples.
_BYTES_PER_S = 4 * RATE


class RecordingArchive(Protocol):
    """Stores recordings once they are complete."""

    async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        """Takes a finished file and calls `on_stored` with its location: before this returns, later (even after the
        call), or never if the file stays where only this machine finds it. on_lost: called instead if the file cannot
        be read any more."""


class LocalArchive:
    """Leaves files where they are."""

    async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
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
        backlog: DiskBacklog | None = None,
    ) -> None:
        """count_lost: called on the disk thread with the seconds that the disk did not take. backlog: shared with other
        writers on this disk."""
        self.path = path
        self._mix = mix = StereoMix(start_ms)
        self.add_caller, self.add_agent = mix.add_caller, mix.add_agent
        self._start_ms = start_ms
        self._disk = disk
        self._count_lost, self._backlog = count_lost, backlog or DiskBacklog()
        self._skipped = 0  # bytes for which the backlog had no room, not yet reported to the disk thread
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
        if not pcm:
            return
        if self._backlog.add(len(pcm)):
            self._disk.submit(self._write, pcm, self._take_skipped())
        else:
            self._skipped += len(pcm)

    async def close(self) -> int:
        """Ends the file; returns its length in ms, 0 if nothing could be written. Waits for the disk thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, self._close, self._take_skipped())

    def _take_skipped(self) -> int:
        skipped, self._skipped = self._skipped, 0
        return skipped

    def _write(self, pcm: bytes, skipped: int) -> None:
        """Appends. What a disk does not take is lost and becomes silence once it does again, so that the time line
        stays; it never ends the call or the recording. skipped: bytes before it that were not handed over."""
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
        """All of it or nothing: what is missing is not made up for before the disk takes sound again, because a full
        disk takes silence, as a hole of the file. Raises OSError, WavError."""
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
        """If somebody removed the file, the recording goes on in a new one, and what was in it is lost."""
        if self._writer is None or self._file is None or is_in_place(self._file, self.path):
            return
        written = 4 * (self._writer.frames - round(self._start_ms * BYTES_PER_MS))
        self._writer = None
        counted = self._lost - self._missing  # of what was written: silence in place of earlier losses
        self._lose(written - counted, "the file has vanished")
        self._missing += counted

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
