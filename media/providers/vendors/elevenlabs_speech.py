"""TextToSpeech by ElevenLabs: each utterance takes a warm connection and gives it back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from media.providers.ports import ProviderError, SpeechChunk
from media.providers.socket_errors import make_closed
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.context_utterance import ContextUtterance
from media.providers.vendors.elevenlabs_speech_wire import ElevenLabsTone, FlushedContexts, SpeechOutput, read_output
from media.providers.vendors.elevenlabs_wire import refine_refusal
from media.providers.warm_connections import WarmConnections

# The vendor closes a connection (1008) that opens more contexts at once; one that was closed counts until its audio has
# been sent.
MAX_CONTEXTS: Final = 5


class MultiContextConnection:
    """One WebSocket, used by one utterance at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[SpeechOutput] | None = None
        self._ending: set[str] = set()  # contexts of earlier utterances of which the vendor still speaks

    @classmethod
    async def open(cls, target: SocketTarget) -> "MultiContextConnection":
        """Connects. Raises ProviderError."""
        made = cls(target.provider)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise refine_refusal(error) from None
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._socket is not None and self._socket.is_open

    @property
    def has_room(self) -> bool:
        """Whether a further utterance can open its contexts; it has one at a time."""
        return len(self._ending) < MAX_CONTEXTS - 1

    def use(self, utterance: ContextUtterance[SpeechOutput]) -> None:
        """Gives what comes from now on to this utterance."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Drops what still comes. unfinished_id: the utterance's context that is not over; empty for none."""
        self._utterance = None
        if unfinished_id:
            self._ending.add(unfinished_id)

    def send(self, message: bytes) -> None:
        """Sends a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """Ends it at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Closes it. Not by `close_socket`, after which the vendor would speak to the end first."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Reads a message for the utterance."""
        if self._utterance is None and not self._ending:
            return
        try:
            output = read_output(self._provider, message)
            if output.is_final:
                self._ending.discard(output.context_id or "")
            if self._utterance is not None:
                self._utterance.take(output)
        except ProviderError as error:
            if self._utterance is not None:
                self._utterance.fail(error.with_answer(message))

    def on_binary(self, message: bytes) -> None:
        """Ignores it: the vendor sends none."""

    def on_closed(self, code: int, reason: str) -> None:
        """Fails the utterance."""
        if self._utterance is not None:
            self._utterance.fail(make_closed(self._provider, code))


@dataclass(slots=True)
class LanguageConnections:
    """The connections of all calls with the same voice, address and key; an address has a language in it. latest: the
    one of the latest utterance, empty for the vendor's own guess."""

    make: Callable[[str], WarmConnections[MultiContextConnection]]
    latest: str
    _by_language: dict[str, WarmConnections[MultiContextConnection]] = field(default_factory=dict)

    def of(self, language: str) -> WarmConnections[MultiContextConnection]:
        """Those of a language."""
        self.latest = language
        if language not in self._by_language:
            self._by_language[language] = self.make(language)
        return self._by_language[language]

    def prepare(self) -> None:
        """Connects in the background, if there is no idle connection."""
        self.of(self.latest).prepare()

    async def close(self) -> None:
        """Closes all that are idle."""
        await asyncio.gather(*(connections.close() for connections in self._by_language.values()))


class ElevenLabsTextToSpeech:
    """A voice. find_language: the code that is sent for a call's language; raises ProviderError for one that the model
    does not speak."""

    streams_text = False
    times_words = True

    def __init__(
        self, name: str, tone: ElevenLabsTone, connections: LanguageConnections, find_language: Callable[[str], str]
    ) -> None:
        self.name = name
        self._tone = tone
        self._connections = connections
        self._find_language = find_language

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""
        pool = self._connections.of(self._find_language(language))
        connection = await pool.take()
        pool.prepare()  # one is ready for the next caller's first word
        contexts = FlushedContexts(self.name, self._tone, lambda: str(uuid.uuid4()))
        utterance = ContextUtterance(self.name, connection, contexts)
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
