"""A carrier's server for tests, on a real socket, written from its documentation; it can fail in every way.

peer.fail("500", on="POST /orders")        the next such request is answered so, and nothing is done
peer.fail("drop", after=True)              the next request is done, and then the connection breaks
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler

How = Literal["429", "500", "503", "drop", "hang", "rubbish", "refuse"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. sent: the JSON body, or the form with a list per name."""

    method: str
    path: str
    query: Mapping[str, str]
    sent: Any
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Fault:
    how: How
    on: str
    after: bool


class Peer:
    """Base of both carriers. asked: every request so far. hangs: a request is left without answer. refusal: what
    "refuse" answers."""

    refusal: tuple[int, Mapping[str, Any]] = (401, {})

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._faults: list[_Fault] = []
        self.hangs = asyncio.Event()
        self._over = asyncio.Event()

    def fail(self, how: How, *, on: str = "", times: int = 1, after: bool = False) -> None:
        """For the next so many requests that begin with `on` ("POST /v2/calls"). after: when the thing is done."""
        self._faults += [_Fault(how, on, after) for _ in range(times)]

    def requests(self, on: str) -> list[Asked]:
        """Those that begin so."""
        return [one for one in self.asked if f"{one.method} {one.path}".startswith(on)]

    def routes(self) -> list[web.RouteDef]:
        """What it serves."""
        raise NotImplementedError

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """On a free port, until the block ends."""
        app = web.Application(middlewares=[self._middleware()])
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            self._over.set()
            await runner.cleanup()

    def _middleware(self) -> Any:
        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.asked.append(
                Asked(request.method, request.path, dict(request.query), await _sent(request), dict(request.headers))
            )
            fault = self._next_fault(f"{request.method} {request.path}")
            if fault is None:
                return await handler(request)
            if fault.after:
                await handler(request)
            return await self._answer(request, fault)

        return around

    def _next_fault(self, line: str) -> _Fault | None:
        found = next((one for one in self._faults if line.startswith(one.on)), None)
        if found is not None:
            self._faults.remove(found)
        return found

    async def _answer(self, request: web.Request, fault: _Fault) -> web.StreamResponse:
        if fault.how == "rubbish":
            return web.Response(text="<html>", content_type="application/json")
        if fault.how == "refuse":
            return web.json_response(dict(self.refusal[1]), status=self.refusal[0])
        if fault.how == "hang":
            self.hangs.set()
            await self._over.wait()
        if fault.how in ("hang", "drop"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.json_response({}, status=int(fault.how))


async def _sent(request: web.Request) -> Any:
    if not await request.read():
        return {}
    if request.content_type == "application/json":
        return await request.json()
    form = await request.post()
    return {name: form.getall(name) for name in form}
