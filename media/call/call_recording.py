"""A call's recording: written while the call runs, then handed to the archive."""

import asyncio
import math
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.call.audio_pauses import AudioPauses
from media.call.event_emitter import EventEmitter
from media.call.output_mixer import OutputMixer
from media.call.recording import RecordingArchive, RecordingWriter
from media.call.recording_consent import ConsentState
from media.call.taps import Tap
from shared.events import RecordingIncomplete, RecordingReady

# A recording is written in stretches of this length.
FLUSH_MS: Final = 1_000.0
# The call's ticks come every 240 ms. After a longer time without one the event loop was held up, and audio may wait to
# be read: nothing is settled before it was.
HELD_UP_MS: Final = 400.0
# So many late ticks in a row are no such stall, but a machine with too much to do: waiting on would keep the recording
# in memory for as long.
MOST_HELD_UP: Final = 8
# The call's end waits so long for its recording; what comes later is reported after it. A disk that hangs must not keep
# the end of a call from its record.
CLOSE_WAIT_S: Final = 5.0


class CallRecording:
    """Takes audio from its beginning on, flushes the writer while the call runs, then archives its file. Times are in
    ms on the call's clock."""

    def __init__(
        self,
        writer: RecordingWriter,
        archive: RecordingArchive,
        emitter: EventEmitter,
        mixer: OutputMixer,
        *,
        leg: int,
        now: float,
    ) -> None:
        self._writer, self._archive, self._emitter = writer, archive, emitter
        self._mixer, self._leg = mixer, leg
        self._flushed_at = self._ticked_at = now
        self._held_up = 0  # late ticks in a row
        self._since = math.inf
        self._is_allowed: bool | None = None  # None: nobody has said anything yet
        self._pauses = AudioPauses()
        self._storing: asyncio.Task[None] | None = None

    @property
    def tap(self) -> Tap:
        """What it reads."""
        return Tap(caller=self.add_caller, agent=self.add_agent, consent=self.follow_consent)

    def follow_consent(self, state: ConsentState, now: float) -> None:
        """Records the whole stream if that is allowed at its beginning, else from the moment at which it is allowed:
        nothing that sounded earlier. A refusal deletes what was written. In a pause silence takes the place of both
        sides, until PAUSE_TAIL_MS after it; the length of the recording does not change."""
        if state.consent == "refused":
            if self._is_allowed:
                self._since = math.inf
                self._writer.discard()
        elif state.consent == "given" and not self._is_allowed:
            self._since = -math.inf if self._is_allowed is None else now
            if self._is_allowed is not None:
                self._writer.begin(now)
        self._is_allowed = state.consent == "given"
        self._pauses.set_paused(state.is_paused, now)

    def add_caller(self, ulaw: bytes, now: float) -> None:
        """Takes caller audio received at `now`."""
        start = now - len(ulaw) / BYTES_PER_MS
        if start >= self._since:
            self._writer.add_caller(self._pauses.silence(ulaw, start), now)

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Takes agent audio that the caller heard from `at_ms` on."""
        if at_ms >= self._since:
            self._writer.add_agent(self._pauses.silence(ulaw, at_ms), at_ms)

    def tick(self, now: float) -> None:
        """Flushes once a second; called a few times a second."""
        self._held_up = self._held_up + 1 if now - self._ticked_at > HELD_UP_MS else 0
        self._ticked_at = now
        if 0 < self._held_up < MOST_HELD_UP:
            return
        if now >= self._since and now - self._flushed_at >= FLUSH_MS:
            self._flushed_at = now
            self._mixer.settle(now)
            self._writer.flush(now)

    async def close(self, now: float) -> None:
        """Ends the file and archives it; waits CLOSE_WAIT_S at most. `RecordingReady` is emitted once it is stored,
        even after the call's end; `RecordingIncomplete` before, if the disk did not take all of it, or in its place, if
        the file was removed before it was stored. Without a recording it does nothing."""
        if now < self._since:
            return
        self._mixer.settle(now)
        self._writer.flush(now, last=True)
        self._storing = asyncio.create_task(self._store())
        await asyncio.wait({self._storing}, timeout=CLOSE_WAIT_S)
        if self._storing.done():
            self._storing.result()

    async def _store(self) -> None:
        duration_ms = await self._writer.close()
        emitter, leg = self._emitter, self._leg

        def report_lost(lost_ms: int) -> None:  # a log on the same disk may have lost it
            emitter.emit(RecordingIncomplete(lost_ms, leg), late=True)

        if self._writer.lost_ms:
            report_lost(self._writer.lost_ms)
        if not duration_ms:
            return

        def on_stored(location: str) -> None:
            emitter.emit(RecordingReady(location, duration_ms, leg), late=True)

        await self._archive.store(self._writer.path, on_stored, lambda: report_lost(duration_ms))
