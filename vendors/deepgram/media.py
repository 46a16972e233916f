"""Vendor `deepgram`: recognizers Nova and Flux, and the voice Aura, all over WebSockets with mu-law at 8 kHz.

TextToSpeech by Deepgram's Aura, over connections that are kept between speeches.

What sessions of Deepgram's Nova and Flux need: rules, and a reader of each protocol's messages.
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

# A connection on which Clear is not answered within this is closed.
CLEAR_S: Final = 1.0


class AuraConnection:
    """One connection, and its socket's handler. It serves one speech after another, and passes over what comes between
    them."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._socket: VendorSocket | None = None
        self._budget = FlushBudget(asyncio.get_running_loop().time)
        self._queue: asyncio.Queue[bytes | ProviderError] | None = None  # of the current speech
        self._speech: AuraSpeech | None = None
        self._is_clear: asyncio.Future[None] | None = None
        self._was_warned = False
        self.has_read_all = False

    @classmethod
    async def open(cls, target: SocketTarget) -> "AuraConnection":
        """Connect. Raises ProviderError."""
        made = cls(target.provider)
        made._socket = await VendorSocket.open(target, made)
        return made

    @property
    def is_open(self) -> bool:
        """Whether another speech can begin."""
        return self._socket is not None and self._socket.is_open and not self._was_warned

    @property
    def is_reusable(self) -> bool:
        """Whether another speech should begin: not after a warning, nor when few flushes are left."""
        return self.is_open and self._budget.left > FLUSH_RESERVE

    @property
    def needs_clear(self) -> bool:
        """Whether a speech was interrupted on a connection that is worth keeping."""
        return self._speech is not None and self.is_reusable

    async def speak(self, text: AsyncIterator[str]) -> AsyncGenerator[bytes, None]:
        """Send the text as it comes; yield the audio. End before the text does, with has_read_all False, when the
        vendor takes no more flushes on this connection. Raises ProviderError."""
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
        """Stop the speech that was interrupted. Return whether nothing of it can come any more."""
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
        """Close the connection; idempotent."""
        if self._socket is not None:
            self._send([CLOSE])
            await self._socket.close()

    def on_text(self, message: bytes) -> None:
        """Take an acknowledgement or a warning."""
        try:
            self._handle(message)
        except ProviderError as error:
            self._fail(error)

    def on_binary(self, message: bytes) -> None:
        """Take audio; what comes after the speech's end is dropped."""
        if self._queue is not None and message:
            self._queue.put_nowait(message)

    def on_closed(self, code: int, reason: str) -> None:
        """Fail the speech that is running."""
        self._fail(map_close(self._provider, code, reason))

    def _handle(self, message: bytes) -> None:
        """Raises ProviderError."""
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
        """Speak what is left, also when the text's source has failed; not when the speech was interrupted."""
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
        """Has the speech look whether it is complete."""
        if self._queue is not None:
            self._queue.put_nowait(b"")

    def _fail(self, error: ProviderError) -> None:
        self._was_warned = True
        if self._queue is not None:
            self._queue.put_nowait(error)
        if self._is_clear is not None and not self._is_clear.done():
            self._is_clear.set_result(None)


class DeepgramTextToSpeech:
    """A voice. check_language: raises ProviderError for one that the voice does not speak."""

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
        """Speak each clause as it comes; connect before it reads the text. Raises ProviderError."""
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
        """Stop the speech on a connection; return whether it can be used again. One that does not answer is dead."""
        is_clear = await connection.clear()
        if not is_clear:
            self._connections.distrust()
        return is_clear


# The vendor asks for a KeepAlive every 3 to 5 s and ends a session after 10 s without audio (NET-0001). Two of these
# checks pass at most before one is sent.
KEEP_ALIVE_S: Final = 2.5


def make_rules(protocol: ListenProtocol) -> ListenRules:
    """Nothing of a chunk stays behind: an empty message, which would end the stream, is never sent."""
    return ListenRules(
        make_closed=map_close,
        chunk_bytes=protocol.chunk_bytes,
        keep_alive=protocol.keep_alive,
        keep_alive_s=KEEP_ALIVE_S,
        close_message=CLOSE_STREAM,
    )


class DeepgramReader:
    """Reads the messages of one session; the vendor greets nobody."""

    is_ready: Final = True

    def __init__(self, provider: str, protocol: ListenProtocol) -> None:
        self._provider = provider
        self._protocol = protocol

    def finalize(self, position_ms: float) -> str:
        """The message that asks for the final text."""
        return self._protocol.finalize

    def read(self, message: bytes) -> TranscribedResult | None:
        """None for a message without a text. Raises ProviderError."""
        return self._protocol.read(self._provider, message)

    def expire(self, position_ms: float) -> TranscribedResult | None:
        """None: the vendor tells what audio without speech is."""


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
    """All calls with the same options share their connections."""
    options: DeepgramTextToSpeechOptions = setup.options
    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(key, lambda: _open_connections(setup), WarmConnections.close)
    spoken = options.model.rpartition("-")[2]

    def check_language(language: str) -> None:
        base = language.partition("-")[0].lower()
        if base != spoken:
            raise ProviderError(setup.name, f"{options.model} speaks no {base!r}", retryable=False, cause="refused")

    return DeepgramTextToSpeech(setup.name, connections, check_language)


def _open_connections(setup: ProviderSetup) -> WarmConnections[AuraConnection]:
    options: DeepgramTextToSpeechOptions = setup.options
    target = setup.make_target(make_speak_url(options), make_headers(options.api_key))
    return WarmConnections(lambda: AuraConnection.open(target), max_idle=options.max_idle)


def _tts_model(options: DeepgramTextToSpeechOptions) -> str:
    """`aura-2` of `aura-2-thalia-en`, `aura` of `aura-asteria-en`."""
    return options.model.rsplit("-", 2)[0]


_STT_REQUEST: Final = frozenset(
    {"language", "languages", "keyterm", "punctuate", "smart_format", "numerals", "endpointing_ms"}
)


# Final texts: 0.35 s is the p99 in pipecat's table of STT services (1.14). Aura: Deepgram names less than 0.2 s to the
# first byte, and no p99, so the bound of all deadlines holds until it is learned.
_FINAL_P99_S: Final = 0.35
_VOICE_WAIT: Final = UsualWait(0.2, 0.9)


def _stt_wait(options: DeepgramSpeechToTextOptions) -> UsualWait:
    """A text that Deepgram does not answer for comes after answer_s."""
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
