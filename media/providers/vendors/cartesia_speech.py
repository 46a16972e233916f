"""TextToSpeech by Cartesia: each utterance takes a warm connection and gives it back."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator

from media.providers.ports import ProviderError, SpeechChunk
from media.providers.socket_errors import make_closed
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.cartesia_speech_wire import SpeechMessage, SpokenContexts, VoiceSettings, read_message
from media.providers.vendors.cartesia_wire import base_language
from media.providers.vendors.context_utterance import ContextUtterance
from media.providers.warm_connections import WarmConnections


class SpeechConnection:
    """One WebSocket, used by one utterance at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[SpeechMessage] | None = None

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

    def use(self, utterance: "ContextUtterance[SpeechMessage] | None") -> None:
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
        contexts = SpokenContexts(self.name, fields, lambda: str(uuid.uuid4()))
        utterance = ContextUtterance(self.name, connection, contexts)
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
