"""SpeechToText by Azure: one WebSocket for each caller, which is replaced before the service ends it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from media.providers.ports import SpeechToTextEvent, SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from media.providers.vendor_socket import SocketTarget, VendorSocket
from media.providers.vendors.azure_listen_wire import ListenSettings, PhraseReader, make_context
from media.providers.vendors.azure_messages import AzureMessage, make_config, read_text
from media.providers.vendors.azure_requests import AudioRequests
from media.providers.vendors.azure_wire import make_closed, refine_refusal
from shared.providers.errors import ProviderError, ProviderSlow, make_unreadable
from shared.providers.segments import TranscribedResult, TurnTranscript

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
    """A recogniser of one resource; opens a connection for each session."""

    def __init__(self, name: str, listener: AzureListener) -> None:
        self.name = name
        self._listener = listener

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Connects. Raises ProviderError."""
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
        """Connects. Raises ProviderError."""
        made = cls(session)
        try:
            made.socket = await VendorSocket.open(target, made)
        except ProviderError as error:  # the vendor may have said why before it closed
            raise made._error or refine_refusal(error) from None
        made.socket.send_text(make_config())
        return made

    def on_text(self, message: bytes) -> None:
        """Hands it on."""
        self._session.hear(self, message)

    def on_binary(self, message: bytes) -> None:
        """Fails: a recogniser sends no audio."""
        self._break(make_unreadable(self._session.name))

    def on_closed(self, code: int, reason: str) -> None:
        """Fails the session, if it uses this connection."""
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
        """Connects. Raises ProviderError."""
        self._link = await _Link.open(self, self._listener.make_target(self._settings))
        self._renew_after(self._listener.renew_s)

    def push(self, ulaw: bytes) -> None:
        if self._sink is None:
            return
        self._requests.push(ulaw)
        if self._requests.is_stuck:
            self._fail(ProviderSlow(self.name, "it ends no request"))

    def started(self) -> None:
        """The recogniser hears by itself when somebody speaks."""

    def finalise(self, token: int) -> None:
        """The end of the request's audio makes the service answer at once."""
        self._transcript.finalise(token, self._requests.position_ms)
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
        """Takes a message of a connection: what it says of the request that runs."""
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
            self._requests.recognise(result.segment.end_ms)
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
        """Opens the connection that takes over; the old one goes on if that fails."""
        try:
            self._next = await _Link.open(self, self._listener.make_target(self._settings))
        except ProviderError:
            self._renew_after(RETRY_S)
            return
        self._replace_link()

    def _replace_link(self) -> None:
        """Changes to the new connection, unless the old one owes a text or has words that may change."""
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
