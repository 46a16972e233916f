"""TextToSpeech by Azure: each utterance takes a warm connection and gives it back."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final

from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.azure_messages import AzureMessage, make_config, read_binary, read_text
from media.providers.vendors.azure_speech_wire import SpokenTurns
from media.providers.vendors.azure_wire import make_closed, refine_refusal
from media.providers.vendors.context_utterance import ContextUtterance
from media.providers.warm_connections import WarmConnections
from shared.providers.errors import ProviderError
from shared.providers.speech import SpeechChunk

# A connection on which a stopped turn does not end within this is closed.
STOP_S: Final = 1.0


class AzureVoiceConnection:
    """One WebSocket, and its handler; used by one utterance at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[AzureMessage] | None = None
        self._stopping_id = ""
        self._stopped = asyncio.Event()

    @classmethod
    async def open(cls, target: SocketTarget) -> "AzureVoiceConnection":
        """Connects. Raises ProviderError."""
        made = cls(target.provider)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise refine_refusal(error) from None
        made.send(make_config())
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._socket is not None and self._socket.is_open

    def use(self, utterance: ContextUtterance[AzureMessage]) -> None:
        """Gives what comes from now on to this utterance."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Drops what still comes. unfinished_id: the turn that the service has not ended; empty for none."""
        self._utterance, self._stopping_id = None, unfinished_id
        self._stopped.clear()

    async def wait_stopped(self) -> bool:
        """Waits for the end of the turn that was stopped. Returns whether the connection can be used again."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return self.is_open

    def send(self, message: bytes) -> None:
        """Sends a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """Ends it at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Closes it; idempotent."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Reads a message."""
        self._read(read_text, message)

    def on_binary(self, message: bytes) -> None:
        """Reads audio."""
        self._read(read_binary, message)

    def on_closed(self, code: int, reason: str) -> None:
        """Fails the utterance."""
        self._stopped.set()
        if self._utterance is not None:
            self._utterance.fail(make_closed(self._provider, code, reason))

    def _read(self, read: Callable[[str, bytes], AzureMessage], message: bytes) -> None:
        try:
            found = read(self._provider, message)
            if found.path == "turn.end" and found.request_id == self._stopping_id:
                self._stopped.set()
            if self._utterance is not None:
                self._utterance.take(found)
        except ProviderError as error:
            if self._utterance is not None:
                self._utterance.fail(error.with_answer(message))


class AzureTextToSpeech:
    """A voice. make_turns: those of an utterance in a language; raises ProviderError for one that the voice does not
    speak."""

    streams_text = False
    times_words = True

    def __init__(
        self,
        name: str,
        connections: WarmConnections[AzureVoiceConnection],
        make_turns: Callable[[str], SpokenTurns],
    ) -> None:
        self.name = name
        self._connections = connections
        self._make_turns = make_turns

    def prepare(self) -> None:
        """Connects in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks whole clauses or sentences. Raises ProviderError."""
        turns = self._make_turns(language)
        connection = await self._connections.take()
        self._connections.prepare()  # one is ready for the next caller's first word
        utterance = ContextUtterance(self.name, connection, turns)
        connection.use(utterance)
        reader = asyncio.create_task(utterance.read(text))
        try:
            while (chunk := await utterance.next_chunk()) is not None:
                yield chunk
            await reader
        finally:
            self._release(connection, turns, utterance)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def _release(
        self, connection: AzureVoiceConnection, turns: SpokenTurns, utterance: ContextUtterance[AzureMessage]
    ) -> None:
        """Stops what is not spoken yet, and gives the connection back once the service has ended the turn."""
        if utterance.is_suspect:
            self._connections.distrust()
        connection.release(turns.unfinished_id)
        if not utterance.stop():
            connection.abort()
            self._connections.give_back(connection, reusable=False)
        elif turns.unfinished_id:
            self._connections.give_back_when(connection, connection.wait_stopped())
        else:
            self._connections.give_back(connection)
