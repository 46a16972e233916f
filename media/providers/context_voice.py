"""Voices whose connection carries several contexts, and the stream of one utterance over it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from media.providers.recognizer_dialect import unrefined
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.warm_connections import WarmConnections
from shared.providers.errors import ProviderError, ProviderSlow, make_closed
from shared.providers.speech import SpeechChunk

M_contra = TypeVar("M_contra", contravariant=True)

# A context that has been silent for this long is ended, because vendors close it after a while (Cartesia: 1 s after its
# last audio), or limit the number of open contexts (ElevenLabs: 5 per connection).
IDLE_S: Final = 0.5
# A vendor that has yet to send audio or the end of a context, and is silent for this long, has failed. The chain's
# deadline is shorter, but it does not run while the text pauses.
SILENCE_S: Final = 4.0


class MessageSender(Protocol):
    """A connection that sends messages."""

    def send(self, message: bytes) -> None:
        """Send a message, unless it is empty."""


class UtteranceContexts(Protocol[M_contra]):
    """The contexts of one utterance. Creates outgoing messages and reads incoming messages; an empty outgoing message
    means that there is nothing to send."""

    @property
    def is_open(self) -> bool:
        """Whether a context waits for more text."""

    @property
    def is_done(self) -> bool:
        """Whether the vendor has sent everything of the finished contexts."""

    @property
    def has_audio(self) -> bool:
        """Whether audio arrived since the last text was sent."""

    @property
    def heard(self) -> bool:
        """Whether any message arrived since the last text was sent."""

    @property
    def unfinished_id(self) -> str:
        """The ID of the context that is still open at the vendor, also after a cancellation; empty if no context is
        open."""

    def add_text(self, text: str) -> bytes | tuple[bytes, ...]:
        """Return the messages that send the text. Must not be called while a finished context is not done."""

    def finish(self) -> bytes:
        """Return the message that ends the context."""

    def cancel(self) -> bytes:
        """Return the message that stops the context."""

    def read(self, message: M_contra) -> SpeechChunk | None:
        """Read a message from the connection and return its audio or words. Raises ProviderError."""


class ContextUtterance(Generic[M_contra]):
    """Sends the text of one utterance over a connection and receives its audio."""

    def __init__(self, provider: str, connection: MessageSender, contexts: UtteranceContexts[M_contra]) -> None:
        self._provider = provider
        self._connection = connection
        self._contexts = contexts
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[SpeechChunk | ProviderError | None] = asyncio.Queue()
        self._done = asyncio.Event()  # set when a context is done, or the utterance is over
        self._timer: asyncio.TimerHandle | None = None
        self._active_at = 0.0  # when the latest message was sent or received
        self._has_ended = False  # whether the text has ended
        self._is_over = False
        self._is_usable = True  # whether another utterance can use the connection

    async def read(self, text: AsyncIterator[str]) -> None:
        """Send the text as it arrives, and finish the context at its end."""
        try:
            async for piece in text:
                await self._wait_for_done()  # otherwise another context would be spoken at the same time
                self._send(self._contexts.add_text(piece) if piece else self._contexts.finish())
                await self._wait_for_done()
                if self._is_over:
                    return  # text that is read now could not be sent, but would count as sent
        finally:
            self._has_ended = True
            self._send(self._contexts.finish())
            self._end_if_done()

    async def next_chunk(self) -> SpeechChunk | None:
        """Return the next audio or words, or None at the end. Raises ProviderError."""
        chunk = await self._chunks.get()
        if isinstance(chunk, ProviderError):
            raise chunk
        return chunk

    def take(self, message: M_contra) -> None:
        """Process a message from the connection. Raises ProviderError."""
        chunk = self._contexts.read(message)
        self._active_at = self._loop.time()
        if chunk is not None:
            self._chunks.put_nowait(chunk)
        if self._contexts.is_done:
            self._done.set()
            self._end_if_done()

    def fail(self, error: ProviderError) -> None:
        """End the utterance with an error. No audio follows."""
        self._is_over, self._is_usable = True, False
        self._done.set()
        self._chunks.put_nowait(error)

    @property
    def is_suspect(self) -> bool:
        """Whether the connection failed, or may be dead because nothing has arrived for IDLE_S."""
        is_silent = not self._is_over and self._loop.time() - self._active_at >= IDLE_S
        return not self._is_usable or (is_silent and not self._contexts.heard)

    def stop(self) -> bool:
        """Cancel the rest of the utterance. Return whether the connection can be reused.

        A connection that was silent since the last text cannot be reused, because it may be dead.
        """
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
        """Wait while a context accepts no more text and is not done."""
        while not (self._contexts.is_open or self._contexts.is_done or self._is_over):
            await self._done.wait()

    def _check(self) -> None:
        """Finish the context if no more text arrives. Fail if the vendor is silent."""
        self._timer = None
        silent_s = self._loop.time() - self._active_at
        if self._is_over or self._contexts.is_done:
            return
        if silent_s >= SILENCE_S:
            self.fail(ProviderSlow(self._provider, f"no data for {SILENCE_S:g} s"))
            return
        if silent_s >= IDLE_S and self._contexts.has_audio:
            self._send(self._contexts.finish())
        # waiting for another IDLE_S would exceed the vendor's limit
        due_s = IDLE_S - silent_s if silent_s < IDLE_S else IDLE_S
        self._timer = self._timer or self._loop.call_later(due_s, self._check)

    def _end_if_done(self) -> None:
        if self._has_ended and self._contexts.is_done and not self._is_over:
            self._is_over = True
            self._chunks.put_nowait(None)


M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class VoiceProtocol(Generic[M]):
    """The parts of a vendor's protocol that all its connections share.

    Attributes:
        read: Decodes a message. Takes the provider's name and the message. Raises ProviderError.
        find_ended: Returns the ID of the context that a message ends, or an empty string.
        refine_refusal: Makes the error of a refused handshake more specific, based on the vendor's answer.
        make_closed: Creates the error for a provider's name, a close code and its reason.
        max_contexts: The maximum number of contexts that the vendor allows in a connection at once. None means that a
            canceled context no longer counts.
    """

    read: Callable[[str, bytes], M]
    find_ended: Callable[[M], str]
    refine_refusal: Callable[[ProviderError], ProviderError] = unrefined
    make_closed: Callable[[str, int, str], ProviderError] = make_closed
    max_contexts: int | None = None


class ContextConnection(Generic[M]):
    """A WebSocket that serves one utterance at a time."""

    def __init__(self, provider: str, protocol: VoiceProtocol[M]) -> None:
        self._provider = provider
        self._protocol = protocol
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[M] | None = None
        self._ending: set[str] = set()  # contexts of earlier utterances for which the vendor still sends messages

    @classmethod
    async def open(cls, target: SocketTarget, protocol: VoiceProtocol[M]) -> "ContextConnection[M]":
        """Connect. Raises ProviderError."""
        made = cls(target.provider, protocol)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise protocol.refine_refusal(error) from None
        return made

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used."""
        return self._socket is not None and self._socket.is_open

    @property
    def has_room(self) -> bool:
        """Whether another utterance can open a context. An utterance has one context at a time."""
        most = self._protocol.max_contexts
        return most is None or len(self._ending) < most - 1

    def use(self, utterance: ContextUtterance[M]) -> None:
        """Pass all further messages to this utterance."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Detach the utterance, so that further messages are dropped.

        Args:
            unfinished_id: The ID of the utterance's context that is still open at the vendor, or an empty string.
        """
        self._utterance = None
        if unfinished_id and self._protocol.max_contexts is not None:
            self._ending.add(unfinished_id)

    def send(self, message: bytes) -> None:
        """Send a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """Disconnect at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Close the connection.

        Sends only a close frame, because a vendor's own closing message could make the vendor finish speaking first.
        """
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Decode a message and pass it to the utterance."""
        if self._utterance is None and not self._ending:
            return
        try:
            output = self._protocol.read(self._provider, message)
            self._ending.discard(self._protocol.find_ended(output))
            if self._utterance is not None:
                self._utterance.take(output)
        except ProviderError as error:
            if self._utterance is not None:
                self._utterance.fail(error.with_answer(message))

    def on_binary(self, message: bytes) -> None:
        """Ignore a binary message, because the vendor sends none."""

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the utterance with an error for the close code."""
        if self._utterance is not None:
            self._utterance.fail(self._protocol.make_closed(self._provider, code, reason))


async def speak_contexts(
    name: str,
    begin: Callable[[], tuple[WarmConnections[ContextConnection[M]], UtteranceContexts[M]]],
    text: AsyncIterator[str],
) -> AsyncGenerator[SpeechChunk, None]:
    """Speak whole clauses or sentences over a warm connection, and give the connection back. Raises ProviderError.

    Args:
        name: The name of the provider.
        begin: Returns the connection pool and the contexts of this utterance. May raise ProviderError.
    """
    pool, contexts = begin()
    connection = await pool.take()
    pool.prepare()  # so that a connection is ready for the next caller's first word
    utterance = ContextUtterance(name, connection, contexts)
    connection.use(utterance)
    reader = asyncio.create_task(utterance.read(text))
    try:
        while (chunk := await utterance.next_chunk()) is not None:
            yield chunk
        await reader
    finally:
        if utterance.is_suspect:
            pool.distrust()
        connection.release(contexts.unfinished_id)
        is_usable = utterance.stop()
        if not is_usable:
            connection.abort()
        pool.give_back(connection, reusable=is_usable and connection.has_room)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


@dataclass(slots=True)
class LanguageConnections(Generic[M]):
    """The connections of all calls with the same voice, address and key, if the address contains the language.

    Attributes:
        make: Creates the connection pool for a language.
        latest: The language of the latest utterance. If it is empty, the vendor detects the language.
    """

    make: Callable[[str], WarmConnections[ContextConnection[M]]]
    latest: str
    _by_language: dict[str, WarmConnections[ContextConnection[M]]] = field(default_factory=dict)

    def of(self, language: str) -> WarmConnections[ContextConnection[M]]:
        """Return the connection pool for a language."""
        self.latest = language
        if language not in self._by_language:
            self._by_language[language] = self.make(language)
        return self._by_language[language]

    def prepare(self) -> None:
        """Connect in the background if no connection for the latest language is idle."""
        self.of(self.latest).prepare()

    async def close(self) -> None:
        """Close all idle connections."""
        await asyncio.gather(*(connections.close() for connections in self._by_language.values()))


class ContextTextToSpeech(Generic[M]):
    """A voice that speaks contexts over warm connections.

    Args:
        begin: Returns the connection pool, which all calls with the same account share, and the contexts of an
            utterance in a language. Raises ProviderError for a language that the vendor does not speak.
        prepare_one: Connects in the background.
    """

    streams_text = False
    times_words = True

    def __init__(
        self,
        name: str,
        begin: Callable[[str], tuple[WarmConnections[ContextConnection[M]], UtteranceContexts[M]]],
        prepare_one: Callable[[], None],
    ) -> None:
        self.name = name
        self.begin = begin
        self._prepare_one = prepare_one

    def prepare(self) -> None:
        """Connect in the background, so that the first speech needs no handshake."""
        self._prepare_one()

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak whole clauses or sentences. Raises ProviderError."""
        return speak_contexts(self.name, lambda: self.begin(language), text)
