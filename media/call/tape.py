"""A call's recording while it runs, and on its way into the archive."""

import asyncio
from typing import Final

from media.call.parts import Parts
from media.call.playback import Playback
from shared.events import RecordingReady

# A recording is written in stretches of this length.
FLUSH_MS: Final = 1_000.0


class Tape:
    """Gives the recorder what was heard of the agent; of a call that is not recorded, nothing. Moments in ms of the
    call's clock."""

    def __init__(self, parts: Parts, playback: Playback) -> None:
        self._recorder, self._archive, self._journal = parts.recorder, parts.archive, parts.journal
        self._playback, self._leg = playback, parts.plan.leg
        self._flushed = parts.clock()

    def tick(self, now: float) -> None:
        """A few times a second."""
        if self._recorder is not None and now - self._flushed >= FLUSH_MS:
            self._flushed = now
            self._recorder.flush(self._playback.take_heard(now), now)

    async def close(self, now: float) -> None:
        """The call ended then: the file is closed and archived, and told once it is kept, also after the call."""
        recorder, journal, leg = self._recorder, self._journal, self._leg
        if recorder is None:
            return
        recorder.flush(self._playback.take_heard(now), now, last=True)
        duration = await asyncio.get_running_loop().run_in_executor(None, recorder.close)
        if not duration:
            return

        def kept(place: str) -> None:
            journal.emit(RecordingReady(place, duration, leg), late=True)

        await self._archive.keep(recorder.path, kept)
