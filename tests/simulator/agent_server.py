"""The scripted agent behind a real socket, and a clock in lock step with it: one frame per frame that it received."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.simulator.scripted_agent import ScriptedAgent


class LockStepClock:
    """A clock on which frame n is due when the agent has received frame n - 1."""

    def __init__(self) -> None:
        self._heard = 0.0
        self._more = asyncio.Event()
        self._now = 0.0

    def now(self) -> float:
        return self._now

    async def wait_until(self, moment: float) -> None:
        while self._heard < round(moment / 0.02):
            self._more.clear()
            await self._more.wait()
        self._now = max(self._now, moment)

    def heard(self, frames: float = 1) -> None:
        """Counts received frames; math.inf releases the caller when the agent has disconnected."""
        self._heard += frames
        self._more.set()


@dataclass
class AgentServer:
    """A media server with scripted agents, one per call from `make`. events: the lines of the events endpoint."""

    make: Callable[[], ScriptedAgent] = ScriptedAgent
    clock: LockStepClock = field(default_factory=LockStepClock)
    agents: list[ScriptedAgent] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    close_code: int = 1000
    events: Callable[[web.Request], AsyncIterator[bytes]] | None = None
    url: str = ""

    @asynccontextmanager
    async def running(self, port: int | None = None) -> AsyncIterator["AgentServer"]:
        app = web.Application()
        app.router.add_get("/media/twilio", self._media)
        app.router.add_get("/busy", self._busy)
        if self.events is not None:
            app.router.add_get("/calls/{stream_id}/events", self._events)
        async with TestServer(app, host="127.0.0.1", port=port) as server:
            self.url = f"ws://127.0.0.1:{server.port}"
            yield self

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.headers.append(dict(request.headers))
        agent = self.make()
        self.agents.append(agent)
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            for answer in agent.receive(message.data):
                await socket.send_str(answer)
            if '"event":"media"' in message.data:
                self.clock.heard()
            if agent.closing:
                await socket.close(code=self.close_code)
        self.clock.heard(math.inf)
        return socket

    async def _busy(self, request: web.Request) -> web.Response:
        return web.Response(status=503, text="draining")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert self.events is not None
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for line in self.events(request):
            await response.write(line)
        return response
