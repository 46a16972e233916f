"""The listening port: reads the first request of a connection and hands it to aiohttp, or opens a carrier's WebSocket.

Carrier sockets bypass aiohttp, because its WebSocket costs a future, a queue entry and a task's step for every frame
(docs/decisions/0002). The `websockets` package validates their handshake.
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

from media.server.connection import StreamConnection
from media.server.limits import WorkerLimits
from media.server.metrics import Metrics
from media.server.plans import SocketRoute
from media.server.signature import SignatureCheck
from media.server.supervision import MAX_MESSAGE_BYTES, Supervisors
from media.server.websocket import WebSocket
from media.server.worker import Worker
from media.telephony.browser import BrowserCodec
from media.telephony.codec import Codec
from media.telephony.telnyx import TelnyxCodec
from media.telephony.twilio import TwilioCodec
from shared.http_protocol import make_protocol_factory
from shared.ids import new_id
from shared.refcycles import break_cycle, without_traceback
from shared.twilio_signature import SETTINGS_HEADER

log = structlog.get_logger()

MEDIA: Final = b"GET /media/"
END_OF_HEAD: Final = b"\r\n\r\n"
MAX_HEAD_BYTES: Final = 16_384
# aiohttp's default for a connection that it accepted itself. Proxies may keep connections open for an hour.
KEEPALIVE_S: Final = 3_630.0
LINGER_S: Final = 10.0
_PATH: Final = re.compile(r"/media/(twilio|telnyx|browser)(?:/([A-Za-z0-9_-]{1,128}))?")
_SUPERVISION_PATH: Final = re.compile(r"/media/supervise/([A-Za-z0-9_-]{1,128})")
BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ListenerBackend:
    """The targets of the listener: carriers' sockets go to the worker, all other requests to the application.

    Attributes:
        requires_token: Streams need a token from control in their path. Twilio's streams have it in their start
            message, because Twilio passes parameters only there.
        supervisors: Serves people who listen. None in stand-alone mode.
    """

    worker: Worker
    limits: WorkerLimits
    metrics: Metrics
    app: web.Application
    signatures: SignatureCheck
    requires_token: bool = False
    supervisors: Supervisors | None = None

    def capacity_error(self) -> str:
        """Return why no further socket is accepted ("draining", "full", "crowded"), or "" if a socket is accepted."""
        worker = self.worker
        if worker.is_draining:
            return "draining"
        if worker.is_full:
            return "full"
        return "crowded" if worker.is_pending_full else ""

    def authentication_error(self, route: SocketRoute, request: Request) -> str:
        """Return why a request cannot come from a carrier that control routed here, judged from its headers alone.

        Returns:
            "no_token", "unsigned" or "forged", or "" if the request may be genuine.
        """
        if route.carrier != "twilio":
            return "no_token" if self.requires_token and not route.token else ""
        headers = request.headers
        error = self.signatures.error(
            request.path, headers.get_all("X-Twilio-Signature"), headers.get_all(SETTINGS_HEADER)
        )
        if error and self.signatures.required:
            return error
        if error == "forged":
            log.warning("socket.signature_invalid", carrier=route.carrier)
        return ""

    def codec(self, carrier: str) -> Codec:
        """Return a new codec for a carrier."""
        size = self.limits.max_message_bytes
        match carrier:
            case "twilio":
                return TwilioCodec(max_message_bytes=size)
            case "telnyx":
                return TelnyxCodec(max_message_bytes=size)
            case _:
                return BrowserCodec(new_id(), asyncio.get_running_loop().time, size)


def parse_route(path: str) -> SocketRoute | None:
    """Parse /media/<carrier> or /media/<carrier>/<token>. Returns None for other paths."""
    match = _PATH.fullmatch(path)
    return SocketRoute(match[1], match[2] or "") if match else None


@asynccontextmanager
async def listen(backend: ListenerBackend, host: str, port: int, *, shared_port: bool = False) -> AsyncIterator[int]:
    """Listen while the context is open. Yields the port, which the system chooses for 0. Raises OSError if the port is
    in use."""
    runner = web.AppRunner(backend.app, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    make_handler = make_protocol_factory(runner, keepalive_s=KEEPALIVE_S, linger_s=LINGER_S)
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: ConnectionDispatcher(backend, make_handler),
            host,
            port,
            reuse_port=shared_port or None,
            backlog=1_024,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


class ConnectionDispatcher(asyncio.Protocol):
    """A connection until its first request is complete. The time and the size of the request are limited
    (`start_timeout_s`, `MAX_HEAD_BYTES`)."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, backend: ListenerBackend, http: Callable[[], asyncio.Protocol]) -> None:
        self._backend = backend
        self._http = http
        self._bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time limit of the accepted connection."""
        self._transport = cast(asyncio.Transport, transport)
        limit = self._backend.limits.start_timeout_s
        self._timer = asyncio.get_running_loop().call_later(limit, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limit, because the connection was closed or refused before it was dispatched."""
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect bytes until the head is complete, and dispatch the connection."""
        if self._transport.is_closing():
            return
        self._bytes += data
        head, end, rest = self._bytes.partition(END_OF_HEAD)
        if len(head) > MAX_HEAD_BYTES:
            self._transport.abort()
        elif end and head.startswith(MEDIA):
            self._open(head + end, rest)
        elif end:
            # Only after the head is complete, because aiohttp waits for the head without a time limit.
            http = self._http()
            http.connection_made(self._transport)
            self._hand_to(http, self._bytes)

    def _open(self, head: bytes, rest: bytes) -> None:
        handshake = ServerProtocol()
        handshake.receive_data(head)
        events = handshake.events_received()
        route, supervision_token = None, ""
        if events:
            request = cast(Request, events[0])
            path = request.path.partition("?")[0]
            route, supervision_token = parse_route(path), self._parse_supervision(path)
            if route is not None:
                response = self._respond(handshake, request, route)
            elif supervision_token:
                response = self._respond_to_listener(handshake, request)
            else:
                response = handshake.reject(404, "404: Not Found\n")
            handshake.send_response(response)
        break_cycle(handshake, "parser")  # a generator whose frame holds the handshake
        _drop_frames(handshake.handshake_exc)
        _drop_frames(handshake.parser_exc)
        # The handshake does not answer some requests that it cannot parse.
        self._transport.write(b"".join(handshake.data_to_send()) or BAD_REQUEST)
        if handshake.state is not State.OPEN:
            self._transport.close()
            return
        if route is None:
            assert self._backend.supervisors is not None, "no other path is accepted"
            socket = WebSocket(self._transport, MAX_MESSAGE_BYTES)
            self._backend.supervisors.serve(socket, supervision_token)
            self._hand_to(socket, rest)
            return
        limits = self._backend.limits
        socket = WebSocket(self._transport, limits.max_message_bytes)
        connection = socket.receiver = StreamConnection(socket, self._backend.codec(route.carrier), limits)
        self._backend.worker.serve(connection, route)
        self._hand_to(socket, rest)

    def _respond(self, handshake: ServerProtocol, request: Request, route: SocketRoute) -> Response:
        error, reason = self._backend.authentication_error(route, request), self._backend.capacity_error()
        if error:
            self._backend.metrics.refused.labels(error).inc()
            log.warning("socket.refused", reason=error, carrier=route.carrier)
            return handshake.reject(403, f"403: {error}\n")
        response = _without_quotes(handshake, handshake.accept(request))
        if response.status_code == 101 and reason:
            self._backend.metrics.refused.labels(reason).inc()
            response = handshake.reject(503, reason)
            response.headers["Retry-After"] = "5"
        return response

    def _parse_supervision(self, path: str) -> str:
        """Return a listener's token, or "" for other paths and if listening is unavailable."""
        match = _SUPERVISION_PATH.fullmatch(path) if self._backend.supervisors is not None else None
        return match[1] if match else ""

    def _respond_to_listener(self, handshake: ServerProtocol, request: Request) -> Response:
        supervisors = self._backend.supervisors
        response = _without_quotes(handshake, handshake.accept(request))
        if response.status_code == 101 and supervisors is not None and supervisors.is_full:
            self._backend.metrics.refused.labels("listeners").inc()
            response = handshake.reject(503, "listeners")
            response.headers["Retry-After"] = "5"
        return response

    def _hand_to(self, protocol: asyncio.Protocol, rest: bytes) -> None:
        self._timer.cancel()
        self._bytes = b""
        self._transport.set_protocol(protocol)
        if rest:
            protocol.data_received(rest)


def _without_quotes(handshake: ServerProtocol, response: Response) -> Response:
    """Return the library's refusal with its status alone, because its text quotes the request's headers."""
    if response.status_code == 101:
        return response
    plain = handshake.reject(response.status_code, f"{response.status_code}: {response.reason_phrase}\n")
    for name in ("Allow", "Upgrade"):
        if name in response.headers:
            plain.headers[name] = response.headers[name]
    return plain


def _drop_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of a handshake's error and its causes, because their frames hold the handshake."""
    while error is not None:
        without_traceback(error)
        error = error.__cause__ or error.__context__
