"""Opens and closes the sessions of recognisers."""

import asyncio
from collections.abc import Callable

from media.providers.cleanup import close_within
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
)


class SessionSink:
    """The sink of one recogniser's session; the chain ignores its events once another recogniser took over. error: that
    ended the session."""

    def __init__(self, handle: Callable[["SessionSink", SpeechToTextEvent], None]) -> None:
        self._handle = handle
        self.error: ProviderError | None = None

    def __call__(self, event: SpeechToTextEvent) -> None:
        if isinstance(event, SpeechToTextFailed):
            self.error = event.error
        self._handle(self, event)


async def open_session(stt: SpeechToText, language: str, sink: SessionSink, limit_s: float) -> SpeechToTextSession:
    """Opens a session. Raises ProviderError, also for a failure that the session reports while it opens."""
    try:
        async with asyncio.timeout(limit_s):
            session = await stt.open(language, sink)
    except TimeoutError as error:
        raise ProviderSlow(stt.name, f"not open within {limit_s:g} s") from error
    if sink.error is not None:
        await close_within(session.close())
        raise sink.error
    return session


class SessionCleanup:
    """Closes sessions in tasks of their own: neither the next recogniser waits for it, nor does it end with the
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
