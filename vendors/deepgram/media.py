"""Media adapter for `deepgram`: recognizers Nova and Flux, and the voice Aura, over WebSockets with mu-law at 8 kHz.

Voice connections are kept open between speeches.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Final

import msgspec

from media.providers.recognizer_dialect import ListenRules
from media.providers.segment_dialect import SegmentDialect
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.providers.errors import ProviderError
from shared.providers.segments import TranscribedResult
from shared.providers.speech import SpeechChunk
from vendors.deepgram.facts import (
    FACTS,
    DeepgramSpeechToTextOptions,
    DeepgramTextToSpeechOptions,
)
from vendors.deepgram.wire import (
    CLEAR,
    CLOSE,
    CLOSE_STREAM,
    FLUSH_RESERVE,
    AuraSpeech,
    FlushBudget,
    ListenProtocol,
    find_protocol,
    make_error,
    make_headers,
    make_listen_url,
    make_speak_url,
    map_close,
    read_aura,
)

# If Clear is not answered within this time, the connection is closed.
CLEAR_S: Final = 1.0


class AuraConnection:
    """A voice connection and its socket handler. The connection serves one speech at a time and ignores messages
    between speeches.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._budget = FlushBudget(asyncio.get_running_loop().time)
        self._queue: asyncio.Queue[bytes | ProviderError] | None = None  # audio and errors of the current speech
        self._speech: AuraSpeech | None = None
        self._is_clear: asyncio.Future[None] | None = None
        self._was_warned = False
        self.has_read_all = False

    @classmethod
    async def open(cls, target: SocketTarget) -> "AuraConnection":
        """Connect to the vendor. Raises ProviderError."""
        made = cls(target.provider)
        made._socket = await VendorSocket.open(target, made)
        return made

    @property
    def is_open(self) -> bool:
        """Whether another speech can begin."""
        return self._socket is not None and self._socket.is_open and not self._was_warned

    @property
    def is_reusable(self) -> bool:
        """Whether another speech should begin on this connection. False after a warning, or when few flushes
        are left.
        """
        return self.is_open and self._budget.left > FLUSH_RESERVE

    @property
    def needs_clear(self) -> bool:
        """Whether a speech was interrupted and the connection is worth keeping."""
        return self._speech is not None and self.is_reusable

    async def speak(self, text: AsyncIterator[str]) -> AsyncGenerator[bytes, None]:
        """Send the text piece by piece and yield the audio. Raises ProviderError.

        If the vendor accepts no more flushes on this connection, the audio ends before the text and has_read_all is
        False.
        """
        self.has_read_all = False
        self._queue = queue = asyncio.Queue[bytes | ProviderError]()
        self._speech = speech = AuraSpeech(self._provider, self._budget)
        reader = asyncio.create_task(self._read(text, speech))
        reader.add_done_callback(self._end_text)
        try:
            while not speech.is_complete or not queue.empty():
                item = await queue.get()
                if isinstance(item, ProviderError):
                    raise item
                if item:
                    yield item
            self._speech = None
            reader.result()
        finally:
            self._queue = None
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def clear(self) -> bool:
        """Stop an interrupted speech. Return whether the connection is free of its audio."""
        self._speech = None
        self._is_clear = asyncio.get_running_loop().create_future()
        self._send([CLEAR])
        try:
            async with asyncio.timeout(CLEAR_S):
                await self._is_clear
        except TimeoutError:
            return False
        return self.is_reusable

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._socket is not None:
            self._send([CLOSE])
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Process an acknowledgement or a warning."""
        try:
            self._handle(message)
        except ProviderError as error:
            self._fail(error)

    def on_binary(self, message: bytes) -> None:
        """Queue audio of the current speech; audio after its end is dropped."""
        if self._queue is not None and message:
            self._queue.put_nowait(message)

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the current speech."""
        self._fail(map_close(self._provider, code, reason))

    def _handle(self, message: bytes) -> None:
        """Process a text message. Raises ProviderError."""
        read = read_aura(self._provider, message)
        if read.type == "Flushed" and self._speech is not None:
            self._send(self._speech.acknowledge_flush())
            self._wake()
        elif read.type == "Cleared" and self._is_clear is not None and not self._is_clear.done():
            self._is_clear.set_result(None)
        elif read.type == "Warning":
            self._was_warned = True
        elif read.type == "Error":
            raise make_error(self._provider, read.code, "error").with_answer(message)

    async def _read(self, text: AsyncIterator[str], speech: AuraSpeech) -> None:
        async for piece in text:
            try:
                self._send(speech.add(piece))
            except ProviderError as error:
                self._fail(error)
                return
            if not speech.has_room:
                return
        self.has_read_all = True

    def _end_text(self, reader: "asyncio.Task[None]") -> None:
        """Flush the remaining text, unless the speech was interrupted. This includes a text whose source has failed."""
        if reader.cancelled() or self._speech is None:
            return
        try:
            self._send(self._speech.end())
        except ProviderError as error:
            self._fail(error)
        self._wake()

    def _send(self, messages: Iterable[str]) -> None:
        for message in messages:
            if self._socket is not None:
                self._socket.send_text(message)

    def _wake(self) -> None:
        """Wake the speech so that it checks whether it is complete."""
        if self._queue is not None:
            self._queue.put_nowait(b"")

    def _fail(self, error: ProviderError) -> None:
        self._was_warned = True
        if self._queue is not None:
            self._queue.put_nowait(error)
        if self._is_clear is not None and not self._is_clear.done():
            self._is_clear.set_result(None)


class DeepgramTextToSpeech:
    """A Deepgram voice.

    Args:
        check_language: Raises ProviderError if the voice does not speak the language.
    """

    streams_text = False
    times_words = False

    def __init__(
        self, name: str, connections: WarmConnections[AuraConnection], check_language: Callable[[str], None]
    ) -> None:
        self.name = name
        self._connections = connections
        self._check_language = check_language

    def prepare(self) -> None:
        """Connect in the background, so that the first speech needs no handshake."""
        self._connections.prepare()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speak each clause as soon as it arrives. The connection opens before the text is read. Raises
        ProviderError.
        """
        self._check_language(language)
        has_text = True
        while has_text:
            connection = await self._connections.take()
            try:
                async with aclosing(connection.speak(text)) as speech:
                    async for audio in speech:
                        yield SpeechChunk(audio)
                has_text = not connection.has_read_all
            except ProviderError:
                self._connections.distrust()
                raise
            finally:
                self._give_back(connection)

    def _give_back(self, connection: AuraConnection) -> None:
        if connection.needs_clear:
            self._connections.give_back_when(connection, self._clear(connection))
        else:
            self._connections.give_back(connection, reusable=connection.is_reusable)

    async def _clear(self, connection: AuraConnection) -> bool:
        """Stop the speech on a connection. Return whether the connection can be used again; False if the vendor does
        not answer.
        """
        is_clear = await connection.clear()
        if not is_clear:
            self._connections.distrust()
        return is_clear


# The vendor expects a KeepAlive every 3 to 5 s, and ends a session after 10 s without audio (NET-0001). A KeepAlive is
# sent after at most two of these checks.
KEEP_ALIVE_S: Final = 2.5


def make_rules(protocol: ListenProtocol) -> ListenRules:
    """Return the session's rules. Chunks are always sent in full, because an empty message would end the stream."""
    return ListenRules(
        make_closed=map_close,
        chunk_bytes=protocol.chunk_bytes,
        keep_alive=protocol.keep_alive,
        keep_alive_s=KEEP_ALIVE_S,
        close_message=CLOSE_STREAM,
    )


class DeepgramReader:
    """Reads the messages of a session, which starts without a greeting."""

    is_ready: Final = True

    def __init__(self, provider: str, protocol: ListenProtocol) -> None:
        self._provider = provider
        self._protocol = protocol

    def finalize(self, position_ms: float) -> str:
        """Return the message that requests the final text."""
        return self._protocol.finalize

    def read(self, message: bytes) -> TranscribedResult | None:
        """Return the text in a message; None if there is no text. Raises ProviderError."""
        return self._protocol.read(self._provider, message)

    def expire(self, position_ms: float) -> TranscribedResult | None:
        """Return None, because the vendor also answers for audio without speech."""


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: DeepgramSpeechToTextOptions = setup.options
    protocol = find_protocol(options.model)

    def make_target(language: str) -> SocketTarget:
        return setup.make_target(make_listen_url(setup.name, options, language), make_headers(options.api_key))

    def make_dialect(language: str) -> SegmentDialect:
        return SegmentDialect(DeepgramReader(setup.name, protocol), options.answer_s)

    return SocketSpeechToText(setup.name, make_rules(protocol), make_dialect, make_target)


def _stt_model(options: DeepgramSpeechToTextOptions) -> str:
    return options.model


def _make_tts(setup: ProviderSetup) -> DeepgramTextToSpeech:
    """Make a voice. All calls with the same options share their connections."""
    options: DeepgramTextToSpeechOptions = setup.options
    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(key, lambda: _open_connections(setup), WarmConnections.close)
    spoken = options.model.rpartition("-")[2]

    def check_language(language: str) -> None:
        base = language.partition("-")[0].lower()
        if base != spoken:
            raise ProviderError(
                setup.name, f"{options.model} does not support {base!r}", retryable=False, cause="refused"
            )

    return DeepgramTextToSpeech(setup.name, connections, check_language)


def _open_connections(setup: ProviderSetup) -> WarmConnections[AuraConnection]:
    options: DeepgramTextToSpeechOptions = setup.options
    target = setup.make_target(make_speak_url(options), make_headers(options.api_key))
    return WarmConnections(lambda: AuraConnection.open(target), max_idle=options.max_idle)


def _tts_model(options: DeepgramTextToSpeechOptions) -> str:
    """Return the model's family, such as `aura-2` for `aura-2-thalia-en` and `aura` for `aura-asteria-en`."""
    return options.model.rsplit("-", 2)[0]


_STT_REQUEST: Final = frozenset(
    {"language", "languages", "keyterm", "punctuate", "smart_format", "numerals", "endpointing_ms"}
)


# Final texts: pipecat's table of STT services (1.14) lists a p99 of 0.35 s. Aura: Deepgram publishes less than 0.2 s to
# the first byte, without a p99. The upper limit of all deadlines is used until measured values exist.
_FINAL_P99_S: Final = 0.35
_VOICE_WAIT: Final = UsualWait(0.2, 0.9)


def _stt_wait(options: DeepgramSpeechToTextOptions) -> UsualWait:
    """Return the usual wait. If Deepgram does not answer, a text is available after answer_s."""
    return UsualWait(0.2, max(_FINAL_P99_S, options.answer_s))


def _tts_wait(options: DeepgramTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


VENDOR: Final = Vendor(
    "deepgram",
    stt=Adapter(
        _make_stt,
        DeepgramSpeechToTextOptions,
        model=_stt_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        DeepgramTextToSpeechOptions,
        model=_tts_model,
        request_options=frozenset({"model"}),
        usual_wait=_tts_wait,
        is_guardable=True,
    ),
)
