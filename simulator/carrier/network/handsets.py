"""The handset socket: a phone that phones or waits to be phoned; its protocol is in `simulator/carrier/handset.py`."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from aiohttp import web

from simulator.carrier.network.remote import Handset, RemoteParty, RemotePhone, ended_by, tell_event
from simulator.carrier.network.world import Subscriber, World

_GONE_S = 5.0


class Handsets:
    """`GET /network/handset?from=&to=` phones; `?answer=` waits for one call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: set[Handset] = set()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """400 when the query fits neither."""
        query = request.query
        if "answer" not in query and not ("from" in query and "to" in query):
            return web.json_response({"error": "from and to, or answer, must be given"}, status=400)
        party = RemoteParty()
        socket = web.WebSocketResponse(timeout=_GONE_S, max_msg_size=1 << 16)
        handset = Handset(socket, party)
        if "answer" in query:
            return await self._wait(request, handset, party, socket)
        await socket.prepare(request)
        await self._served(handset, self._phone(handset, party, query["from"], query["to"]))
        await socket.close()
        return socket

    async def put_down(self, _: web.Application) -> None:
        """The network ends: all phones go on the hook."""
        for handset in self._open:
            handset.put_down()

    async def _phone(self, handset: Handset, party: RemoteParty, caller: str, called: str) -> None:
        outcome = await self._world.call(
            caller,
            called,
            party,
            on_event=lambda event: tell_event(party, event, caller, called),
            hung_up=handset.hung_up,
        )
        if outcome.answered:
            party.tell(event="ended", by=ended_by(outcome.ended_by, outcome.last_stream))

    async def _wait(
        self, request: web.Request, handset: Handset, party: RemoteParty, socket: web.WebSocketResponse
    ) -> web.StreamResponse:
        number = request.query["answer"]
        phone = RemotePhone(handset, party)
        before = self._world.subscribers.get(number)
        mine = replace(before, phone=phone) if before is not None else Subscriber(phone=phone)
        self._world.subscribers[number] = mine  # before the upgrade: who is connected can be called
        try:
            await socket.prepare(request)
            await self._served(handset, _carried(handset, phone, party))
        finally:
            self._restore(number, mine, before)
        await socket.close()
        return socket

    def _restore(self, number: str, mine: Subscriber, before: Subscriber | None) -> None:
        if self._world.subscribers.get(number) is not mine:
            return
        if before is None:
            del self._world.subscribers[number]
        else:
            self._world.subscribers[number] = before

    async def _served(self, handset: Handset, call: Coroutine[Any, Any, None]) -> None:
        """Reads and writes while the call lasts; who goes away during it puts the phone down."""
        reading = asyncio.create_task(handset.read())
        writing = asyncio.create_task(handset.write())
        calling = asyncio.ensure_future(call)
        self._open.add(handset)
        try:
            await asyncio.wait({reading, calling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(handset)
            # Also when the handler is cancelled: the call ends as one whose caller hung up, at its next beat.
            handset.put_down()
            await asyncio.wait({calling}, timeout=_GONE_S)
            writing.cancel()
            calling.cancel()
            await asyncio.wait({writing, calling})
            await handset.flush()
            reading.cancel()
            await asyncio.wait({reading})
        if not calling.cancelled():
            calling.result()


async def _carried(handset: Handset, phone: RemotePhone, party: RemoteParty) -> None:
    """The call that comes, or nothing when the handset is gone before."""
    gone = asyncio.ensure_future(handset.hung_up.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {phone.line, gone}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if phone.line.done():
        line = phone.line.result()
        await line.closed()
        party.tell(event="ended", by=ended_by(line.by, line.last_end))
