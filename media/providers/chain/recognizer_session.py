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
    """The sink of one recognizer's session. The chain ignores its events after another recognizer took over.

    Attributes:
        error: The error that ended the session.
        begins_ms: The position of the session's first audio in the call, by which word times are shifted.
    """

    def __init__(self, handle: HandleEvent) -> None:
        self._handle = handle
        self.error: ProviderError | None = None
        self.begins_ms = 0.0
        self._has_answered = False

    @property
    def is_refused(self) -> bool:
        """Whether the vendor refused the key or the account in its first message. Such a session is not billed."""
        return isinstance(self.error, _REFUSALS) and not self._has_answered

    def redirect(self, handle: HandleEvent) -> None:
        """Send further events to another handler."""
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
    """A session and the sink that receives its events."""

    session: SpeechToTextSession
    sink: SessionSink


class SessionOpener:
    """Opens sessions of one call, whose events go to `handle`.

    Attributes:
        language: The language (BCP 47) in which sessions are opened.
    """

    def __init__(self, language: str, deadlines: Deadlines, handle: HandleEvent) -> None:
        self.language = language
        self._deadlines = deadlines
        self._handle = handle

    def close(self) -> None:
        """Stop handling events. Drops the reference to the call, which refers to this object."""
        self._handle = _ignore

    async def open(self, attempts: Attempts[SpeechToText], running: int | None = None) -> OpenedSession:
        """Open the next recognizer that can be reached. Raises ProviderError if none is left.

        Args:
            running: The index of a recognizer that continues meanwhile.
        """
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                return await self._open(attempts)
            except ProviderError as error:
                attempts.fail_over(error, running, stage="connect", cost_s=clock() - began)

    async def _open(self, attempts: Attempts[SpeechToText]) -> OpenedSession:
        """Open the recognizer in use. Raises ProviderError, also for a failure that the session reports while it
        opens."""
        sink, stt = SessionSink(self._handle), attempts.current
        limit_s = self._deadlines.open_limit(attempts.usual_wait, has_other=attempts.has_other)
        try:
            async with DeadlineScope(limit_s):
                session = await stt.open(self.language, sink)
        except TimeoutError as error:
            raise ProviderSlow(stt.name, f"the session did not open within {limit_s:g} s") from error
        if sink.error is not None:
            await close_within(session.close())
            raise sink.error
        return OpenedSession(session, sink)


class SessionCleanup:
    """Closes sessions in separate tasks, so that the next recognizer does not wait, and a canceled switch does not stop
    the closing."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def close(self, session: SpeechToTextSession | None) -> None:
        """Start to close a session, if there is one."""
        if session is not None:
            self.add(asyncio.create_task(close_within(session.close())))

    def add(self, task: asyncio.Task[None]) -> None:
        """Let `wait` wait for this task, too."""
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def wait(self) -> None:
        """Wait until all sessions are closed."""
        await asyncio.gather(*self._closing, return_exceptions=True)


class SessionReplacement:
    """Replaces a session by another one, with at most one replacement at a time.

    Args:
        on_crash: Called for an internal error, which also goes to the loop's exception handler.
    """

    def __init__(self, cleanup: SessionCleanup, on_crash: Callable[[BaseException], None]) -> None:
        self._cleanup, self._on_crash = cleanup, on_crash
        self._task: asyncio.Task[None] | None = None
        self._is_due: Callable[[], bool] = lambda: False

    @property
    def is_due(self) -> bool:
        """Whether a replacement was started but has not run yet, so that it will use the settings of that time."""
        return self._is_due()

    def start(self, replacement: Coroutine[Any, Any, None]) -> None:
        """Start a replacement, and cancel the running one."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._cleanup.add(self._task)
        self._task = asyncio.create_task(replacement)
        self._task.add_done_callback(self._finish)
        self._is_due = lambda: getcoroutinestate(replacement) == CORO_CREATED

    async def close(self) -> None:
        """Stop, and drop the reference to the session, which refers to this object."""
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
    """Do nothing, because the call is over."""
