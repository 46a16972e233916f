"""Messages are spread over time for a carrier that rejects floods."""

import asyncio
import json
from typing import Any

import pytest

from media.audio.mulaw import BYTES_PER_MS
from media.call.playback import Playback
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk
from media.server.connection import StreamConnection
from media.server.limits import WorkerLimits
from media.server.paced_output import BURST_S, PacedOutput
from media.server.websocket import WebSocket
from media.telephony.codec import Clear, Codec, Mark, OutboundCommand, Play
from media.telephony.telnyx import MESSAGES_PER_S, TelnyxCodec
from media.telephony.twilio import TwilioCodec
from simulator.carrier.stream_messages import AgentAudio, ProtocolFault, telnyx_identity, twilio_identity
from simulator.carrier.telnyx_messages import TelnyxStreamMessages
from simulator.carrier.twilio_messages import TwilioStreamMessages
from tests.virtual_time import run_virtual

# What a carrier must take at least: the burst, and what comes in the second after it.
STRICT = round(MESSAGES_PER_S * (1 + BURST_S)) + 1


class StrictTelnyx:
    """A stream to the simulated Telnyx that rejects more than STRICT messages a second; implements MediaStream.

    faults: messages rejected. gaps_ms: for how long it had nothing to play in the middle of the utterance.
    """

    def __init__(self, *, is_paced: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._messages = TelnyxStreamMessages(telnyx_identity({}), self._loop.time, STRICT)
        self._codec = TelnyxCodec()
        for message in (self._messages.connected(), self._messages.start()):
            self._codec.receive(message)
        self._paced = PacedOutput(self._take, self._codec.messages_per_s) if is_paced else None
        self.faults = 0
        self.gaps_ms = 0.0
        self.received: list[str] = []
        self._played_until = self._loop.time()

    def play(self, audio: bytes) -> None:
        self._send(Play(audio))

    def mark(self, name: str) -> None:
        self._send(Mark(name))

    def clear(self) -> None:
        if self._paced is not None:
            self._paced.discard()
        self._send(Clear())

    def hang_up(self) -> None:
        raise NotImplementedError

    def _send(self, command: OutboundCommand) -> None:
        message = self._codec.encode(command)
        if self._paced is None:
            self._take(message)
        else:
            self._paced.send(message)

    def _take(self, message: str | bytes) -> None:
        self.received.append(json.loads(message)["event"])
        try:
            command = self._messages.read(message)
        except ProtocolFault as fault:
            assert fault.code == "rate_limit"
            self.faults += 1
            return
        if isinstance(command, AgentAudio):
            now = self._loop.time()
            self.gaps_ms += max(0.0, now - self._played_until) * 1_000
            self._played_until = max(now, self._played_until) + len(command.payload) / BYTES_PER_MS / 1_000


@pytest.mark.parametrize("chunk_ms", [20, 60_000])
@pytest.mark.parametrize("is_paced", [False, True])
def test_voice_that_delivers_a_minute_at_once_meets_no_limit(chunk_ms: int, is_paced: bool) -> None:
    async def speak() -> StrictTelnyx:
        stream = StrictTelnyx(is_paced=is_paced)
        playback = Playback(stream)
        playback.begin(Utterance(1), 0.0)
        for _ in range(60_000 // chunk_ms):
            playback.receive(SpeechChunk(b"\x01" * chunk_ms * 8), 0.0)
        playback.complete(0.0)
        await asyncio.sleep(60)
        return stream

    stream = run_virtual(speak())
    assert stream.gaps_ms == 0
    assert (stream.faults > 0) is not is_paced


def test_clear_drops_what_waits() -> None:
    async def interrupt() -> list[str]:
        stream = StrictTelnyx(is_paced=True)
        for _ in range(200):
            stream.play(b"\x01" * 160)
        stream.clear()
        await asyncio.sleep(10)
        return stream.received

    received = run_virtual(interrupt())
    assert received == ["media"] * round(MESSAGES_PER_S * BURST_S) + ["clear"]


class RecordingSocket(WebSocket):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    @property
    def unsent_bytes(self) -> int:
        return 0

    def send(self, message: str | bytes) -> None:
        self.sent.append(json.loads(message)["event"])


@pytest.mark.parametrize(("carrier", "marks"), [("telnyx", MESSAGES_PER_S * BURST_S), ("twilio", 200)])
def test_connection_paces_what_it_sends_to_telnyx(carrier: str, marks: float) -> None:
    async def send() -> list[str]:
        socket = RecordingSocket()
        codec: Codec = TelnyxCodec() if carrier == "telnyx" else TwilioCodec()
        identity = telnyx_identity({}) if carrier == "telnyx" else twilio_identity({})
        shape = TelnyxStreamMessages(identity) if carrier == "telnyx" else TwilioStreamMessages(identity)
        for message in (shape.connected(), shape.start()):
            codec.receive(message)
        connection = StreamConnection(socket, codec, WorkerLimits())
        for number in range(200):
            connection.mark(str(number))
        connection.clear()
        await asyncio.sleep(10)
        return socket.sent

    assert run_virtual(send()) == ["mark"] * round(marks) + ["clear"]


def test_more_than_the_outbox_holds_ends_the_stream() -> None:
    async def send() -> int:
        socket, codec = RecordingSocket(), TelnyxCodec()
        shape = TelnyxStreamMessages(telnyx_identity({}))
        for message in (shape.connected(), shape.start()):
            codec.receive(message)
        aborted: list[None] = []
        socket.abort = lambda: aborted.append(None)  # type: ignore[method-assign]
        connection = StreamConnection(socket, codec, WorkerLimits(max_outbox_bytes=1_000))
        for number in range(200):
            connection.mark(str(number))
        return len(aborted)

    assert run_virtual(send()) == 1


def test_messages_keep_their_order_and_none_is_lost() -> None:
    async def send() -> list[Any]:
        sent: list[Any] = []
        output = PacedOutput(sent.append, 100)
        for number in range(300):
            output.send(str(number))
        assert output.waiting_bytes == sum(len(str(number)) for number in range(50, 300))
        await asyncio.sleep(2.4)
        assert 280 <= len(sent) < 300
        await asyncio.sleep(1)
        assert output.waiting_bytes == 0
        return sent

    assert run_virtual(send()) == [str(number) for number in range(300)]
