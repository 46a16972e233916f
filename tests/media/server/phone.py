"""A Twilio media stream's far side for socket tests: sends what it is told, keeps what it gets.

A call's turns are clocked by the audio it receives, so audio may come faster than real time."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from media.server.signature import Signatures

STREAM = "MZ0123456789abcdef0123456789abcdef"
CALL = "CA0123456789abcdef0123456789abcdef"
SILENCE = b"\xff" * 160
FRAME_EVERY_S = 0.005  # four times real time
# Upgrades without a signature are welcome.
UNSIGNED = Signatures("ws://media.test", ())
# For whatever must come: a loaded machine may take long, and only a fault never ends.
PATIENCE_S = 60.0


def start_message(stream: str = STREAM, call: str = CALL, token: str = "") -> dict[str, Any]:
    """Twilio's start, as in its documentation."""
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
    """One stream. `audio` is what the agent sent, `events` every message's event name in order.

    returns_marks: as a carrier does, though at once, as if the audio before them had been heard.
    """

    socket: ClientWebSocketResponse
    stream: str = STREAM
    returns_marks: bool = False
    audio: bytearray = field(default_factory=bytearray)
    events: list[str] = field(default_factory=list)
    close_code: int | None = None
    _sent: int = 0
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

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
        phone = cls(await session.ws_connect(url), stream, returns_marks)
        await phone.begin(call, token)
        return phone

    async def begin(self, call: str = CALL, token: str = "") -> None:
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
            await asyncio.sleep(FRAME_EVERY_S)  # after a stall the rest must not come in a burst

    async def pause(self, ms: int) -> None:
        """Sends silence."""
        await self.speak(SILENCE * (ms // 20))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Sends silence until left or cut off, for a phone is never without a word."""
        sending = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await sending

    async def until(self, event: str) -> None:
        """Waits for a message of that kind (or "closed")."""
        async with asyncio.timeout(PATIENCE_S):
            while event not in self.events:
                self._news.clear()
                await self._news.wait()

    async def until_heard(self, ms: int) -> None:
        """Sends silence until that much agent audio has come, and the mark behind it."""
        async with asyncio.timeout(PATIENCE_S), self.going_on():
            while len(self.audio) < ms * 8 or self.events[-1] != "mark":
                self._news.clear()
                await self._news.wait()

    async def hang_up(self) -> None:
        """Sends stop and closes."""
        stop = {"accountSid": "AC0123456789abcdef0123456789abcdef", "callSid": "CA0123456789abcdef0123456789abcdef"}
        message = {"event": "stop", "sequenceNumber": "9", "streamSid": self.stream, "stop": stop}
        if not self.socket.closed:
            await self.send(message)
        await self.until("closed")

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is WSMsgType.TEXT:
                await self._take(json.loads(message.data))
        self.close_code = self.socket.close_code
        self.events.append("closed")
        self._news.set()

    async def _go_on(self) -> None:
        while True:
            await self.pause(20)

    async def _take(self, message: dict[str, Any]) -> None:
        if message["event"] == "media":
            self.audio += base64.b64decode(message["media"]["payload"])
        if message["event"] == "mark" and self.returns_marks:
            await self.send({**message, "sequenceNumber": "5"})
        self.events.append(message["event"])
        self._news.set()
