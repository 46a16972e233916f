"""gRPC connections to a vendor that calls share. Maps statuses to ProviderError.

The library is loaded at the first connection and in a thread, because a process without a gRPC vendor does not need it
(20 MB). Its own threads do the network's work; the event loop only exchanges messages with them.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from google.protobuf.message import DecodeError

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow
from shared.providers.grpc_methods import GrpcAddress, GrpcMethod

if TYPE_CHECKING:
    import grpc.aio

Q = TypeVar("Q")
R = TypeVar("R")
Metadata = Sequence[tuple[str, str]]

# Google's servers accept 100 streams per connection, and the library lets further streams wait without an error.
STREAMS_PER_CONNECTION: Final = 90
MAX_CONNECTIONS: Final = 16
MAX_MESSAGE_BYTES: Final = 1 << 22
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # otherwise all channels to a server share one connection
    ("grpc.enable_retries", 0),  # only the chain retries
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
# Statuses (grpc.io, "Status codes and their use in gRPC") that would not change if the request were repeated.
_REFUSED: Final = frozenset(
    ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED", "OUT_OF_RANGE", "ALREADY_EXISTS")
)


def load_grpc() -> Any:
    """Return the library's asyncio part. The first call reads it from disk, which takes 0.05 s."""
    return import_module("grpc.aio")


@dataclass(slots=True)
class _Connection:
    channel: "grpc.aio.Channel"
    streams: int = 0


class GrpcServer:
    """The connections to one server on one event loop."""

    def __init__(self, address: GrpcAddress) -> None:
        self._address = address
        self._connections: list[_Connection] = []
        self._loading: asyncio.Lock = asyncio.Lock()
        self._is_loaded = False

    @property
    def connection_count(self) -> int:
        """The number of connections."""
        return len(self._connections)

    async def connect(self, provider: str, timeout_s: float) -> "GrpcLease":
        """Return a lease on a connection with room for another stream. Raises ProviderError, at once if the server
        refuses."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._load()
                lease = GrpcLease(self._choose(provider))
                try:
                    await _wait_until_ready(provider, lease.channel)
                except BaseException:
                    lease.release()
                    raise
        except TimeoutError:
            raise ProviderSlow(provider, "no connection in time", may_bill=False) from None
        return lease

    async def close(self) -> None:
        """End idle connections. A running stream keeps its connection."""
        idle = [connection for connection in self._connections if not connection.streams]
        self._connections = [connection for connection in self._connections if connection.streams]
        await asyncio.gather(*(one.channel.close() for one in idle))

    async def _load(self) -> None:
        async with self._loading:
            if not self._is_loaded:
                await asyncio.to_thread(load_grpc)
                self._is_loaded = True

    def _choose(self, provider: str) -> _Connection:
        """Return the fullest connection that has room, or a new one."""
        free = [connection for connection in self._connections if connection.streams < STREAMS_PER_CONNECTION]
        if free:
            return max(free, key=lambda one: one.streams)
        if len(self._connections) >= MAX_CONNECTIONS:
            raise ProviderBusy(provider, f"{MAX_CONNECTIONS * STREAMS_PER_CONNECTION} streams are open")
        made = _Connection(_make_channel(self._address))
        self._connections.append(made)
        return made


class GrpcLease:
    """A place for one stream on a connection."""

    def __init__(self, connection: _Connection) -> None:
        connection.streams += 1
        self._connection: _Connection | None = connection
        self.channel = connection.channel

    def release(self) -> None:
        """Return the place to the connection. Repeated calls change nothing."""
        if self._connection is not None:
            self._connection.streams -= 1
            self._connection = None


class GrpcStream(Generic[Q, R]):
    """A stream with messages in both directions. Releases its lease when the stream is canceled or ends."""

    def __init__(self, provider: str, lease: GrpcLease, method: GrpcMethod[Q, R], metadata: Metadata) -> None:
        self._provider = provider
        self._lease = lease
        self._decode = method.decode
        open_call: Any = lease.channel.stream_stream(method.path, method.encode)
        self._call: Any = open_call(metadata=tuple(metadata))
        # The call is not awaited directly, because canceling that await would cancel the call.
        self._headers = asyncio.get_running_loop().create_task(self._call.initial_metadata())
        self._call.add_done_callback(lambda _: lease.release())

    async def wait_until_accepted(self, limit_s: float) -> None:
        """Wait at most `limit_s` for a sign that the server accepts the stream. Raises ProviderError if the server
        refuses it.

        A write before that may lose the server's status: the library replaces it with its own status if the write fails
        (`_AioCall.set_internal_error`). The refusal of a key would then look like a fault.
        """
        await asyncio.wait({self._headers}, timeout=limit_s)
        if self._call.done():
            raise await self._find_error()

    async def write(self, message: Q) -> None:
        """Send a message. Waits while the server accepts no messages. Raises ProviderError."""
        try:
            await self._call.write(message)
        except (load_grpc().AioRpcError, asyncio.InvalidStateError):
            raise await self._find_error() from None

    async def finish(self) -> None:
        """End the client's side of the stream. Never raises, because `read` raises the stream's error."""
        aio = load_grpc()
        with suppress(aio.AioRpcError, aio.InternalError, asyncio.InvalidStateError):
            await self._call.done_writing()

    async def read(self) -> R | None:
        """Return the next message, or None at the end. Raises ProviderError."""
        aio = load_grpc()
        try:
            message = await self._call.read()
        except (aio.AioRpcError, asyncio.InvalidStateError):
            raise await self._find_error() from None
        if message is not aio.EOF:
            return _decode(self._provider, self._decode, message)
        if (await self._call.code()).name != "OK":
            raise await self._find_error()
        return None

    def cancel(self) -> None:
        """End the stream at once. Repeated calls change nothing."""
        self._call.cancel()
        self._lease.release()

    async def _find_error(self) -> ProviderError:
        return error_of_status(self._provider, (await self._call.code()).name, await self._call.details() or "")


async def call_once(
    provider: str, lease: GrpcLease, method: GrpcMethod[Q, R], message: Q, metadata: Metadata, *, timeout_s: float
) -> R:
    """Send one message and return the answer. Raises ProviderError."""
    aio = load_grpc()
    call: Any = lease.channel.unary_unary(method.path, method.encode)
    try:
        answer: bytes = await call(message, metadata=tuple(metadata), timeout=timeout_s)
    except aio.AioRpcError as error:
        raise make_error(provider, error) from None
    finally:
        lease.release()
    return _decode(provider, method.decode, answer)


def _decode(provider: str, decode: Callable[[bytes], R], message: bytes) -> R:
    """Decode a message. The library's own decoding is not used, because it logs unreadable messages."""
    try:
        return decode(message)
    except DecodeError:
        raise ProviderError(provider, "an unreadable message", cause="unreadable") from None


def make_error(provider: str, error: "grpc.aio.AioRpcError") -> ProviderError:
    """Convert the library's error to a ProviderError."""
    return error_of_status(provider, error.code().name, error.details() or "")


def error_of_status(provider: str, name: str, details: str) -> ProviderError:
    """Return the ProviderError for a status. Its message excludes the details, which may quote the caller."""
    return _error_of_name(provider, name, is_unpaid="billing" in details.lower()).with_answer(details.encode())


def _error_of_name(provider: str, name: str, *, is_unpaid: bool) -> ProviderError:
    reason = f"gRPC {name}"
    if name == "PERMISSION_DENIED" and is_unpaid:  # "This API method requires billing to be enabled."
        return ProviderBusy(provider, reason, retryable=False)
    if name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return KeyRefused(provider, reason)
    if name == "RESOURCE_EXHAUSTED":
        return ProviderBusy(provider, reason)
    if name == "DEADLINE_EXCEEDED":
        return ProviderSlow(provider, reason)
    if name in _REFUSED:
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause="cut" if name == "UNAVAILABLE" else None)


async def _wait_until_ready(provider: str, channel: "grpc.aio.Channel") -> None:
    """Raise ProviderError as soon as an attempt to connect fails, because the library would continue to try."""
    state = channel.get_state(try_to_connect=True)
    while (name := state.name) != "READY":
        if name in ("TRANSIENT_FAILURE", "SHUTDOWN"):
            raise ProviderError(provider, "cannot connect", cause="refused")
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


def _make_channel(address: GrpcAddress) -> "grpc.aio.Channel":
    aio, library = load_grpc(), import_module("grpc")
    if address.is_plain:
        plain: grpc.aio.Channel = aio.insecure_channel(address.target, options=_OPTIONS)
        return plain
    credentials = library.ssl_channel_credentials(_read_authorities(os.environ.get("SSL_CERT_FILE", "")))
    made: grpc.aio.Channel = aio.secure_channel(address.target, credentials, options=_OPTIONS)
    return made


@lru_cache(maxsize=4)
def _read_authorities(chosen: str) -> bytes | None:
    """Return the certificate authorities that this machine trusts for all other connections, or None to use the
    library's own."""
    file = chosen or ssl.get_default_verify_paths().cafile
    return Path(file).read_bytes() if file else None
