"""One carrier socket and its call: the shell around codec and call."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog
from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from media.call.call import Call
from media.server.limits import Limits
from media.server.outbox import Outbox, SocketStuck
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

# WebSocket close codes (RFC 6455 section 7.4.1).
NORMAL, PROTOCOL_ERROR, POLICY, TOO_BIG, INTERNAL = 1000, 1002, 1008, 1009, 1011
CODES = {"too_large": TOO_BIG, "binary_message": 1003}


class Operator(Protocol):
    """Puts calls through: the worker, as a connection sees it."""

    async def connect(self, started: Started, connection: "Connection") -> Call:
        """Makes the call of a stream that has started. Raises Refused."""

    def wire_error(self, code: str) -> None:
        """A protocol error was seen."""


class Refused(Exception):
    """The stream gets no call; the message says why (shown to the carrier)."""


class Connection:
    """Implements `Line` for its call. Ends the call exactly once, whichever side goes first."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, codec: Codec, limits: Limits) -> None:
        self._socket = socket
        self._request = request
        self._codec = codec
        self._limits = limits
        self._outbox = Outbox(socket, send_timeout_s=limits.send_timeout_s, max_bytes=limits.max_outbox_bytes)
        self._loop = asyncio.get_running_loop()
        self._opened = self._last_message = self._swept = self._loop.time()
        self._counted = 0
        self._reason: EndReason = "caller_hangup"
        self._detail = ""
        self.from_ulaw: Callable[[bytes], bytes] = bytes
        self.on_end: Callable[[], None] = lambda: None
        self.messages = 0
        self._live = True  # the stream can still take commands
        self.call: Call | None = None

    # --- Line ---

    def play(self, ulaw: bytes) -> None:
        """Queues agent audio."""
        self._put(Play(self.from_ulaw(ulaw)))

    def mark(self, name: str) -> None:
        """Asks for a mark."""
        self._put(Mark(name))

    def clear(self) -> None:
        """Empties the carrier's buffer."""
        self._put(Clear())

    def hang_up(self) -> None:
        """Closes after what is queued."""
        self._outbox.close()

    # --- running ---

    async def run(self, operator: Operator) -> None:
        """Serves the socket until either side ends, then the call is finished."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read(operator)
        except WireError as error:
            operator.wire_error(error.code)
            await self._close(CODES.get(error.code, PROTOCOL_ERROR), str(error))
        except Refused as error:
            await self._close(POLICY, str(error))
        except Exception as error:  # a fault of ours ends this call only, and is told with its traceback
            log.exception("call.crashed")
            await self._close(INTERNAL, f"internal fault: {type(error).__name__}")
        finally:
            await self._end(writer)

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
        limits = self._limits
        # On a busy machine the sweep may be late, and what was held up comes in a burst: that is no flood.
        allowed = limits.max_messages_per_s * max(1.0, now - self._swept)
        if self.call is None and now - self._opened > limits.start_timeout_s:
            self._abort("no start message in time")
        elif self.call is not None and now - self._last_message > limits.receive_timeout_s:
            self._abort(f"nothing received for {limits.receive_timeout_s:g} s")
        elif self.messages - self._counted > allowed:
            self._abort("too many messages")
        self._counted, self._swept = self.messages, now

    def shut(self, reason: EndReason, detail: str) -> None:
        """Ends the call from our side."""
        self._reason, self._detail = reason, detail
        self._outbox.close()

    def _put(self, command: Outbound) -> None:
        if self._live:
            self._outbox.put(self._codec.say(command))

    async def _read(self, operator: Operator) -> None:
        receive, codec, time = self._socket.receive, self._codec, self._loop.time
        while True:
            message = await receive()
            kind = message.type
            if kind is not WSMsgType.TEXT and kind is not WSMsgType.BINARY:
                return self._note_close(message)
            self.messages += 1
            self._last_message = time()
            for event in codec.receive(message.data, kind is WSMsgType.TEXT):
                if type(event) is Heard and self.call is not None:
                    self.call.on_audio(event.payload)
                elif not await self._take(event, operator):
                    return

    async def _take(self, event: Inbound, operator: Operator) -> bool:
        """Handles everything but audio; False ends the call."""
        call = self.call
        match event:
            case Started():
                self.call = await operator.connect(event, self)
                self.call.begin()
            case Marked(name=name) if call:
                call.on_mark(name)
            case Pressed(digit=digit) if call:
                call.on_digit(digit)
            case Trouble(code=code, title=title):
                log.warning("carrier.trouble", code=code, title=title)
            case Stopped():
                return False
        return True

    def _note_close(self, message: WSMessage) -> None:
        """The socket is closed: by either side, or by aiohttp because a frame broke the WebSocket protocol."""
        if message.type is WSMsgType.ERROR and self._reason == "caller_hangup":
            if isinstance(message.data, WebSocketError):
                code = "too_large" if message.data.code == TOO_BIG else "bad_frame"
                raise WireError(code, str(message.data))
            self._reason, self._detail = "carrier_error", "the socket broke"

    async def _write(self) -> None:
        try:
            await self._outbox.run()
            await self._socket.close(code=NORMAL)
        except SocketStuck as error:
            self._abort(str(error))
        except ConnectionError:
            self._abort("the socket broke while sending")

    def _abort(self, detail: str) -> None:
        """Ends a socket that cannot be closed politely."""
        self._reason, self._detail = "carrier_error", detail
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _close(self, code: int, detail: str) -> None:
        self._reason, self._detail = "carrier_error", detail
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                # A close reason holds at most 123 bytes (RFC 6455 section 5.5).
                await self._socket.close(code=code, message=detail.encode()[:123])
        except TimeoutError:
            self._abort(detail)

    async def _end(self, writer: asyncio.Task[None]) -> None:
        self._live = False
        self._outbox.close()
        if self.call is not None:
            await self.call.finish(self._reason, self._detail)
        self.on_end()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
