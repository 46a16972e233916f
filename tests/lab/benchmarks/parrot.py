"""A trivial server for Twilio media streams: answers each phrase with a tone, and stops when it is interrupted.

`python tests/lab/benchmarks/parrot.py PORT` serves it alone, for trying the load generator.
"""

import asyncio
import base64
import json
import sys
import threading
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

QUIET = base64.b64encode(b"\xff" * 160).decode()
TONE = base64.b64encode(bytes((0x10, 0x90)) * 800).decode()  # 200 ms
CHUNKS = 5


class Parrot:
    """One call. The answer begins `silence_frames` frames after the last frame with sound."""

    def __init__(self, socket: web.WebSocketResponse, silence_frames: int) -> None:
        self.marks: list[str] = []
        self.said = 0
        self.stopped = False
        self._socket = socket
        self._silence_frames = silence_frames
        self._stream = ""
        self._heard = 0
        self._silent = 0
        self._answering = False

    async def receive(self, message: dict[str, Any]) -> None:
        """Handles a message of the carrier."""
        if message["event"] == "start":
            self._stream = message["start"]["streamSid"]
        elif message["event"] == "mark":
            self.marks.append(message["mark"]["name"])
            self._answering = False
        elif message["event"] == "stop":
            self.stopped = True
        elif message["event"] == "media":
            await self._frame(message["media"]["payload"] == QUIET)

    async def _frame(self, silent: bool) -> None:
        self._heard += not silent
        self._silent = self._silent + 1 if silent else 0
        if not silent and self._answering:
            self._answering = False
            await self._say({"event": "clear"})
        if self._heard and self._silent == self._silence_frames:
            await self._answer()

    async def _answer(self) -> None:
        self._heard = 0
        self._answering = True
        for _ in range(CHUNKS):
            await self._say({"event": "media", "media": {"payload": TONE}})
        await self._say({"event": "mark", "mark": {"name": "end"}})

    async def _say(self, message: dict[str, Any]) -> None:
        self.said += 1
        with suppress(ConnectionResetError):  # the caller hung up meanwhile
            await self._socket.send_str(json.dumps({**message, "streamSid": self._stream}))


class ParrotServer:
    """The server. calls: in the order of their start."""

    def __init__(self, silence_frames: int = 20) -> None:
        self.parrots: list[Parrot] = []
        self.app = web.Application()
        self.app.router.add_get("/media/twilio", self._call)
        self.over = threading.Semaphore(0)  # released once for each call that is over, for a test in another thread
        self._silence_frames = silence_frames

    async def _call(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        parrot = Parrot(socket, self._silence_frames)
        self.parrots.append(parrot)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await parrot.receive(json.loads(message.data))
        finally:
            self.over.release()
        return socket


if __name__ == "__main__":
    asyncio.run(web._run_app(ParrotServer().app, host="127.0.0.1", port=int(sys.argv[1]), print=None))
