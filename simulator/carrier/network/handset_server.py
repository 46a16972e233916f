"""The server of the handset socket, over which a remote phone places or receives a call.

The protocol is described in `simulator/carrier/handset.py`.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from aiohttp import web

from simulator.carrier.handset import PHONE_TAKEN
from simulator.carrier.network.phone_network import PhoneNetwork, Subscriber
from simulator.carrier.network.remote_phone import (
    HandsetConnection,
    RemoteParty,
    RemotePhone,
    ended_by,
    send_call_event,
)

_CLOSE_S = 5.0


class HandsetServer:
    """`GET /network/handset?from=&to=` places a call; `?answer=` waits for one."""

    def __init__(self, network: PhoneNetwork) -> None:
        self._network = network
        self._open: set[HandsetConnection] = set()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve a handset. Returns 400 without `from` and `to`, or `answer`; 409 if another handset waits at the
        number.
        """
        query = request.query
        if "answer" not in query and not ("from" in query and "to" in query):
            return web.json_response({"error": "from and to, or answer, must be given"}, status=400)
        party = RemoteParty()
        socket = web.WebSocketResponse(timeout=_CLOSE_S, max_msg_size=1 << 16)
        handset = HandsetConnection(socket, party)
        if "answer" in query:
            return await self._wait_for_call(request, handset, party, socket)
        await socket.prepare(request)
        await self._run_handset(handset, self._place_call(handset, party, query["from"], query["to"]))
        await socket.close()
        return socket

    async def hang_up(self, _: web.Application) -> None:
        """Hang up all handsets when the network shuts down."""
        for handset in self._open:
            handset.hang_up()

    async def _place_call(self, handset: HandsetConnection, party: RemoteParty, caller: str, called: str) -> None:
        outcome = await self._network.call(
            caller,
            called,
            party,
            on_event=lambda event: send_call_event(party, event, caller, called),
            hung_up=handset.hung_up,
        )
        if outcome.answered:
            party.send(event="ended", by=ended_by(outcome.ended_by, outcome.last_stream))

    async def _wait_for_call(
        self, request: web.Request, handset: HandsetConnection, party: RemoteParty, socket: web.WebSocketResponse
    ) -> web.StreamResponse:
        number = request.query["answer"]
        current = self._network.subscribers.get(number)
        other = current.phone if current is not None and isinstance(current.phone, RemotePhone) else None
        if other is not None and other.is_waiting:
            return web.json_response({"error": "another handset waits at this number"}, status=PHONE_TAKEN)
        before = current if other is None else other.replaces
        phone = RemotePhone(handset, party, before)
        mine = replace(before, phone=phone) if before is not None else Subscriber(phone=phone)
        self._network.connect_phone(number, mine)  # before the upgrade, so that a connected handset can be called
        try:
            await socket.prepare(request)
            await self._run_handset(handset, _run_answered_call(handset, phone, party))
        finally:
            self._restore(number, mine, before)
        await socket.close()
        return socket

    def _restore(self, number: str, mine: Subscriber, before: Subscriber | None) -> None:
        if self._network.subscribers.get(number) is not mine:
            return
        if before is None:
            del self._network.subscribers[number]
        else:
            self._network.subscribers[number] = before

    async def _run_handset(self, handset: HandsetConnection, call: Coroutine[Any, Any, None]) -> None:
        """Read and write during the call. If the handset disconnects, it hangs up."""
        reading = asyncio.create_task(handset.read())
        writing = asyncio.create_task(handset.write())
        calling = asyncio.ensure_future(call)
        self._open.add(handset)
        try:
            await asyncio.wait({reading, calling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(handset)
            # Also applies if the handler is canceled: the call ends at its next frame, as if the caller hung up.
            handset.hang_up()
            await asyncio.wait({calling}, timeout=_CLOSE_S)
            writing.cancel()
            calling.cancel()
            await asyncio.wait({writing, calling})
            await handset.flush()
            reading.cancel()
            await asyncio.wait({reading})
        if not calling.cancelled():
            calling.result()


async def _run_answered_call(handset: HandsetConnection, phone: RemotePhone, party: RemoteParty) -> None:
    """Run the incoming call. Returns if the handset disconnects before a call."""
    disconnected = asyncio.ensure_future(handset.hung_up.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {phone.line, disconnected}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnected.cancel()
    if phone.line.done():
        line = phone.line.result()
        await line.closed()
        party.send(event="ended", by=ended_by(line.by, line.last_end))
