"""One utterance of a voice that speaks *contexts* over a connection: text in, audio out.

A context is a stretch of speech with one prosody. It is ended when no text comes for a while, and later text opens
another one. Only one is open at a time, because contexts are spoken at the same time, not one after another.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Generic, Protocol, TypeVar

from shared.providers.errors import ProviderError, ProviderSlow
from shared.providers.speech import SpeechChunk

M = TypeVar("M", contravariant=True)

# A context that has been silent for so long is ended: a vendor forgets it after a while (Cartesia: 1 s after its last
# audio), or counts it against what may be open at once (ElevenLabs: 5 a connection).
IDLE_S: Final = 0.5
# A vendor that owes audio, or the end of a context, is silent for so long only when it is out of order. The chain's
# deadline is shorter, but it does not run while the text pauses.
SILENCE_S: Final = 4.0


class MessageSender(Protocol):
    """A connection."""

    def send(self, message: bytes) -> None:
        """Sends a message, unless it is empty."""


class UtteranceContexts(Protocol[M]):
    """The contexts of one utterance, as messages out (empty: nothing to send) and messages in."""

    @property
    def is_open(self) -> bool:
        """Whether a context waits for more text."""

    @property
    def is_done(self) -> bool:
        """Whether the vendor has sent everything of what was finished."""

    @property
    def has_audio(self) -> bool:
        """Whether audio came since the last text was sent."""

    @property
    def heard(self) -> bool:
        """Whether any message came since the last text was sent."""

    @property
    def unfinished_id(self) -> str:
        """The context that counts as open at the vendor, also after it was cancelled; empty for none."""

    def add_text(self, text: str) -> bytes | tuple[bytes, ...]:
        """The message that sends text, or several. Not while a finished context is not done."""

    def finish(self) -> bytes:
        """The message that ends the context."""

    def cancel(self) -> bytes:
        """The message that stops the context."""

    def read(self, message: M) -> SpeechChunk | None:
        """Takes a message of the connection; returns the audio or the words in it. Raises ProviderError."""


class ContextUtterance(Generic[M]):
    """Text in, audio out, over one connection."""

    def __init__(self, provider: str, connection: MessageSender, contexts: UtteranceContexts[M]) -> None:
        self._provider = provider
        self._connection = connection
        self._contexts = contexts
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[SpeechChunk | ProviderError | None] = asyncio.Queue()
        self._done = asyncio.Event()  # a context is done, or all is over
        self._timer: asyncio.TimerHandle | None = None
        self._active_at = 0.0  # of the latest message, either way
        self._has_ended = False  # the text
        self._is_over = False
        self._is_usable = True  # the connection, for another utterance

    async def read(self, text: AsyncIterator[str]) -> None:
        """Sends the text as it comes."""
        try:
            async for piece in text:
                await self._wait_for_done()  # a further context would be spoken at the same time
                self._send(self._contexts.add_text(piece) if piece else self._contexts.finish())
                await self._wait_for_done()
                if self._is_over:
                    return  # what is read now could not be sent, and would count as sent
        finally:
            self._has_ended = True
            self._send(self._contexts.finish())
            self._end_if_done()

    async def next_chunk(self) -> SpeechChunk | None:
        """The next audio or words; None at the end. Raises ProviderError."""
        chunk = await self._chunks.get()
        if isinstance(chunk, ProviderError):
            raise chunk
        return chunk

    def take(self, message: M) -> None:
        """Takes a message of the connection. Raises ProviderError."""
        chunk = self._contexts.read(message)
        self._active_at = self._loop.time()
        if chunk is not None:
            self._chunks.put_nowait(chunk)
        if self._contexts.is_done:
            self._done.set()
            self._end_if_done()

    def fail(self, error: ProviderError) -> None:
        """No audio follows."""
        self._is_over, self._is_usable = True, False
        self._done.set()
        self._chunks.put_nowait(error)

    @property
    def is_suspect(self) -> bool:
        """Whether the connection failed, or may be dead because nothing came for a while."""
        is_silent = not self._is_over and self._loop.time() - self._active_at >= IDLE_S
        return not self._is_usable or (is_silent and not self._contexts.heard)

    def stop(self) -> bool:
        """Cancels what is not spoken yet. Returns whether the connection can be used again: not when it was silent
        since the last text, for then it may be dead."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._connection.send(self._contexts.cancel())
        return self._is_usable and self._contexts.heard

    def _send(self, messages: bytes | tuple[bytes, ...]) -> None:
        if not messages or self._is_over:
            return
        self._done.clear()
        self._active_at = self._loop.time()
        for message in messages if isinstance(messages, tuple) else (messages,):
            self._connection.send(message)
        if self._timer is None:
            self._timer = self._loop.call_later(IDLE_S, self._check)

    async def _wait_for_done(self) -> None:
        """Waits while a context takes no more text and is not done."""
        while not (self._contexts.is_open or self._contexts.is_done or self._is_over):
            await self._done.wait()

    def _check(self) -> None:
        """Ends a context for which no text comes; fails when the vendor is silent."""
        self._timer = None
        silent_s = self._loop.time() - self._active_at
        if self._is_over or self._contexts.is_done:
            return
        if silent_s >= SILENCE_S:
            self.fail(ProviderSlow(self._provider, f"nothing came for {SILENCE_S:g} s"))
            return
        if silent_s >= IDLE_S and self._contexts.has_audio:
            self._send(self._contexts.finish())
        due_s = IDLE_S - silent_s if silent_s < IDLE_S else IDLE_S  # late by a period, it would meet the vendor's limit
        self._timer = self._timer or self._loop.call_later(due_s, self._check)

    def _end_if_done(self) -> None:
        if self._has_ended and self._contexts.is_done and not self._is_over:
            self._is_over = True
            self._chunks.put_nowait(None)
