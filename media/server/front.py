"""The port: looks at the first bytes of a connection and hands it to aiohttp, or opens a carrier's WebSocket.

Carrier sockets do not go through aiohttp because its WebSocket costs a future, a queue entry and a task's step for
every frame (docs/decisions/0006). The `websockets` package judges their handshake.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import structlog
from aiohttp import web
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from media.server.connection import Connection
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.plans import Door
from media.server.signature import Signatures
from media.server.websocket import WebSocket
from media.server.worker import Worker
from media.telephony.browser import BrowserCodec
from media.telephony.telnyx import TelnyxCodec
from media.telephony.twilio import TwilioCodec
from media.telephony.wire import Codec
from shared.ids import new_id

log = structlog.get_logger()

MEDIA: Final = b"GET /media/"
END_OF_HEAD: Final = b"\r\n\r\n"
MAX_HEAD_BYTES: Final = 16_384
_PATH: Final = re.compile(r"/media/(twilio|telnyx|browser)(?:/([A-Za-z0-9_-]{1,128}))?")
BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class House:
    """What lies behind the port: carriers' sockets for the worker, all else for the application. led: by control, which
    gives a token to each stream; Twilio's brings it with its start, where alone Twilio gives parameters."""

    worker: Worker
    limits: Limits
    metrics: Metrics
    app: web.Application
    signatures: Signatures
    led: bool = False

    def refusal(self) -> str:
        """Why no further socket is taken; empty when it is."""
        worker = self.worker
        return "draining" if worker.draining else "full" if worker.full else "crowded" if worker.crowded else ""

    def forgery(self, door: Door, request: Request) -> str:
        """Why a request does not come from a carrier that was led here, as far as can be told from its head; empty when
        it may."""
        if door.carrier != "twilio":
            return "no_token" if self.led and not door.token else ""
        return self.signatures.fault(request.path, request.headers.get_all("X-Twilio-Signature"))

    def codec(self, carrier: str) -> Codec:
        """A carrier's."""
        size = self.limits.max_message_bytes
        match carrier:
            case "twilio":
                return TwilioCodec(max_message_bytes=size)
            case "telnyx":
                return TelnyxCodec(max_message_bytes=size)
            case _:
                return BrowserCodec(new_id(), size)


def door_of(path: str) -> Door | None:
    """/media/<carrier>, or /media/<carrier>/<token>."""
    match = _PATH.fullmatch(path)
    return Door(match[1], match[2] or "") if match else None


@asynccontextmanager
async def opened(house: House, host: str, port: int, *, shared_port: bool = False) -> AsyncIterator[int]:
    """Listens until left, and gives the port (of the system's choice when 0). Raises OSError when it is taken."""
    runner = web.AppRunner(house.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    http = runner.server
    assert http is not None, "setup() makes it"
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: Front(house, http), host, port, reuse_port=shared_port or None, backlog=1_024
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


class Front(asyncio.Protocol):
    """A connection until it is known whose it is. It has `start_timeout_s` to say so, in `MAX_HEAD_BYTES`."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, house: House, http: Callable[[], asyncio.Protocol]) -> None:
        self._house = house
        self._http = http
        self._bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection was accepted."""
        self._transport = cast(asyncio.Transport, transport)
        limit = self._house.limits.start_timeout_s
        self._timer = asyncio.get_running_loop().call_later(limit, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """It left before it said what it wanted, or was refused."""
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        if self._transport.is_closing():
            return
        self._bytes += data
        head, end, rest = self._bytes.partition(END_OF_HEAD)
        if len(head) > MAX_HEAD_BYTES:
            self._transport.abort()
        elif end and head.startswith(MEDIA):
            self._open(head + end, rest)
        elif end:
            # Not before its head is whole, for aiohttp waits for that without a limit.
            http = self._http()
            http.connection_made(self._transport)
            self._hand_to(http, self._bytes)

    def _open(self, head: bytes, rest: bytes) -> None:
        handshake = ServerProtocol()
        handshake.receive_data(head)
        events = handshake.events_received()
        door = None
        if events:
            request = cast(Request, events[0])
            door = door_of(request.path.partition("?")[0])
            response = self._respond(handshake, request, door) if door else handshake.reject(404, "404: Not Found\n")
            handshake.send_response(response)
        handshake.parser.close()  # it holds the handshake, which holds it: both must go without the collector
        # Some of what cannot be read as a request is left without an answer by the handshake.
        self._transport.write(b"".join(handshake.data_to_send()) or BAD_REQUEST)
        if door is None or handshake.state is not State.OPEN:
            self._transport.close()
            return
        limits = self._house.limits
        socket = WebSocket(self._transport, limits.max_message_bytes)
        connection = socket.receiver = Connection(socket, self._house.codec(door.carrier), limits)
        self._house.worker.serve(connection, door)
        self._hand_to(socket, rest)

    def _respond(self, handshake: ServerProtocol, request: Request, door: Door) -> Response:
        forgery, reason = self._house.forgery(door, request), self._house.refusal()
        if forgery:
            self._house.metrics.refused.labels(forgery).inc()
            log.warning("socket.refused", reason=forgery, carrier=door.carrier)
            return handshake.reject(403, f"403: {forgery}\n")
        response = handshake.accept(request)
        if response.status_code == 101 and reason:
            self._house.metrics.refused.labels(reason).inc()
            response = handshake.reject(503, reason)
            response.headers["Retry-After"] = "5"
        return response

    def _hand_to(self, protocol: asyncio.Protocol, rest: bytes) -> None:
        self._timer.cancel()
        self._bytes = b""
        self._transport.set_protocol(protocol)
        if rest:
            protocol.data_received(rest)
