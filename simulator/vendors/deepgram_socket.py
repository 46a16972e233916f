"""What the simulated Deepgram's three WebSockets have in common: the handshake, faults, and messages in their order.

Source: developers.deepgram.com/reference, deepgram-sdk 7.17.0.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import WSMsgType, web

from simulator.vendors.faults import Fault, FaultCut, FaultInjector, Role
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone

ENCODINGS: Final = ("mulaw", "linear16")
# What no client can read, in place of a message.
GARBAGE: Final = '{"type":"Resu\x00\x17'
_FAILED: Final = {"type": "Error", "code": "NET-0000", "description": "internal server error"}
_REFUSALS: Final = {
    "unauthorized": (401, "INVALID_AUTH", "Invalid credentials."),
    "no_credit": (402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
    "rate_limited": (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}


class Refused(Exception):
    """The handshake is answered with an HTTP error."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text

    def response(self) -> web.Response:
        """The answer, as the vendor gives it."""
        body = {"err_code": self.code, "err_msg": self.text, "request_id": str(uuid.uuid4())}
        return web.json_response(body, status=self.status, headers={"dg-error": self.text})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message. text: a JSON object, or data: audio. delay_s: from `send` until it is due. is_unit: it is a unit
    of work, before which a fault may begin."""

    text: dict[str, Any] | None = None
    data: bytes = b""
    delay_s: float = 0.0
    is_unit: bool = True


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str


class SimulatedSocket:
    """One connection: sends messages in their order, each after its delay, with the connection's fault."""

    def __init__(self, request: web.Request, faults: FaultInjector) -> None:
        self.request = request
        self.faults = faults
        faults.on_begin = self._begin_fault
        self.request_id = str(uuid.uuid4())
        self._socket = web.WebSocketResponse(compress=False)
        self._outgoing: asyncio.Queue[tuple[float, Outgoing | _Close]] = asyncio.Queue()

    async def serve(self, receive: Callable[[str | bytes], Awaitable[None]]) -> web.WebSocketResponse:
        """Runs the connection until either side ends it. receive: takes each message."""
        await self._socket.prepare(self.request)
        sender = asyncio.create_task(self._send_all())
        reader = asyncio.create_task(self._read_all(receive))
        try:
            done, _ = await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(FaultCut, ConnectionError):
                    task.result()
        finally:
            for task in (sender, reader):
                task.cancel()
            await asyncio.gather(sender, reader, return_exceptions=True)
        return self._socket

    def send(self, message: Outgoing) -> None:
        """Sends a message when those before it are sent."""
        self._outgoing.put_nowait((asyncio.get_running_loop().time(), message))

    def close(self, code: int, reason: str = "") -> None:
        """Closes the connection when the messages before are sent."""
        self._outgoing.put_nowait((0.0, _Close(code, reason)))

    def discard(self, is_unwanted: Callable[[Outgoing], bool]) -> None:
        """Drops messages that wait to be sent."""
        waiting = [self._outgoing.get_nowait() for _ in range(self._outgoing.qsize())]
        for sent_at, message in waiting:
            if isinstance(message, _Close) or not is_unwanted(message):
                self._outgoing.put_nowait((sent_at, message))

    def _begin_fault(self, fault: Fault) -> None:
        """A refusal strikes an open connection as its end, because the handshake is over."""
        if fault.kind == "refuse" or fault.kind in _REFUSALS:
            reset_connection(self.request)

    async def _read_all(self, receive: Callable[[str | bytes], Awaitable[None]]) -> None:
        async for message in self._messages():
            await receive(message)

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            if self.faults.reads_nothing:
                await wait_until_gone(self.request)
                return
            message = await self._socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            yield message.data

    async def _send_all(self) -> None:
        while True:
            sent_at, message = await self._outgoing.get()
            if isinstance(message, _Close):
                await self._socket.close(code=message.code, message=message.reason.encode())
                return
            await self.faults.wait(message.delay_s, asyncio.get_running_loop().time() - sent_at)
            if message.is_unit and self.faults.reports_error:
                return await self._report_error()
            try:
                is_garbage = message.is_unit and await self.faults.begin_unit()
            except FaultCut:
                reset_connection(self.request)
                raise
            await self._send(message, is_garbage)

    async def _report_error(self) -> None:
        await self._socket.send_str(json.dumps(_FAILED))
        await self._socket.close(code=1011, message=_FAILED["code"].encode())

    async def _send(self, message: Outgoing, is_garbage: bool) -> None:
        if is_garbage:
            await self._socket.send_str(GARBAGE)
        elif message.text is not None:
            await self._socket.send_str(json.dumps(message.text))
        else:
            await self._socket.send_bytes(message.data)


def open_socket(request: web.Request, state: VendorState, role: Role) -> SimulatedSocket | web.Response:
    """The connection for a request that is accepted, else the answer that refuses it."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    try:
        if faults.fault is not None and faults.fault.kind in _REFUSALS:
            raise Refused(*_REFUSALS[faults.fault.kind])
        _check_key(request, state.key)
    except Refused as refused:
        return refused.response()
    return SimulatedSocket(request, faults)


def check_audio(query: Iterable[tuple[str, str]]) -> None:
    """Raises Refused unless the query describes raw audio at 8 kHz that this server knows."""
    values = dict(query)
    if values.get("encoding") not in ENCODINGS or values.get("sample_rate") != "8000":
        raise Refused(400, "Bad Request", "Unsupported encoding or sample rate.")


def _check_key(request: web.Request, key: str) -> None:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("token", "bearer") or sent != key:
        raise Refused(*_REFUSALS["unauthorized"])
