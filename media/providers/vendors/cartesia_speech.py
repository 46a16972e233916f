"""TextToSpeech by Cartesia: each utterance takes a warm connection and gives it back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from media.providers.ports import ProviderError, ProviderSlow, SpeechChunk
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.cartesia_speech_wire import SpeechMessage, SpokenContexts, VoiceSettings, read_message
from media.providers.vendors.cartesia_wire import base_language, make_closed
from media.providers.warm_connections import WarmConnections

# A context that has been silent for so long is ended; the vendor forgets it 1 s after its last audio.
IDLE_S: Final = 0.5
# A vendor that owes audio, or the end of a context, is silent for so long only when it is out of order. The chain's
# deadline is shorter, but it does not run while the text pauses.
SILENCE_S: Final = 4.0


class SpeechConnection:
    """One WebSocket, used by one utterance at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: _Utterance | None = None

    @classmethod
    async def open(cls, target: SocketTarget) -> "SpeechConnection":
        """Connects. Raises ProviderError."""
        made = cls(target.provider)
        made._socket = await VendorSocket.open(target, made)
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._socket is not None and self._socket.is_open

    def use(self, utterance: "_Utterance | None") -> None:
        """Gives what comes from now on to this utterance; None: drops it."""
        self._utterance = utterance

    def send(self, message: bytes) -> None:
        """Sends a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """Ends it at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Closes it."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Reads a message for the utterance."""
        if self._utterance is not None:
            try:
                self._utterance.take(read_message(self._provider, message))
            except ProviderError as error:
                self._utterance.fail(error.with_answer(message))

    def on_binary(self, message: bytes) -> None:
        """Ignores it: the vendor sends none."""

    def on_closed(self, code: int, reason: str) -> None:
        """Fails the utterance."""
        if self._utterance is not None:
            self._utterance.fail(make_closed(self._provider, code))


class CartesiaTextToSpeech:
    """A voice. The connections are those of all calls with the same address and key."""

    streams_text = False
    times_words = True

    def __init__(self, name: str, settings: VoiceSettings, connections: WarmConnections[SpeechConnection]) -> None:
        self.name = name
        self._settings = settings
        self._connections = connections

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""
        connection = await self._connections.take()
        self._connections.prepare()  # one is ready for the next caller's first word
        fields = self._settings.fields(base_language(language))
        utterance = _Utterance(self.name, connection, SpokenContexts(self.name, fields, lambda: str(uuid.uuid4())))
        connection.use(utterance)
        reader = asyncio.create_task(utterance.read(text))
        try:
            while (chunk := await utterance.next_chunk()) is not None:
                yield chunk
            await reader
        finally:
            connection.use(None)
            if utterance.is_suspect:
                self._connections.distrust()
            is_usable = utterance.stop()
            if not is_usable:
                connection.abort()
            self._connections.give_back(connection, reusable=is_usable)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


class _Utterance:
    """Text in, audio out, over one connection."""

    def __init__(self, provider: str, connection: SpeechConnection, contexts: SpokenContexts) -> None:
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

    def take(self, message: SpeechMessage) -> None:
        """Takes a message of the connection. Raises ProviderError."""
        chunk = self._contexts.read(message)
        self._active_at = self._loop.time()
        if chunk is not None:
            self._chunks.put_nowait(chunk)
        elif self._contexts.is_done:
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

    def _send(self, message: bytes) -> None:
        if not message or self._is_over:
            return
        self._done.clear()
        self._active_at = self._loop.time()
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
