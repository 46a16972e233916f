"""Media adapter for `azure-speech`: Azure's recognizer and voices over WebSockets, with mu-law at 8 kHz.

Azure's language models use vendor `openai`.

Each utterance of a voice takes an open connection and returns it afterwards. Each caller has one recognizer connection,
which is replaced before the service ends it.

The recognizer's audio is split into requests where a text is needed, because only the end of a request's audio makes
the recognizer answer at once. It accepts the next request's audio after the answer, so new audio waits until then.
Unrecognized audio is kept, and sent again if the service ends a request early or the connection is replaced.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from media.providers.context_voice import ContextUtterance
from media.providers.ports import SpeechToTextEvent, SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.g711 import BYTES_PER_MS
from shared.providers.errors import ProviderError, ProviderSlow, make_unreadable
from shared.providers.segments import TranscribedResult, TurnTranscript
from shared.providers.speech import SpeechChunk
from vendors.azure_speech.facts import (
    FACTS,
    AzureSpeechToTextOptions,
    AzureTextToSpeechOptions,
)
from vendors.azure_speech.wire import LISTEN_PATH as LISTEN_PATH
from vendors.azure_speech.wire import SPEAK_PATH as SPEAK_PATH
from vendors.azure_speech.wire import (
    WAV,
    AzureMessage,
    ListenSettings,
    PhraseReader,
    SpokenTurns,
    make_audio,
    make_closed,
    make_config,
    make_context,
    make_headers,
    make_listen_settings,
    make_listen_url,
    make_speak_url,
    make_text,
    make_voice,
    make_wav_header,
    read_binary,
    read_text,
    refine_refusal,
    require_locale,
)

# If a stopped turn does not end within this time, its connection is closed.
STOP_S: Final = 1.0


class AzureVoiceConnection:
    """A voice connection and its event handler. One utterance uses it at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[AzureMessage] | None = None
        self._stopping_id = ""
        self._stopped = asyncio.Event()

    @classmethod
    async def open(cls, target: SocketTarget) -> "AzureVoiceConnection":
        """Connect to the service. Raises ProviderError."""
        made = cls(target.provider)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise refine_refusal(error) from None
        made.send(make_config())
        return made

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._socket.is_open

    def use(self, utterance: ContextUtterance[AzureMessage]) -> None:
        """Assign the connection to an utterance, which receives all further messages."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Detach the utterance and drop the messages that still arrive.

        Args:
            unfinished_id: The turn that the service has not ended; empty if there is none.
        """
        self._utterance, self._stopping_id = None, unfinished_id
        self._stopped.clear()

    async def wait_stopped(self) -> bool:
        """Wait for the end of the stopped turn. Return whether the connection can be used again."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return self.is_open

    def send(self, message: bytes) -> None:
        """Send the message if it is not empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """Close the connection without a handshake."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        self._read(read_text, message)

    def on_binary(self, message: bytes) -> None:
        self._read(read_binary, message)

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the current utterance."""
        self._stopped.set()
        if self._utterance is not None:
            self._utterance.fail(make_closed(self._provider, code, reason))

    def _read(self, read: Callable[[str, bytes], AzureMessage], message: bytes) -> None:
        try:
            found = read(self._provider, message)
            if found.path == "turn.end" and found.request_id == self._stopping_id:
                self._stopped.set()
            if self._utterance is not None:
                self._utterance.take(found)
        except ProviderError as error:
            if self._utterance is not None:
                self._utterance.fail(error.with_answer(message))


class AzureTextToSpeech:
    """A voice on one Azure resource.

    Args:
        make_turns: Makes the turns of an utterance in a language. Raises ProviderError if the voice does not speak it.
    """

    streams_text = False
    times_words = True

    def __init__(
        self,
        name: str,
        connections: WarmConnections[AzureVoiceConnection],
        make_turns: Callable[[str], SpokenTurns],
    ) -> None:
        self.name = name
        self._connections = connections
        self._make_turns = make_turns

    def prepare(self) -> None:
        """Connect in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak whole clauses or sentences. Raises ProviderError."""
        turns = self._make_turns(language)
        connection = await self._connections.take()
        self._connections.prepare()  # keeps a connection ready for the next caller's first word
        utterance = ContextUtterance(self.name, connection, turns)
        connection.use(utterance)
        reader = asyncio.create_task(utterance.read(text))
        try:
            while (chunk := await utterance.next_chunk()) is not None:
                yield chunk
            await reader
        finally:
            self._release(connection, turns, utterance)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def _release(
        self, connection: AzureVoiceConnection, turns: SpokenTurns, utterance: ContextUtterance[AzureMessage]
    ) -> None:
        """Stop the rest of the utterance, and return the connection once the service has ended the turn."""
        if utterance.is_suspect:
            self._connections.distrust()
        connection.release(turns.unfinished_id)
        if not utterance.stop():
            connection.abort()
            self._connections.give_back(connection, reusable=False)
        elif turns.unfinished_id:
            self._connections.give_back_when(connection, connection.wait_stopped())
        else:
            self._connections.give_back(connection)


# The official SDKs send 100 ms per message. The service accepts up to 8 KB.
CHUNK_BYTES: Final = 800
MOST_BYTES: Final = 8_000
# Maximum of unrecognized audio that is kept. A phrase of the service is shorter.
MOST_KEPT_BYTES: Final = 60_000 * BYTES_PER_MS
# Hypotheses arrive about every 300 ms. Audio older than this without a hypothesis contains no words.
SUPPOSED_BYTES: Final = 5_000 * BYTES_PER_MS


@dataclass(slots=True)
class _Request:
    """A recognition request. Positions are bytes of the session's audio.

    Attributes:
        began: Position of the request's first audio.
        sent_from: Position of `sent`.
        sent: Audio that was sent and that no phrase covers yet.
        end: Position where a text was requested. None while more audio follows.
    """

    request_id: str
    began: int
    sent_from: int
    sent: bytearray = field(default_factory=bytearray)
    end: int | None = None


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request that the service has ended.

    Attributes:
        position_ms: The position up to which a text was requested. None if the service ended the request by itself.
        length_ms: Length of the request's audio.
    """

    position_ms: float | None
    length_ms: float


class AudioRequests:
    """Splits a session's audio into requests. Positions are bytes of the session's audio.

    Args:
        context: Body of `speech.context`.
        make_id: Returns a new request id for each call.
        send_text: Sends a text message on the current connection.
        send_binary: Sends a binary message on the current connection.
    """

    def __init__(
        self,
        context: bytes,
        make_id: Callable[[], str],
        send_text: Callable[[bytes], None],
        send_binary: Callable[[bytes], None],
    ) -> None:
        self._context = context
        self._make_id = make_id
        self._send_text, self._send_binary = send_text, send_binary
        self._request: _Request | None = None
        self._waiting = bytearray()
        self._waiting_from = 0
        self._ends: deque[int] = deque()  # positions at which a text will be requested

    @property
    def position_ms(self) -> float:
        """Length of all audio received so far."""
        return self._position / BYTES_PER_MS

    @property
    def is_asked(self) -> bool:
        """Whether the service still has to answer a request for a text."""
        return self._request is not None and self._request.end is not None

    @property
    def began_ms(self) -> float:
        """Start of the current request's audio."""
        return self._request.began / BYTES_PER_MS if self._request is not None else 0.0

    def is_current(self, request_id: str) -> bool:
        """Return whether a message belongs to the current request."""
        return self._request is not None and self._request.request_id == request_id

    def push(self, ulaw: bytes) -> None:
        """Send the audio, or keep it until the service accepts it."""
        self._waiting += ulaw
        self._send()

    def ask(self) -> bool:
        """Request the text of all audio. Return False if the service has already answered for all of it."""
        if self._request is None and not self._waiting:
            return False
        is_asked_already = self._position in self._ends or (self.is_asked and not self._waiting)
        if not is_asked_already:
            self._ends.append(self._position)
            self._send()
        return True

    def recognize(self, until_ms: float) -> None:
        """Drop the kept audio before this position, because its text is final."""
        if self._request is None:
            return
        self._drop(self._request, round(until_ms * BYTES_PER_MS) - self._request.sent_from)

    def end(self) -> EndedRequest | None:
        """Close the current request after the service has ended it, so that the next request can begin."""
        request = self._request
        if request is None:
            return None
        length_ms = (request.sent_from + len(request.sent) - request.began) / BYTES_PER_MS
        if request.end is None:
            self._take_back(request)
            return EndedRequest(None, length_ms)
        self._request = None
        return EndedRequest(request.end / BYTES_PER_MS, length_ms)

    def resume(self) -> None:
        """Send the waiting audio."""
        self._send()

    def flush(self) -> None:
        """Send audio shorter than a chunk, unless an answer is awaited."""
        if self._request is not None and self._request.end is None and self._waiting and not self._ends:
            self._send_audio(self._request, len(self._waiting))

    def restart(self) -> None:
        """Resume on a new connection by sending the unrecognized audio again.

        The old connection must have no hypothesis. Audio older than SUPPOSED_BYTES then contains no words and is
        dropped.
        """
        if self._request is not None:
            self._drop(self._request, len(self._request.sent) - SUPPOSED_BYTES)
            self._take_back(self._request)
        self._send()

    @property
    def is_stuck(self) -> bool:
        """Whether more audio waits than the service could still process in time."""
        return len(self._waiting) > MOST_KEPT_BYTES

    @property
    def _position(self) -> int:
        return self._waiting_from + len(self._waiting)

    def _take_back(self, request: _Request) -> None:
        self._waiting[:0] = request.sent
        self._waiting_from -= len(request.sent)
        if request.end is not None:
            self._ends.appendleft(request.end)
        self._request = None

    def _send(self) -> None:
        """Send whole chunks, or the remaining audio before the end of a request."""
        if self.is_asked:
            return
        end = self._ends[0] if self._ends else None
        length = len(self._waiting) if end is None else end - self._waiting_from
        if end is None and length < CHUNK_BYTES:
            return
        request = self._request or self._begin()
        self._send_audio(request, length)
        if end is not None:
            self._ends.popleft()
            request.end = end
            self._send_binary(make_audio(request.request_id, b""))

    def _begin(self) -> _Request:
        request = self._request = _Request(self._make_id(), self._waiting_from, self._waiting_from)
        self._send_text(make_text("speech.context", request.request_id, self._context))
        self._send_binary(make_audio(request.request_id, make_wav_header(), WAV))
        return request

    def _send_audio(self, request: _Request, length: int) -> None:
        """Send the first `length` waiting bytes, and keep them until they are recognized."""
        for at in range(0, length, MOST_BYTES):
            self._send_binary(make_audio(request.request_id, bytes(self._waiting[at : min(length, at + MOST_BYTES)])))
        request.sent += self._waiting[:length]
        del self._waiting[:length]
        self._waiting_from += length
        self._drop(request, len(request.sent) - MOST_KEPT_BYTES)

    @staticmethod
    def _drop(request: _Request, length: int) -> None:
        """Drop up to `length` bytes of the request's oldest audio. A negative length drops nothing."""
        dropped = max(0, min(length, len(request.sent)))
        del request.sent[:dropped]
        request.sent_from += dropped


# The service ends each connection after 600 s. At this age a new connection is opened, which takes over at the next
# pause.
RENEW_S: Final = 480.0
# Delay before a failed renewal is repeated.
RETRY_S: Final = 10.0
# If two requests in a row end by themselves below this length and without a phrase, the session fails. Otherwise their
# audio would be sent again forever.
LEAST_REQUEST_MS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class AzureListener:
    """How sessions are opened.

    Attributes:
        make_settings: Makes the settings for a language. Raises ProviderError if the service does not support it.
        make_target: Makes a URL and headers with a new connection id.
        make_id: Returns a new request id.
        renew_s: Age of a connection at which it is replaced.
    """

    make_settings: Callable[[str], ListenSettings]
    make_target: Callable[[ListenSettings], SocketTarget]
    make_id: Callable[[], str]
    renew_s: float = RENEW_S


class AzureSpeechToText:
    """A recognizer on one Azure resource. Each session opens its own connection."""

    def __init__(self, name: str, listener: AzureListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session for one caller. Raises ProviderError."""
        settings = self._listener.make_settings(language)
        session = _Session(self.name, self._listener, settings, sink)
        await session.open()
        return session


class _Link:
    """A connection of a session, and the handler of its socket."""

    def __init__(self, session: "_Session") -> None:
        self._session = session
        self._error: ProviderError | None = None
        self.socket: VendorSocket | None = None

    @classmethod
    async def open(cls, session: "_Session", target: SocketTarget) -> "_Link":
        """Connect to the service. Raises ProviderError."""
        made = cls(session)
        try:
            made.socket = await VendorSocket.open(target, made)
        except ProviderError as error:  # the vendor may have sent an error before it closed
            raise made._error or refine_refusal(error) from None
        made.socket.send_text(make_config())
        return made

    def on_text(self, message: bytes) -> None:
        """Pass the message to the session."""
        self._session.hear(self, message)

    def on_binary(self, message: bytes) -> None:
        """Fail the session, because a recognizer sends no binary messages."""
        self._break(make_unreadable(self._session.name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the session if this is its current connection."""
        self._break(make_closed(self._session.name, code, reason))

    def _break(self, error: ProviderError) -> None:
        self._error = self._error or error
        self._session.break_link(self, error)


class _Session:
    """A caller's recognition session."""

    def __init__(self, name: str, listener: AzureListener, settings: ListenSettings, sink: SpeechToTextSink) -> None:
        self.name = name
        self._listener = listener
        self._settings = settings
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._loop = asyncio.get_running_loop()
        self._reader = PhraseReader(name)
        self._transcript = TurnTranscript()
        context = msgspec.json.encode(make_context(settings))
        self._requests = AudioRequests(context, listener.make_id, self._send_text, self._send_binary)
        self._link: _Link | None = None
        self._next: _Link | None = None  # takes over at the next pause
        self._renewal: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._was_short = False

    async def open(self) -> None:
        """Open the first connection. Raises ProviderError."""
        self._link = await _Link.open(self, self._listener.make_target(self._settings))
        self._renew_after(self._listener.renew_s)

    def push(self, ulaw: bytes) -> None:
        if self._sink is None:
            return
        self._requests.push(ulaw)
        if self._requests.is_stuck:
            self._fail(ProviderSlow(self.name, "it ends no request"))

    def started(self) -> None:
        """Do nothing, because the recognizer detects speech by itself."""

    def finalize(self, token: int) -> None:
        """End the current request's audio, which makes the service answer at once."""
        self._transcript.finalize(token, self._requests.position_ms)
        if not self._requests.ask():
            self._loop.call_soon(self._take, self._reader.make_end(self._requests.position_ms))

    def next_turn(self) -> None:
        self._transcript.next_turn()

    async def close(self) -> None:
        self._requests.flush()  # the audio was already metered
        sockets = [link.socket for link in (self._link, self._next) if link is not None and link.socket is not None]
        self._end()
        await asyncio.gather(*(socket.close() for socket in sockets), *self._tasks, return_exceptions=True)

    def hear(self, link: _Link, message: bytes) -> None:
        """Process a message if it comes from the current connection."""
        if link is not self._link:
            return
        try:
            self._read(read_text(self.name, message))
        except ProviderError as error:
            self._fail(error.with_answer(message))

    def break_link(self, link: _Link, error: ProviderError) -> None:
        """Handle a broken connection: fail the session, or retry if the connection was a replacement."""
        if link is self._next:
            self._next = None
            self._renew_after(RETRY_S)
        elif link is self._link:
            self._fail(error)

    def _read(self, message: AzureMessage) -> None:
        """Process a message of the current request. Raises ProviderError."""
        if not self._requests.is_current(message.request_id):
            return
        if message.path == "turn.end":
            self._end_request()
        else:
            result = self._reader.read(message, self._requests.began_ms)
            if result is not None:
                self._add(result)
        self._replace_link()

    def _add(self, result: TranscribedResult) -> None:
        if result.is_final:
            self._requests.recognize(result.segment.end_ms)
            self._was_short = self._was_short and not result.segment.text
        self._take(result)

    def _end_request(self) -> None:
        """Process the end of a request. Raises ProviderError if the service repeatedly ends requests at once."""
        ended = self._requests.end()
        self._reader.begin()
        if ended is None:
            return
        if ended.position_ms is not None:
            self._take(self._reader.make_end(ended.position_ms))
        elif ended.length_ms < LEAST_REQUEST_MS and self._was_short:
            raise ProviderError(self.name, "requests are ended at once", cause="cut")
        self._was_short = ended.position_ms is None and ended.length_ms < LEAST_REQUEST_MS
        self._requests.resume()

    def _take(self, result: TranscribedResult) -> None:
        event = self._transcript.add(result)
        if event is not None:
            self._report(event)

    def _report(self, event: SpeechToTextEvent) -> None:
        if self._sink is not None:
            self._sink(event)

    def _send_text(self, message: bytes) -> None:
        if self._link is not None and self._link.socket is not None:
            self._link.socket.send_text(message)

    def _send_binary(self, message: bytes) -> None:
        if self._link is not None and self._link.socket is not None:
            self._link.socket.send_binary(message)

    def _renew_after(self, seconds: float) -> None:
        if self._sink is not None:
            self._renewal = self._loop.call_later(seconds, lambda: self._start(self._renew()))

    async def _renew(self) -> None:
        """Open the replacement connection. If this fails, the old connection stays in use."""
        try:
            self._next = await _Link.open(self, self._listener.make_target(self._settings))
        except ProviderError:
            self._renew_after(RETRY_S)
            return
        self._replace_link()

    def _replace_link(self) -> None:
        """Switch to the new connection, unless the old connection owes a text or has words that may change."""
        if self._next is None or self._link is None or self._requests.is_asked or self._reader.has_interim:
            return
        old, self._link, self._next = self._link, self._next, None
        self._reader.begin()
        self._requests.restart()
        self._renew_after(self._listener.renew_s)
        if old.socket is not None:
            self._start(old.socket.close())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail(self, error: ProviderError) -> None:
        sink, sockets = self._sink, [link.socket for link in (self._link, self._next) if link is not None]
        self._end()
        for socket in sockets:
            if socket is not None:
                socket.abort()
        if sink is not None:
            sink(SpeechToTextFailed(error))

    def _end(self) -> None:
        """Stop the session; its sink receives no further event."""
        self._sink = self._link = self._next = None
        if self._renewal is not None:
            self._renewal.cancel()
        for task in self._tasks:
            task.cancel()


# The service ends idle connections after 180 s and all connections after 600 s.
_MAX_AGE_S: Final = 170.0


def _make_id() -> str:
    return uuid.uuid4().hex


def _make_stt(setup: ProviderSetup) -> AzureSpeechToText:
    options: AzureSpeechToTextOptions = setup.options

    def make_settings(language: str) -> ListenSettings:
        return make_listen_settings(setup.name, options, language)

    def make_target(settings: ListenSettings) -> SocketTarget:
        return _make_target(setup, make_listen_url(options, settings))

    return AzureSpeechToText(setup.name, AzureListener(make_settings, make_target, _make_id))


def _make_tts(setup: ProviderSetup) -> AzureTextToSpeech:
    """Make a voice. All calls with the same resource share their connections."""
    options: AzureTextToSpeechOptions = setup.options
    voice = make_voice(options, setup.phonemes)

    def make_turns(language: str) -> SpokenTurns:
        locale = require_locale(setup.name, language)
        if not voice.speaks(locale):
            reason = f"{options.voice_id} does not support {locale!r}"
            raise ProviderError(setup.name, reason, retryable=False, cause="refused")
        return SpokenTurns(setup.name, voice, locale, _make_id)

    def make_connections() -> WarmConnections[AzureVoiceConnection]:
        return WarmConnections(
            lambda: AzureVoiceConnection.open(_make_target(setup, make_speak_url(options))),
            max_idle=options.max_idle,
            max_age_s=_MAX_AGE_S,
        )

    account = (options.api_key, options.region, options.base_url, options.endpoint_id, options.connect_s)
    key = (_make_tts, setup.name, msgspec.json.encode(account), options.max_idle, setup.guarded)
    connections = setup.resources.share_account(key, make_connections, WarmConnections.close)
    return AzureTextToSpeech(setup.name, connections, make_turns)


def _make_target(setup: ProviderSetup, url: str) -> SocketTarget:
    return setup.make_target(url, make_headers(setup.options.api_key, _make_id()))


def _stt_model(options: AzureSpeechToTextOptions) -> str:
    """Return the model for pricing. A custom model has its own price, and language detection costs extra."""
    if options.endpoint_id:
        return f"{options.model}-custom"
    return f"{options.model}-languages" if len(options.languages) > 1 else options.model


def _tts_model(options: AzureTextToSpeechOptions) -> str:
    """Return the model for pricing. HD voices have their own price and a colon in their name."""
    return "neural-hd" if ":" in options.voice_id else options.model


# pipecat's table of STT services (1.14) lists a p99 of 1.8 s for final texts, with phrase ends that the vendor detects.
# We request the ends, so the usual time equals that of other vendors. The p99 is used until measured values exist.
_STT_WAIT: Final = UsualWait(0.4, 1.8)
# The vendor publishes no time to the first audio, so the upper limit of all deadlines is used until measured values
# exist.
_TTS_WAIT: Final = UsualWait(0.25, 0.9)


def _stt_wait(options: AzureSpeechToTextOptions) -> UsualWait:
    return _STT_WAIT


def _tts_wait(options: AzureTextToSpeechOptions) -> UsualWait:
    return _TTS_WAIT


_STT_REQUEST: Final = frozenset(
    {"language", "languages", "keyterm", "profanity", "segmentation", "segmentation_silence_ms"}
)
_TTS_REQUEST: Final = frozenset({"voice_id", "style", "rate", "pitch", "volume", "lexicon_url"})


VENDOR: Final = Vendor(
    "azure-speech",
    stt=Adapter(
        _make_stt,
        AzureSpeechToTextOptions,
        model=_stt_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        AzureTextToSpeechOptions,
        model=_tts_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
    ),
)
