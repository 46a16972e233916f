"""The line of an answered phone, with one clock from answer to hang-up and one endpoint at a time."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import aiohttp

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.clock import Clock
from simulator.carrier.media_call import AiohttpSocket, check_url, connect
from simulator.carrier.media_stream import MessageExchange, Party, SocketClosed, StreamEnd, StreamFault
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENCE, SILENT_FRAME, mix
from simulator.carrier.network.line_endpoints import (
    BridgeEndpoint,
    EndedBy,
    KeypadEndpoint,
    LineEndpoint,
    SoundEndpoint,
    StreamEndpoint,
    make_bridge,
)
from simulator.carrier.stream_messages import StreamMessages


class Line:
    """The line of a phone from answer to hang-up. Needs a running event loop, because its frames start immediately.

    Only one of `stream`, `play`, `wait` and `bridge` may run at a time.

    Attributes:
        over: Set when the party hung up (`by` is then "caller") or `hang_up` was called ("network").
        audio: What the party sent and heard on a common time line, including the gaps between streams.
        faults: Protocol violations on all streams so far.
        last_end: How the last stream ended.
        has_agent: Whether a stream delivered audio.
        on_words: Called with what the party has said.
    """

    def __init__(self, party: Party, clock: Clock) -> None:
        self.over = asyncio.Event()
        self.by: EndedBy | None = None
        self.audio = CallAudio()
        self.faults: list[StreamFault] = []
        self.last_end: StreamEnd | None = None
        self.has_agent = False
        self.on_words: Callable[[str], None] | None = None
        self._party, self._clock = party, clock
        self._origin = clock.now()
        self._number = 0
        self._endpoint: LineEndpoint | None = None
        self._overlay = bytearray()
        self._connecting: asyncio.Task[AiohttpSocket] | None = None
        self._connect_cancelled = False
        self._task = asyncio.create_task(self._run_frames(), name="line")

    @property
    def at_ms(self) -> int:
        """Media time of the next frame: how long the line has been up."""
        return self._number * FRAME_MS

    async def stream(
        self,
        session: aiohttp.ClientSession,
        url: str,
        messages: StreamMessages,
        *,
        headers: Mapping[str, str] | None = None,
        send_stop: bool = True,
    ) -> StreamEnd:
        """Connect the line to an agent's media socket until the socket, the network or the line ends the stream.

        Raises BadUrl or CannotConnect. In that case, the line stays up in silence, as after a stream.
        """
        socket = await self._open_socket(connect(session, check_url(url), headers))
        if socket is None:
            return StreamEnd(self.by or "network")
        exchange = MessageExchange(socket, messages, self._party, self.now_ms)
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(exchange.listen())
                await self._run_stream(exchange, send_stop)
                reader.cancel()
        finally:
            self.faults += exchange.faults
            self.last_end = exchange.end
            self.has_agent |= exchange.has_audio
            await exchange.close()
        return exchange.end or StreamEnd("broken")

    async def play(self, ulaw: bytes) -> None:
        """Play audio. Returns when the audio was played, `interrupt` was called, or the line ended."""
        if ulaw:
            self._party.arrived(ulaw, self.now_ms(), float(self.at_ms))
        await self._run_sound(SoundEndpoint(ulaw, math.ceil(len(ulaw) / FRAME)))

    def overlay(self, ulaw: bytes) -> None:
        """Mix audio into what the party hears from now on, whatever the endpoint is."""
        self._party.arrived(ulaw, self.now_ms(), float(self.at_ms))
        self._overlay += ulaw

    async def wait(self, seconds: float) -> None:
        """Wait in silence for a media time. Ends early at `interrupt` or at the end of the line."""
        await self._run_sound(SoundEndpoint(b"", math.ceil(seconds * 1_000 / FRAME_MS)))

    async def gather(self, ulaw: bytes, wait_s: float, most: int) -> str:
        """Play audio and return up to `most` keys. Ends `wait_s` after the sound or the last key."""
        return (await self.gather_input(ulaw, wait_s, most, takes_words=False))[0]

    async def gather_input(self, ulaw: bytes, wait_s: float, most: int, *, takes_words: bool) -> tuple[str, str]:
        """Play audio and wait as in `gather`, for keys or words. Returns both, one of which is empty."""
        if ulaw:
            self._party.arrived(ulaw, self.now_ms(), float(self.at_ms))
        endpoint = KeypadEndpoint(ulaw, math.ceil(wait_s * 1_000 / FRAME_MS), most, takes_words=takes_words)
        await self._run_sound(endpoint)
        return endpoint.keys, endpoint.words

    async def bridge(self, other: "Line") -> None:
        """Connect two lines until either ends or `interrupt` is called. Neither line is hung up."""
        mine, theirs = make_bridge()
        try:
            self._attach(mine)
            other._attach(theirs)
            await mine.done.wait()
        finally:
            self._detach(mine)
            other._detach(theirs)

    def end_stream(self) -> None:
        """End the stream, even if it is still being opened. Does nothing without a stream."""
        self._cancel_connect()
        if isinstance(self._endpoint, StreamEndpoint):
            self._endpoint.finish("network")

    def interrupt(self) -> None:
        """End the current stream, playback, wait or bridge."""
        self.end_stream()
        if self._endpoint is not None:
            self._endpoint.finish("network")

    def hang_up(self) -> None:
        """End the line from the network's side."""
        self._end("network")

    async def closed(self) -> None:
        """Wait until the line has ended and its frames have stopped. Raises errors of the party."""
        await self._task

    def now_ms(self) -> float:
        """Return the time on the line's clock."""
        return (self._clock.now() - self._origin) * 1_000

    # --- Frames ---------------------------------------------------------------------------------------------------

    async def _run_frames(self) -> None:
        """Run a frame every 20 ms on an absolute clock. A late frame does not delay later frames."""
        try:
            while not self.over.is_set():
                await self._clock.wait_until(self._origin + self.at_ms / 1_000)
                if not self.over.is_set():
                    await self._frame()
        finally:
            self._end("network")

    async def _frame(self) -> None:
        endpoint = self._endpoint
        heard = endpoint.next_audio() if endpoint is not None else SILENT_FRAME
        if isinstance(endpoint, BridgeEndpoint) and heard != SILENT_FRAME:
            self._party.arrived(heard, self.now_ms(), float(self.at_ms))
        if self._overlay:
            heard = mix(heard, bytes(self._overlay[:FRAME]).ljust(FRAME, SILENCE))
            del self._overlay[:FRAME]
        output = self._party.tick(self.at_ms, heard)
        self._number += 1
        self.audio.add(output.received, heard)
        if endpoint is not None:
            await endpoint.push(output)
        if output.words and self.on_words is not None:
            self.on_words(output.words)
        if output.hang_up:
            self._end("caller")

    def _end(self, by: EndedBy) -> None:
        if self.over.is_set():
            return
        self.by = by
        self.over.set()
        self._cancel_connect()
        if self._endpoint is not None:
            self._endpoint.finish(by)

    # --- Endpoints -----------------------------------------------------------------------------------------------

    async def _open_socket(self, opening: Coroutine[Any, Any, AiohttpSocket]) -> AiohttpSocket | None:
        """Return the open socket; None if the line ended or `end_stream` was called first."""
        if self.over.is_set():
            opening.close()
            return None
        self._connect_cancelled = False
        self._connecting = asyncio.create_task(opening)
        try:
            socket = await self._connecting
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is not None and this.cancelling():
                raise
            return None
        finally:
            self._connecting = None
        if not self._connect_cancelled:
            return socket
        await socket.close()  # opened at the moment it was canceled
        return None

    def _cancel_connect(self) -> None:
        if self._connecting is not None:
            self._connect_cancelled = True
            self._connecting.cancel()

    async def _run_stream(self, exchange: MessageExchange, send_stop: bool) -> None:
        endpoint = StreamEndpoint(exchange)
        try:
            self._attach(endpoint)
            exchange.origin_ms = float(self.at_ms)
            await exchange.begin()
            exchange.origin_ms = float(self.at_ms)
            endpoint.started = True
            await exchange.ended.wait()
            if send_stop and exchange.end is not None and exchange.end.by in ("caller", "network"):
                await exchange.stop()
        except SocketClosed as error:
            exchange.connection_lost(error)
        finally:
            self._detach(endpoint)

    async def _run_sound(self, endpoint: SoundEndpoint | KeypadEndpoint) -> None:
        self._attach(endpoint)
        try:
            await endpoint.done.wait()
        finally:
            self._detach(endpoint)

    def _attach(self, endpoint: LineEndpoint) -> None:
        """Set the endpoint. Raises RuntimeError if the line already has an endpoint, which is a bug of the network."""
        if self._endpoint is not None:
            raise RuntimeError("the line already has an endpoint")
        if self.over.is_set():
            return endpoint.finish(self.by or "network")
        self._endpoint = endpoint

    def _detach(self, endpoint: LineEndpoint) -> None:
        if self._endpoint is endpoint:
            self._endpoint = None
