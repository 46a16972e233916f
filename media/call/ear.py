"""The call's ear: takes caller audio from the first frame on, while the recogniser is still being reached."""

import asyncio
from collections import deque

from media.providers.ports import Hear, HearFailed, HearSession, HearSink, ProviderError

# Frames kept until the recogniser's session is open: 30 s of 20 ms frames.
MOST_WAITING = 1_500


class Ear:
    """A HearSession that exists at once; what happens before the real one is open is kept and played back to it."""

    def __init__(self, hear: Hear, language: str, sink: HearSink) -> None:
        self._sink = sink
        self._session: HearSession | None = None
        self._waiting: deque[bytes | int | None] = deque(maxlen=MOST_WAITING)
        self._opening = asyncio.create_task(self._open(hear, language))

    def push(self, ulaw: bytes) -> None:
        """Caller audio (mu-law 8 kHz), on the frame path."""
        if self._session is not None:
            self._session.push(ulaw)
        else:
            self._waiting.append(ulaw)

    def started(self) -> None:
        """The caller began to speak."""
        if self._session is not None:
            self._session.started()

    def finalise(self, token: int) -> None:
        """Asks for the text of the turn so far; answered by a final Transcript with this token."""
        if self._session is not None:
            self._session.finalise(token)
        else:
            self._waiting.append(token)

    def next_turn(self) -> None:
        """The turn's text has been taken."""
        if self._session is not None:
            self._session.next_turn()
        else:
            self._waiting.append(None)

    async def close(self) -> None:
        """Ends the session, or the attempt to open it."""
        self._opening.cancel()
        await asyncio.gather(self._opening, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _open(self, hear: Hear, language: str) -> None:
        try:
            session = await hear.open(language, self._sink)
        except ProviderError as error:
            self._sink(HearFailed(error))
            return
        for item in self._waiting:
            _replay(session, item)
        self._waiting.clear()
        self._session = session


def _replay(session: HearSession, item: bytes | int | None) -> None:
    if isinstance(item, bytes):
        session.push(item)
    elif item is None:
        session.next_turn()
    else:
        session.finalise(item)
