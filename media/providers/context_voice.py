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
# A vendor that owes audio, or the end of a context, and is silent for this long is out of order. The chain's deadline
# is shorter, but it does not run while the text pauses.
SILENCE_S: Final = 4.0


class MessageSender(Protocol):
    """A connection that sends messages."""

    def send(self, message: bytes) -> None:
        """Send a message, unless it is empty."""


class UtteranceContexts(Protocol[M_contra]):
    """The contexts of one utterance: outgoing messages (empty: nothing to send) and incoming messages."""

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
        """The context that is open at the vendor, even after it was cancelled; empty for none."""

    def add_text(self, text: str) -> bytes | tuple[bytes, ...]:
        """Return the messages that send text. Do not call this while a finished context is not done."""

    def finish(self) -> bytes:
        """Return the message that ends the context."""

    def cancel(self) -> bytes:
        """Return the message that stops the context."""

    def read(self, message: M_contra) -> SpeechChunk | None:
        """Read a message of the connection. Return its audio or words. Raises ProviderError."""


class ContextUtterance(Generic[M_contra]):
    """Text in, audio out, over one connection."""

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
        """Send the text as it arrives."""
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
        """Process a message of the connection. Raises ProviderError."""
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
        """Return whether the connection failed, or may be dead because nothing has arrived for a while."""
        is_silent = not self._is_over and self._loop.time() - self._active_at >= IDLE_S
        return not self._is_usable or (is_silent and not self._contexts.heard)

    def stop(self) -> bool:
        """Cancel what is not spoken yet. Return whether the connection can be used again.

        It cannot if it was silent since the last text, because it may be dead.
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
        """End a context for which no text arrives. Fail if the vendor is silent."""
        self._timer = None
        silent_s = self._loop.time() - self._active_at
        if self._is_over or self._contexts.is_done:
            return
        if silent_s >= SILENCE_S:
            self.fail(ProviderSlow(self._provider, f"nothing came for {SILENCE_S:g} s"))
            return
        if silent_s >= IDLE_S and self._contexts.has_audio:
            self._send(self._contexts.finish())
        due_s = IDLE_S - silent_s if silent_s < IDLE_S else IDLE_S  # a period later would reach the vendor's limit
        self._timer = self._timer or self._loop.call_later(due_s, self._check)

    def _end_if_done(self) -> None:
        if self._has_ended and self._contexts.is_done and not self._is_over:
            self._is_over = True
            self._chunks.put_nowait(None)


M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class VoiceProtocol(Generic[M]):
    """What all connections to a vendor have in common.

    Attributes:
        read: Decodes a message, for a provider. Raises ProviderError.
        find_ended: Returns the id of the context that a message ends, empty for none.
        refine_refusal: Makes the error of a refused handshake more specific, from its answer.
        make_closed: Makes the error for a provider, a close code and its reason.
        max_contexts: The number of contexts that the vendor allows at once in a connection. None means that a cancelled
            context no longer counts.
    """

    read: Callable[[str, bytes], M]
    find_ended: Callable[[M], str]
    refine_refusal: Callable[[ProviderError], ProviderError] = unrefined
    make_closed: Callable[[str, int, str], ProviderError] = make_closed
    max_contexts: int | None = None


class ContextConnection(Generic[M]):
    """One WebSocket, used by one utterance at a time."""

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
        """Whether another utterance can open its contexts; it has one at a time."""
        most = self._protocol.max_contexts
        return most is None or len(self._ending) < most - 1

    def use(self, utterance: ContextUtterance[M]) -> None:
        """Give this utterance all messages from now on."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Drop further messages. `unfinished_id` is the utterance's context that is not over; empty for none."""
        self._utterance = None
        if unfinished_id and self._protocol.max_contexts is not None:
            self._ending.add(unfinished_id)

    def send(self, message: bytes) -> None:
        """Send a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """End the connection at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Close the connection with only a close frame, because a vendor's own message could make it finish speaking
        first."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Read a message for the utterance."""
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
        """Fail the utterance."""
        if self._utterance is not None:
            self._utterance.fail(self._protocol.make_closed(self._provider, code, reason))


async def speak_contexts(
    name: str,
    begin: Callable[[], tuple[WarmConnections[ContextConnection[M]], UtteranceContexts[M]]],
    text: AsyncIterator[str],
) -> AsyncGenerator[SpeechChunk, None]:
    """Speak whole clauses or sentences over a warm connection, and return the connection. Raises ProviderError.

    Args:
        name: The name of the provider.
        begin: Returns the connections and contexts of this utterance. May raise ProviderError.
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
        make: Makes the connections of a language.
        latest: The language of the latest utterance. Empty means the vendor's own guess.
    """

    make: Callable[[str], WarmConnections[ContextConnection[M]]]
    latest: str
    _by_language: dict[str, WarmConnections[ContextConnection[M]]] = field(default_factory=dict)

    def of(self, language: str) -> WarmConnections[ContextConnection[M]]:
        """Return the connections of a language."""
        self.latest = language
        if language not in self._by_language:
            self._by_language[language] = self.make(language)
        return self._by_language[language]

    def prepare(self) -> None:
        """Connect in the background if there is no idle connection."""
        self.of(self.latest).prepare()

    async def close(self) -> None:
        """Close all idle connections."""
        await asyncio.gather(*(connections.close() for connections in self._by_language.values()))


class ContextTextToSpeech(Generic[M]):
    """A voice that speaks contexts over warm connections.

    Args:
        begin: Returns the connections, which all calls with the same account share, and the contexts of an utterance in
            a language. Raises ProviderError for a language that the vendor does not speak.
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
