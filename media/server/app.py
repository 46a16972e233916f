"""The HTTP endpoints of a worker: health, metrics and, in stand-alone mode, the events of calls."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from aiohttp import web

from media.server.limits import WorkerLimits
from media.server.metrics import CONTENT_TYPE, Metrics
from media.server.sinks import StateFolder
from media.server.worker import Worker
from shared.http_protocol import name_server

# How often the file of a followed call is read, and how long a call is followed.
FOLLOW_EVERY_S = 0.05
FOLLOW_LIMIT_S = 4 * 3600.0
LAST_EVENT = b'"type":"call.ended"'


class HttpEndpoints:
    """The HTTP routes of one worker."""

    def __init__(
        self,
        worker: Worker,
        limits: WorkerLimits,
        metrics: Metrics,
        folder: StateFolder,
        bus_unavailable: Callable[[], bool] = lambda: False,
        dead_tasks: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Create the endpoints of a worker.

        Args:
            bus_unavailable: Returns whether the bus, which supplies plans, cannot be reached.
            dead_tasks: Returns the names of the long-lived tasks that do not run.
        """
        self._worker = worker
        self._limits = limits
        self._metrics = metrics
        self._folder = folder
        self._bus_unavailable, self._dead_tasks = bus_unavailable, dead_tasks

    def build(self, *, stand_alone: bool) -> web.Application:
        """Return the application. `stand_alone` adds the events of calls, which control serves otherwise."""
        app = web.Application(client_max_size=self._limits.max_message_bytes)
        app.on_response_prepare.extend((_one_request, name_server))
        app.add_routes(
            [
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._get_metrics),
            ]
        )
        if stand_alone:
            app.add_routes([web.get("/calls/{stream_id}/events", self._follow)])
        return app

    async def _alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        state, dead = self._state(), self._dead_tasks()
        if state == "ready" and dead:
            return web.json_response({"status": "task_died", "tasks": list(dead)}, status=503)
        return web.json_response({"status": state}, status=200 if state == "ready" else 503)

    def _state(self) -> str:
        worker = self._worker
        if worker.is_draining:
            return "draining"
        if worker.is_full:
            return "full"
        return "no_bus" if self._bus_unavailable() else "ready"

    async def _get_metrics(self, request: web.Request) -> web.Response:
        # In a thread, because adding up the metrics of several processes takes long.
        return web.Response(body=await asyncio.to_thread(self._metrics.render), headers={"Content-Type": CONTENT_TYPE})

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        index = self._folder.stream(request.match_info["stream_id"])
        call_id = await asyncio.to_thread(_read_text, index) if index else None
        if call_id is None:
            return web.json_response({"error": {"code": "unknown_stream"}}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            async with aclosing(_tail(self._folder.events(call_id))) as tail:
                async for lines in tail:
                    if request.transport is None:
                        break  # the client has disconnected
                    async with asyncio.timeout(self._limits.send_timeout_s):
                        await response.write(lines)
        except ConnectionResetError:
            pass  # the client has just disconnected
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response


async def _one_request(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection after each answer.

    Only the first request of a connection is dispatched, so a carrier's upgrade must not be the second.
    """
    response.force_close()
    response.headers["Connection"] = "close"


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


async def _tail(path: Path) -> AsyncGenerator[bytes, None]:
    """Yield complete lines of a growing file, or b"", until the call's last event. Another worker may write the
    file."""
    offset, rest = 0, b""
    for _ in range(round(FOLLOW_LIMIT_S / FOLLOW_EVERY_S)):
        chunk = await asyncio.to_thread(_read_from, path, offset)
        offset += len(chunk)
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield whole + newline
        if LAST_EVENT in whole:
            return
        await asyncio.sleep(FOLLOW_EVERY_S)


def _read_from(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()
