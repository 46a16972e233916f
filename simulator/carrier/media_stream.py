"""The carrier's end of a media stream: sends a frame every 20 ms, and buffers and plays agent audio."""

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

# RFC 6455 section 7.4.1. 1000: the agent's side hung up. 1001: it is shutting down. 1005: it closed without a code.
_ORDERLY = frozenset({1000, 1001, 1005})
_MAX_FAULTS = 1_000


class SocketClosed(ConnectionError):
    """The connection is closed."""


class Socket(Protocol):
    """The part of a WebSocket that a stream uses."""

    @property
    def close_code(self) -> int | None:
        """The close frame's code: 1005 if it had none, 1006 if the connection broke. None while the socket is open."""

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosed."""

    async def receive(self) -> str | bytes | None:
        """Return the next message; None after the socket was closed."""

    async def close(self) -> None:
        """Close the socket. Idempotent."""


@dataclass(frozen=True, slots=True)
class PartyOutput:
    """What a party does in the next 20 ms.

    Attributes:
        frame: 160 bytes of mu-law.
        digits: DTMF keys.
        words: What the party has just said, as the carrier's recognizer writes it. Used if the carrier recognizes
            speech; the audio is not read.
        hold: Whether the network delays this frame until a frame without hold.
        hang_up: Whether the party ends the call.
        lost: Whether the frame is lost before the carrier, which then sends no message in its place.
    """

    frame: bytes
    digits: str = ""
    hold: bool = False
    hang_up: bool = False
    lost: bool = False
    words: str = ""

    @property
    def received(self) -> bytes:
        """The frame as the other side of the line hears it. Silence replaces a lost frame."""
        return SILENT_FRAME if self.lost else self.frame


class Party(Protocol):
    """A person or machine on the phone."""

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Return the party's next 20 ms. Called every 20 ms with the audio that begins to play now."""

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Handle agent audio that reached the carrier and begins to play at `begins_ms`."""

    def cleared(self, at_ms: float) -> None:
        """Handle that the agent's side discarded its queued audio."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended.

    Attributes:
        by: "caller": the caller hung up. "agent": the agent's side closed the socket in order. "broken": the connection
            broke. "limit": the time limit was reached. "network": the network ended the stream.
        code: The socket's close code; 0 if there is none.
    """

    by: Literal["caller", "agent", "broken", "limit", "network"]
    code: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamFault:
    """A protocol violation by the agent's side."""

    at_ms: float
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _HeldFrame:
    payload: bytes
    chunk: int
    at_ms: int


class MessageExchange:
    """The messages of a stream over its socket. The owner paces them.

    Every 20 ms, the owner calls `next_audio`, then the party's tick, then `push`. `listen` runs concurrently.

    Attributes:
        end: How the stream ended. Only the first reason counts.
        ended: Set together with `end`.
        origin_ms: When the stream's first frame was heard, on the clock of `now_ms`.
        faults: Protocol violations of the agent's side.
        marks: Number of marks that the agent's side sent.
        clears: Number of clears that the agent's side sent.
        has_audio: Whether the agent's side sent audio.

    Args:
        party: Notified of agent audio, in ms on the clock of `now_ms`.
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
        """End the stream if it has not ended yet."""
        self.end = self.end or end
        self.ended.set()

    def connection_lost(self, error: SocketClosed) -> None:
        """End the stream because the socket did not accept a message.

        Without a close frame, the code is 1006 (RFC 6455, 7.1.5).
        """
        self.finish(StreamEnd("broken", self._socket.close_code or 1006, str(error)))

    async def begin(self) -> None:
        """Send `connected` and `start`. Raises SocketClosed."""
        await self._send(self._messages.connected())
        await self._send(self._messages.start())

    def next_audio(self) -> bytes:
        """Return the next 20 ms that the party hears."""
        played = self._playout.advance(FRAME)
        self._reached_marks = played.marks
        return played.audio

    async def push(self, output: PartyOutput) -> None:
        """Send the reached marks and the party's frame and keys. Raises SocketClosed."""
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
        """Send `stop`. Raises SocketClosed."""
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
        """Close the socket. Idempotent."""
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
    """A call that consists of one stream. It runs until either side ends it.

    Attributes:
        audio: The audio of both sides so far.
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
        """Number of marks that the agent's side sent."""
        return self._exchange.marks

    @property
    def clears(self) -> int:
        """Number of times that the agent's side cleared the buffer."""
        return self._exchange.clears

    def hang_up(self) -> None:
        """End the stream at the next frame, like a REST request that ends the call."""
        self._exchange.finish(StreamEnd("caller"))

    async def run(self) -> StreamEnd:
        """Send `connected` and `start`, run the call to its end, and close the socket."""
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
        """Send a frame every 20 ms on an absolute clock. A late frame does not delay later frames."""
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
