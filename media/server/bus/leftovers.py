"""What dead processes left in the state folder: their events are sent, their recordings stored and told."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeVar

import structlog

from media.audio.wav import HEADER_BYTES
from media.call.journal import utc_now
from media.call.recording import SAMPLE_RATE
from media.server.bus.courier import BATCH, Courier
from media.server.bus.health import forever, stopped
from media.server.bus.spool import EventFile, NodeFolder, abandoned
from media.server.bus.uploads import Uploads
from media.server.metrics import Metrics
from shared.bus.events import EventStream
from shared.events import SEQ_PER_LEG, Envelope, RecordingReady, encode_event
from shared.storage import StorageAway

log = structlog.get_logger()

T = TypeVar("T")
# A process may die while others run.
EVERY_S: Final = 15.0
# In the range of the lost stream, far behind whatever it told itself.
SEQ: Final = 99_000
_NAME: Final = re.compile(r"(.+)-(\d+)")
_BYTES_PER_FRAME: Final = 4


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
        """Settles all that nobody owns. Raises BusAway, and OSError."""
        for path in await self._on_disk(lambda: abandoned(self._spool)):
            folder = await self._on_disk(lambda path=path: NodeFolder.take(path))  # type: ignore[misc]
            if folder is None:
                continue
            try:
                await self._settle(folder)
            finally:
                await asyncio.shield(self._on_disk(folder.release))

    async def _step(self) -> None:
        await self.sweep()
        await asyncio.sleep(EVERY_S)

    async def _settle(self, folder: NodeFolder) -> None:
        file = EventFile(folder.events, 0)
        while file.waiting:
            lines = await self._on_disk(lambda: file.head(BATCH))
            await self._stream.append(lines)
            await self._on_disk(lambda lines=lines: file.done(lines))  # type: ignore[misc]
            self._metrics.events_sent.inc(len(lines))
        for path in await self._on_disk(lambda: list(folder.recordings())):
            await self._store(path)

    async def _store(self, path: Path) -> None:
        name, duration = _NAME.fullmatch(path.stem), await self._on_disk(lambda: _duration_ms(path))
        if name is None or not duration:
            await self._on_disk(path.unlink)
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

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _duration_ms(path: Path) -> int:
    """By what its header tells; what was written behind that is not known to be whole."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return 0
    return int.from_bytes(header[-4:], "little") // _BYTES_PER_FRAME * 1000 // SAMPLE_RATE
