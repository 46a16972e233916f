"""One media stream from the carrier's side: frames out on the beat, agent audio into the play-out buffer."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from simulator.carrier.legs import Legs
from simulator.carrier.mulaw import FRAME, FRAME_MS, RATE
from simulator.carrier.pace import Pace
from simulator.carrier.playout import PlayOut
from simulator.carrier.wire import Audio, ClearRequest, MarkRequest, ProtocolFault, Shape

# 1000: the agent's side hung up; 1001: it goes away; 1005: it closed without saying why.
_ORDERLY = frozenset({1000, 1001, 1005})
_MOST_FAULTS = 1_000


class SocketClosed(ConnectionError):
    """The other side is gone."""


class Socket(Protocol):
    """A WebSocket, as much of it as a stream needs."""

    @property
    def close_code(self) -> int | None:
        """The close frame's code, 1005 when it carried none, 1006 when the connection broke; None while it is open."""

    async def send(self, text: str) -> None:
        """Sends a text message. Raises SocketClosed."""

    async def receive(self) -> str | bytes | None:
        """The next message; None when the socket was closed."""

    async def close(self) -> None:
        """Closes it; idempotent."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the party on the line does in the next 20 ms: 160 bytes of mu-law, perhaps keys, perhaps the end.

    hold: the network holds this frame back until a later one isn't held.
    """

    frame: bytes
    digits: str = ""
    hold: bool = False
    hang_up: bool = False


class Party(Protocol):
    """Whoever is on the phone."""

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """Called every 20 ms with what begins to sound in the receiver now."""

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio came to the carrier; it will begin to sound at `begins_ms`."""

    def cleared(self, at_ms: float) -> None:
        """The agent's side threw away what it had queued."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How it ended: the caller hung up, the agent's side closed the socket in order, the connection broke, the limit
    was reached, or the network took it off the line. `code` is the socket's close code, 0 where there is none."""

    by: Literal["caller", "agent", "broken", "limit", "network"]
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the agent's side did against the protocol, and when."""

    at_ms: float
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Held:
    payload: bytes
    chunk: int
    at_ms: int


class Exchange:
    """The messages of one stream over its socket, on a beat that somebody else keeps.

    A beat is `sound`, then the party's tick, then `push`; `listen` runs beside it. `end` is how the stream ended (the
    first who says so is right) and `ended` is set with it. party: told what arrives, in ms of `now_ms`; origin_ms: when
    the stream's first frame was heard, on that clock. faults: what the agent's side did wrong. marks, clears: how many
    it sent.
    """

    def __init__(
        self, socket: Socket, shape: Shape, party: Party, now_ms: Callable[[], float], *, send_limit_s: float = 5.0
    ) -> None:
        self.faults: list[Fault] = []
        self.marks = 0
        self.clears = 0
        self.end: StreamEnd | None = None
        self.ended = asyncio.Event()
        self.origin_ms = 0.0
        self._socket, self._shape, self._party, self._now_ms = socket, shape, party, now_ms
        self._send_limit_s = send_limit_s
        self._playout = PlayOut()
        self._passed: tuple[str, ...] = ()
        self._held: deque[_Held] = deque()
        self._number = 0

    def finish(self, end: StreamEnd) -> None:
        """The stream is over, unless it was already."""
        self.end = self.end or end
        self.ended.set()

    def broke(self, error: SocketClosed) -> None:
        """The socket would not take a message."""
        self.finish(StreamEnd("broken", self._socket.close_code or 0, str(error)))

    async def begin(self) -> None:
        """Says connected and start. Raises SocketClosed."""
        await self._send(self._shape.connected())
        await self._send(self._shape.start())

    def sound(self) -> bytes:
        """The next 20 ms that the party hears."""
        stretch = self._playout.advance(FRAME)
        self._passed = stretch.marks
        return stretch.audio

    async def push(self, step: Step) -> None:
        """Sends the marks that were passed and what the party did. Raises SocketClosed."""
        for name in self._passed:
            await self._send(self._shape.mark(name))
        at_ms = self._number * FRAME_MS
        self._number += 1
        self._held.append(_Held(step.frame, self._number, at_ms))
        while self._held and not step.hold:
            held = self._held.popleft()
            await self._send(self._shape.media(held.payload, held.chunk, held.at_ms))
        for digit in step.digits:
            await self._send(self._shape.dtmf(digit))

    async def stop(self) -> None:
        """Says that the stream is over. Raises SocketClosed."""
        await self._send(self._shape.stop())

    async def listen(self) -> None:
        """Takes what the agent's side sends until the socket ends."""
        while (message := await self._socket.receive()) is not None:
            try:
                await self._take(message)
            except SocketClosed as error:
                return self.broke(error)
        code = self._socket.close_code or 1006
        self.finish(StreamEnd("agent" if code in _ORDERLY else "broken", code))

    async def close(self) -> None:
        """Closes the socket; idempotent."""
        await self._socket.close()

    async def _take(self, message: str | bytes) -> None:
        try:
            command = self._shape.read(message)
        except ProtocolFault as fault:
            return await self._complain(fault)
        at_ms = self._now_ms()
        match command:
            case Audio(payload):
                begins = self._playout.play(payload)
                self._party.arrived(payload, at_ms, self.origin_ms + begins * 1_000 / RATE)
            case MarkRequest(name):
                self.marks += 1
                for passed in self._playout.mark(name):
                    await self._send(self._shape.mark(passed))
            case ClearRequest():
                self.clears += 1
                names = self._playout.clear()
                self._party.cleared(at_ms)
                for name in names:
                    await self._send(self._shape.mark(name))

    async def _complain(self, fault: ProtocolFault) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(self._now_ms(), fault.code, fault.detail))
        answer = self._shape.complaint(fault)
        if answer is not None:
            await self._send(answer)

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._send_limit_s):
                await self._socket.send(text)
        except TimeoutError as error:
            raise SocketClosed(f"the agent's side took nothing for {self._send_limit_s:g} s") from error


class MediaStream:
    """Runs one stream over a socket until somebody ends it: a call that is nothing but its stream.

    legs: both sides' audio so far. faults: what the agent's side did wrong. marks, clears: how many it sent.
    """

    def __init__(
        self,
        socket: Socket,
        shape: Shape,
        party: Party,
        pace: Pace,
        *,
        limit_s: float = 3_600.0,
        send_limit_s: float = 5.0,
    ) -> None:
        self.legs = Legs()
        self._party, self._pace = party, pace
        self._limit_ms = limit_s * 1_000
        self._origin = pace.now()
        self._exchange = Exchange(socket, shape, party, self._now_ms, send_limit_s=send_limit_s)

    @property
    def faults(self) -> list[Fault]:
        """What the agent's side did wrong."""
        return self._exchange.faults

    @property
    def marks(self) -> int:
        """How many marks it asked for."""
        return self._exchange.marks

    @property
    def clears(self) -> int:
        """How often it cleared the buffer."""
        return self._exchange.clears

    def hang_up(self) -> None:
        """The network ends the stream at the next beat, as when the call is ended from outside."""
        self._exchange.finish(StreamEnd("caller"))

    async def run(self) -> StreamEnd:
        """Says connected and start, then carries the call to its end and closes the socket."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._exchange.listen())
                await self._talk()
                reader.cancel()
        finally:
            await self._exchange.close()
        return self._exchange.end or StreamEnd("broken")

    async def _talk(self) -> None:
        try:
            await self._exchange.begin()
            self._origin = self._pace.now()
            await self._beat()
            if self._exchange.end is not None and self._exchange.end.by in ("caller", "limit"):
                await self._exchange.stop()
        except SocketClosed as error:
            self._exchange.broke(error)

    async def _beat(self) -> None:
        """20 ms frames by an absolute clock: a late frame doesn't delay those after it."""
        number = 0
        while self._exchange.end is None:
            await self._pace.until(self._origin + number * FRAME_MS / 1_000)
            if self._exchange.end is None:
                await self._frame(number * FRAME_MS)
            number += 1

    async def _frame(self, at_ms: int) -> None:
        heard = self._exchange.sound()
        step = self._party.tick(at_ms, heard)
        self.legs.add(step.frame, heard)
        await self._exchange.push(step)
        if step.hang_up:
            self._exchange.finish(StreamEnd("caller"))
        elif at_ms >= self._limit_ms:
            self._exchange.finish(StreamEnd("limit", 0, f"not over after {self._limit_ms / 1_000:g} s"))

    def _now_ms(self) -> float:
        return (self._pace.now() - self._origin) * 1_000
