"""SpeechToText by Google: streams of one caller, one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from media.providers.vendors.google_recognition_stream import RecognitionStream, StreamOpener
from media.providers.vendors.google_speech_pb2 import StreamingRecognizeResponse
from media.providers.vendors.google_speech_wire import StreamReader
from shared.g711 import BYTES_PER_MS
from shared.providers.errors import ProviderError, ProviderSlow
from shared.providers.segments import TranscribedResult, TurnTranscript
from shared.providers.speech import RecognisedText, TurnSignal

# The chunk that the vendor recommends: 100 ms.
CHUNK_BYTES: Final = 800
# Streams that were ended and whose last texts are on their way.
MAX_ENDING: Final = 8


@dataclass(frozen=True, slots=True)
class RenewalLimits:
    """When a stream is replaced, in seconds. The vendor ends one after 300, and one without audio after about 10.

    renew_s: from its start, at the next moment without speech; renew_anyway_s: in the middle of speech. idle_s: without
    audio. kept_s: audio of which all words are known that a new stream hears again, because a word may have begun in
    it. most_kept_s: audio of words that are not final that it hears again.
    ending_s: from the end of its audio, after which its last texts are not waited for any more.
    """

    renew_s: float = 240.0
    renew_anyway_s: float = 285.0
    idle_s: float = 8.0
    kept_s: float = 3.0
    most_kept_s: float = 60.0
    ending_s: float = 5.0


LIMITS: Final = RenewalLimits()


@dataclass(frozen=True, slots=True)
class GoogleListener:
    """How sessions are opened. make_opener: for a language; raises ProviderError. answer_s: after `finalise`, when the
    last known text is the answer if it covers the audio."""

    make_opener: Callable[[str], StreamOpener]
    answer_s: float


class GoogleSpeechToText:
    """A recogniser of one account."""

    def __init__(self, name: str, listener: GoogleListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Begins the first stream. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_opener(language))
        return session


class _Session:
    """One caller's session. A stream ends where a text is asked for, because the vendor says its last words then."""

    def __init__(self, name: str, listener: GoogleListener, sink: SpeechToTextSink) -> None:
        self._name = name
        self._limits = LIMITS
        self._answer_s = listener.answer_s
        self._opener: StreamOpener | None = None
        self._error: ProviderError | None = None
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._transcript = TurnTranscript()
        self._reader = StreamReader()
        self._streams: deque[RecognitionStream] = deque()  # the first one is read; the last one may be open
        self._sent = 0  # bytes
        self._unsent = bytearray()  # less than a chunk
        self._kept = bytearray()  # the last audio, which a new stream may have to hear again
        self._idle: asyncio.TimerHandle | None = None
        self._overdue: DeadlineTimer | None = None

    async def open(self, opener: StreamOpener) -> None:
        """Begins the first stream. Raises ProviderError, also for a key or settings that the vendor refuses."""
        self._opener, sink, self._sink = opener, self._sink, None
        try:
            await self._begin(0.0).wait_until_accepted()
        except asyncio.CancelledError:
            self._cancel_streams()
            raise
        if self._error is not None:
            raise self._error
        self._sink = sink
        self._watch_idle()

    def push(self, ulaw: bytes) -> None:
        self._unsent += ulaw
        if len(self._unsent) >= CHUNK_BYTES:
            self._flush()

    def started(self) -> None:
        """The recogniser hears by itself when somebody speaks."""

    def finalise(self, token: int) -> None:
        self._flush()
        self._transcript.finalise(token, self._sent_ms)
        self._end_stream()
        self._cancel_overdue()
        if self._streams:
            self._overdue = DeadlineTimer(self._answer_s, self._expire)
        else:
            self._loop.call_soon(self._take_end, self._sent_ms)  # all words are known

    def next_turn(self) -> None:
        self._cancel_overdue()
        self._transcript.next_turn()

    async def close(self) -> None:
        self._flush()
        self._end()
        streams, self._streams = list(self._streams), deque()
        await asyncio.gather(*(one.close() for one in streams))

    @property
    def _sent_ms(self) -> float:
        return self._sent / BYTES_PER_MS

    @property
    def _current(self) -> RecognitionStream | None:
        """The stream that takes audio."""
        return self._streams[-1] if self._streams and self._streams[-1].is_open else None

    def _flush(self) -> None:
        if not self._unsent or self._sink is None:
            return
        audio = bytes(self._unsent)
        self._unsent.clear()
        self._abandon_stuck()
        self._renew()
        current = self._current or self._begin(self._sent_ms)
        current.send(audio)
        self._sent += len(audio)
        self._keep(audio)
        self._watch_idle()
        if current.reads_nothing:
            self._fail(ProviderError(self._name, "the vendor reads nothing", cause="stalled"))

    def _begin(self, start_ms: float) -> RecognitionStream:
        assert self._opener is not None
        made = RecognitionStream(self._opener, start_ms)
        self._streams.append(made)
        if len(self._streams) == 1:
            self._reader.begin(start_ms)
        made.start(self._on_response, self._on_ended)
        return made

    def _end_stream(self) -> None:
        """The vendor hears the end of the audio; later audio goes into another stream."""
        current = self._current
        if current is not None:
            current.finish(self._sent_ms)
            self._kept.clear()
        if len(self._streams) > MAX_ENDING:
            self._fail(ProviderSlow(self._name, f"the last texts of {MAX_ENDING} streams do not come"))

    def _keep(self, audio: bytes) -> None:
        """Keeps what a new stream would have to hear: from the last final word on, or a little before now."""
        self._kept += audio
        most_s = self._limits.most_kept_s if self._reader.is_pending else self._limits.kept_s
        wanted_ms = min(most_s * 1_000, max(0.0, self._sent_ms - self._reader.settled_ms))
        del self._kept[: max(0, len(self._kept) - round(wanted_ms * BYTES_PER_MS))]

    def _renew(self) -> None:
        """Replaces a stream before the vendor ends it. The new one hears again what has no final words yet."""
        current = self._current
        if current is None or len(self._streams) > 1:
            return
        age_s = self._loop.time() - current.began_at
        is_quiet = age_s >= self._limits.renew_s and not self._reader.is_pending
        if not is_quiet and age_s < self._limits.renew_anyway_s:
            return
        current.cancel()
        self._streams.clear()
        kept = bytes(self._kept)
        self._begin((self._sent - len(kept)) / BYTES_PER_MS).send(kept)

    def _watch_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(self._limits.idle_s, self._end_stream)

    def _on_response(self, stream: RecognitionStream, response: StreamingRecognizeResponse) -> None:
        """Takes what the first stream tells; that of later ones waits until it has ended."""
        if self._streams and stream is self._streams[0]:
            for result in self._reader.read(response, stream.start_ms, was_asked=not stream.is_open):
                self._take(result)
        else:
            stream.held.append(response)

    def _on_ended(self, stream: RecognitionStream, error: ProviderError | None) -> None:
        if error is not None:
            self._fail(error)
            return
        while self._streams and self._streams[0].has_ended:
            ended = self._streams.popleft()
            self._take_end(ended.end_ms)
            if self._streams:
                self._begin_reading(self._streams[0])

    def _abandon_stuck(self) -> None:
        """Reads on behind a stream whose end does not come."""
        while len(self._streams) > 1 and self._streams[0].waited_s >= self._limits.ending_s:
            stuck = self._streams.popleft()
            stuck.cancel()
            self._take_end(stuck.end_ms)
            self._begin_reading(self._streams[0])

    def _begin_reading(self, stream: RecognitionStream) -> None:
        self._reader.begin(stream.start_ms)
        held, stream.held = stream.held, []
        for response in held:
            self._on_response(stream, response)

    def _take_end(self, end_ms: float) -> None:
        self._take(self._reader.end(end_ms))

    def _take(self, result: TranscribedResult) -> None:
        event = self._transcript.add(result)
        self._report(event)
        if event is not None and event.text and (result.finished is not None or result.has_resumed):
            self._signal(TurnSignal(event.text, result.finished, resumed=result.has_resumed))

    def _signal(self, signal: TurnSignal) -> None:
        if self._sink is not None:
            self._sink(signal)

    def _expire(self) -> None:
        self._overdue = None
        self._report(self._transcript.expire())

    def _report(self, event: RecognisedText | None) -> None:
        if event is None or self._sink is None:
            return
        if event.final:
            self._cancel_overdue()
        self._sink(event)

    def _fail(self, error: ProviderError) -> None:
        sink = self._sink
        self._error = error
        self._end()
        self._cancel_streams()
        if sink is not None:
            sink(SpeechToTextFailed(error))

    def _cancel_streams(self) -> None:
        for stream in self._streams:
            stream.cancel()
        self._streams.clear()

    def _end(self) -> None:
        """No event follows."""
        self._sink = None
        self._cancel_overdue()
        if self._idle is not None:
            self._idle.cancel()

    def _cancel_overdue(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
