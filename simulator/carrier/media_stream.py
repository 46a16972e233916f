"""The carrier's end of a media stream: sends a frame every 20 ms, puts agent audio into the playout buffer."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.clock import Clock
from simulator.carrier.mulaw import FRAME, FRAME_MS, RATE, SILENT_FRAME
from simulator.carrier.playout import PlayoutBuffer
from simulator.carrier.stream_messages import AgentAudio, ClearRequest, MarkRequest, ProtocolFault, StreamMessages

# RFC 6455 section 7.4.1. 1000: the agent's side hung up; 1001: it is shutting down; 1005: it closed without a code.
_ORDERLY = frozenset({1000, 1001, 1005})
_MAX_FAULTS = 1_000


class SocketClosed(ConnectionError):
    """The connection is closed."""


class Socket(Protocol):
    """The part of a WebSocket that a stream uses."""

    @property
    def close_code(self) -> int | None:
        """The close frame's code, 1005 when it carried none, 1006 when the connection broke; None while it is open."""

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosed."""

    async def receive(self) -> str | bytes | None:
        """The next message; None when the socket is closed."""

    async def close(self) -> None:
        """Close the socket; idempotent."""


@dataclass(frozen=True, slots=True)
class PartyOutput:
    """What a party does in the next 20 ms.

    frame: 160 bytes of mu-law. digits: DTMF keys. words: what the party has just said, as the carrier's recognizer
    writes it, where the carrier recognizes speech (the audio itself is not read). hold: the network holds this frame
    back until a frame without hold. hang_up: the party ends the call. lost: the frame does not reach the carrier, which
    sends no message in its place.
    """

    frame: bytes
    digits: str = ""
    hold: bool = False
    hang_up: bool = False
    lost: bool = False
    words: str = ""

    @property
    def received(self) -> bytes:
        """The frame as the other side of the line hears it: silence in place of a lost one."""
        return SILENT_FRAME if self.lost else self.frame


class Party(Protocol):
    """Whoever speaks on the phone."""

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Called every 20 ms with the audio that begins to play now."""

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio reached the carrier; it begins to play at `begins_ms`."""

    def cleared(self, at_ms: float) -> None:
        """The agent's side discarded its queued audio."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended.

    by: the caller hung up, the agent's side closed the socket orderly, the connection broke, the time limit was
    reached, or the network ended it. code: the socket's close code, 0 without one.
    """

    by: Literal["caller", "agent", "broken", "limit", "network"]
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamFault:
    """A violation of the protocol by the agent's side."""

    at_ms: float
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _HeldFrame:
    payload: bytes
    chunk: int
    at_ms: int


class MessageExchange:
    """The messages of one stream over its socket; the owner paces it.

    Every 20 ms the owner calls `next_audio`, then the party's tick, then `push`; `listen` runs concurrently. `end` is
    how the stream ended (the first reason counts) and `ended` is set with it. party: is notified of agent audio, in ms
    of `now_ms`. origin_ms: when the stream's first frame was heard, on that clock. faults: protocol violations of the
    agent's side. marks, clears: how many it sent. has_audio: whether it sent audio.
    """

    def __init__(
        self,
        socket: Socket,
        messages: StreamMessages,
        party: Party,
        now_ms: Callable[[], float],
        *,
        send_limit_s: float = 5.0,
    ) -> None:
        self.faults: list[StreamFault] = []
        self.marks = 0
        self.clears = 0
        self.has_audio = False
        self.end: StreamEnd | None = None
        self.ended = asyncio.Event()
        self.origin_ms = 0.0
        self._socket, self._messages, self._party, self._now_ms = socket, messages, party, now_ms
        self._send_limit_s = send_limit_s
        self._playout = PlayoutBuffer()
        self._reached_marks: tuple[str, ...] = ()
        self._held: deque[_HeldFrame] = deque()
        self._number = self._chunk = 0

    def finish(self, end: StreamEnd) -> None:
        """End the stream, unless it has ended."""
        self.end = self.end or end
        self.ended.set()

    def connection_lost(self, error: SocketClosed) -> None:
        """End the stream because the socket did not accept a message; without a close frame the code is 1006 (RFC
        6455, 7.1.5)."""
        self.finish(StreamEnd("broken", self._socket.close_code or 1006, str(error)))

    async def begin(self) -> None:
        """Send connected and start. Raises SocketClosed."""
        await self._send(self._messages.connected())
        await self._send(self._messages.start())

    def next_audio(self) -> bytes:
        """The next 20 ms that the party hears."""
        played = self._playout.advance(FRAME)
        self._reached_marks = played.marks
        return played.audio

    async def push(self, output: PartyOutput) -> None:
        """Send the marks that were reached and what the party did. Raises SocketClosed."""
        for name in self._reached_marks:
            await self._send(self._messages.mark(name))
        at_ms = self._number * FRAME_MS
        self._number += 1
        if not output.lost:
            self._chunk += 1
            self._held.append(_HeldFrame(output.frame, self._chunk, at_ms))
        while self._held and not output.hold:
            held = self._held.popleft()
            await self._send(self._messages.media(held.payload, held.chunk, held.at_ms))
        for digit in output.digits:
            await self._send(self._messages.dtmf(digit))

    async def stop(self) -> None:
        """Send stop. Raises SocketClosed."""
        await self._send(self._messages.stop())

    async def listen(self) -> None:
        """Handle the agent's messages until the socket is closed."""
        while (message := await self._socket.receive()) is not None:
            try:
                await self._handle(message)
            except SocketClosed as error:
                return self.connection_lost(error)
        code = self._socket.close_code or 1006
        self.finish(StreamEnd("agent" if code in _ORDERLY else "broken", code))

    async def close(self) -> None:
        """Close the socket; idempotent."""
        await self._socket.close()

    async def _handle(self, message: str | bytes) -> None:
        try:
            command = self._messages.read(message)
        except ProtocolFault as fault:
            return await self._report_fault(fault)
        at_ms = self._now_ms()
        match command:
            case AgentAudio(payload):
                self.has_audio = True
                begins = self._playout.play(payload)
                self._party.arrived(payload, at_ms, self.origin_ms + begins * 1_000 / RATE)
            case MarkRequest(name):
                self.marks += 1
                for reached in self._playout.mark(name):
                    await self._send(self._messages.mark(reached))
            case ClearRequest():
                self.clears += 1
                names = self._playout.clear()
                self._party.cleared(at_ms)
                for name in names:
                    await self._send(self._messages.mark(name))

    async def _report_fault(self, fault: ProtocolFault) -> None:
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(StreamFault(self._now_ms(), fault.code, fault.detail))
        answer = self._messages.error_message(fault)
        if answer is not None:
            await self._send(answer)

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._send_limit_s):
                await self._socket.send(text)
        except TimeoutError as error:
            raise SocketClosed(f"the agent's side accepted no data for {self._send_limit_s:g} s") from error


class MediaStream:
    """A call that consists of one stream; runs until either side ends it.

    audio: both sides so far. faults: protocol violations of the agent's side. marks, clears: how many it sent.
    """

    def __init__(
        self,
        socket: Socket,
        messages: StreamMessages,
        party: Party,
        clock: Clock,
        *,
        limit_s: float = 3_600.0,
        send_limit_s: float = 5.0,
    ) -> None:
        self.audio = CallAudio()
        self._party, self._clock = party, clock
        self._limit_ms = limit_s * 1_000
        self._origin = clock.now()
        self._exchange = MessageExchange(socket, messages, party, self._now_ms, send_limit_s=send_limit_s)

    @property
    def faults(self) -> list[StreamFault]:
        """Protocol violations of the agent's side."""
        return self._exchange.faults

    @property
    def marks(self) -> int:
        """How many marks the agent's side sent."""
        return self._exchange.marks

    @property
    def clears(self) -> int:
        """How often the agent's side cleared the buffer."""
        return self._exchange.clears

    def hang_up(self) -> None:
        """End the stream at the next frame, as when the call is ended by REST."""
        self._exchange.finish(StreamEnd("caller"))

    async def run(self) -> StreamEnd:
        """Send connected and start, run the call to its end and close the socket."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._exchange.listen())
                await self._send_stream()
                reader.cancel()
        finally:
            await self._exchange.close()
        return self._exchange.end or StreamEnd("broken")

    async def _send_stream(self) -> None:
        try:
            await self._exchange.begin()
            self._origin = self._clock.now()
            await self._send_frames()
            if self._exchange.end is not None and self._exchange.end.by in ("caller", "limit"):
                await self._exchange.stop()
        except SocketClosed as error:
            self._exchange.connection_lost(error)

    async def _send_frames(self) -> None:
        """One frame every 20 ms on an absolute clock: a late frame does not delay the ones after it."""
        number = 0
        while self._exchange.end is None:
            await self._clock.wait_until(self._origin + number * FRAME_MS / 1_000)
            if self._exchange.end is None:
                await self._frame(number * FRAME_MS)
            number += 1

    async def _frame(self, at_ms: int) -> None:
        heard = self._exchange.next_audio()
        output = self._party.tick(at_ms, heard)
        self.audio.add(output.received, heard)
        await self._exchange.push(output)
        if output.hang_up:
            self._exchange.finish(StreamEnd("caller"))
        elif at_ms >= self._limit_ms:
            self._exchange.finish(StreamEnd("limit", 0, f"not ended after {self._limit_ms / 1_000:g} s"))

    def _now_ms(self) -> float:
        return (self._clock.now() - self._origin) * 1_000
