"""What can be put on a phone line: an agent's media socket, a sound or silence, or another phone."""

import asyncio
from collections import deque
from typing import Literal, Protocol

from simulator.carrier.mulaw import FRAME, SILENCE, SILENT_FRAME
from simulator.carrier.stream import Exchange, SocketClosed, Step, StreamEnd

By = Literal["caller", "network"]

# How far one phone of a bridge may run ahead of the other before the oldest sound is lost.
_MOST_BRIDGED = 10


class Outlet(Protocol):
    """Whatever is at the other end of the line just now; asked on every beat, first to sound, then to hear."""

    def sound(self) -> bytes:
        """The next 160 bytes that the party hears."""

    async def push(self, step: Step) -> None:
        """What the party did in these 20 ms."""

    def finish(self, by: By) -> None:
        """Off the line: the party hung up, or the network says so. Idempotent."""


class OnStream:
    """An agent's media socket. begun: it was told of the stream; before that the line is silent."""

    def __init__(self, exchange: Exchange) -> None:
        self.begun = False
        self._exchange = exchange

    def sound(self) -> bytes:
        """What stands in the play-out buffer."""
        return self._exchange.sound() if self.begun else SILENT_FRAME

    async def push(self, step: Step) -> None:
        """Sends it; a socket that takes nothing ends the stream and not the line."""
        if not self.begun or self._exchange.end is not None:
            return
        try:
            await self._exchange.push(step)
        except SocketClosed as error:
            self._exchange.broke(error)

    def finish(self, by: By) -> None:
        """The stream is over."""
        self._exchange.finish(StreamEnd(by))


class OnSound:
    """A sound, or silence, for a number of frames; the party speaks into nothing."""

    def __init__(self, ulaw: bytes, frames: int) -> None:
        self.done = asyncio.Event()
        self._ulaw = ulaw
        self._left = frames
        self._at = 0

    def sound(self) -> bytes:
        """The next piece; `done` when the one before was the last and has been heard."""
        if self._left <= 0:
            self.done.set()
            return SILENT_FRAME
        self._left -= 1
        piece = self._ulaw[self._at : self._at + FRAME]
        self._at += FRAME
        return piece if len(piece) == FRAME else piece.ljust(FRAME, SILENCE)

    async def push(self, step: Step) -> None:
        """Nobody listens."""

    def finish(self, by: By) -> None:
        """Stops it."""
        self.done.set()


class OnBridge:
    """One end of a bridge between two phones; what is pushed into it sounds at the other end, at most a beat later."""

    def __init__(self, done: asyncio.Event) -> None:
        self.done = done
        self.other: OnBridge | None = None
        self.waiting: deque[bytes] = deque(maxlen=_MOST_BRIDGED)

    def sound(self) -> bytes:
        """The oldest frame of the other phone."""
        return self.waiting.popleft() if self.waiting else SILENT_FRAME

    async def push(self, step: Step) -> None:
        """The other phone will hear it."""
        if self.other is not None:
            self.other.waiting.append(step.frame)

    def finish(self, by: By) -> None:
        """The bridge is over for both."""
        self.done.set()


def bridged() -> tuple[OnBridge, OnBridge]:
    """Both ends of a new bridge, with one `done` between them."""
    done = asyncio.Event()
    one, two = OnBridge(done), OnBridge(done)
    one.other, two.other = two, one
    return one, two
