"""SpeechToText by ElevenLabs' Scribe: one WebSocket for each caller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, SILENCE
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
from media.providers.vendors.elevenlabs_scribe_wire import ScribeTranscript, make_chunk
from media.providers.vendors.elevenlabs_wire import make_closed, make_unreadable, refine_refusal

# Audio of one message: 60 ms. It is a multiple of 3, so that base64 adds no padding, and costs 20 ms on average.
CHUNK_BYTES: Final = 480
# The vendor closes a session that got no audio for about 15 s; pipecat's service sends some after 5 to 10 s.
KEEP_ALIVE_S: Final = 4.0
_KEEP_ALIVE: Final = SILENCE * (20 * BYTES_PER_MS)


@dataclass(frozen=True, slots=True)
class ScribeListener:
    """How sessions are opened. make_target: the address for a language. times_words: texts come with times. times_s:
    how long the times of a text are awaited."""

    make_target: Callable[[str], SocketTarget]
    times_words: bool
    times_s: float


class ElevenLabsSpeechToText:
    """A recogniser of one account; opens a connection for each session."""

    def __init__(self, name: str, listener: ScribeListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_target(language))
        return session


class _Session:
    """One caller's session, and its socket's handler."""

    def __init__(self, name: str, listener: ScribeListener, sink: SpeechToTextSink) -> None:
        self._name = name
        self._times_s = listener.times_s
        self._transcript = ScribeTranscript(name, times_words=listener.times_words)
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._socket: VendorSocket | None = None
        self._greeted = asyncio.Event()  # or failed
        self._error: ProviderError | None = None
        self._unsent = bytearray()  # less than a chunk
        self._pushed = 0  # bytes
        self._is_idle = False  # no audio since the last check
        self._keep_alive: asyncio.TimerHandle | None = None
        self._times: DeadlineTimer | None = None

    async def open(self, target: SocketTarget) -> None:
        """Connects. Raises ProviderError, also for settings that the vendor refuses."""
        try:
            self._socket = await VendorSocket.open(target, self)
            async with asyncio.timeout(target.timeout_s):
                await self._greeted.wait()
        except TimeoutError:
            self._error = self._error or ProviderSlow(self._name, "no greeting in time", may_bill=False)
        except ProviderError as error:
            self._error = self._error or refine_refusal(error)
        except asyncio.CancelledError:
            self._abort()
            raise
        if self._error is not None:
            self._abort()
            raise self._error
        self._keep_alive = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def push(self, ulaw: bytes) -> None:
        self._is_idle = False
        self._add(ulaw)
        if self._transcript.needs_commit(self._position_ms):
            self._commit()

    def started(self) -> None:
        """The recogniser hears by itself when somebody speaks."""

    def finalise(self, token: int) -> None:
        if self._transcript.finalise(token, self._position_ms):
            self._commit()
        elif not self._transcript.is_plain:
            self._loop.call_soon(self._settle)

    def next_turn(self) -> None:
        self._transcript.next_turn()

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is not None:
            if self._unsent:  # has been metered
                socket.send_text(make_chunk(bytes(self._unsent)))
            await socket.close()

    def on_text(self, message: bytes) -> None:
        """Reports the turn's text, or the vendor's error."""
        try:
            event = self._transcript.read(message)
        except ProviderError as error:
            self._fail(error)
            return
        if self._transcript.has_started:
            self._greeted.set()
        self._await_times()
        self._report(event)

    def on_binary(self, message: bytes) -> None:
        """Fails: a recogniser sends no audio."""
        self._fail(make_unreadable(self._name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fails: the vendor never ends a session that is wanted."""
        self._fail(make_closed(self._name, code))

    @property
    def _position_ms(self) -> float:
        return self._pushed / BYTES_PER_MS

    def _add(self, ulaw: bytes) -> None:
        self._pushed += len(ulaw)
        self._unsent += ulaw
        if len(self._unsent) >= CHUNK_BYTES and self._socket is not None:
            self._socket.send_text(make_chunk(bytes(self._unsent)))
            self._unsent.clear()

    def _commit(self) -> None:
        if self._socket is None:
            return
        self._transcript.commit(self._position_ms)
        self._socket.send_text(make_chunk(bytes(self._unsent), commit=True))
        self._unsent.clear()

    def _check_idle(self) -> None:
        """Sends a little silence when no audio came: the words after it are timed so much later."""
        if self._is_idle and self._socket is not None:
            self._socket.send_text(make_chunk(_KEEP_ALIVE))
        self._is_idle = True
        self._keep_alive = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def _await_times(self) -> None:
        """Waits for the times of a text that came, unless that is done already."""
        if not self._transcript.is_plain:
            self._cancel_times()
        elif self._times is None:
            self._times = DeadlineTimer(self._times_s, self._settle)

    def _settle(self) -> None:
        self._cancel_times()
        self._report(self._transcript.settle())

    def _report(self, event: RecognisedText | None) -> None:
        if event is not None and self._sink is not None:
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
        self._cancel_times()
        if self._keep_alive is not None:
            self._keep_alive.cancel()

    def _cancel_times(self) -> None:
        if self._times is not None:
            self._times.cancel()
            self._times = None
