"""SpeechToText by AssemblyAI's streaming models: one WebSocket for each caller, billed for as long as it is open."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognisedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
)
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.assemblyai_transcript import UniversalTranscript
from media.providers.vendors.assemblyai_wire import TERMINATE, make_closed, make_unreadable

# A message holds 50 to 1000 ms of audio, else the vendor closes with 3007: of frames of 20 ms at least three.
LEAST_BYTES: Final = 400
MOST_BYTES: Final = 8_000


@dataclass(frozen=True, slots=True)
class UniversalListener:
    """How sessions are opened. make_target: the address for a language; raises ProviderError for one that the model
    does not know. answer_s: after `finalise`, how long the vendor may say nothing new."""

    make_transcript: Callable[[str], UniversalTranscript]
    make_target: Callable[[str], SocketTarget]
    answer_s: float


class AssemblyAiSpeechToText:
    """A recogniser of one account; opens a connection for each session."""

    def __init__(self, name: str, listener: UniversalListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_target(language))
        return session


class _Session:
    """One caller's session, and its socket's handler."""

    def __init__(self, name: str, listener: UniversalListener, sink: SpeechToTextSink) -> None:
        self._name = name
        self._transcript = listener.make_transcript(name)
        self._answer_s = listener.answer_s
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._socket: VendorSocket | None = None
        self._greeted = asyncio.Event()  # or failed
        self._error: ProviderError | None = None
        self._timer: DeadlineTimer | None = None
        self._unsent = bytearray()  # less than the vendor takes
        self._pushed = 0  # bytes
        self._last_text = ""

    async def open(self, target: SocketTarget) -> None:
        """Connects, and waits until the vendor has accepted key and settings. Raises ProviderError."""
        try:
            self._socket = await VendorSocket.open(target, self)
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
        self._unsent += ulaw
        self._send_chunks()

    def started(self) -> None:
        self._transcript.started(self._pushed / BYTES_PER_MS)

    def finalise(self, token: int) -> None:
        """Less than 50 ms of audio stay behind: the vendor takes no such message, and they are of the silence after
        which a text is asked for."""
        if self._socket is None:
            return
        message = self._transcript.finalise(token, self._pushed / BYTES_PER_MS)
        if message:
            self._socket.send_text(message)
        self._wait(self._answer_s if message else 0)

    def next_turn(self) -> None:
        self._cancel_timer()
        self._transcript.next_turn()

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is not None:
            socket.send_text(TERMINATE)
            await socket.close()

    def on_text(self, message: bytes) -> None:
        """Reports the turn's text and what the vendor believes of its end, or the vendor's error."""
        try:
            event = self._transcript.read(message)
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
        """Fails: the vendor ends no session that is wanted, but one of three hours."""
        self._fail(make_closed(self._name, code, reason))

    def _send_chunks(self) -> None:
        """Sends what the vendor takes in one message, or in several."""
        while len(self._unsent) >= LEAST_BYTES:
            if self._socket is not None:
                self._socket.send_binary(bytes(self._unsent[:MOST_BYTES]))
            del self._unsent[:MOST_BYTES]

    def _settle(self, waited_s: float) -> None:
        event = self._transcript.settle(is_overdue=waited_s > 0)
        if event is not None:
            self._report(event)

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
        """Ends the connection at once. Without Terminate the vendor could bill it for three hours."""
        self._end()
        if self._socket is not None:
            self._socket.send_text(TERMINATE)
            self._socket.abort()

    def _end(self) -> None:
        """No event follows."""
        self._sink = None
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
