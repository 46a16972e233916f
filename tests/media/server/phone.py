"""The carrier's side of a Twilio media stream, for socket tests.

A call measures time by the audio it receives, so audio may be sent faster than real time."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from media.server.signature import SignatureCheck

STREAM = "MZ0123456789abcdef0123456789abcdef"
CALL = "CA0123456789abcdef0123456789abcdef"
SILENCE = b"\xff" * 160
FRAME_INTERVAL_S = 0.005  # four times real time
# Accepts upgrades without a signature.
UNSIGNED = SignatureCheck("ws://media.test", ())
# Time limit of every wait. Long, because a loaded machine is slow; only a failing test reaches it.
WAIT_LIMIT_S = 60.0


def start_message(stream: str = STREAM, call: str = CALL, token: str = "") -> dict[str, Any]:
    """Twilio's `start` message, as in its documentation."""
    start = {
        "accountSid": "AC0123456789abcdef0123456789abcdef",
        "streamSid": stream,
        "callSid": call,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token} if token else {},
    }
    return {"event": "start", "sequenceNumber": "1", "streamSid": stream, "start": start}


@dataclass
class Phone:
    """One stream. audio: what the agent sent. events: the event name of every message, in order.

    returns_marks: returns marks as a carrier does, but at once, as if the audio before them had been played.
    answers_pings: a ping is an event with the name "ping", and is answered with a pong.
    """

    socket: ClientWebSocketResponse
    stream: str = STREAM
    returns_marks: bool = False
    answers_pings: bool = True
    audio: bytearray = field(default_factory=bytearray)
    events: list[str] = field(default_factory=list)
    close_code: int | None = None
    _sent: int = 0
    _reader: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def dial(
        cls,
        session: ClientSession,
        url: str,
        stream: str = STREAM,
        *,
        call: str = CALL,
        token: str = "",
        returns_marks: bool = False,
    ) -> "Phone":
        """Opens the socket and starts the stream."""
        phone = cls(await session.ws_connect(url, autoping=False), stream, returns_marks)
        await phone.start_stream(call, token)
        return phone

    async def start_stream(self, call: str = CALL, token: str = "") -> None:
        """Starts the stream."""
        self._reader = asyncio.create_task(self._read())
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self.send(start_message(self.stream, call, token))

    async def send(self, message: dict[str, Any] | str) -> None:
        """Sends one message."""
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def speak(self, ulaw: bytes) -> None:
        """Sends caller audio in frames of 20 ms."""
        for at in range(0, len(ulaw), 160):
            self._sent += 1
            media = {
                "track": "inbound",
                "chunk": str(self._sent),
                "timestamp": str(self._sent * 20),
                "payload": base64.b64encode(ulaw[at : at + 160].ljust(160, b"\xff")).decode(),
            }
            message = {"event": "media", "sequenceNumber": str(self._sent + 1), "streamSid": self.stream}
            await self.send({**message, "media": media})
            await asyncio.sleep(FRAME_INTERVAL_S)  # no burst after a stall

    async def stop_reading(self) -> None:
        """Leaves everything that comes from now on in the kernel's buffers."""
        assert self._reader is not None
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def pause(self, ms: int) -> None:
        """Sends silence."""
        await self.speak(SILENCE * (ms // 20))

    @asynccontextmanager
    async def sending_silence(self) -> AsyncIterator[None]:
        """Sends silence while the context is open, because a carrier sends audio all the time."""
        sending = asyncio.create_task(self._send_silence())
        try:
            yield
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await sending

    async def wait_for(self, event: str, times: int = 1) -> None:
        """Waits until an event with this name, or "closed", has come so many times."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while self.events.count(event) < times:
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_audio(self, ms: int) -> None:
        """Sends silence until that much agent audio and the mark after it have been received."""
        async with asyncio.timeout(WAIT_LIMIT_S), self.sending_silence():
            while len(self.audio) < ms * 8 or self.events[-1] != "mark":
                self._changed.clear()
                await self._changed.wait()

    async def hang_up(self) -> None:
        """Sends stop and closes."""
        stop = {"accountSid": "AC0123456789abcdef0123456789abcdef", "callSid": "CA0123456789abcdef0123456789abcdef"}
        message = {"event": "stop", "sequenceNumber": "9", "streamSid": self.stream, "stop": stop}
        if not self.socket.closed:
            await self.send(message)
        await self.wait_for("closed")

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is WSMsgType.TEXT:
                await self._handle(json.loads(message.data))
            elif message.type is WSMsgType.PING:
                await self._answer_ping(message.data)
        self.close_code = self.socket.close_code
        self.events.append("closed")
        self._changed.set()

    async def _answer_ping(self, payload: bytes) -> None:
        if self.answers_pings:
            await self.socket.pong(payload)
        self.events.append("ping")
        self._changed.set()

    async def _send_silence(self) -> None:
        while True:
            await self.pause(20)

    async def _handle(self, message: dict[str, Any]) -> None:
        if message["event"] == "media":
            self.audio += base64.b64decode(message["media"]["payload"])
        if message["event"] == "mark" and self.returns_marks:
            await self.send({**message, "sequenceNumber": "5"})
        self.events.append(message["event"])
        self._changed.set()
