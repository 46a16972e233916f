"""Telnyx's REST API of call control on a real socket: stores the commands, and fails when a test asks for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

API_KEY = "KEY-for-tests"
# The id of each conference that it creates.
CONFERENCE = "conference-1"


@dataclass(frozen=True, slots=True)
class Command:
    """One command. action: answer, reject, speak, streaming_start, transfer, hangup."""

    action: str
    call: str
    body: dict[str, Any]


@dataclass(slots=True)
class TelnyxApi:
    """carried_out: commands in order; one whose command_id is known is ignored, as Telnyx does. received: all commands.

    unavailable: actions answered with 503. refused: actions, and fields of a command's body, answered with 422, and the
    error's code. blocked: actions that wait for the event. most_at_once: the most commands answered at the same time.
    """

    carried_out: list[Command] = field(default_factory=list)
    received: list[Command] = field(default_factory=list)
    unavailable: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, asyncio.Event] = field(default_factory=dict)
    most_at_once: int = 0
    _now: int = 0

    @property
    def actions(self) -> list[str]:
        """The actions of the commands carried out."""
        return [command.action for command in self.carried_out]

    async def serve(self, request: web.Request) -> web.Response:
        """POST /v2/calls/{call}/actions/{action}"""
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response({"errors": [{"code": "10009", "title": "Authentication failed"}]}, status=401)
        names = request.match_info
        command = Command(names.get("action", "conferences"), names.get("call", ""), await request.json())
        self.received.append(command)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        if command.action in self.blocked:
            await self.blocked[command.action].wait()
        self._now -= 1
        if command.action in self.unavailable:
            return web.json_response({"errors": [{"code": "10007", "title": "Unavailable"}]}, status=503)
        refused = self.refused.keys() & {command.action, *command.body}
        if refused:
            errors = [{"code": self.refused[refused.pop()], "title": "Refused"}]
            return web.json_response({"errors": errors}, status=422)
        if not self._is_known(command):
            self.carried_out.append(command)
        if command.action == "conferences":
            times = dict.fromkeys(("created_at", "expires_at"), "2026-01-01T00:00:00Z")
            one = {"id": CONFERENCE, "name": "one", "record_type": "conference", **times}
            return web.json_response({"data": one})
        return web.json_response({"data": {"result": "ok"}})

    def _is_known(self, command: Command) -> bool:
        command_id = command.body.get("command_id")
        return command_id is not None and any(
            command.body.get("command_id") == command_id for command in self.carried_out
        )


@asynccontextmanager
async def running_telnyx_api() -> AsyncIterator[tuple[TelnyxApi, str]]:
    """Yields the API and its base URL."""
    api = TelnyxApi()
    app = web.Application()
    app.router.add_post("/v2/calls/{call}/actions/{action}", api.serve)
    app.router.add_post("/v2/conferences", api.serve)
    app.router.add_post("/v2/conferences/{call}/actions/{action}", api.serve)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield api, f"http://127.0.0.1:{runner.addresses[0][1]}/v2"
    finally:
        for event in api.blocked.values():
            event.set()
        await runner.cleanup()
