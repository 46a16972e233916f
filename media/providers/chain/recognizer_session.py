"""Opens and closes the sessions of recognizers."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, Final

from media.providers.chain.candidates import Attempts
from media.providers.chain.deadlines import Deadlines
from media.providers.cleanup import close_within
from media.providers.deadline_timer import DeadlineScope
from media.providers.ports import (
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
)
from shared.providers.word_timing import shift_words

_REFUSALS: Final = (KeyRefused, ProviderBusy)

HandleEvent = Callable[["SessionSink", SpeechToTextEvent], None]


def _ignore(sink: "SessionSink", event: SpeechToTextEvent) -> None:
    pass


class SessionSink:
    """The sink of one recognizer's session; the chain ignores its events once another recognizer took over. error: that
    ended the session. begins_ms: where the session's first audio is in the call's, by which times of words are shifted.
    """

    def __init__(self, handle: HandleEvent) -> None:
        self._handle = handle
        self.error: ProviderError | None = None
        self.begins_ms = 0.0
        self._has_answered = False

    @property
    def is_refused(self) -> bool:
        """Whether the vendor accepted neither key nor account, and said so with its first message only: such a session
        is not billed."""
        return isinstance(self.error, _REFUSALS) and not self._has_answered

    def redirect(self, handle: HandleEvent) -> None:
        """Sends further events elsewhere."""
        self._handle = handle

    def __call__(self, event: SpeechToTextEvent) -> None:
        if isinstance(event, SpeechToTextFailed):
            self.error = event.error
        else:
            self._has_answered = True
            if isinstance(event, RecognizedText) and event.words and self.begins_ms:
                event = replace(event, words=tuple(shift_words(event.words, self.begins_ms)))
        self._handle(self, event)


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session, and the sink that takes its events."""

    session: SpeechToTextSession
    sink: SessionSink


class SessionOpener:
    """Opens sessions of one call, whose events go to `handle`. language: that they are opened in (BCP 47)."""

    def __init__(self, language: str, deadlines: Deadlines, handle: HandleEvent) -> None:
        self.language = language
        self._deadlines = deadlines
        self._handle = handle

    def close(self) -> None:
        """Nothing is to be handled any more; forgets the call, which refers to this."""
        self._handle = _ignore

    async def open(self, attempts: Attempts[SpeechToText], running: int | None = None) -> OpenedSession:
        """Opens the next recognizer that can be reached. Raises ProviderError when none is left. running: index of one
        that goes on meanwhile."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                return await self._open(attempts)
            except ProviderError as error:
                attempts.fail_over(error, running, stage="connect", cost_s=clock() - began)

    async def _open(self, attempts: Attempts[SpeechToText]) -> OpenedSession:
        """Raises ProviderError, also for a failure that the session reports while it opens."""
        sink, stt = SessionSink(self._handle), attempts.current
        limit_s = self._deadlines.open_limit(attempts.usual_wait, has_other=attempts.has_other)
        try:
            async with DeadlineScope(limit_s):
                session = await stt.open(self.language, sink)
        except TimeoutError as error:
            raise ProviderSlow(stt.name, f"not open within {limit_s:g} s") from error
        if sink.error is not None:
            await close_within(session.close())
            raise sink.error
        return OpenedSession(session, sink)


class SessionCleanup:
    """Closes sessions in tasks of their own: neither the next recognizer waits for it, nor does it end with the
    switch."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def close(self, session: SpeechToTextSession | None) -> None:
        """Begins to close a session, if there is one."""
        if session is not None:
            self.add(asyncio.create_task(close_within(session.close())))

    def add(self, task: asyncio.Task[None]) -> None:
        """Waits for this task, too."""
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def wait(self) -> None:
        """Waits until all is closed."""
        await asyncio.gather(*self._closing, return_exceptions=True)


class SessionReplacement:
    """The replacing of a session by another one, once at a time. on_crash: told of an internal error, which the loop's
    exception handler gets, too."""

    def __init__(self, cleanup: SessionCleanup, on_crash: Callable[[BaseException], None]) -> None:
        self._cleanup, self._on_crash = cleanup, on_crash
        self._task: asyncio.Task[None] | None = None
        self._is_due: Callable[[], bool] = lambda: False

    @property
    def is_due(self) -> bool:
        """Whether one was started that has not run yet: it will open the next session as all is by then."""
        return self._is_due()

    def start(self, replacement: Coroutine[Any, Any, None]) -> None:
        """Begins to replace; one that is under way is given up."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._cleanup.add(self._task)
        self._task = asyncio.create_task(replacement)
        self._task.add_done_callback(self._finish)
        self._is_due = lambda: getcoroutinestate(replacement) == CORO_CREATED

    async def close(self) -> None:
        """Stops; forgets the session, which refers to this."""
        self._on_crash = _ignore_crash
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _finish(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            task.get_loop().call_exception_handler({"message": "a recognizer crashed", "exception": error})
            self._on_crash(error)


def _ignore_crash(error: BaseException) -> None:
    """The call is over."""
