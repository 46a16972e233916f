"""Telnyx's REST API as far as calls need it, on a real socket: it keeps what it was asked, and fails on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

API_KEY = "KEY-for-tests"


@dataclass(frozen=True, slots=True)
class Asked:
    """One command. action: answer, reject, speak, streaming_start, transfer, hangup."""

    action: str
    call: str
    body: dict[str, Any]


@dataclass(slots=True)
class Exchange:
    """taken: commands that were carried out, in order; one whose command_id is known is passed over, as Telnyx does.

    tried: all that came. down: actions answered with 503. refuses: actions answered with 422, and the error's code.
    held: actions that wait for the test. most: how many were being answered at once.
    """

    taken: list[Asked] = field(default_factory=list)
    tried: list[Asked] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    refuses: dict[str, str] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    most: int = 0
    _now: int = 0

    @property
    def actions(self) -> list[str]:
        """Of what was carried out."""
        return [one.action for one in self.taken]

    async def serve(self, request: web.Request) -> web.Response:
        """POST /v2/calls/{call}/actions/{action}"""
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response({"errors": [{"code": "10009", "title": "Authentication failed"}]}, status=401)
        asked = Asked(request.match_info["action"], request.match_info["call"], await request.json())
        self.tried.append(asked)
        self._now += 1
        self.most = max(self.most, self._now)
        if asked.action in self.held:
            await self.held[asked.action].wait()
        self._now -= 1
        if asked.action in self.down:
            return web.json_response({"errors": [{"code": "10007", "title": "Unavailable"}]}, status=503)
        if asked.action in self.refuses:
            errors = [{"code": self.refuses[asked.action], "title": "Refused"}]
            return web.json_response({"errors": errors}, status=422)
        if not self._is_known(asked):
            self.taken.append(asked)
        return web.json_response({"data": {"result": "ok"}})

    def _is_known(self, asked: Asked) -> bool:
        command_id = asked.body.get("command_id")
        return command_id is not None and any(one.body.get("command_id") == command_id for one in self.taken)


@asynccontextmanager
async def served_exchange() -> AsyncIterator[tuple[Exchange, str]]:
    """The exchange, and the base URL of its API."""
    exchange = Exchange()
    app = web.Application()
    app.router.add_post("/v2/calls/{call}/actions/{action}", exchange.serve)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield exchange, f"http://127.0.0.1:{runner.addresses[0][1]}/v2"
    finally:
        for event in exchange.held.values():
            event.set()
        await runner.cleanup()
