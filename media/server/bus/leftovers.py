"""What dead processes left in the state folder: their events are sent, their recordings stored and told."""

import asyncio
import re
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import structlog

from media.audio.wav import told_ms
from media.call.journal import utc_now
from media.server.bus.courier import BATCH, Courier
from media.server.bus.disk import on_disk
from media.server.bus.health import forever, stopped
from media.server.bus.spool import EventFile, NodeFolder, abandoned
from media.server.bus.uploads import Uploads
from media.server.metrics import Metrics
from shared.bus.client import BusAway
from shared.bus.events import EventStream
from shared.events import SEQ_PER_LEG, Envelope, RecordingReady, encode_event
from shared.storage import StorageAway

log = structlog.get_logger()

# A process may die while others run.
EVERY_S: Final = 15.0
# In the range of the lost stream, far behind whatever it told itself.
SEQ: Final = 99_000
_NAME: Final = re.compile(r"(.+)-(\d+)")


class Leftovers:
    """Looks for them at the start, and now and then."""

    def __init__(
        self, spool: Path, stream: EventStream, courier: Courier, uploads: Uploads, disk: Executor, metrics: Metrics
    ) -> None:
        self._spool, self._stream, self._courier, self._uploads = spool, stream, courier, uploads
        self._disk, self._metrics = disk, metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(forever("leftovers", self._step, self._metrics))

    async def close(self) -> None:
        """Stops; what is not done is found again."""
        await stopped(self._task)

    async def sweep(self) -> None:
        """Settles all that nobody owns; a folder that cannot be used is told of and holds no other one up. Raises
        BusAway, and OSError when the spool itself cannot be used."""
        for path in await on_disk(self._disk, abandoned, self._spool):
            try:
                await self._take_over(path)
            except OSError as error:
                _tell(path, error)

    async def _step(self) -> None:
        """For a bus that is away, or a disk that fails, the next one comes no sooner: other desks have told it already,
        or the log has. Raises what is a fault of ours."""
        try:
            await self.sweep()
        except BusAway:
            self._metrics.bus_failures.labels("leftovers").inc()
        except OSError as error:
            _tell(self._spool, error)
        await asyncio.sleep(EVERY_S)

    async def _take_over(self, path: Path) -> None:
        folder = await on_disk(self._disk, NodeFolder.take, path)
        if folder is None:
            return
        try:
            await self._settle(folder)
        finally:
            await asyncio.shield(self._give_up(folder))

    async def _give_up(self, folder: NodeFolder) -> None:
        """Tells by itself when the folder cannot go: how settling ended is for the caller, and must not be hidden."""
        try:
            await on_disk(self._disk, folder.release)
        except OSError as error:
            _tell(folder.path, error)

    async def _settle(self, folder: NodeFolder) -> None:
        file = await on_disk(self._disk, EventFile, folder.events, 0)
        while file.waiting:
            lines = await on_disk(self._disk, file.head, BATCH)
            await self._stream.append(lines)
            await on_disk(self._disk, file.done, lines)
            self._metrics.events_sent.inc(len(lines))
        for path in await on_disk(self._disk, lambda: list(folder.recordings())):
            await self._store(path)

    async def _store(self, path: Path) -> None:
        name, duration = _NAME.fullmatch(path.stem), await on_disk(self._disk, _duration_ms, path)
        if name is None or not duration:
            await on_disk(self._disk, path.unlink)
            return
        call_id, leg = name[1], int(name[2])

        def kept(key: str) -> None:
            ready = RecordingReady(key, duration, leg)
            self._courier.write(encode_event(Envelope(call_id, leg * SEQ_PER_LEG + SEQ, utc_now(), ready)))

        try:
            await self._uploads.store(path, kept)
        except StorageAway as error:
            self._metrics.recordings.labels("failed").inc()
            log.warning("recording.not_stored", error=str(error), again_s=EVERY_S)


def _tell(path: Path, error: OSError) -> None:
    log.error("leftovers.broken", folder=path.name, error=error.strerror, again_s=EVERY_S)


def _duration_ms(path: Path) -> int:
    with path.open("rb") as file:
        return told_ms(file)
