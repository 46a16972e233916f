"""The possible endpoints of a line: an agent's media socket, a sound or silence, keys, or another line."""

import asyncio
from collections import deque
from typing import Literal, Protocol

from simulator.carrier.media_stream import MessageExchange, PartyOutput, SocketClosed, StreamEnd
from simulator.carrier.mulaw import FRAME, SILENCE, SILENT_FRAME

EndedBy = Literal["caller", "network"]

# Maximum number of frames that one line of a bridge may be ahead of the other. Older frames are dropped.
_MAX_BRIDGED = 10


class LineEndpoint(Protocol):
    """The other end of a line. For each frame, the line calls `next_audio` and then `push`."""

    def next_audio(self) -> bytes:
        """Return the next 160 bytes that the party hears."""

    async def push(self, output: PartyOutput) -> None:
        """Process what the party did in these 20 ms."""

    def finish(self, by: EndedBy) -> None:
        """End the endpoint, because the party hung up or the network ended it. Idempotent."""


class StreamEndpoint:
    """An agent's media socket.

    Attributes:
        started: Whether the start message was sent. The line is silent before that.
    """

    def __init__(self, exchange: MessageExchange) -> None:
        self.started = False
        self._exchange = exchange

    def next_audio(self) -> bytes:
        """Return audio from the playout buffer."""
        return self._exchange.next_audio() if self.started else SILENT_FRAME

    async def push(self, output: PartyOutput) -> None:
        """Send the frame. If the socket does not accept it, the stream ends but the line stays up."""
        if not self.started or self._exchange.end is not None:
            return
        try:
            await self._exchange.push(output)
        except SocketClosed as error:
            self._exchange.connection_lost(error)

    def finish(self, by: EndedBy) -> None:
        """End the stream."""
        self._exchange.finish(StreamEnd(by))


class SoundEndpoint:
    """A sound or silence for a number of frames. The party's audio is discarded."""

    def __init__(self, ulaw: bytes, frames: int) -> None:
        self.done = asyncio.Event()
        self._ulaw = ulaw
        self._left = frames
        self._at = 0

    def next_audio(self) -> bytes:
        """Return the next frame of the sound. Sets `done` after the last frame."""
        if self._left <= 0:
            self.done.set()
            return SILENT_FRAME
        self._left -= 1
        piece = self._ulaw[self._at : self._at + FRAME]
        self._at += FRAME
        return piece if len(piece) == FRAME else piece.ljust(FRAME, SILENCE)

    async def push(self, output: PartyOutput) -> None:
        """Discard the frame."""

    def finish(self, by: EndedBy) -> None:
        """Stop the sound."""
        self.done.set()


class KeypadEndpoint:
    """A sound, then silence, until `most` keys were pressed or `wait` frames passed without a key.

    A key ends the sound. With `takes_words`, words end the sound and the wait, too.
    """

    def __init__(self, ulaw: bytes, wait: int, most: int, *, takes_words: bool = False) -> None:
        self.done = asyncio.Event()
        self.keys = self.words = ""
        self._takes_words = takes_words
        self._ulaw, self._at = ulaw, 0
        self._wait = self._left = wait
        self._most = most

    def next_audio(self) -> bytes:
        """Return the next frame of the sound. Sets `done` if no key was pressed for too long after the sound."""
        piece = self._ulaw[self._at : self._at + FRAME]
        self._at += FRAME
        if piece:
            return piece.ljust(FRAME, SILENCE)
        self._left -= 1
        if self._left < 0:
            self.done.set()
        return SILENT_FRAME

    async def push(self, output: PartyOutput) -> None:
        """Take keys or words."""
        if output.words and self._takes_words and not self.keys:
            self.words = output.words
            self.done.set()
        elif output.digits:
            self.keys = (self.keys + output.digits)[: self._most]
            self._ulaw, self._left = b"", self._wait
            if len(self.keys) >= self._most:
                self.done.set()

    def finish(self, by: EndedBy) -> None:
        """Stop waiting."""
        self.done.set()


class BridgeEndpoint:
    """One end of a bridge between two lines. Pushed audio plays at the other end, at most one frame later."""

    def __init__(self, done: asyncio.Event) -> None:
        self.done = done
        self.other: BridgeEndpoint | None = None
        self.waiting: deque[bytes] = deque(maxlen=_MAX_BRIDGED)

    def next_audio(self) -> bytes:
        """Return the oldest frame of the other line."""
        return self.waiting.popleft() if self.waiting else SILENT_FRAME

    async def push(self, output: PartyOutput) -> None:
        """Queue the frame for the other line."""
        if self.other is not None:
            self.other.waiting.append(output.received)

    def finish(self, by: EndedBy) -> None:
        """End the bridge for both lines."""
        self.done.set()


def make_bridge() -> tuple[BridgeEndpoint, BridgeEndpoint]:
    """Return two connected ends with a shared `done`."""
    done = asyncio.Event()
    one, two = BridgeEndpoint(done), BridgeEndpoint(done)
    one.other, two.other = two, one
    return one, two
