"""Media adapter for `google-speech`: Cloud Speech-to-Text v2 and Text-to-Speech over gRPC, with mu-law at 8 kHz.

This vendor is separate from `google`, because it uses service accounts and Gemini uses API keys. A recognizer session
uses consecutive streams for one caller, each in its own task. A voice uses a stream for each stretch of text, or a
request for each clause if the voice does not stream.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from media.providers.deadline_timer import DeadlineTimer
from media.providers.grpc_calls import GrpcServer, GrpcStream, call_once
from media.providers.ports import SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from shared.g711 import BYTES_PER_MS
from shared.providers.errors import KeyRefused, ProviderError, ProviderSlow
from shared.providers.grpc_methods import GrpcAddress
from shared.providers.phonemes import NO_PHONEMES, Phonemes
from shared.providers.segments import TranscribedResult, TurnTranscript
from shared.providers.speech import RecognizedText, SpeechChunk, TurnSignal
from vendors.google_speech import google_speech_pb2 as pb
from vendors.google_speech.account import AccountInvalid, ServiceAccount, read_account
from vendors.google_speech.facts import (
    FACTS,
    FAMILIES,
    GOOGLE_RECOGNITION_URL,
    GOOGLE_VOICE_URL,
    STREAMING,
    WITHOUT_KEYTERMS,
    GoogleSpeechToTextOptions,
    GoogleTextToSpeechOptions,
)
from vendors.google_speech.google_speech_pb2 import StreamingRecognizeResponse
from vendors.google_speech.wire import (
    MESSAGE_BYTES,
    RECOGNIZE,
    SPEAK,
    SPEAK_ONCE,
    StreamReader,
    find_locale,
    find_refused_phrases,
    make_address,
    make_metadata,
    make_recognizer_config,
    make_speech_request,
    make_voice_config,
    strip_wave,
)

# If more audio than this is unsent, the vendor has stopped reading. A recognizer that takes over gets up to 60 s of
# audio (480,000 bytes) at once.
MAX_UNSENT_BYTES: Final = 1 << 20
CLOSE_S: Final = 1.0
# A refusal takes a round trip. Until then, about 100 ms of audio wait.
ACCEPTED_S: Final = 0.15

_RecognizeCall = GrpcStream[pb.StreamingRecognizeRequest, pb.StreamingRecognizeResponse]


@dataclass(frozen=True, slots=True)
class StreamOpener:
    """What all streams of a session have in common.

    Attributes:
        recognizer: Name of the recognizer resource.
    """

    provider: str
    server: GrpcServer
    account: ServiceAccount
    recognizer: str
    config: pb.StreamingRecognitionConfig
    connect_s: float


class RecognitionStream:
    """A recognition stream.

    Attributes:
        start_ms: Start of the stream's audio in the session.
        end_ms: End of the stream's audio in the session.
        held: Responses that will be read later.
    """

    def __init__(self, opener: StreamOpener, start_ms: float) -> None:
        self.start_ms = start_ms
        self.end_ms = start_ms
        self.held: list[pb.StreamingRecognizeResponse] = []
        self.began_at = asyncio.get_running_loop().time()
        self.is_open = True  # whether the stream accepts audio
        self.has_ended = False
        self._opener = opener
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()  # audio to send; empty bytes mark the end
        self._unsent_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = True
        self._finished_at: float | None = None
        self._accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(
        self,
        on_response: Callable[["RecognitionStream", pb.StreamingRecognizeResponse], None],
        on_ended: Callable[["RecognitionStream", ProviderError | None], None],
    ) -> None:
        """Open the stream.

        Args:
            on_response: Called with each response.
            on_ended: Called once at the end, unless the stream is canceled.
        """

        async def run() -> None:
            error = await self._run(on_response)
            self.has_ended, self.is_open = True, False
            if not self._accepted.done():
                self._accepted.set_result(None)
            if self._is_wanted:
                on_ended(self, error)

        self._task = asyncio.get_running_loop().create_task(run())

    async def wait_until_accepted(self) -> None:
        """Wait until the vendor accepts audio or the stream has ended."""
        await self._accepted

    def send(self, audio: bytes) -> None:
        """Queue audio for sending, without waiting."""
        self._unsent_bytes += len(audio)
        for at in range(0, len(audio), MESSAGE_BYTES):
            self._outgoing.put_nowait(audio[at : at + MESSAGE_BYTES])

    @property
    def reads_nothing(self) -> bool:
        """Whether too much audio is unsent."""
        return self._unsent_bytes > MAX_UNSENT_BYTES

    def finish(self, end_ms: float) -> None:
        """End the audio. The vendor then sends the last words and ends the stream."""
        self.end_ms, self.is_open = end_ms, False
        self._finished_at = asyncio.get_running_loop().time()
        self._outgoing.put_nowait(b"")

    @property
    def waited_s(self) -> float:
        """Time since the end of the audio was sent, in seconds; 0 before that."""
        return 0.0 if self._finished_at is None else asyncio.get_running_loop().time() - self._finished_at

    def cancel(self) -> None:
        """End the stream immediately, without callbacks."""
        self._is_wanted = self.is_open = False
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Send the queued audio and wait up to CLOSE_S for the stream's end, without callbacks."""
        self._is_wanted = False
        if self._task is None:
            return
        if self.is_open:
            self.finish(self.end_ms)
        try:
            await asyncio.wait({self._task}, timeout=CLOSE_S)
        finally:
            self._task.cancel()

    async def _run(
        self, on_response: Callable[["RecognitionStream", pb.StreamingRecognizeResponse], None]
    ) -> ProviderError | None:
        opener = self._opener
        try:
            metadata = make_metadata(opener.provider, opener.account)
            lease = await opener.server.connect(opener.provider, opener.connect_s)
            call = GrpcStream(opener.provider, lease, RECOGNIZE, metadata)
            writer = asyncio.get_running_loop().create_task(self._write(call))
            try:
                while (response := await call.read()) is not None:
                    if self._is_wanted:
                        on_response(self, response)
            finally:
                writer.cancel()
                call.cancel()
        except ProviderError as error:
            return error
        if self.is_open:
            return ProviderError(opener.provider, "the stream was ended", cause="cut")
        return None

    async def _write(self, call: _RecognizeCall) -> None:
        opener = self._opener
        try:
            await call.write(pb.StreamingRecognizeRequest(recognizer=opener.recognizer, streaming_config=opener.config))
            await call.wait_until_accepted(ACCEPTED_S)
            self._accepted.set_result(None)
            while audio := await self._outgoing.get():
                await call.write(pb.StreamingRecognizeRequest(audio=audio))
                self._unsent_bytes -= len(audio)
            await call.finish()
        except ProviderError:
            pass  # the reading side gets the error


# The vendor's recommended chunk: 100 ms.
CHUNK_BYTES: Final = 800
# Maximum number of ended streams whose last texts are awaited.
MAX_ENDING: Final = 8


@dataclass(frozen=True, slots=True)
class RenewalLimits:
    """When a stream is replaced, in seconds. The vendor ends a stream after 300 s, and after about 10 s without audio.

    Attributes:
        renew_s: Age at which a stream is replaced in the next moment without speech.
        renew_anyway_s: Age at which a stream is replaced even during speech.
        idle_s: Time without audio after which a stream is ended.
        kept_s: Length of fully recognized audio that is repeated to a new stream, because a word may have begun in it.
        most_kept_s: Maximum length of audio without final words that is repeated to a new stream.
        ending_s: How long a stream's last texts are awaited after the end of its audio.
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
    """How sessions are opened.

    Attributes:
        make_opener: Makes the stream opener for a language. Raises ProviderError.
        answer_s: How long `finalize` waits. Then the latest known text is the answer if it covers the audio.
    """

    make_opener: Callable[[str], StreamOpener]
    answer_s: float


class GoogleSpeechToText:
    """A recognizer that uses one account."""

    def __init__(self, name: str, listener: GoogleListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session. Raises ProviderError."""
        session = _Session(self.name, self._listener, sink)
        await session.open(self._listener.make_opener(language))
        return session


class _Session:
    """A caller's session. A stream ends where a text is requested, because its end makes the vendor send the last
    words.
    """

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
        self._streams: deque[RecognitionStream] = deque()  # the first stream is read; the last may be open
        self._sent = 0  # bytes sent
        self._unsent = bytearray()  # audio shorter than a chunk
        self._kept = bytearray()  # the latest audio, which a new stream may need again
        self._idle: asyncio.TimerHandle | None = None
        self._overdue: DeadlineTimer | None = None

    async def open(self, opener: StreamOpener) -> None:
        """Open the first stream. Raises ProviderError, also if the vendor refuses the key or the settings."""
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
        """Do nothing, because the recognizer detects speech by itself."""

    def finalize(self, token: int) -> None:
        self._flush()
        self._transcript.finalize(token, self._sent_ms)
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
        """The stream that accepts audio."""
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
        """End the audio of the current stream. Later audio goes to a new stream."""
        current = self._current
        if current is not None:
            current.finish(self._sent_ms)
            self._kept.clear()
        if len(self._streams) > MAX_ENDING:
            self._fail(ProviderSlow(self._name, f"the last texts of {MAX_ENDING} streams do not come"))

    def _keep(self, audio: bytes) -> None:
        """Keep the audio that a new stream would need: from the last final word on, or the last seconds."""
        self._kept += audio
        most_s = self._limits.most_kept_s if self._reader.is_pending else self._limits.kept_s
        wanted_ms = min(most_s * 1_000, max(0.0, self._sent_ms - self._reader.settled_ms))
        del self._kept[: max(0, len(self._kept) - round(wanted_ms * BYTES_PER_MS))]

    def _renew(self) -> None:
        """Replace the stream before the vendor ends it. The new stream gets the audio that has no final words yet."""
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
        """Process a response of the first stream. Responses of later streams wait until the first stream has ended."""
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
        """Skip a stream whose end is overdue, and continue with the next stream."""
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

    def _report(self, event: RecognizedText | None) -> None:
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
        """Stop the session; its sink receives no further event."""
        self._sink = None
        self._cancel_overdue()
        if self._idle is not None:
            self._idle.cancel()

    def _cancel_overdue(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


# The vendor ends a stream after 5 s without text. It may also hold back the last words until it is certain that no text
# follows.
IDLE_S: Final = 0.5
# The same limit as for voices with contexts (`context_utterance.py`).
SILENCE_S: Final = 4.0
# Time limit of a request for one clause.
ANSWER_S: Final = 10.0
# Maximum bytes of a request's text (Cloud Text-to-Speech, "Quotas and limits"), minus room for the other fields.
MAX_TEXT_BYTES: Final = 4_500

log = structlog.get_logger()
_SpeakCall = GrpcStream[pb.StreamingSynthesizeRequest, pb.StreamingSynthesizeResponse]


@dataclass(frozen=True, slots=True)
class GoogleSpeaker:
    """Settings of a voice.

    Attributes:
        find_account: Returns the account. Raises KeyRefused.
        find_voice: Returns locale and name of the voice for a language.
        speed: Relative to the voice's default.
        connect_s: Time limit for a new connection.
        phonemes: The agent's pronunciations.
    """

    server: GrpcServer
    find_account: Callable[[], ServiceAccount]
    find_voice: Callable[[str], tuple[str, str]]
    speed: float | None
    connect_s: float
    phonemes: Phonemes = NO_PHONEMES


class GoogleTextToSpeech:
    """A voice that uses one account.

    Args:
        streams: Whether the voice accepts text while it speaks.
    """

    streams_text = False
    times_words = False

    def __init__(self, name: str, speaker: GoogleSpeaker, *, streams: bool) -> None:
        self.name = name
        self._speaker = speaker
        self._streams = streams
        self._refused: frozenset[str] = frozenset()  # words whose IPA the vendor refuses
        self._preparing: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Connect in the background."""
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.get_running_loop().create_task(self._prepare())

    async def _prepare(self) -> None:
        with suppress(ProviderError):  # the next request reports the error
            await self._connect()

    async def _connect(self) -> None:
        """Ensure that a connection exists. Raises ProviderError."""
        (await self._speaker.server.connect(self.name, self._speaker.connect_s)).release()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak the text. Raises ProviderError."""
        await self._connect()  # before reading text, because text that was read counts as sent and is billed
        if not self._streams:
            async for piece in text:
                for part in split_text(piece):
                    yield SpeechChunk(await self._speak_once(part, language))
            return
        pieces = _Pieces(text)
        try:
            async with aclosing(self._speak(pieces, language)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            pieces.close()

    async def _speak(self, pieces: "_Pieces", language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak, and start again without pronunciations that the vendor refuses.

        A pronunciation with a sound that the language lacks makes the vendor refuse the whole stream, whatever its
        text.
        """
        is_mute = True
        while True:
            ipa = self._find_ipa(language)
            try:
                async with aclosing(self._utter(pieces, language, ipa)) as chunks:
                    async for chunk in chunks:
                        is_mute = False
                        yield chunk
                return
            except ProviderError as error:
                refused = find_refused_phrases(error, ipa) if is_mute else frozenset()
                if not refused:
                    raise
            self._refused |= refused
            log.warning("pronunciations.refused", provider=self.name, count=len(refused))
            pieces.rewind()

    def _find_ipa(self, language: str) -> Mapping[str, str]:
        """Return the pronunciations for the vendor, without those it has refused in this call."""
        ipa = self._speaker.phonemes.find(self._speaker.find_voice(language)[0])
        return {word: sound for word, sound in ipa.items() if word not in self._refused}

    async def _utter(
        self, pieces: "_Pieces", language: str, ipa: Mapping[str, str]
    ) -> AsyncGenerator[SpeechChunk, None]:
        utterance = _Utterance(self.name, self._speaker, language, ipa)
        reader = asyncio.get_running_loop().create_task(utterance.read(pieces))
        try:
            while (chunk := await utterance.next_chunk()) is not None:
                yield chunk
            await reader  # the text's source may have failed
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            utterance.stop()

    async def _speak_once(self, text: str, language: str) -> bytes:
        speaker = self._speaker
        request = make_speech_request(*speaker.find_voice(language), speaker.speed, text)
        metadata = make_metadata(self.name, speaker.find_account())
        lease = await speaker.server.connect(self.name, speaker.connect_s)
        answer = await call_once(self.name, lease, SPEAK_ONCE, request, metadata, timeout_s=ANSWER_S)
        return strip_wave(self.name, answer.audio_content)


class _Utterance:
    """Converts text to audio with one stream at a time. A stream ends if no text arrives for a while. Later text opens
    a new stream after the old stream's audio has arrived.
    """

    def __init__(self, provider: str, speaker: GoogleSpeaker, language: str, ipa: Mapping[str, str]) -> None:
        self._provider = provider
        self._speaker = speaker
        self._language = language
        self._ipa = ipa
        self._chunks: asyncio.Queue[SpeechChunk | ProviderError | None] = asyncio.Queue()
        self._call: _SpeakCall | None = None
        self._listener: asyncio.Task[None] | None = None

    async def read(self, pieces: "_Pieces") -> None:
        """Send the text as it arrives. An error is raised in `next_chunk`."""
        try:
            while (piece := await pieces.next(None if self._call is None else IDLE_S)) is not None:
                if piece:
                    await self._send(piece)
                else:
                    await self._end_stream()
            await self._end_stream()
        except ProviderError as error:
            self._chunks.put_nowait(error)
        finally:
            self._chunks.put_nowait(None)

    async def next_chunk(self) -> SpeechChunk | None:
        """Return the next audio; None at the end. Raises ProviderError."""
        chunk = await self._chunks.get()
        if isinstance(chunk, ProviderError):
            raise chunk
        return chunk

    def stop(self) -> None:
        """Cancel the audio that is not spoken yet."""
        if self._listener is not None:
            self._listener.cancel()
        if self._call is not None:
            self._call.cancel()

    async def _send(self, piece: str) -> None:
        parts = split_text(piece)
        if not parts:
            return
        call = self._call or await self._open()
        for part in parts:
            await call.write(pb.StreamingSynthesizeRequest(input=pb.StreamingSynthesisInput(text=part)))

    async def _open(self) -> _SpeakCall:
        speaker = self._speaker
        locale, name = speaker.find_voice(self._language)
        config = make_voice_config(locale, name, speaker.speed, self._ipa)
        metadata = make_metadata(self._provider, speaker.find_account())
        lease = await speaker.server.connect(self._provider, speaker.connect_s)
        call = self._call = GrpcStream(self._provider, lease, SPEAK, metadata)
        self._listener = asyncio.get_running_loop().create_task(self._listen(call))
        await call.write(pb.StreamingSynthesizeRequest(streaming_config=config))
        return call

    async def _end_stream(self) -> None:
        """End the current stream and wait for its last audio."""
        if self._call is not None and self._listener is not None:
            await self._call.finish()
            await asyncio.wait({self._listener})
            self._call = None

    async def _listen(self, call: _SpeakCall) -> None:
        """Receive a stream's audio. An open stream always owes audio, apart from short pauses."""
        try:
            while (response := await self._read(call)) is not None:
                if response.audio_content:
                    self._chunks.put_nowait(SpeechChunk(response.audio_content))
        except ProviderError as error:
            self._chunks.put_nowait(error)
        finally:
            call.cancel()

    async def _read(self, call: _SpeakCall) -> pb.StreamingSynthesizeResponse | None:
        try:
            async with asyncio.timeout(SILENCE_S):
                return await call.read()
        except TimeoutError:
            raise ProviderSlow(self._provider, f"nothing came for {SILENCE_S:g} s") from None


class _Pieces:
    """Text pieces that can be awaited with a time limit without losing any."""

    def __init__(self, text: AsyncIterator[str]) -> None:
        self._text = text
        self._given: list[str] = []
        self._again: deque[str] = deque()
        self._next: asyncio.Task[str | None] | None = None

    async def next(self, limit_s: float | None) -> str | None:
        """Return the next piece; empty if none arrived in time, and None at the end."""
        if self._again:
            return self._again.popleft()
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._take())
        done, _ = await asyncio.wait({self._next}, timeout=limit_s)
        if not done:
            return ""
        taken, self._next = self._next, None
        piece = taken.result()
        if piece:
            self._given.append(piece)
        return piece

    def rewind(self) -> None:
        """Return all text again from its beginning."""
        self._again = deque(self._given)

    def close(self) -> None:
        """Stop waiting for text."""
        if self._next is not None:
            self._next.cancel()

    async def _take(self) -> str | None:
        return await anext(self._text, None)


def split_text(text: str) -> list[str]:
    """Split the text into parts that fit into a request, at spaces if possible. Returns nothing for text
    without words.
    """
    if not text.strip():
        return []
    parts: list[str] = []
    while len(text.encode()) > MAX_TEXT_BYTES:
        most = len(text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"))
        at = text.rfind(" ", 0, most) + 1 or most
        parts.append(text[:at])
        text = text[at:]
    return [*parts, text] if text else parts


def _make_stt(setup: ProviderSetup) -> GoogleSpeechToText:
    options: GoogleSpeechToTextOptions = setup.options
    server = _find_server(setup, make_address(options.base_url, GOOGLE_RECOGNITION_URL, options.location))
    keyterms = () if options.model == WITHOUT_KEYTERMS else options.keyterm

    def make_opener(language: str) -> StreamOpener:
        account = _find_account(setup)
        return StreamOpener(
            provider=setup.name,
            server=server,
            account=account,
            recognizer=f"projects/{account.project}/locations/{options.location}/recognizers/_",
            config=make_recognizer_config(
                options.model,
                find_locale(options.language or language),
                keyterms,
                options.final_silence,
                punctuate=options.punctuate,
            ),
            connect_s=options.connect_s,
        )

    listener = GoogleListener(make_opener, options.answer_s)
    return GoogleSpeechToText(setup.name, listener)


def _make_tts(setup: ProviderSetup) -> GoogleTextToSpeech:
    options: GoogleTextToSpeechOptions = setup.options
    server = _find_server(setup, make_address(options.base_url, GOOGLE_VOICE_URL, options.location))

    def find_voice(language: str) -> tuple[str, str]:
        locale = find_locale(options.language or language)
        return locale, f"{locale}-{FAMILIES[options.model]}-{options.voice_id}"

    speaker = GoogleSpeaker(
        server, lambda: _find_account(setup), find_voice, options.speed, options.connect_s, setup.phonemes
    )
    return GoogleTextToSpeech(setup.name, speaker, streams=options.model == STREAMING)


def _find_server(setup: ProviderSetup, address: GrpcAddress) -> GrpcServer:
    """Return the server connections, which calls of all accounts share."""
    return setup.resources.share_account((GrpcServer, address), lambda: GrpcServer(address), GrpcServer.close)


def _find_account(setup: ProviderSetup) -> ServiceAccount:
    """Return the account of a key, which shares its token between all calls. Raises KeyRefused."""
    key: str = setup.options.api_key
    try:
        return setup.resources.share_account(
            (ServiceAccount, key), lambda: read_account(key, checks_key=False), _forget_account
        )
    except AccountInvalid as error:
        raise KeyRefused(setup.name, str(error)) from None


async def _forget_account(account: ServiceAccount) -> None:
    """Do nothing, because an account has no open resources."""


def _model(options: GoogleSpeechToTextOptions | GoogleTextToSpeechOptions) -> str:
    return options.model


# Final texts: pipecat's table of STT services (1.14) lists a p99 of 1.57 s, with ends that the vendor detects. Voices:
# no p99 is published, so the upper limit of all deadlines is used until measured values exist.
_STT_WAIT: Final = UsualWait(0.6, 1.57)
_TTS_WAIT: Final = UsualWait(0.3, 1.2)


def _stt_wait(options: GoogleSpeechToTextOptions) -> UsualWait:
    return _STT_WAIT


def _tts_wait(options: GoogleTextToSpeechOptions) -> UsualWait:
    return _TTS_WAIT


_STT_REQUEST: Final = frozenset({"language", "keyterm", "punctuate", "final_silence"})
_TTS_REQUEST: Final = frozenset({"voice_id", "language", "speed"})


VENDOR: Final = Vendor(
    "google-speech",
    stt=Adapter(
        _make_stt,
        GoogleSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        GoogleTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
    ),
)
