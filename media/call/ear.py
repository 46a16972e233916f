"""The call's ear: takes caller audio from the first frame on, while the recogniser is still being reached."""

import asyncio
from collections import deque
from enum import Enum, auto

from media.providers.ports import Hear, HearEvent, HearFailed, HearSession, HearSink, ProviderError, Transcript

# Frames kept until the recogniser's session is open: 30 s of 20 ms frames.
MOST_WAITING = 1_500
# How long the last words of a caller who hung up may take to be recognised.
LAST_WORDS_S = 1.5
LAST_TOKEN = 1_000_000_000


class _Told(Enum):
    STARTED = auto()
    NEXT_TURN = auto()


class Ear:
    """A HearSession that exists at once; what happens before the real one is open is kept and played back to it."""

    def __init__(self, hear: Hear, language: str, sink: HearSink) -> None:
        self._sink = sink
        self._name = hear.name
        self._session: HearSession | None = None
        self._waiting: deque[bytes | int | _Told] = deque(maxlen=MOST_WAITING)
        self._turn = 0
        self._last_words: asyncio.Future[str] | None = None
        self._opening = asyncio.create_task(self._open(hear, language))
        self._opening.add_done_callback(self._tell_fault)

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
        else:
            self._waiting.append(_Told.STARTED)

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
            self._waiting.append(_Told.NEXT_TURN)

    def follow(self, turn: int) -> None:
        """So many turns were taken for good: the recogniser starts afresh with each."""
        if turn != self._turn:
            self._turn = turn
            self.next_turn()

    async def last_words(self, within_s: float) -> str:
        """The text of the turn that the call's end cut off; empty when it does not come in time. It is given to whoever
        asks here alone, and no final text is told after that."""
        self._last_words = asyncio.get_running_loop().create_future()
        self.finalise(LAST_TOKEN)
        try:
            async with asyncio.timeout(within_s):
                return await self._last_words
        except TimeoutError:
            return ""

    async def close(self) -> None:
        """Ends the session, or the attempt to open it."""
        self._opening.cancel()
        await asyncio.gather(self._opening, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        del self._opening, self._sink  # they hold the call, which holds this: it must go without the collector
        self._session = None

    async def _open(self, hear: Hear, language: str) -> None:
        try:
            session = await hear.open(language, self._hear)
        except ProviderError as error:
            self._sink(HearFailed(error))
            return
        except asyncio.CancelledError as error:
            # A time-out's frame holds the task, which holds the error: the call must go without the collector.
            raise error.with_traceback(None) from None
        for item in self._waiting:
            _replay(session, item)
        self._waiting.clear()
        self._session = session

    def _hear(self, event: HearEvent) -> None:
        if self._last_words is None or not isinstance(event, Transcript) or not event.final:
            self._sink(event)
        elif not self._last_words.done():
            self._last_words.set_result(event.text)

    def _tell_fault(self, opening: asyncio.Task[None]) -> None:
        """A fault of ours must not leave a call that hears nothing and says nothing of it."""
        error = None if opening.cancelled() else opening.exception()
        if error is not None:
            fault = ProviderError(self._name, f"internal fault: {type(error).__name__}", retryable=False)
            opening.get_loop().call_exception_handler({"message": "the ear crashed", "exception": error})
            self._sink(HearFailed(fault))


def _replay(session: HearSession, item: bytes | int | _Told) -> None:
    if isinstance(item, bytes):
        session.push(item)
    elif isinstance(item, int):
        session.finalise(item)
    elif item is _Told.STARTED:
        session.started()
    else:
        session.next_turn()
