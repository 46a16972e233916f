"""Sends the events and stores the recordings that a dead process left in the spool."""

import asyncio
import re
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import structlog

from media.audio.wav import header_duration_ms
from media.call.event_emitter import utc_now
from media.server.bus.disk import run_on_disk
from media.server.bus.publisher import BATCH, EventPublisher
from media.server.bus.spool import EventFile, NodeFolder, list_folders, read_stream_credential
from media.server.bus.tasks import start_bus_task, stop_task
from media.server.bus.uploads import RecordingUploads
from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable
from shared.bus.events import EventStream, prove_line
from shared.events import SEQ_PER_LEG, EventEnvelope, RecordingReady, encode_event
from shared.storage import StorageUnavailable
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()

# How often abandoned folders are searched, because a process may die while others run.
EVERY_S: Final = 15.0
# The sequence number of a recovered recording's event. It is in the range of the lost stream, far above the stream's
# own numbers.
SEQ: Final = 99_000
_NAME: Final = re.compile(r"(.+)-(\d+)")


class SpoolRecovery:
    """Recovers abandoned folders at the start and every EVERY_S."""

    def __init__(
        self,
        spool: Path,
        stream: EventStream,
        publisher: EventPublisher,
        uploads: RecordingUploads,
        disk: Executor,
        metrics: Metrics,
        own: NodeFolder | None = None,
    ) -> None:
        """Create the recovery of a spool.

        Args:
            own: The folder of this process, which is created again if it was removed from outside.
        """
        self._own = own
        self._spool, self._stream, self._publisher, self._uploads = spool, stream, publisher, uploads
        self._disk, self._metrics = disk, metrics
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("leftovers", self._step, self._metrics)

    async def close(self) -> None:
        """Stop the task. Unfinished folders are found again later."""
        await stop_task(self.task)

    async def recover(self) -> None:
        """Recover all folders without an owner. A folder that cannot be used is logged and does not block the others.

        Raises BusUnavailable, and OSError if the spool itself cannot be used.
        """
        for path in await run_on_disk(self._disk, list_folders, self._spool):
            try:
                await self._recover_folder(path)
            except OSError as error:
                _log_failure(path, error)

    async def _step(self) -> None:
        """Recover once and wait EVERY_S, even if the bus is unavailable or the disk failed, because both are reported
        elsewhere.

        Raises internal errors.
        """
        try:
            await self._restore_own()
            await self.recover()
        except BusUnavailable:
            self._metrics.bus_failures.labels("leftovers").inc()
        except OSError as error:
            _log_failure(self._spool, error)
        await asyncio.sleep(EVERY_S)

    async def _restore_own(self) -> None:
        """Create this process's folder again if it was removed. Raises OSError."""
        if self._own is not None and await run_on_disk(self._disk, self._own.restore):
            log.error("spool.folder_restored", folder=self._own.path.name)

    async def _recover_folder(self, path: Path) -> None:
        folder = await run_on_disk(self._disk, NodeFolder.take_over, path)
        if folder is None:
            return
        try:
            await self._drain(folder)
        finally:
            await asyncio.shield(self._release(folder))

    async def _release(self, folder: NodeFolder) -> None:
        """Release a folder. A failure is logged instead of raised, so that it does not hide an error of the
        recovery."""
        try:
            await run_on_disk(self._disk, folder.release)
        except OSError as error:
            _log_failure(folder.path, error)

    async def _drain(self, folder: NodeFolder) -> None:
        file = await run_on_disk(self._disk, EventFile, folder.events, 0)
        while file.has_unsent:
            lines = await run_on_disk(self._disk, file.read_oldest, BATCH)
            await self._stream.append(lines)
            await run_on_disk(self._disk, file.remove_oldest, lines)
            self._metrics.events_sent.inc(len(lines))
        for path in await run_on_disk(self._disk, lambda: list(folder.recordings())):
            await self._upload(path)

    async def _upload(self, path: Path) -> None:
        name, duration = _NAME.fullmatch(path.stem), await run_on_disk(self._disk, _duration_ms, path)
        if name is None or not duration:
            await run_on_disk(self._disk, path.unlink)
            return
        call_id, leg = name[1], int(name[2])
        stream_credential = await run_on_disk(self._disk, read_stream_credential, path)

        def publish(key: str) -> None:
            ready = RecordingReady(key, duration, leg)
            line = encode_event(EventEnvelope(call_id, leg * SEQ_PER_LEG + SEQ, utc_now(), ready))
            self._publisher.publish(prove_line(line, stream_credential))

        try:
            await self._uploads.upload(path, publish)
        except StorageUnavailable as error:
            self._metrics.recordings.labels("failed").inc()
            log.warning("recording.upload_failed", error=str(error), retry_s=EVERY_S)


def _log_failure(path: Path, error: OSError) -> None:
    log.error("spool.recovery_failed", folder=path.name, error=error.strerror, retry_s=EVERY_S)


def _duration_ms(path: Path) -> int:
    with path.open("rb") as file:
        return header_duration_ms(file)
