"""Voices that speak contexts: their connections, and the stream of one utterance over one of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from media.providers.recogniser_dialect import unrefined
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.context_utterance import ContextUtterance, UtteranceContexts
from media.providers.warm_connections import WarmConnections
from shared.providers.errors import ProviderError, make_closed
from shared.providers.speech import SpeechChunk

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class VoiceProtocol(Generic[M]):
    """What holds for all connections to a vendor.

    read: a message, for a provider; raises ProviderError. find_ended: the id of the context that a message ends, empty
    for none. refine_refusal: the error of a refused handshake, by its answer. make_closed: that for a provider, a close
    code and its reason. max_contexts: that the vendor allows in a connection at once; None: one that was cancelled does
    not count any more.
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
        self._ending: set[str] = set()  # contexts of earlier utterances of which the vendor still speaks

    @classmethod
    async def open(cls, target: SocketTarget, protocol: VoiceProtocol[M]) -> "ContextConnection[M]":
        """Connects. Raises ProviderError."""
        made = cls(target.provider, protocol)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise protocol.refine_refusal(error) from None
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._socket is not None and self._socket.is_open

    @property
    def has_room(self) -> bool:
        """Whether a further utterance can open its contexts; it has one at a time."""
        most = self._protocol.max_contexts
        return most is None or len(self._ending) < most - 1

    def use(self, utterance: ContextUtterance[M]) -> None:
        """Gives what comes from now on to this utterance."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Drops what still comes. unfinished_id: the utterance's context that is not over; empty for none."""
        self._utterance = None
        if unfinished_id and self._protocol.max_contexts is not None:
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
        """Closes it by a close frame alone: a vendor's own message could have it speak to the end first."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Reads a message for the utterance."""
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
        """Ignores it: the vendor sends none."""

    def on_closed(self, code: int, reason: str) -> None:
        """Fails the utterance."""
        if self._utterance is not None:
            self._utterance.fail(self._protocol.make_closed(self._provider, code, reason))


async def speak_contexts(
    name: str,
    begin: Callable[[], tuple[WarmConnections[ContextConnection[M]], UtteranceContexts[M]]],
    text: AsyncIterator[str],
) -> AsyncGenerator[SpeechChunk, None]:
    """Speaks whole clauses or sentences over a warm connection, and gives that back. name: of the provider. begin: the
    connections and contexts of this utterance; may raise ProviderError. Raises ProviderError."""
    pool, contexts = begin()
    connection = await pool.take()
    pool.prepare()  # one is ready for the next caller's first word
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
