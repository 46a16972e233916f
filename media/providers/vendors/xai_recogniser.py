"""SpeechToText by xAI's streaming recogniser: one WebSocket for each caller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import (
    ProviderError,
    ProviderSlow,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TurnSignal,
)
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.deepgram_transcript import TranscribedResult, TranscribedSegment, TurnTranscript
from media.providers.vendors.xai_wire import (
    DONE,
    FINALIZE,
    UtteranceReader,
    make_closed,
    make_unreadable,
    refine_refusal,
)

# The chunk that the vendor recommends: 100 ms.
CHUNK_BYTES: Final = 800


@dataclass(frozen=True, slots=True)
class XaiListener:
    """How sessions are opened. answer_s: after `finalise`, when the last known text is the answer if it covers the
    audio."""

    make_target: Callable[[str], SocketTarget]
    answer_s: float


class XaiSpeechToText:
    """A recogniser of one account; opens a connection for each session."""

    def __init__(self, name: str, listener: XaiListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
        session = _Session(self.name, self._listener.answer_s, sink)
        await session.open(self._listener.make_target(language))
        return session


class _Session:
    """One caller's session, and its socket's handler."""

    def __init__(self, name: str, answer_s: float, sink: SpeechToTextSink) -> None:
        self._name = name
        self._answer_s = answer_s
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._reader = UtteranceReader(name)
        self._transcript = TurnTranscript()
        self._socket: VendorSocket | None = None
        self._greeted = asyncio.Event()  # or failed
        self._error: ProviderError | None = None
        self._overdue: DeadlineTimer | None = None
        self._unsent = bytearray()  # less than a chunk
        self._pushed = 0  # bytes

    async def open(self, target: SocketTarget) -> None:
        """Connects, and waits until the vendor takes audio. Raises ProviderError."""
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

    def push(self, ulaw: bytes) -> None:
        self._pushed += len(ulaw)
        self._unsent += ulaw
        if len(self._unsent) >= CHUNK_BYTES:
            self._flush()

    def started(self) -> None:
        """The recogniser hears by itself when somebody speaks."""

    def finalise(self, token: int) -> None:
        self._flush()
        position_ms = self._pushed / BYTES_PER_MS
        self._transcript.finalise(token, position_ms)
        self._reader.finalise(position_ms)
        if self._socket is not None:
            self._socket.send_text(FINALIZE)
        self._cancel_overdue()
        self._overdue = DeadlineTimer(self._answer_s, self._expire)

    def next_turn(self) -> None:
        self._cancel_overdue()
        self._transcript.next_turn()

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        self._end()
        if socket is not None:
            if self._unsent:
                socket.send_binary(bytes(self._unsent))
            socket.send_text(DONE)
            await socket.close()

    def on_text(self, message: bytes) -> None:
        """Reports the turn's text and what the vendor believes of its end, or the vendor's error."""
        try:
            result = self._reader.read(message)
        except ProviderError as error:
            self._fail(error)
            return
        if self._reader.is_ready:
            self._greeted.set()
        if result is not None:
            self._take(result)

    def on_binary(self, message: bytes) -> None:
        """Fails: a recogniser sends no audio."""
        self._fail(make_unreadable(self._name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fails: the vendor never ends a session that is wanted."""
        self._fail(make_closed(self._name, code))

    def _take(self, result: TranscribedResult) -> None:
        event = self._transcript.add(result)
        if event is None or self._sink is None:
            return
        if event.final:
            self._cancel_overdue()
        self._sink(event)
        if self._sink is not None and event.text and result.finished is not None:
            self._sink(TurnSignal(event.text, result.finished))

    def _expire(self) -> None:
        """The vendor may say nothing of audio without speech. Where it knows no words that may change, the text is
        what it has told; else it hangs, and the chain's deadline finds that."""
        self._overdue = None
        event = self._transcript.expire()
        if event is None and not self._reader.has_interim:
            now_ms = self._pushed / BYTES_PER_MS
            silence = TranscribedSegment(round(now_ms), "", now_ms, now_ms)
            event = self._transcript.add(TranscribedResult(silence, is_final=True, is_flushed=True))
        if event is not None and self._sink is not None:
            self._sink(event)

    def _flush(self) -> None:
        if self._unsent and self._socket is not None:
            self._socket.send_binary(bytes(self._unsent))
        self._unsent.clear()

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
        self._cancel_overdue()

    def _cancel_overdue(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
