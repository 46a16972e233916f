"""SpeechToText by Cartesia's Ink: one WebSocket for each caller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from media.audio.mulaw import BYTES_PER_MS
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognisedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TurnSignal,
)
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.cartesia_wire import make_closed, make_unreadable


class InkTranscript(Protocol):
    """A session's current turn, by one of the two protocols."""

    @property
    def close_message(self) -> str:
        """The message that ends the session."""

    @property
    def greets(self) -> bool:
        """Whether the vendor says that it has accepted the settings."""

    def started(self, position_ms: float) -> None:
        """The caller speaks since this position in the audio."""

    def finalise(self, token: int, position_ms: float) -> str:
        """The message that asks for the text up to this position; empty where there is none."""

    def next_turn(self) -> None:
        """What was said before the last `finalise` has been taken."""

    def read(self, message: bytes, position_ms: float) -> RecognisedText | None:
        """Takes a message that came when the audio up to this position was sent. Raises ProviderError."""

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""

    def settle(self, *, is_overdue: bool) -> RecognisedText | None:
        """The answer to `finalise` if it is known now. is_overdue: the vendor has said nothing new for a while."""


@dataclass(frozen=True, slots=True)
class InkListener:
    """How sessions are opened. make_target: the address for a language; raises ProviderError for one that the model
    does not know. answer_s: after `finalise`, how long the vendor may say nothing new where it cannot be asked."""

    make_transcript: Callable[[str], InkTranscript]
    make_target: Callable[[str], SocketTarget]
    answer_s: float


class CartesiaSpeechToText:
    """A recogniser of one account; opens a connection for each session."""

    def __init__(self, name: str, listener: InkListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_target(language))
        return session


class _Session:
    """One caller's session, and its socket's handler."""

    def __init__(self, name: str, listener: InkListener, sink: SpeechToTextSink) -> None:
        self._name = name
        self._transcript = listener.make_transcript(name)
        self._answer_s = listener.answer_s
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._socket: VendorSocket | None = None
        self._greeted = asyncio.Event()  # or failed
        self._error: ProviderError | None = None
        self._timer: DeadlineTimer | None = None
        self._pushed = 0  # bytes
        self._last_text = ""

    async def open(self, target: SocketTarget) -> None:
        """Connects. Raises ProviderError, also for settings that the vendor refuses."""
        try:
            self._socket = await VendorSocket.open(target, self)
            if self._transcript.greets:
                async with asyncio.timeout(target.timeout_s):
                    await self._greeted.wait()
        except TimeoutError:
            self._error = self._error or ProviderSlow(self._name, "no greeting in time", may_bill=False)
        except ProviderError as error:
            self._error = self._error or error  # the vendor may have said why before it closed
        except asyncio.CancelledError:
            self._abort()
            raise
        if self._error is not None:
            self._abort()
            raise self._error

    def push(self, ulaw: bytes) -> None:
        self._pushed += len(ulaw)
        if self._socket is not None and ulaw:
            self._socket.send_binary(ulaw)

    def started(self) -> None:
        self._transcript.started(self._pushed / BYTES_PER_MS)

    def finalise(self, token: int) -> None:
        if self._socket is None:
            return
        message = self._transcript.finalise(token, self._pushed / BYTES_PER_MS)
        if message:
            self._socket.send_text(message)
        else:
            self._wait(0)

    def next_turn(self) -> None:
        self._cancel_timer()
        self._transcript.next_turn()

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is not None:
            socket.send_text(self._transcript.close_message)
            await socket.close()

    def on_text(self, message: bytes) -> None:
        """Reports the turn's text, or the vendor's error."""
        try:
            event = self._transcript.read(message, self._pushed / BYTES_PER_MS)
        except ProviderError as error:
            self._fail(error)
            return
        self._greeted.set()
        if event is not None:
            self._report(event)
        signal = self._transcript.take_signal()
        if signal is not None and self._sink is not None:
            self._sink(signal)

    def on_binary(self, message: bytes) -> None:
        """Fails: a recogniser sends no audio."""
        self._fail(make_unreadable(self._name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fails: the vendor never ends a session that is wanted."""
        self._fail(make_closed(self._name, code))

    def _settle(self, waited_s: float) -> None:
        event = self._transcript.settle(is_overdue=waited_s > 0)
        if event is not None:
            self._report(event)
        else:
            self._wait(self._answer_s)

    def _wait(self, seconds: float) -> None:
        """Waits for the vendor, and then settles for what is known."""
        self._cancel_timer()
        self._timer = DeadlineTimer(seconds, partial(self._settle, seconds))

    def _report(self, event: RecognisedText) -> None:
        is_new, self._last_text = event.text != self._last_text, event.text
        if event.final:
            self._cancel_timer()
        elif is_new and self._timer is not None:  # the vendor is still busy
            self._wait(self._answer_s)
        if self._sink is not None:
            self._sink(event)

    def _fail(self, error: ProviderError) -> None:
        sink = self._sink
        self._error = self._error or error
        self._greeted.set()
        self._abort()
        if sink is not None:
            sink(SpeechToTextFailed(error))

    def _abort(self) -> None:
        self._end()
        if self._socket is not None:
            self._socket.abort()

    def _end(self) -> None:
        """No event follows."""
        self._sink = None
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
