"""SpeechToText by Deepgram's Nova or Flux: one WebSocket for each caller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import ProviderError, SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink, TurnSignal
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.deepgram_transcript import TranscribedResult, TurnTranscript
from media.providers.vendors.deepgram_wire import ListenProtocol, make_unreadable, map_close

# The vendor asks for a KeepAlive every 3 to 5 s and ends a session after 10 s without audio (NET-0001). Two of these
# checks pass at most before one is sent.
KEEP_ALIVE_S: Final = 2.5
CLOSE_STREAM: Final = '{"type":"CloseStream"}'


@dataclass(frozen=True, slots=True)
class DeepgramListener:
    """How sessions are opened. make_target: the address for a language; raises ProviderError for one that the model
    does not know. answer_s: after `finalise`, when the last known text is the final one if it covers the audio."""

    protocol: ListenProtocol
    make_target: Callable[[str], SocketTarget]
    answer_s: float


class DeepgramSpeechToText:
    """A recogniser of one account; opens a connection for each session."""

    def __init__(self, name: str, listener: DeepgramListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_target(language))
        return session


class _Session:
    """One caller's session, and its socket's handler."""

    def __init__(self, name: str, listener: DeepgramListener, sink: SpeechToTextSink) -> None:
        self._name = name
        self._protocol = listener.protocol
        self._answer_s = listener.answer_s
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._transcript = TurnTranscript()
        self._socket: VendorSocket | None = None
        self._unsent = bytearray()  # less than a chunk
        self._pushed = 0  # bytes
        self._is_idle = False  # no audio since the last check
        self._keep_alive: asyncio.TimerHandle | None = None
        self._overdue: DeadlineTimer | None = None

    async def open(self, target: SocketTarget) -> None:
        """Connects. Raises ProviderError."""
        self._socket = await VendorSocket.open(target, self)
        if self._protocol.keep_alive:
            self._keep_alive = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def push(self, ulaw: bytes) -> None:
        self._is_idle = False
        self._pushed += len(ulaw)
        if not self._unsent and len(ulaw) >= self._protocol.chunk_bytes:
            self._send(ulaw)
            return
        self._unsent += ulaw
        if len(self._unsent) >= self._protocol.chunk_bytes:
            self._flush()

    def started(self) -> None:
        """The recogniser hears by itself when somebody speaks."""

    def finalise(self, token: int) -> None:
        self._flush()
        is_asked = self._transcript.finalise(token, self._pushed_ms)
        if is_asked:
            self._ask()
        self._cancel_overdue()
        self._overdue = DeadlineTimer(self._answer_s if is_asked else 0.0, self._expire)

    def next_turn(self) -> None:
        self._cancel_overdue()
        if self._transcript.end_segment(self._pushed_ms):
            self._flush()
            self._ask()
        self._transcript.next_turn()

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is not None:
            if self._unsent:
                socket.send_binary(bytes(self._unsent))
            socket.send_text(CLOSE_STREAM)
            await socket.close()

    def on_text(self, message: bytes) -> None:
        """Reports the turn's text, or the vendor's error."""
        try:
            result = self._protocol.read(self._name, message)
        except ProviderError as error:
            self._fail(error)
            return
        event = self._transcript.add(result) if result is not None else None
        if event is not None and self._sink is not None:
            if event.final:
                self._cancel_overdue()
            self._sink(event)
        if result is not None and event is not None:
            self._signal(result, event.text)

    def _signal(self, result: TranscribedResult, text: str) -> None:
        """Reports what the vendor believes of the turn's end, where it does. text: of the whole turn."""
        if self._sink is not None and text and (result.finished is not None or result.has_resumed):
            self._sink(TurnSignal(text, result.finished, resumed=result.has_resumed))

    def on_binary(self, message: bytes) -> None:
        """Fails: a recogniser sends no audio."""
        self._fail(make_unreadable(self._name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fails: the vendor never ends a session that is wanted."""
        self._fail(map_close(self._name, code, reason))

    @property
    def _pushed_ms(self) -> float:
        return self._pushed / BYTES_PER_MS

    def _ask(self) -> None:
        if self._socket is not None:
            self._socket.send_text(self._protocol.finalise)

    def _flush(self) -> None:
        """Sends the audio that is left of a chunk; never an empty message, which would end the stream."""
        if self._unsent:
            self._send(bytes(self._unsent))
            self._unsent.clear()

    def _send(self, ulaw: bytes) -> None:
        if self._socket is not None and ulaw:
            self._socket.send_binary(ulaw)

    def _check_idle(self) -> None:
        if self._is_idle and self._socket is not None:
            self._socket.send_text(self._protocol.keep_alive)
        self._is_idle = True
        self._keep_alive = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def _expire(self) -> None:
        self._overdue = None
        event = self._transcript.expire()
        if event is not None and self._sink is not None:
            self._sink(event)

    def _fail(self, error: ProviderError) -> None:
        sink = self._sink
        self._end()
        if self._socket is not None:
            self._socket.abort()
        if sink is not None:
            sink(SpeechToTextFailed(error))

    def _end(self) -> None:
        """No event follows."""
        self._sink = None
        self._cancel_overdue()
        if self._keep_alive is not None:
            self._keep_alive.cancel()

    def _cancel_overdue(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
