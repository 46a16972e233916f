"""Uploads recordings from disk to storage with retries, and reports them once they are stored."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import structlog

from media.server.bus.disk import run_on_disk
from media.server.bus.publisher import EventPublisher
from media.server.bus.spool import forget_stream_credential
from media.server.metrics import Metrics
from shared.recording_keys import recordings_prefix
from shared.storage import Storage, StorageUnavailable

log = structlog.get_logger()

AT_ONCE: Final = 4
# How long the end of a call waits for its recording. Later recordings are reported after the call's end.
WAIT_S: Final = 3.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0


class RecordingUploads:
    """A `RecordingArchive`. Without a storage, recordings are moved to `local_folder` and not reported."""

    def __init__(
        self,
        storage: Storage | None,
        local_folder: Path,
        publisher: EventPublisher,
        disk: Executor,
        metrics: Metrics,
    ) -> None:
        self._storage, self._local_folder, self._publisher = storage, local_folder, publisher
        self._disk, self._metrics = disk, metrics
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def store(self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        """Start to store a finished recording, and wait at most WAIT_S.

        Args:
            on_stored: Called with the recording's key in storage.
            on_lost: Called if the recording cannot be read.
        """
        task = asyncio.create_task(self._upload_with_retries(path, on_stored, on_lost))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=WAIT_S)

    async def upload(self, path: Path, on_stored: Callable[[str], None]) -> None:
        """Store a recording and report its key. Remove the file after the event is durable, if the disk permits.

        Raises StorageUnavailable, or OSError if the file cannot be read.
        """
        if self._storage is None:
            await run_on_disk(self._disk, _move, path, self._local_folder)
            return
        key = recordings_prefix(path.parent.name) + path.name
        await self._storage.put(key, path)
        on_stored(key)
        self._metrics.recordings.labels("stored").inc()
        await self._publisher.wait_durable()
        try:
            await run_on_disk(self._disk, _remove, path)
        except OSError as error:  # the recording is stored anyway
            log.warning("recording.not_removed", recording=path.stem, error=error.strerror)

    async def close(self, within_s: float) -> None:
        """Wait at most `within_s` for running uploads. The next process finds the rest."""
        tasks = set(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _upload_with_retries(
        self, path: Path, on_stored: Callable[[str], None], on_lost: Callable[[], None]
    ) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._gate:
                    return await self.upload(path, on_stored)
            except StorageUnavailable as error:
                self._metrics.recordings.labels("failed").inc()
                log.warning("recording.upload_failed", recording=path.stem, error=str(error), retry_s=pause_s)
            except OSError as error:
                self._metrics.recordings.labels("lost").inc()
                log.error("recording.lost", recording=path.stem, error=error.strerror)
                return on_lost()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _remove(path: Path) -> None:
    path.unlink()
    forget_stream_credential(path)


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path.replace(folder / path.name)
    forget_stream_credential(path)
