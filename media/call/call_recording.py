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

# A recording is written in pieces of this length.
FLUSH_MS: Final = 1_000.0
# The call ticks every 240 ms. After a longer time without a tick the event loop was delayed and audio may wait to be
# read. Nothing is settled before that audio was read.
HELD_UP_MS: Final = 400.0
# This many late ticks in a row are an overloaded machine and not a stall. Waiting longer would keep the recording in
# memory.
MOST_HELD_UP: Final = 8
# How long the call's end waits for its recording. A later recording is reported after the end. A disk that hangs must
# not delay the record of the call's end.
CLOSE_WAIT_S: Final = 5.0


class CallRecording:
    """Receives audio from its beginning on, flushes the writer while the call runs, then archives its file.

    Times are in ms on the call's clock.
    """

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
        self._held_up = 0  # the number of late ticks in a row
        self._since = math.inf
        self._is_allowed: bool | None = None  # None: not decided yet
        self._pauses = AudioPauses()
        self._storing: asyncio.Task[None] | None = None

    @property
    def tap(self) -> Tap:
        """The tap that reads the call's audio."""
        return Tap(caller=self.add_caller, agent=self.add_agent, consent=self.follow_consent)

    def follow_consent(self, state: ConsentState, now: float) -> None:
        """Record as the consent permits.

        If recording is allowed at the beginning, the whole stream is recorded; otherwise only audio from the moment of
        the permission on. A refusal deletes what was written. During a pause, and PAUSE_TAIL_MS after it, silence
        replaces both sides; the length of the recording does not change.
        """
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
        """Add caller audio that was received at `now`."""
        start = now - len(ulaw) / BYTES_PER_MS
        if start >= self._since:
            self._writer.add_caller(self._pauses.silence(ulaw, start), now)

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Add agent audio that the caller heard from `at_ms` on."""
        if at_ms >= self._since:
            self._writer.add_agent(self._pauses.silence(ulaw, at_ms), at_ms)

    def tick(self, now: float) -> None:
        """Flush once a second. Called a few times a second."""
        self._held_up = self._held_up + 1 if now - self._ticked_at > HELD_UP_MS else 0
        self._ticked_at = now
        if 0 < self._held_up < MOST_HELD_UP:
            return
        if now >= self._since and now - self._flushed_at >= FLUSH_MS:
            self._flushed_at = now
            self._mixer.settle(now)
            self._writer.flush(now)

    async def close(self, now: float) -> None:
        """End the file and archive it, waiting at most CLOSE_WAIT_S. Does nothing without a recording.

        `RecordingReady` is emitted once the file is stored, even after the call's end. If the disk did not accept all
        of it, `RecordingIncomplete` precedes it. If the file was removed before it was stored, `RecordingIncomplete`
        replaces it.
        """
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

        def report_lost(lost_ms: int) -> None:  # the disk may have lost the log as well
            emitter.emit(RecordingIncomplete(lost_ms, leg), late=True)

        if self._writer.lost_ms:
            report_lost(self._writer.lost_ms)
        if not duration_ms:
            return

        def on_stored(location: str) -> None:
            emitter.emit(RecordingReady(location, duration_ms, leg), late=True)

        await self._archive.store(self._writer.path, on_stored, lambda: report_lost(duration_ms))
