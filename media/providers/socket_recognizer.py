"""SpeechToText over a vendor's WebSocket, with one connection for each caller.

The session does what all vendors need: it connects, waits for the greeting, divides audio into chunks, keeps idle
connections alive, runs one deadline, and handles failure and closing. A dialect encodes and interprets the vendor's
messages and holds the transcript.
"""

import asyncio
from collections.abc import Callable

from media.audio.mulaw import BYTES_PER_MS
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    RecognizedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TurnSignal,
)
from media.providers.recognizer_dialect import ListenRules, RecognizerDialect
from media.providers.vendor_socket import SocketTarget, VendorSocket
from shared.providers.errors import make_unreadable


class SocketSpeechToText:
    """A recognizer with one account, which opens a connection for each session.

    Args:
        make_dialect: Returns the dialect for a session in a language. Raises ProviderError for an unsupported language.
        make_target: Returns the address for a language. Raises ProviderError for an unsupported language.
    """

    def __init__(
        self,
        name: str,
        rules: ListenRules,
        make_dialect: Callable[[str], RecognizerDialect],
        make_target: Callable[[str], SocketTarget],
    ) -> None:
        self.name = name
        self._rules = rules
        self._make_dialect = make_dialect
        self._make_target = make_target

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connect and return the session. Raises ProviderError, also if the vendor refuses the settings."""
        target = self._make_target(language)
        session = _Session(self.name, self._rules, self._make_dialect(language), sink)
        await session.open(target)
        return session


class _Session:
    """One caller's session. It is also the line of its dialect and the handler of its socket."""

    def __init__(self, name: str, rules: ListenRules, dialect: RecognizerDialect, sink: SpeechToTextSink) -> None:
        self._name = name
        self._rules = rules
        self._dialect = dialect
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._socket: VendorSocket | None = None
        self._greeted = asyncio.Event()  # set after the greeting or a failure
        self._error: ProviderError | None = None
        self._unsent = bytearray()  # audio that is shorter than a chunk
        self._pushed = 0  # bytes
        self._is_idle = False  # whether no audio arrived since the last check
        self._keep_alive: asyncio.TimerHandle | None = None
        self._timer: DeadlineTimer | None = None

    async def open(self, target: SocketTarget) -> None:
        """Connect, and wait for the vendor's greeting if the vendor sends one. Raises ProviderError."""
        try:
            self._socket = await VendorSocket.open(target, self)
            self._dialect.opened(self)
            if not self._dialect.is_ready:
                async with asyncio.timeout(target.timeout_s):
                    await self._greeted.wait()
        except TimeoutError:
            self._error = self._error or ProviderSlow(self._name, "no greeting in time", may_bill=False)
        except ProviderError as error:  # the vendor may have sent the reason before it closed
            self._error = self._error or self._rules.refine_refusal(error)
        except asyncio.CancelledError:
            self._abort()
            raise
        if self._error is not None:
            self._abort()
            raise self._error
        if self._rules.keep_alive:
            self._keep_alive = self._loop.call_later(self._rules.keep_alive_s, self._check_idle)

    # --- the port ---

    def push(self, ulaw: bytes) -> None:
        if self._sink is None:
            return
        self._is_idle = False
        self._pushed += len(ulaw)
        if not self._unsent and self._rules.chunk_bytes <= len(ulaw) <= self._rules.most_bytes:
            self._send_audio(ulaw)
        else:
            self._unsent += ulaw
            self._send_chunks()
        self._dialect.pushed(self)

    def started(self) -> None:
        self._dialect.started(self)

    def finalize(self, token: int) -> None:
        if self._sink is not None:
            self._dialect.finalize(self, token)

    def next_turn(self) -> None:
        self._dialect.next_turn(self)

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is None:
            return
        if self._unsent and not self._rules.keeps_rest:  # the rest has been metered
            _send_audio(socket, self._rules, self.take_unsent())
        if self._rules.close_message is not None:
            socket.send_text(self._rules.close_message)
        await socket.close()

    # --- the dialect's line ---

    @property
    def position_ms(self) -> float:
        return self._pushed / BYTES_PER_MS

    @property
    def is_waiting(self) -> bool:
        return self._timer is not None

    def flush(self) -> None:
        if self._unsent and not self._rules.keeps_rest:
            self._send_audio(self.take_unsent())

    def take_unsent(self) -> bytes:
        unsent = bytes(self._unsent)
        self._unsent.clear()
        return unsent

    def send(self, message: bytes | str) -> None:
        if self._socket is not None:
            self._socket.send_text(message)

    def report(self, event: RecognizedText | TurnSignal) -> None:
        if self._sink is not None:
            self._sink(event)

    def wait(self, seconds: float) -> None:
        self.cancel_wait()
        if self._sink is not None:
            self._timer = DeadlineTimer(seconds, self._expire)

    def cancel_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- the socket's handler ---

    def on_text(self, message: bytes) -> None:
        """Read a message for the dialect. An error in the message fails the session."""
        try:
            self._dialect.read(self, message)
        except ProviderError as error:
            self._fail(error)
            return
        if self._dialect.is_ready:
            self._greeted.set()

    def on_binary(self, message: bytes) -> None:
        """Fail the session, because a recognizer sends no audio."""
        self._fail(make_unreadable(self._name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the session, because a vendor must not end a session that is in use."""
        self._fail(self._rules.make_closed(self._name, code, reason))

    def _send_chunks(self) -> None:
        """Send the complete chunks in as few messages as the vendor allows."""
        rules = self._rules
        while len(self._unsent) >= rules.chunk_bytes:
            chunk = bytes(self._unsent[: rules.most_bytes])
            del self._unsent[: rules.most_bytes]
            self._send_audio(chunk)

    def _send_audio(self, ulaw: bytes) -> None:
        if self._socket is not None:
            _send_audio(self._socket, self._rules, ulaw)

    def _check_idle(self) -> None:
        if self._is_idle:
            self.send(self._rules.keep_alive)
        self._is_idle = True
        self._keep_alive = self._loop.call_later(self._rules.keep_alive_s, self._check_idle)

    def _expire(self) -> None:
        self._timer = None
        self._dialect.expire(self)

    def _fail(self, error: ProviderError) -> None:
        sink = self._sink
        self._error = self._error or error
        self._greeted.set()
        self._abort()
        if sink is not None:
            sink(SpeechToTextFailed(error))

    def _abort(self) -> None:
        """Disconnect at once."""
        self._end()
        if self._socket is not None:
            if self._rules.aborts_politely:
                self.send(self._rules.close_message or "")
            self._socket.abort()

    def _end(self) -> None:
        """Stop the session's timers and events."""
        self._sink = None
        self.cancel_wait()
        if self._keep_alive is not None:
            self._keep_alive.cancel()


def _send_audio(socket: VendorSocket, rules: ListenRules, ulaw: bytes) -> None:
    if rules.encode is None:
        socket.send_binary(ulaw)
    else:
        socket.send_text(rules.encode(ulaw))
