"""Vendor `azure-speech`: Azure's recognizer and voices over WebSockets, with mu-law at 8 kHz throughout. Its models are
of vendor `openai`.

TextToSpeech by Azure: each utterance takes a warm connection and gives it back.

SpeechToText by Azure: one WebSocket for each caller, which is replaced before the service ends it.

One session's audio, cut into requests of Azure's recognizer at the positions where a text is asked for; pure.

Only the end of its audio makes the recognizer answer at once, and it takes the next request's audio after the answer.
So audio waits meanwhile. What was sent and not recognized yet is kept: if the service ends a request by itself, or the
connection is replaced, it is sent again.
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

# A connection on which a stopped turn does not end within this is closed.
STOP_S: Final = 1.0


class AzureVoiceConnection:
    """One WebSocket, and its handler; used by one utterance at a time."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._utterance: ContextUtterance[AzureMessage] | None = None
        self._stopping_id = ""
        self._stopped = asyncio.Event()

    @classmethod
    async def open(cls, target: SocketTarget) -> "AzureVoiceConnection":
        """Connect. Raises ProviderError."""
        made = cls(target.provider)
        try:
            made._socket = await VendorSocket.open(target, made)
        except ProviderError as error:
            raise refine_refusal(error) from None
        made.send(make_config())
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._socket is not None and self._socket.is_open

    def use(self, utterance: ContextUtterance[AzureMessage]) -> None:
        """Give what comes from now on to this utterance."""
        self._utterance = utterance

    def release(self, unfinished_id: str) -> None:
        """Drop what still comes. unfinished_id: the turn that the service has not ended; empty for none."""
        self._utterance, self._stopping_id = None, unfinished_id
        self._stopped.clear()

    async def wait_stopped(self) -> bool:
        """Wait for the end of the turn that was stopped. Return whether the connection can be used again."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return self.is_open

    def send(self, message: bytes) -> None:
        """Send a message, unless it is empty."""
        if message and self._socket is not None:
            self._socket.send_text(message)

    def abort(self) -> None:
        """End it at once."""
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Close it; idempotent."""
        if self._socket is not None:
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Read a message."""
        self._read(read_text, message)

    def on_binary(self, message: bytes) -> None:
        """Read audio."""
        self._read(read_binary, message)

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the utterance."""
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
    """A voice. make_turns: those of an utterance in a language; raises ProviderError for one that the voice does not
    speak."""

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
        self._connections.prepare()  # one is ready for the next caller's first word
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
        """Stop what is not spoken yet, and give the connection back once the service has ended the turn."""
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


# The official SDKs' message: 100 ms. The service takes 8 KB at most.
CHUNK_BYTES: Final = 800
MOST_BYTES: Final = 8_000
# So much that was not recognized is kept; a phrase of the service is shorter.
MOST_KEPT_BYTES: Final = 60_000 * BYTES_PER_MS
# Hypotheses come about each 300 ms: audio that is older than this, and has none, has no words.
SUPPOSED_BYTES: Final = 5_000 * BYTES_PER_MS


@dataclass(slots=True)
class _Request:
    """sent_from: position of `sent`, the audio of the request that no phrase covers. began: position of its first
    audio. end: where a text was asked for; None while more audio follows."""

    request_id: str
    began: int
    sent_from: int
    sent: bytearray = field(default_factory=bytearray)
    end: int | None = None


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request that the service has ended. position_ms: up to which it was asked for a text; None: it ended by itself.
    length_ms: of its audio."""

    position_ms: float | None
    length_ms: float


class AudioRequests:
    """Positions are bytes of the session's audio. context: body of `speech.context`. make_id: a new id of a request at
    each call. send_text, send_binary: to the current connection."""

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
        self._ends: deque[int] = deque()  # positions of texts that are to be asked for

    @property
    def position_ms(self) -> float:
        """All audio so far."""
        return self._position / BYTES_PER_MS

    @property
    def is_asked(self) -> bool:
        """Whether the service owes a text."""
        return self._request is not None and self._request.end is not None

    @property
    def began_ms(self) -> float:
        """Where the request's audio begins."""
        return self._request.began / BYTES_PER_MS if self._request is not None else 0.0

    def is_current(self, request_id: str) -> bool:
        """Whether a message belongs to the request that runs."""
        return self._request is not None and self._request.request_id == request_id

    def push(self, ulaw: bytes) -> None:
        """Send the audio, or keep it until the service takes it."""
        self._waiting += ulaw
        self._send()

    def ask(self) -> bool:
        """Ask for the text of all audio. False: there is nothing that the service has not answered."""
        if self._request is None and not self._waiting:
            return False
        is_asked_already = self._position in self._ends or (self.is_asked and not self._waiting)
        if not is_asked_already:
            self._ends.append(self._position)
            self._send()
        return True

    def recognize(self, until_ms: float) -> None:
        """Audio up to this position is recognized for good."""
        if self._request is None:
            return
        self._drop(self._request, round(until_ms * BYTES_PER_MS) - self._request.sent_from)

    def end(self) -> EndedRequest | None:
        """The service has ended the request; the next one begins."""
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
        """Send what waits."""
        self._send()

    def flush(self) -> None:
        """Send what is less than a chunk, unless the service owes a text."""
        if self._request is not None and self._request.end is None and self._waiting and not self._ends:
            self._send_audio(self._request, len(self._waiting))

    def restart(self) -> None:
        """The connection is another one: what the old one has not recognized is sent again. Not while it supposes a
        word: so the latest audio is enough."""
        if self._request is not None:
            self._drop(self._request, len(self._request.sent) - SUPPOSED_BYTES)
            self._take_back(self._request)
        self._send()

    @property
    def is_stuck(self) -> bool:
        """Whether more audio waits for the service than it could still be told in time."""
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
        """Send whole chunks, or what is left before the end of a request."""
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
        """Send so much of what waits, and keep it until it is recognized."""
        for at in range(0, length, MOST_BYTES):
            self._send_binary(make_audio(request.request_id, bytes(self._waiting[at : min(length, at + MOST_BYTES)])))
        request.sent += self._waiting[:length]
        del self._waiting[:length]
        self._waiting_from += length
        self._drop(request, len(request.sent) - MOST_KEPT_BYTES)

    @staticmethod
    def _drop(request: _Request, length: int) -> None:
        """Forget so much of the request's oldest audio; less than 0 is nothing, and more than there is all."""
        dropped = max(0, min(length, len(request.sent)))
        del request.sent[:dropped]
        request.sent_from += dropped


# The service ends each connection after 600 s. From here on another one is opened, and takes over at the next pause.
RENEW_S: Final = 480.0
# A renewal that failed is tried again after so long.
RETRY_S: Final = 10.0
# A request that ends by itself so soon, twice without a phrase between, would be sent again for ever.
LEAST_REQUEST_MS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class AzureListener:
    """How sessions are opened. make_settings: for a language; raises ProviderError for one that the service does not
    know. make_target: an address, with a new id of the connection. make_id: of a request. renew_s: age of a connection
    at which it is replaced."""

    make_settings: Callable[[str], ListenSettings]
    make_target: Callable[[ListenSettings], SocketTarget]
    make_id: Callable[[], str]
    renew_s: float = RENEW_S


class AzureSpeechToText:
    """A recognizer of one resource; opens a connection for each session."""

    def __init__(self, name: str, listener: AzureListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connect. Raises ProviderError."""
        settings = self._listener.make_settings(language)
        session = _Session(self.name, self._listener, settings, sink)
        await session.open()
        return session


class _Link:
    """One connection of a session, and its socket's handler."""

    def __init__(self, session: "_Session") -> None:
        self._session = session
        self._error: ProviderError | None = None
        self.socket: VendorSocket | None = None

    @classmethod
    async def open(cls, session: "_Session", target: SocketTarget) -> "_Link":
        """Connect. Raises ProviderError."""
        made = cls(session)
        try:
            made.socket = await VendorSocket.open(target, made)
        except ProviderError as error:  # the vendor may have said why before it closed
            raise made._error or refine_refusal(error) from None
        made.socket.send_text(make_config())
        return made

    def on_text(self, message: bytes) -> None:
        """Hand it on."""
        self._session.hear(self, message)

    def on_binary(self, message: bytes) -> None:
        """Fail: a recognizer sends no audio."""
        self._break(make_unreadable(self._session.name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the session, if it uses this connection."""
        self._break(make_closed(self._session.name, code, reason))

    def _break(self, error: ProviderError) -> None:
        self._error = self._error or error
        self._session.break_link(self, error)


class _Session:
    """One caller's session."""

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
        """Connect. Raises ProviderError."""
        self._link = await _Link.open(self, self._listener.make_target(self._settings))
        self._renew_after(self._listener.renew_s)

    def push(self, ulaw: bytes) -> None:
        if self._sink is None:
            return
        self._requests.push(ulaw)
        if self._requests.is_stuck:
            self._fail(ProviderSlow(self.name, "it ends no request"))

    def started(self) -> None:
        """The recognizer hears by itself when somebody speaks."""

    def finalize(self, token: int) -> None:
        """The end of the request's audio makes the service answer at once."""
        self._transcript.finalize(token, self._requests.position_ms)
        if not self._requests.ask():
            self._loop.call_soon(self._take, self._reader.make_end(self._requests.position_ms))

    def next_turn(self) -> None:
        self._transcript.next_turn()

    async def close(self) -> None:
        self._requests.flush()  # has been metered
        sockets = [link.socket for link in (self._link, self._next) if link is not None and link.socket is not None]
        self._end()
        await asyncio.gather(*(socket.close() for socket in sockets), *self._tasks, return_exceptions=True)

    def hear(self, link: _Link, message: bytes) -> None:
        """Take a message of a connection: what it says of the request that runs."""
        if link is not self._link:
            return
        try:
            self._read(read_text(self.name, message))
        except ProviderError as error:
            self._fail(error.with_answer(message))

    def break_link(self, link: _Link, error: ProviderError) -> None:
        """A connection cannot be used any more."""
        if link is self._next:
            self._next = None
            self._renew_after(RETRY_S)
        elif link is self._link:
            self._fail(error)

    def _read(self, message: AzureMessage) -> None:
        """Raises ProviderError."""
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
        """Raises ProviderError for a service that ends requests as soon as they begin."""
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
        """Open the connection that takes over; the old one goes on if that fails."""
        try:
            self._next = await _Link.open(self, self._listener.make_target(self._settings))
        except ProviderError:
            self._renew_after(RETRY_S)
            return
        self._replace_link()

    def _replace_link(self) -> None:
        """Change to the new connection, unless the old one owes a text or has words that may change."""
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
        """No event follows."""
        self._sink = self._link = self._next = None
        if self._renewal is not None:
            self._renewal.cancel()
        for task in self._tasks:
            task.cancel()


# The service ends a connection that is idle for 180 s, and any after 600 s.
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
    """All calls with the same resource share their connections."""
    options: AzureTextToSpeechOptions = setup.options
    voice = make_voice(options, setup.phonemes)

    def make_turns(language: str) -> SpokenTurns:
        locale = require_locale(setup.name, language)
        if not voice.speaks(locale):
            reason = f"{options.voice_id} speaks no {locale!r}"
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
    """A model of one's own has its own price, and languages that are told apart cost an add-on."""
    if options.endpoint_id:
        return f"{options.model}-custom"
    return f"{options.model}-languages" if len(options.languages) > 1 else options.model


def _tts_model(options: AzureTextToSpeechOptions) -> str:
    """Voices are priced by their kind; that of an HD voice is in its name."""
    return "neural-hd" if ":" in options.voice_id else options.model


# pipecat's table of STT services (1.14) has 1.8 s as the p99 of final texts, with the vendor's own ends of phrases.
# Ours are asked for, so that the usual time is that of the others; the p99 holds until it is learned.
_STT_WAIT: Final = UsualWait(0.4, 1.8)
# The vendor names no time to the first audio, so that the bound of all deadlines holds until it is learned.
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
