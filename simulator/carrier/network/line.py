"""One phone that is off the hook, on one clock from answer to hang-up, whatever is at the other end in the meantime."""

import asyncio
import math
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp

from simulator.carrier.dial import AiohttpSocket, check_url, connect
from simulator.carrier.legs import Legs
from simulator.carrier.mulaw import FRAME, FRAME_MS, SILENT_FRAME
from simulator.carrier.network.outlets import By, OnBridge, OnSound, OnStream, Outlet, bridged
from simulator.carrier.pace import Pace
from simulator.carrier.stream import Exchange, Fault, Party, SocketClosed, StreamEnd
from simulator.carrier.wire import Shape


class Line:
    """A phone from answer to hang-up. Made inside a running event loop, since its beat begins at once.

    over: the party hung up (`by` is then "caller"), or `hang_up` was called ("network"). legs: both sides' audio as
    said and as heard, on one time line, gaps between streams included. faults: what the agents' sides did wrong on all
    streams so far; last_end: how the last of them ended. One thing is on the line at a time: `stream`, `play`, `wait`
    and `bridge` follow each other.
    """

    def __init__(self, party: Party, pace: Pace) -> None:
        self.over = asyncio.Event()
        self.by: By | None = None
        self.legs = Legs()
        self.faults: list[Fault] = []
        self.last_end: StreamEnd | None = None
        self._party, self._pace = party, pace
        self._origin = pace.now()
        self._number = 0
        self._outlet: Outlet | None = None
        self._connecting: asyncio.Task[AiohttpSocket] | None = None
        self._given_up = False
        self._task = asyncio.create_task(self._beat(), name="line")

    @property
    def at_ms(self) -> int:
        """The moment of the next beat: how long the phone is off the hook, in media time."""
        return self._number * FRAME_MS

    async def stream(
        self,
        session: aiohttp.ClientSession,
        url: str,
        shape: Shape,
        *,
        headers: Mapping[str, str] | None = None,
        send_stop: bool = True,
    ) -> StreamEnd:
        """Puts an agent's media socket on the line until the socket, the network or the line ends it.

        Raises BadUrl and CannotConnect; the line goes on in silence then, as it does after a stream.
        """
        socket = await self._connected(connect(session, check_url(url), headers))
        if socket is None:
            return StreamEnd(self.by or "network")
        exchange = Exchange(socket, shape, self._party, self.now_ms)
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(exchange.listen())
                await self._carry(exchange, send_stop)
                reader.cancel()
        finally:
            self.faults += exchange.faults
            self.last_end = exchange.end
            await exchange.close()
        return exchange.end or StreamEnd("broken")

    async def play(self, ulaw: bytes) -> None:
        """Plays a sound; returns when it was heard, was taken off by `interrupt`, or the line is over."""
        if ulaw:
            self._party.arrived(ulaw, self.now_ms(), float(self.at_ms))
        await self._sound(OnSound(ulaw, math.ceil(len(ulaw) / FRAME)))

    async def wait(self, seconds: float) -> None:
        """Silence for so long in media time, or until `interrupt`, or until the line is over."""
        await self._sound(OnSound(b"", math.ceil(seconds * 1_000 / FRAME_MS)))

    async def bridge(self, other: "Line") -> None:
        """Both hear each other until one of them is over, or `interrupt`. Neither phone is hung up by it."""
        mine, theirs = bridged()
        try:
            self._put(mine)
            other._put(theirs)
            await mine.done.wait()
        finally:
            self._take_off(mine)
            other._take_off(theirs)

    def end_stream(self) -> None:
        """The network takes the stream, if there is one or one is being opened, off the line."""
        self._give_up_connecting()
        if isinstance(self._outlet, OnStream):
            self._outlet.finish("network")

    def interrupt(self) -> None:
        """Takes off whatever is on the line: stream, sound, silence or bridge."""
        self.end_stream()
        if self._outlet is not None:
            self._outlet.finish("network")

    def hang_up(self) -> None:
        """The network ends the call for this phone."""
        self._end("network")

    async def closed(self) -> None:
        """Waits until the phone is on the hook and its beat has ended. Raises what the party raised."""
        await self._task

    def now_ms(self) -> float:
        """The line's clock."""
        return (self._pace.now() - self._origin) * 1_000

    # --- The beat -------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """20 ms frames by an absolute clock: a late frame doesn't delay those after it."""
        try:
            while not self.over.is_set():
                await self._pace.until(self._origin + self.at_ms / 1_000)
                if not self.over.is_set():
                    await self._frame()
        finally:
            self._end("network")

    async def _frame(self) -> None:
        outlet = self._outlet
        heard = outlet.sound() if outlet is not None else SILENT_FRAME
        if isinstance(outlet, OnBridge) and heard != SILENT_FRAME:
            self._party.arrived(heard, self.now_ms(), float(self.at_ms))
        step = self._party.tick(self.at_ms, heard)
        self._number += 1
        self.legs.add(step.frame, heard)
        if outlet is not None:
            await outlet.push(step)
        if step.hang_up:
            self._end("caller")

    def _end(self, by: By) -> None:
        if self.over.is_set():
            return
        self.by = by
        self.over.set()
        self._give_up_connecting()
        if self._outlet is not None:
            self._outlet.finish(by)

    # --- What is on the line --------------------------------------------------------------------------------------

    async def _connected(self, opening: Coroutine[Any, Any, AiohttpSocket]) -> AiohttpSocket | None:
        """The socket; None when the line or the network gave up before it was open."""
        if self.over.is_set():
            opening.close()
            return None
        self._given_up = False
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
        if not self._given_up:
            return socket
        await socket.close()  # it was open at the very moment at which nobody wanted it any more
        return None

    def _give_up_connecting(self) -> None:
        if self._connecting is not None:
            self._given_up = True
            self._connecting.cancel()

    async def _carry(self, exchange: Exchange, send_stop: bool) -> None:
        outlet = OnStream(exchange)
        try:
            self._put(outlet)
            exchange.origin_ms = float(self.at_ms)
            await exchange.begin()
            exchange.origin_ms = float(self.at_ms)
            outlet.begun = True
            await exchange.ended.wait()
            if send_stop and exchange.end is not None and exchange.end.by in ("caller", "network"):
                await exchange.stop()
        except SocketClosed as error:
            exchange.broke(error)
        finally:
            self._take_off(outlet)

    async def _sound(self, outlet: OnSound) -> None:
        self._put(outlet)
        try:
            await outlet.done.wait()
        finally:
            self._take_off(outlet)

    def _put(self, outlet: Outlet) -> None:
        """Raises RuntimeError when something is on the line: the network's own mistake."""
        if self._outlet is not None:
            raise RuntimeError("something is on the line already")
        if self.over.is_set():
            return outlet.finish(self.by or "network")
        self._outlet = outlet

    def _take_off(self, outlet: Outlet) -> None:
        if self._outlet is outlet:
            self._outlet = None
