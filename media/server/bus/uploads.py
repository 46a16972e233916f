"""Recordings on their way to storage: from disk, again and again, told once they are there."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import structlog

from media.server.bus.courier import Courier
from media.server.bus.disk import on_disk
from media.server.metrics import Metrics
from shared.storage import Storage, StorageAway

log = structlog.get_logger()

AT_ONCE: Final = 4
# How long the end of a call waits for its recording to be stored; then that is told after the end.
PATIENCE_S: Final = 3.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0


class Uploads:
    """An `Archive`. Without a storage, recordings stay on this machine, in `shelf`, and nobody is told."""

    def __init__(
        self, storage: Storage | None, shelf: Path, courier: Courier, disk: Executor, metrics: Metrics
    ) -> None:
        self._storage, self._shelf, self._courier = storage, shelf, courier
        self._disk, self._metrics = disk, metrics
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def keep(self, path: Path, kept: Callable[[str], None]) -> None:
        """Stores a finished recording; waits for it a moment, then lets it go on by itself."""
        task = asyncio.create_task(self._keep(path, kept))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=PATIENCE_S)

    async def store(self, path: Path, kept: Callable[[str], None]) -> None:
        """Stores one, tells it, and removes the file once the word is safe. Raises StorageAway."""
        if self._storage is None:
            await on_disk(self._disk, _shelved, path, self._shelf)
            return
        key = f"recordings/{path.parent.name}/{path.name}"
        await self._storage.put(key, path)
        kept(key)
        self._metrics.recordings.labels("stored").inc()
        await self._courier.safe()
        await on_disk(self._disk, path.unlink)

    async def close(self, within_s: float) -> None:
        """Waits for those on their way, at most so long; the rest is found by whoever starts next."""
        tasks = set(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _keep(self, path: Path, kept: Callable[[str], None]) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._gate:
                    return await self.store(path, kept)
            except StorageAway as error:
                self._metrics.recordings.labels("failed").inc()
                log.warning("recording.not_stored", error=str(error), again_s=pause_s)
            except OSError as error:
                log.error("recording.lost", error=error.strerror)
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _shelved(path: Path, shelf: Path) -> None:
    shelf.mkdir(parents=True, exist_ok=True)
    path.replace(shelf / path.name)
