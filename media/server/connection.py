"""One carrier socket and its call: the shell around codec and call."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from media.call.call import Call
from media.server.frames import CloseCode, FrameError
from media.server.limits import Limits
from media.server.websocket import WebSocket
from media.telephony.wire import (
    Clear,
    Codec,
    Heard,
    Inbound,
    Mark,
    Marked,
    Outbound,
    Play,
    Pressed,
    Started,
    Stopped,
    Trouble,
    WireError,
)
from shared.events import EndReason

log = structlog.get_logger()

CODES = {"too_large": CloseCode.TOO_BIG, "binary_message": CloseCode.UNSUPPORTED}


class Operator(Protocol):
    """Puts calls through: the worker, as a connection sees it."""

    async def connect(self, started: Started, connection: "Connection") -> Call:
        """Makes the call of a stream that has started. Raises Refused."""

    def wire_error(self, code: str) -> None:
        """A protocol error was seen."""


class Refused(Exception):
    """The stream gets no call; the message says why (shown to the carrier)."""

    def __init__(self, why: str, close_code: CloseCode = CloseCode.POLICY) -> None:
        super().__init__(why)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a socket is closed, without the exception, whose frames would hold the connection. `wire`: its code, if the
    far side broke the protocol."""

    close_code: CloseCode
    detail: str
    wire: str = ""


class Connection:
    """Implements `Line` for its call and `Receiver` for its socket. Ends the call once, whichever side goes first.

    Frames are handled as they come. Only what takes time runs in a task (`run`): claiming the plan, while frames wait
    in the kernel, and the end.
    """

    def __init__(self, socket: WebSocket, codec: Codec, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self._socket = socket
        self._codec = codec
        self._limits = limits
        self._time = loop.time
        self._opened = self._last_message = self._swept = loop.time()
        self._counted = 0
        self._reason: EndReason = "caller_hangup"
        self._detail = ""
        self._started: asyncio.Future[Started | None] = loop.create_future()  # None: over before it started
        self._over: asyncio.Future[_Fault | None] = loop.create_future()
        self._claim: asyncio.Timeout | None = None  # while the plan is being claimed
        self._held: list[tuple[bytes, bool]] = []  # came in one chunk with the start, while the plan is being claimed
        self.from_ulaw: Callable[[bytes], bytes] = bytes
        self.on_end: Callable[[], None] = lambda: None
        self.on_left: Callable[[EndReason, str], Awaitable[None]] | None = None
        self.messages = 0
        self._live = True  # the stream can still take commands
        self.call: Call | None = None

    @property
    def claiming(self) -> bool:
        """Its start is here, and its plan is being claimed."""
        return self._live and self._started.done() and self.call is None

    # --- Line ---

    def play(self, ulaw: bytes) -> None:
        """Sends agent audio."""
        self._put(Play(self.from_ulaw(ulaw)))

    def mark(self, name: str) -> None:
        """Asks for a mark."""
        self._put(Mark(name))

    def clear(self) -> None:
        """Empties the carrier's buffer."""
        self._put(Clear())

    def hang_up(self) -> None:
        """Closes after what was sent, and after the word for whoever leads the line on."""
        self._end(None)

    # --- Receiver ---

    def on_message(self, payload: bytes, is_text: bool) -> None:
        """The frame path."""
        self.messages += 1
        self._last_message = self._time()
        if self._live and self.call is None and self._started.done():
            self._held.append((payload, is_text))
        else:
            self._receive(payload, is_text)

    def on_fault(self, error: FrameError) -> None:
        """The far side broke the WebSocket protocol."""
        code = "too_large" if error.close_code is CloseCode.TOO_BIG else "bad_frame"
        self._end(_Fault(error.close_code, f"{code}: {error}", code))

    def on_closed(self, broke: bool) -> None:
        """The far side is gone."""
        if broke and self._live:
            self._reason, self._detail = "carrier_error", "the socket broke"
        self._end(None)

    # --- running ---

    async def run(self, operator: Operator) -> None:
        """Serves the socket until either side ends, then the call is finished."""
        try:
            fault = await self._serve(operator)
            if fault is not None:
                self._refuse(fault.close_code, fault.detail)
                if fault.wire:
                    operator.wire_error(fault.wire)
        except Refused as error:
            self._refuse(error.close_code, str(error))
        except Exception as error:  # a fault of ours ends this call only, and is told with its traceback
            log.exception("call.crashed")
            self._refuse(CloseCode.INTERNAL, f"internal fault: {type(error).__name__}")
        finally:
            await self._finish()

    def tick(self) -> None:
        """A few times a second: lets the call look at its clocks. A call that cannot is ended."""
        if self.call is None or not self._live:
            return
        try:
            self.call.tick()
        except Exception as error:  # the same fault would come with every tick, and must not spare the call
            log.exception("call.crashed")
            self._abort(f"internal fault: {type(error).__name__}")

    def sweep(self, now: float) -> None:
        """About once a second: finds dead sockets and floods. `now` is the event loop's time in seconds."""
        if not self._live:
            return  # the end has time limits of its own
        limits, received = self._limits, self.messages + self._socket.others
        # On a busy machine the sweep may be late, and what was held up comes in a burst: that is no flood.
        allowed = limits.max_messages_per_s * max(1.0, now - self._swept)
        if self._socket.stuck_since(now) > limits.send_timeout_s:
            self._abort(f"took no data for {limits.send_timeout_s:g} s")
        elif self.call is None and now - self._opened > limits.start_timeout_s:
            self._abort("no plan in time" if self._started.done() else "no start message in time")
        elif self.call is not None and now - self._last_message > limits.receive_timeout_s:
            self._abort(f"nothing received for {limits.receive_timeout_s:g} s")
        elif received - self._counted > allowed:
            self._abort("too many messages")
        self._counted, self._swept = received, now

    def shut(self, reason: EndReason, detail: str) -> None:
        """Ends the call from our side, unless it is ending."""
        if self._live:
            self._reason, self._detail = reason, detail
            self.hang_up()

    def make_way(self) -> None:
        """Drops a socket without a call, for one that may bring some."""
        self._abort("made way for another socket")

    def _put(self, command: Outbound) -> None:
        if not self._live:
            return
        self._socket.send(self._codec.say(command))
        if self._socket.waiting > self._limits.max_outbox_bytes:
            self._abort(f"{self._socket.waiting} bytes are waiting to be sent")

    async def _serve(self, operator: Operator) -> _Fault | None:
        started = await self._started
        if started is not None:
            await self._connect(operator, started)
        if self.call is not None and self._live:
            self.call.begin()
            for payload, is_text in self._held:
                self._receive(payload, is_text)
            self._held.clear()
            self._socket.resume()
        return await self._over

    async def _connect(self, operator: Operator, started: Started) -> None:
        """Claims the plan; gives up when the socket's end comes first."""
        self._claim = claim = asyncio.timeout(None)
        try:
            async with claim:
                self.call = await operator.connect(started, self)
        except TimeoutError:
            if not claim.expired():
                raise  # somebody else's time-out
        finally:
            self._claim = None

    def _receive(self, payload: bytes, is_text: bool) -> None:
        if not self._live:
            return
        try:
            for event in self._codec.receive(payload, is_text):
                if type(event) is Heard and self.call is not None:
                    self.call.on_audio(event.payload)
                else:
                    self._take(event)
        except WireError as error:
            self._end(_wire_fault(error))
        except Exception as error:  # a fault of ours ends this call only, and is told with its traceback
            log.exception("call.crashed")
            self._end(_Fault(CloseCode.INTERNAL, f"internal fault: {type(error).__name__}"))

    def _take(self, event: Inbound) -> None:
        """Handles everything but audio."""
        call = self.call
        match event:
            case Started():
                self._socket.pause()
                self._started.set_result(event)
            case Marked(name=name) if call:
                call.on_mark(name)
            case Pressed(digit=digit) if call:
                call.on_digit(digit)
            case Trouble(code=code, title=title):
                log.warning("carrier.trouble", code=code, title=title)
            case Stopped():
                self._end(None)

    def _abort(self, detail: str) -> None:
        """Ends a socket that cannot be closed politely."""
        self._reason, self._detail = "carrier_error", detail
        self._socket.abort()
        self._end(None)

    def _refuse(self, code: CloseCode, detail: str) -> None:
        self._reason, self._detail = "carrier_error", detail
        self._socket.close(code, detail)

    def _end(self, fault: _Fault | None) -> None:
        """Wakes `run`, which ends the call; the first to come says why."""
        self._live = False
        if not self._over.done():
            self._over.set_result(fault)
            if self._claim is not None:
                self._claim.reschedule(0.0)
        if not self._started.done():
            self._started.set_result(None)

    async def _finish(self) -> None:
        self._live = False
        try:
            if self.call is not None:
                await self._leave(self.call)
                self._socket.close(CloseCode.NORMAL, "")
                await self.call.finish(self._reason, self._detail)
        finally:
            self.call = self.on_left = None  # they hold this line: all must go without the collector
            self.on_end()
            self._socket.close(CloseCode.NORMAL, "")
            await self._socket.gone(self._limits.send_timeout_s)

    async def _leave(self, call: Call) -> None:
        """Gives the word on: the carrier asks what to do with the line as soon as the socket is closed."""
        if self.on_left is not None:
            ending = call.ending
            await self.on_left(ending.reason or self._reason, ending.number)


def _wire_fault(error: WireError) -> _Fault:
    return _Fault(CODES.get(error.code, CloseCode.PROTOCOL_ERROR), str(error), error.code)
