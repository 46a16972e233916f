"""A client WebSocket to a vendor that needs no task: messages arrive by callback.

`VendorSocket.open` maps every failure to connect to a ProviderError. The library is picows
(docs/experiments/vendor-connections.md).
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import picows

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow
from media.providers.tls import ResumingTlsContext
from media.providers.vendor_names import vendor_names
from shared.egress import EgressGuard
from shared.providers.errors import cause_of_status

MAX_MESSAGE_BYTES: Final = 1 << 20
# If more than this is unsent, the vendor has stopped reading. A recognizer that takes over receives up to 60 s of audio
# at once (480,000 bytes and framing), most of which waits here on a slow line.
MAX_UNSENT_BYTES: Final = 1 << 20
# 529 is a nonstandard status for an overloaded server.
_BUSY_STATUSES: Final = (402, 429, 503, 529)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|$)")
# The close code for a connection that ended without a close frame (RFC 6455, 7.1.5).
ABNORMAL: Final = 1006


class VendorSocketHandler(Protocol):
    """Callbacks of a socket. No callback follows `on_closed`."""

    def on_text(self, message: bytes) -> None:
        """Called for each complete text message."""

    def on_binary(self, message: bytes) -> None:
        """Called for each complete binary message."""

    def on_closed(self, code: int, reason: str) -> None:
        """Called when either side has ended the connection.

        Args:
            code: The code of the close frame, or `ABNORMAL` without a close frame.
        """


@dataclass(frozen=True, slots=True)
class SocketTarget:
    """The address and settings of a connection.

    Attributes:
        provider: The provider's name in errors.
        url: A `wss://` or `ws://` address, including the query.
        headers: Headers of the handshake, which may contain a key.
        guard: Guards the connection if a customer gave the address.
    """

    provider: str
    url: str
    headers: Mapping[str, str]
    tls: ResumingTlsContext
    timeout_s: float = 3.0
    guard: EgressGuard | None = None


class VendorSocket:
    """An open connection, which `open` creates."""

    def __init__(self, handler: VendorSocketHandler) -> None:
        self._listener = _Listener(handler)

    @classmethod
    async def open(cls, target: SocketTarget, handler: VendorSocketHandler) -> "VendorSocket":
        """Connect to the target.

        Raises:
            ProviderError: The connection failed. HTTP 402, 429, 503 and 529 raise ProviderBusy; a missing answer raises
                ProviderSlow.
        """
        made = cls(handler)
        with ExitStack() as failure:
            failure.callback(made.abort)  # also if the caller is canceled or the answer arrives later
            await made._connect(target)
            failure.pop_all()
        return made

    async def _connect(self, target: SocketTarget) -> None:
        try:
            async with asyncio.timeout(target.timeout_s):
                await picows.ws_connect(
                    lambda: self._listener,
                    target.url,
                    ssl_context=target.tls if target.url.startswith("wss:") else None,
                    extra_headers=dict(target.headers),
                    # without it, picows never closes a connection that was given up
                    websocket_handshake_timeout=target.timeout_s,
                    max_redirects=0,  # a redirect could lead the key to another host
                    max_frame_size=MAX_MESSAGE_BYTES,
                    socket_factory=_socket_factory(target),
                    use_aiofastnet=False,  # its TLS does not resume sessions
                )
        except TimeoutError:
            raise ProviderSlow(target.provider, "no connection in time", may_bill=False) from None
        except picows.WSHandshakeError as error:
            raise _map_handshake(target.provider, error).with_answer(error.raw_body) from None
        except (OSError, picows.WSError, ValueError) as error:  # ValueError: an invalid host or port
            raise ProviderError(target.provider, f"cannot connect: {type(error).__name__}", cause="refused") from None
        if not self.is_open:  # picows reports no error if the peer closes during the handshake
            raise ProviderError(target.provider, "the connection was closed in its handshake", cause="refused")

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._listener.is_open

    @property
    def unsent_bytes(self) -> int:
        """The number of bytes that the vendor has not accepted yet."""
        transport = self._listener.transport
        return transport.underlying_transport.get_write_buffer_size() if transport is not None else 0

    def send_text(self, message: bytes | str) -> None:
        """Send a text message. Does nothing after the connection is over. Never waits."""
        self._send(picows.WSMsgType.TEXT, message.encode() if isinstance(message, str) else message)

    def send_binary(self, message: bytes) -> None:
        """Send a binary message. Does nothing after the connection is over. Never waits."""
        self._send(picows.WSMsgType.BINARY, message)

    async def close(self) -> None:
        """Send a close frame and wait at most a second for the end. No callback follows."""
        listener = self._listener
        transport, listener.is_open = listener.transport, False
        if transport is None:
            return
        transport.send_close(picows.WSCloseCode.OK)
        try:
            async with asyncio.timeout(1.0):
                await listener.closed.wait()
        except TimeoutError:
            pass
        finally:  # also if the caller is canceled
            if not listener.closed.is_set():
                transport.disconnect(graceful=False)

    def abort(self) -> None:
        """Disconnect at once. No callback follows."""
        listener = self._listener
        listener.is_open = listener.is_wanted = False
        if listener.transport is not None:
            listener.transport.disconnect(graceful=False)

    def _send(self, kind: picows.WSMsgType, message: bytes) -> None:
        listener = self._listener
        if listener.is_open and listener.transport is not None:
            listener.transport.send(kind, message)
            if self.unsent_bytes > MAX_UNSENT_BYTES:
                listener.end(ABNORMAL, "the vendor does not read")


class _Listener(picows.WSListener):
    """Joins fragments into messages and calls the handler."""

    def __init__(self, handler: VendorSocketHandler) -> None:
        self._handler = handler
        self._kind = picows.WSMsgType.TEXT
        self._fragments = bytearray()
        self.transport: picows.WSTransport | None = None
        self.is_open = False
        self.is_wanted = True
        self.closed = asyncio.Event()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport, self.is_open = transport, self.is_wanted
        if not self.is_wanted:
            transport.disconnect(graceful=False)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if not self.is_open:
            return
        kind = frame.msg_type
        if kind == picows.WSMsgType.CLOSE:
            code = int(frame.get_close_code())  # type: ignore[call-overload]  # an IntEnum, though its stub says Enum
            self.end(code, frame.get_close_reason() or "")
        elif kind in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY) and frame.fin:
            self._deliver(kind, frame.get_payload_as_bytes())
        elif kind in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION):
            self._add_fragment(kind, frame)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.closed.set()
        self.end(ABNORMAL, "")

    def end(self, code: int, reason: str) -> None:
        """Report the end once, and close the connection."""
        if not self.is_open:
            return
        self.is_open = False
        if self.transport is not None:
            self.transport.disconnect(graceful=code != ABNORMAL)
        self._handler.on_closed(code, reason)

    def _add_fragment(self, kind: picows.WSMsgType, frame: picows.WSFrame) -> None:
        if kind != picows.WSMsgType.CONTINUATION:
            self._kind = kind
            self._fragments.clear()
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > MAX_MESSAGE_BYTES:
            self.end(ABNORMAL, "a message is too long")
        elif frame.fin:
            self._deliver(self._kind, bytes(self._fragments))

    def _deliver(self, kind: picows.WSMsgType, message: bytes) -> None:
        if kind == picows.WSMsgType.TEXT:
            self._handler.on_text(message)
        else:
            self._handler.on_binary(message)


def _socket_factory(target: SocketTarget) -> Callable[[object], Awaitable[socket.socket]]:
    """Return a function that opens the target's socket with cached or guarded addresses."""
    guard = target.guard
    return lambda _: _open_socket(target.url) if guard is None else guard.connect_url(target.url)


async def _open_socket(url: str) -> socket.socket:
    """Connect to the host and port of a URL. Raises OSError, or ValueError for an invalid port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    return await vendor_names().connect(parts.hostname or "", port)


def _read_status(error: picows.WSHandshakeError) -> int:
    """Return the status of the answer, or 0 if its first line is not HTTP. picows parses only the statuses in Python's
    `HTTPStatus`."""
    if error.response is not None:
        return int(error.response.status)
    found = _STATUS_LINE.match(error.raw_header or b"")
    return int(found[1]) if found else 0


def _map_handshake(provider: str, error: picows.WSHandshakeError) -> ProviderError:
    """Convert an HTTP answer other than 101 to an error. The message excludes the body, which may quote the key."""
    status = _read_status(error)
    reason = f"HTTP {status}" if status else "an unreadable answer"
    if status in _BUSY_STATUSES:  # an exhausted quota lasts longer than a full queue
        return ProviderBusy(provider, reason, retryable=status != 402)
    if status in (401, 403):
        return KeyRefused(provider, reason)
    if status in (408, 504):
        return ProviderSlow(provider, reason, may_bill=False)
    cause = cause_of_status(status) if status else "unreadable"
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause)
