"""One carrier socket and its call: connects WebSocket, codec and call, and ends them together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from media.call.call import Call
from media.call.stream_timeline import PAUSE_MS
from media.server.frames import CloseCode, FrameError
from media.server.limits import WorkerLimits
from media.server.paced_output import PacedOutput
from media.server.websocket import WebSocket
from media.telephony.codec import (
    CarrierReportedError,
    Clear,
    Codec,
    DigitReceived,
    InboundAudio,
    InboundEvent,
    Mark,
    MarkReached,
    MediaProtocolError,
    OutboundCommand,
    Play,
    StreamStarted,
    StreamStopped,
    TextReceived,
    UnknownMessages,
)
from shared.events import EndReason

log = structlog.get_logger()

# The checks run once a second. If a check is later than this, the event loop or the whole machine was blocked.
HELD_UP_S: Final = 2.0
CODES = {"too_large": CloseCode.TOO_BIG, "binary_message": CloseCode.UNSUPPORTED}


@dataclass(frozen=True, slots=True)
class AttachedCall:
    """A call with the functions that its connection needs.

    Attributes:
        encode: Converts the call's audio (mu-law, 8 kHz) to the stream's encoding.
        on_stream_end: Awaited before the socket is closed, because the carrier then requests its next step. Its
            arguments are those of `CallRecord.stream_ended`.
        release: Frees the call's resources. Called at the very end.
    """

    call: Call
    encode: Callable[[bytes], bytes]
    on_stream_end: Callable[[EndReason, str, str, str], Awaitable[None]]
    release: Callable[[], None]


class CallConnector(Protocol):
    """Creates calls for connections. Implemented by the worker."""

    async def connect(self, started: StreamStarted, connection: "StreamConnection") -> AttachedCall:
        """Create the call of a stream that has started. Raises StreamRefused."""

    def count_protocol_error(self, code: str) -> None:
        """Count a violation of the media protocol or of WebSocket by the carrier."""


class StreamRefused(Exception):
    """The stream gets no call. The message contains the reason, and the carrier receives it."""

    def __init__(self, reason: str, close_code: CloseCode = CloseCode.POLICY) -> None:
        super().__init__(reason)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class _Failure:
    """The reason why a socket is closed. The exception itself is not stored, because its frames would keep the
    connection alive.

    Attributes:
        protocol_error: The error's code if the peer violated the protocol, or "".
    """

    close_code: CloseCode
    detail: str
    protocol_error: str = ""


class StreamConnection:
    """Connects a carrier's socket with its call, and ends the call once, whichever side ends first. Implements
    `MediaStream` for the call and `Receiver` for the socket.

    Frames are processed as they arrive. Only slow work runs in a task (`run`): claiming the plan, during which frames
    wait in the kernel, and the end.

    Attributes:
        messages: The number of messages received so far.
    """

    __slots__ = (
        "__weakref__", "_attached", "_checked_frames", "_claim", "_codec", "_detail", "_early", "_ended",
        "_last_check", "_last_received", "_limits", "_live", "_opened", "_paced", "_reason", "_socket", "_started",
        "messages",
    )  # fmt: skip

    def __init__(self, socket: WebSocket, codec: Codec, limits: WorkerLimits) -> None:
        loop = asyncio.get_running_loop()
        self._socket = socket
        self._codec = codec
        self._limits = limits
        self._opened = self._last_received = self._last_check = loop.time()
        self._checked_frames = 0
        self._reason: EndReason = "caller_hangup"
        self._detail = ""
        # None if the stream ended before it started
        self._started: asyncio.Future[StreamStarted | None] = loop.create_future()
        self._ended: asyncio.Future[_Failure | None] = loop.create_future()
        self._claim: asyncio.Timeout | None = None  # while the plan is being claimed
        self._early: list[tuple[bytes, bool]] = []  # messages that arrived in one chunk with the start
        self._live = True  # whether the stream can still accept commands
        self._paced = PacedOutput(socket.send, codec.messages_per_s) if codec.messages_per_s else None
        # Set from the call's set-up until its end. The class has no default for it, because CPython does not specialize
        # attributes that also exist in the class, which would slow down the frame path.
        self._attached: AttachedCall | None = None
        self.messages = 0

    @property
    def call(self) -> Call | None:
        """The call, from the claim of its plan until its end."""
        return self._attached.call if self._attached is not None else None

    @property
    def unknown(self) -> UnknownMessages:
        """The messages that the codec has skipped so far."""
        return self._codec.unknown

    @property
    def is_claiming_plan(self) -> bool:
        """Whether the stream has started and its plan is being claimed."""
        return self._live and self._started.done() and self._attached is None

    # --- MediaStream ---

    def play(self, ulaw: bytes) -> None:
        """Send agent audio."""
        attached = self._attached
        if attached is not None:
            self._send(Play(attached.encode(ulaw)))

    def mark(self, name: str) -> None:
        """Request a mark."""
        self._send(Mark(name))

    def clear(self) -> None:
        """Empty the carrier's buffer. Waiting marks are dropped, because no mark from before a clear is returned."""
        if self._paced is not None:
            self._paced.discard()
        self._send(Clear())

    def hang_up(self) -> None:
        """Close the socket after all sent data, when the outcome of the stream is published."""
        self._end(None)

    # --- Receiver ---

    def on_message(self, payload: bytes, is_text: bool) -> None:
        """Process a message. Runs on the frame path."""
        self.messages += 1
        if self._live and self._attached is None and self._started.done():
            self._early.append((payload, is_text))
        else:
            self._receive(payload, is_text)

    def on_fault(self, error: FrameError) -> None:
        """End the stream because the peer violated the WebSocket protocol."""
        code = "too_large" if error.close_code is CloseCode.TOO_BIG else "bad_frame"
        self._end(_Failure(error.close_code, f"{code}: {error}", code))

    def on_closed(self, broke: bool) -> None:
        """End the stream because the peer has disconnected."""
        if broke and self._live:
            self._reason, self._detail = "carrier_error", "the socket broke"
        self._end(None)

    # --- running ---

    async def run(self, connector: CallConnector) -> None:
        """Serve the socket until either side ends, then finish the call."""
        try:
            failure = await self._serve(connector)
            if failure is not None:
                self._refuse(failure.close_code, failure.detail)
                if failure.protocol_error:
                    connector.count_protocol_error(failure.protocol_error)
        except StreamRefused as error:
            self._refuse(error.close_code, str(error))
        except Exception as error:  # an internal error ends only this call; the traceback is logged
            log.exception("call.crashed")
            self._refuse(CloseCode.INTERNAL, f"internal fault: {type(error).__name__}")
        finally:
            await self._finish()

    def tick(self) -> None:
        """Let the call check its timers. Called about four times a second."""
        if self._attached is None or not self._live:
            return
        try:
            if self._attached.call.paused_ms >= PAUSE_MS:
                self._receive_held()
            self._attached.call.tick()
        except Exception as error:  # the error would repeat with every tick, so it ends the call
            log.exception("call.crashed")
            self._abort(f"internal fault: {type(error).__name__}")

    def check_limits(self, now: float) -> None:
        """Abort dead sockets and floods. Called about once a second. `now` is the event loop's time in seconds.

        Any frame shows that the carrier is alive. Audio may pause, so a carrier that has sent nothing since the last
        check gets a ping.
        """
        if not self._live:
            return  # the closing has its own time limits
        if now - self._last_check > HELD_UP_S:
            self._exclude_stall(now, now - self._last_check)
        limits, received = self._limits, self.messages + self._socket.other_frames
        # On a busy machine, the check may be late and delayed messages arrive in a burst, which does not count as a
        # flood.
        allowed = limits.max_messages_per_s * max(1.0, now - self._last_check)
        has_call = self._attached is not None
        if received != self._checked_frames or not has_call:
            self._last_received = now
        else:
            self._socket.ping()
        if self._socket.stalled_for(now) > limits.send_timeout_s:
            self._abort(f"took no data for {limits.send_timeout_s:g} s")
        elif not has_call and now - self._opened > limits.start_timeout_s:
            self._abort("no plan in time" if self._started.done() else "no start message in time")
        elif now - self._last_received > limits.receive_timeout_s:
            self._abort(f"nothing received for {limits.receive_timeout_s:g} s, not even an answer to a ping")
        elif received - self._checked_frames > allowed:
            self._abort("too many messages")
        self._checked_frames, self._last_check = received, now

    def _exclude_stall(self, now: float, seconds: float) -> None:
        """Exclude time in which the event loop was blocked, because the peer could neither send nor receive anything.

        Data that the peer sent meanwhile waits to be read.
        """
        self._opened = min(now, self._opened + seconds)
        self._last_received = min(now, self._last_received + seconds)
        self._socket.forgive(seconds)

    def end_call(self, reason: EndReason, detail: str) -> None:
        """End the call from this side, unless it is already ending."""
        if self._live:
            self._reason, self._detail = reason, detail
            self.hang_up()

    def evict(self) -> None:
        """Drop a socket without a call to make room for a new socket."""
        self._abort("made way for another socket")

    def _send(self, command: OutboundCommand) -> None:
        if not self._live:
            return
        message, waiting = self._codec.encode(command), self._socket.unsent_bytes
        if self._paced is None:
            self._socket.send(message)
        else:
            self._paced.send(message)
            waiting += self._paced.waiting_bytes
        if waiting > self._limits.max_outbox_bytes:
            self._abort(f"{waiting} bytes are waiting to be sent")

    async def _serve(self, connector: CallConnector) -> _Failure | None:
        started = await self._started
        if started is not None:
            await self._connect(connector, started)
        if self._attached is not None and self._live:
            self._attached.call.begin()
            for payload, is_text in self._early:
                self._receive(payload, is_text)
            self._early.clear()
            self._socket.resume()
        return await self._ended

    async def _connect(self, connector: CallConnector, started: StreamStarted) -> None:
        """Claim the plan. Stops if the socket ends first."""
        self._claim = claim = asyncio.timeout(None)
        try:
            async with claim:
                self._attached = await connector.connect(started, self)
        except TimeoutError:
            if not claim.expired():
                raise  # a timeout inside the connector
        finally:
            self._claim = None

    def _receive(self, payload: bytes, is_text: bool) -> None:
        if not self._live:
            return
        try:
            attached = self._attached
            for event in self._codec.receive(payload, is_text):
                if type(event) is InboundAudio and attached is not None:
                    take_audio = attached.call.on_audio  # a local name, as in `InboundPath.push`
                    take_audio(event.payload, event.at_ms)
                else:
                    self._handle(event)
        except MediaProtocolError as error:
            self._end(_protocol_failure(error))
        except Exception as error:  # an internal error ends only this call; the traceback is logged
            log.exception("call.crashed")
            self._end(_Failure(CloseCode.INTERNAL, f"internal fault: {type(error).__name__}"))

    def _receive_held(self) -> None:
        """Process audio that the codec held back while it waited for earlier audio."""
        for event in self._codec.release():
            if type(event) is InboundAudio and self._attached is not None:
                self._attached.call.on_audio(event.payload, event.at_ms)

    def _handle(self, event: InboundEvent) -> None:
        """Handle all events except audio."""
        call = self.call
        match event:
            case StreamStarted():
                self._socket.pause()
                self._started.set_result(event)
            case MarkReached(name=name) if call:
                call.on_mark(name)
            case DigitReceived(digit=digit) if call:
                call.on_digit(digit)
            case TextReceived(text=text) if call:
                call.on_text(text)
            case CarrierReportedError(code=code, title=title):
                log.warning("carrier.error_reported", code=code, title=title)
            case StreamStopped():
                self._end(None)

    def _abort(self, detail: str) -> None:
        """End a socket that cannot be closed politely."""
        self._reason, self._detail = "carrier_error", detail
        self._socket.abort()
        self._end(None)

    def _refuse(self, code: CloseCode, detail: str) -> None:
        self._reason, self._detail = "carrier_error", detail
        self._socket.close(code, detail)

    def _end(self, failure: _Failure | None) -> None:
        """Wake `run`, which ends the call. The first caller decides the reason."""
        self._live = False
        if not self._ended.done():
            self._ended.set_result(failure)
            if self._claim is not None:
                self._claim.reschedule(0.0)
        if not self._started.done():
            self._started.set_result(None)

    async def _finish(self) -> None:
        self._live = False
        if self._paced is not None:
            self._paced.discard()
        try:
            if self._attached is not None:
                await self._finish_call(self._attached)
        finally:
            self._socket.close(CloseCode.NORMAL, "")
            await self._socket.wait_closed(self._limits.send_timeout_s)

    async def _finish_call(self, attached: AttachedCall) -> None:
        termination = attached.call.termination
        try:
            reason = termination.reason or self._reason
            attached.call.end_stream()
            following = (termination.transfer_number, termination.unsaid_words, termination.conference)
            await attached.on_stream_end(reason, *following)
        finally:  # otherwise, the call's recognizer would stay open, and no event would report its end
            self._socket.close(CloseCode.NORMAL, "")
            try:
                await attached.call.finish(self._reason, self._detail)
            finally:
                self._attached = (
                    None  # breaks a cycle (shared/refcycles.py): the call holds its stream, this connection
                )
                attached.release()


def _protocol_failure(error: MediaProtocolError) -> _Failure:
    return _Failure(CODES.get(error.code, CloseCode.PROTOCOL_ERROR), str(error), error.code)
