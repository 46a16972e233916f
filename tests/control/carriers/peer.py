"""A carrier's server for tests, on a real socket, written from its documentation; fails on request.

peer.fail("500", on="POST /orders")        the next such request gets this status and is not processed
peer.fail("drop", after=True)              the next request is processed, then the connection breaks
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler

FailureKind = Literal["429", "500", "503", "drop", "hang", "rubbish", "refuse"]


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """body: the JSON body, or the form with a list of values for each name."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]


@dataclass(slots=True)
class _PlannedFailure:
    kind: FailureKind
    on: str
    after: bool


class CarrierPeer:
    """Base of both carriers. received: every request so far. request_hangs: set when a request stays unanswered.
    refusal: status and body of the failure "refuse"."""

    refusal: tuple[int, Mapping[str, Any]] = (401, {})

    def __init__(self) -> None:
        self.url = ""
        self.received: list[ReceivedRequest] = []
        self._failures: list[_PlannedFailure] = []
        self.request_hangs = asyncio.Event()
        self._stopped = asyncio.Event()

    def fail(self, kind: FailureKind, *, on: str = "", times: int = 1, after: bool = False) -> None:
        """Fails the next `times` requests that begin with `on` ("POST /v2/calls"). after: after they were processed."""
        self._failures += [_PlannedFailure(kind, on, after) for _ in range(times)]

    def requests_to(self, on: str) -> list[ReceivedRequest]:
        """Received requests that begin with `on`."""
        return [request for request in self.received if f"{request.method} {request.path}".startswith(on)]

    def routes(self) -> list[web.RouteDef]:
        """The routes that it serves."""
        raise NotImplementedError

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serves on a free port until the block ends."""
        app = web.Application(middlewares=[self._middleware()])
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            self._stopped.set()
            await runner.cleanup()

    def _middleware(self) -> Any:
        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.received.append(
                ReceivedRequest(
                    request.method, request.path, dict(request.query), await _read_body(request), dict(request.headers)
                )
            )
            failure = self._take_failure(f"{request.method} {request.path}")
            if failure is None:
                return await handler(request)
            if failure.after:
                await handler(request)
            return await self._fail_request(request, failure)

        return around

    def _take_failure(self, line: str) -> _PlannedFailure | None:
        found = next((failure for failure in self._failures if line.startswith(failure.on)), None)
        if found is not None:
            self._failures.remove(found)
        return found

    async def _fail_request(self, request: web.Request, failure: _PlannedFailure) -> web.StreamResponse:
        if failure.kind == "rubbish":
            return web.Response(text="<html>", content_type="application/json")
        if failure.kind == "refuse":
            return web.json_response(dict(self.refusal[1]), status=self.refusal[0])
        if failure.kind == "hang":
            self.request_hangs.set()
            await self._stopped.wait()
        if failure.kind in ("hang", "drop"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.json_response({}, status=int(failure.kind))


async def _read_body(request: web.Request) -> Any:
    if not await request.read():
        return {}
    if request.content_type == "application/json":
        return await request.json()
    form = await request.post()
    return {name: form.getall(name) for name in form}
