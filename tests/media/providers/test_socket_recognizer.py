"""The session that recognizers over WebSockets share, against a socket that records what comes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from media.providers.ports import ProviderError, ProviderSlow, RecognizedText, SpeechToTextEvent, SpeechToTextFailed
from media.providers.recognizer_dialect import ListenRules, RecognizerLine
from media.providers.socket_recognizer import SocketSpeechToText, _Session
from media.providers.tls import ResumingTlsContext
from media.providers.vendor_socket import SocketTarget

FRAME = bytes(range(160))


@dataclass
class Echo:
    """A dialect that reports each message as a text, and fails at `bad`."""

    is_ready: bool = True
    answer_s: float = 0.01
    expired: int = 0
    has_expired: asyncio.Event = field(default_factory=asyncio.Event)
    started_ms: list[float] = field(default_factory=list)

    def opened(self, line: RecognizerLine) -> None:
        line.send("hello")

    def pushed(self, line: RecognizerLine) -> None:
        pass

    def started(self, line: RecognizerLine) -> None:
        self.started_ms.append(line.position_ms)

    def finalize(self, line: RecognizerLine, token: int) -> None:
        line.flush()
        line.send(f"text {token}")
        line.wait(self.answer_s)

    def next_turn(self, line: RecognizerLine) -> None:
        line.cancel_wait()

    def read(self, line: RecognizerLine, message: bytes) -> None:
        if message == b"bad":
            raise ProviderError("v", "bad")
        self.is_ready = True
        line.report(RecognizedText(message.decode(), final=False))

    def expire(self, line: RecognizerLine) -> None:
        self.expired += 1
        self.has_expired.set()
        assert not line.is_waiting


@dataclass
class Vendor:
    """received: text messages, and lengths of binary ones. answers: sent at the text message of that name."""

    address: str = ""
    received: list[str | int] = field(default_factory=list)
    answers: dict[str, str | bytes] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            await self._read(socket)
        finally:  # also when the connection is cut
            self.is_over = True
            self.changed.set()
        return socket

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            self.received.append(message.data if message.type is WSMsgType.TEXT else len(message.data))
            self.changed.set()
            answer = self.answers.get(message.data)
            if isinstance(answer, bytes):
                await socket.send_bytes(answer)
            elif answer is not None:
                await socket.send_str(answer)

    async def until(self, *received: str | int) -> None:
        """Waits for the end of the connection; what came is this."""
        async with asyncio.timeout(30):
            while not self.is_over:
                self.changed.clear()
                await self.changed.wait()
        assert tuple(self.received) == received


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    made = Vendor()
    app = web.Application()
    app.add_routes([web.get("/", made.serve)])
    async with TestServer(app) as server:
        made.address = f"ws://127.0.0.1:{server.port}/"
        yield made


def recognizer(vendor: Vendor, rules: ListenRules, dialect: Echo, timeout_s: float = 2.0) -> SocketSpeechToText:
    target = SocketTarget("v", vendor.address, {}, ResumingTlsContext(), timeout_s)
    return SocketSpeechToText("v", rules, lambda language: dialect, lambda language: target)


async def test_audio_goes_in_chunks_and_the_rest_with_the_question_and_at_the_end(vendor: Vendor) -> None:
    dialect = Echo()
    session = await recognizer(vendor, ListenRules(chunk_bytes=320, close_message=""), dialect).open("en", print)
    for _ in range(3):
        session.push(FRAME)
    session.started()
    session.finalize(1)
    session.push(FRAME)
    await session.close()
    await session.close()
    session.push(FRAME)
    session.finalize(2)
    await vendor.until("hello", 320, 160, "text 1", 160, "")
    assert dialect.started_ms == [60.0]


async def test_a_rest_that_the_vendor_does_not_take_stays_behind(vendor: Vendor) -> None:
    rules = ListenRules(chunk_bytes=400, most_bytes=480, keeps_rest=True, close_message="bye")
    session = await recognizer(vendor, rules, Echo()).open("en", print)
    session.push(FRAME * 8)  # 1,280: two messages of the most, and 320 that stay
    session.finalize(1)
    await session.close()
    await vendor.until("hello", 480, 480, "text 1", "bye")


async def test_audio_may_be_encoded_and_silence_be_told(vendor: Vendor) -> None:
    rules = ListenRules(encode=lambda ulaw: b"audio %d" % len(ulaw), keep_alive="still here", keep_alive_s=0.02)
    session = await recognizer(vendor, rules, Echo()).open("en", print)
    session.push(FRAME)
    async with asyncio.timeout(30):
        while "still here" not in vendor.received:
            vendor.changed.clear()
            await vendor.changed.wait()
    await session.close()
    assert vendor.received[:2] == ["hello", "audio 160"]


async def test_a_rest_goes_before_the_audio_that_follows_it(vendor: Vendor) -> None:
    rules = ListenRules(chunk_bytes=320, encode=lambda ulaw: b"audio %d-%d" % (ulaw[0], ulaw[-1]))
    session = await recognizer(vendor, rules, Echo()).open("en", print)
    session.push(bytes([1]) * 160)
    session.push(bytes([2]) * 400)
    await session.close()
    await vendor.until("hello", "audio 1-2")


async def test_nothing_is_told_while_audio_comes_or_after_the_end(vendor: Vendor) -> None:
    """By the session's own clock, which the test moves."""
    rules = ListenRules(keep_alive="still here", keep_alive_s=60)
    session = await recognizer(vendor, rules, Echo()).open("en", print)
    assert isinstance(session, _Session)
    for _ in range(2):
        session.push(FRAME)
        session._check_idle()
    session._check_idle()
    await session.close()
    assert session._keep_alive is not None and session._keep_alive.cancelled()
    await vendor.until("hello", 160, 160, "still here")


async def test_audio_from_a_recognizer_is_an_error(vendor: Vendor) -> None:
    vendor.answers["text 1"] = b"audio"
    events: list[SpeechToTextEvent] = []
    session = await recognizer(vendor, ListenRules(), Echo()).open("en", events.append)
    session.finalize(1)
    await vendor.until("hello", "text 1")
    (failed,) = events
    assert isinstance(failed, SpeechToTextFailed)
    assert (failed.error.cause, failed.error.reason) == ("unreadable", "an unreadable message")


async def test_no_deadline_outlives_a_session(vendor: Vendor) -> None:
    vendor.answers["text 1"] = "bad"
    events: list[SpeechToTextEvent] = []
    dialect = Echo(answer_s=60)
    session = await recognizer(vendor, ListenRules(), dialect).open("en", events.append)
    assert isinstance(session, _Session)
    session.finalize(1)
    assert session.is_waiting
    await vendor.until("hello", "text 1")
    assert not session.is_waiting
    session.wait(60)
    assert not session.is_waiting


async def test_a_vendor_that_does_not_greet_is_late(vendor: Vendor) -> None:
    with pytest.raises(ProviderSlow, match="no greeting in time"):
        await recognizer(vendor, ListenRules(), Echo(is_ready=False), timeout_s=0.1).open("en", print)
    await vendor.until("hello")


async def test_an_error_in_place_of_the_greeting_is_an_error_of_opening(vendor: Vendor) -> None:
    vendor.answers["hello"] = "bad"
    rules = ListenRules(close_message="bye", aborts_politely=True)
    with pytest.raises(ProviderError, match="bad"):
        await recognizer(vendor, rules, Echo(is_ready=False)).open("en", lambda event: None)
    await vendor.until("hello", "bye")


async def test_opening_that_is_given_up_leaves_no_connection(vendor: Vendor) -> None:
    opening = asyncio.create_task(recognizer(vendor, ListenRules(), Echo(is_ready=False)).open("en", print))
    async with asyncio.timeout(30):
        await vendor.changed.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await vendor.until("hello")


async def test_a_session_that_failed_does_nothing_more(vendor: Vendor) -> None:
    vendor.answers["text 1"] = "bad"
    events: list[SpeechToTextEvent] = []
    dialect = Echo()
    session = await recognizer(vendor, ListenRules(), dialect).open("en", events.append)
    session.finalize(1)
    await vendor.until("hello", "text 1")
    expired = dialect.expired
    session.push(FRAME)
    session.finalize(2)
    session.next_turn()
    await asyncio.sleep(0.03)  # longer than the dialect's wait
    await session.close()
    assert [type(event) for event in events] == [SpeechToTextFailed]
    assert dialect.expired == expired


async def test_a_deadline_expires_once(vendor: Vendor) -> None:
    dialect = Echo()
    session = await recognizer(vendor, ListenRules(), dialect).open("en", lambda event: None)
    session.finalize(1)
    async with asyncio.timeout(30):
        await dialect.has_expired.wait()
    session.finalize(2)
    session.next_turn()
    await session.close()
    assert dialect.expired == 1
