"""A call's recording: written while the call runs, then handed to the archive."""

import asyncio
from typing import Final

from media.call.event_emitter import EventEmitter
from media.call.playback import Playback
from media.call.recording import RecordingArchive, RecordingWriter
from shared.events import RecordingReady

# A recording is written in stretches of this length.
FLUSH_MS: Final = 1_000.0


class CallRecording:
    """Flushes the writer while the call runs, then archives its file. Times are in ms on the call's clock."""

    def __init__(
        self,
        writer: RecordingWriter,
        archive: RecordingArchive,
        emitter: EventEmitter,
        playback: Playback,
        *,
        leg: int,
        now: float,
    ) -> None:
        self._writer, self._archive, self._emitter = writer, archive, emitter
        self._playback, self._leg = playback, leg
        self._flushed_at = now

    def tick(self, now: float) -> None:
        """Flushes once a second; called a few times a second."""
        if now - self._flushed_at >= FLUSH_MS:
            self._flushed_at = now
            self._playback.settle(now)
            self._writer.flush(now)

    async def close(self, now: float) -> None:
        """Ends the file and archives it. `RecordingReady` is emitted once it is stored, even after the call's end."""
        self._playback.settle(now)
        self._writer.flush(now, last=True)
        duration_ms = await asyncio.get_running_loop().run_in_executor(None, self._writer.close)
        if not duration_ms:
            return
        emitter, leg = self._emitter, self._leg

        def on_stored(location: str) -> None:
            emitter.emit(RecordingReady(location, duration_ms, leg), late=True)

        await self._archive.store(self._writer.path, on_stored)
