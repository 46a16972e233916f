"""A TCP link between a program and a neighbor that can be frozen, cut and slowed while connections run."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

LinkState = Literal["open", "frozen", "cut", "slow"]
# Each way: as between continents.
SLOW_S: Final = 0.1
# SO_LINGER of no seconds: a socket that is closed sends a reset.
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Where a neighbor listens: a Unix socket, or a port of this machine."""

    port: int = 0
    socket: str = ""

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        if self.socket:
            await loop.create_unix_connection(lambda: protocol, self.socket)
        else:
            await loop.create_connection(lambda: protocol, "127.0.0.1", self.port)


class Link:
    """Forwards bytes between all who connect and a neighbor.

    Frozen, nothing is read, so the senders' buffers fill as when a machine stops; what was sent arrives later. Cut, all
    connections are reset, and so are new ones. Slow, everything arrives SLOW_S later. connections: that were taken.
    resets: connections that it reset or refused because it was cut. delayed: pieces that it sent on later.
    """

    def __init__(self, neighbor: Neighbor) -> None:
        self.neighbor = neighbor
        self.state: LinkState = "open"
        self.connections = self.resets = self.delayed = 0
        self._ends: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def delay_s(self) -> float:
        """How much later everything arrives."""
        return SLOW_S if self.state == "slow" else 0.0

    @property
    def open_connections(self) -> int:
        """Connections that run over it now."""
        return sum(end.peer is not None for end in self._ends) // 2

    @property
    def held(self) -> int:
        """Ends at which something waits to be read: what a frozen link holds back."""
        return sum(end.has_unread() for end in self._ends)

    def set(self, state: LinkState) -> None:
        """Changes the state of all connections, and of those to come."""
        self.state = state
        for end in list(self._ends):
            end.obey(state)

    def accept(self) -> asyncio.Protocol:
        """The end of a new connection."""
        self.connections += 1
        return _End(self)

    def add(self, end: "_End") -> None:
        """An end is connected: the first one of a pair has the neighbor connected, too."""
        self._ends.add(end)
        if end.peer is None and self.state != "cut":
            task = asyncio.create_task(self._connect_neighbor(end))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        end.obey(self.state)

    def remove(self, end: "_End") -> None:
        """An end is closed."""
        self._ends.discard(end)

    async def close(self) -> None:
        """Resets all connections."""
        self.set("cut")
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)

    async def _connect_neighbor(self, end: "_End") -> None:
        try:
            await self.neighbor.connect(_End(self, end))
        except OSError:
            end.abort()


class _End(asyncio.Protocol):
    """One end of a connection. peer: the other one."""

    def __init__(self, link: Link, peer: "_End | None" = None) -> None:
        self.peer = peer
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes | None] = deque()  # None: the other side has closed
        self._held: list[bytes] = []  # was read though the link is frozen
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Both ends are known once the neighbor is connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        if self.peer is not None:
            self.peer.join(self)
        self._link.add(self)

    def join(self, peer: "_End") -> None:
        """The neighbor is connected: what has come until now is sent on."""
        self.peer = peer
        if self._is_lost:
            peer.abort()
        early, self._waiting = self._waiting, deque()
        for data in early:
            peer.send(data, self._link.delay_s)

    def data_received(self, data: bytes) -> None:
        """Sends it to the other end, or keeps it until there is one. Keeps it, too, while the link is frozen: uvloop
        begins to read after `connection_made`, though reading was paused there."""
        if self._link.state == "frozen" and self._transport is not None:
            self._held.append(data)
            self._transport.pause_reading()
        else:
            self._forward(data)

    def _forward(self, data: bytes) -> None:
        if self.peer is None:
            self._waiting.append(data)
        else:
            self.peer.send(data, self._link.delay_s)

    def send(self, data: bytes | None, delay_s: float) -> None:
        """Sends it after a delay; nothing overtakes what waits."""
        if not delay_s and not self._waiting:
            return self._write(data)
        self._link.delayed += bool(delay_s)
        self._waiting.append(data)
        asyncio.get_running_loop().call_later(delay_s, self._release)

    def obey(self, state: LinkState) -> None:
        """Applies the link's state to this end."""
        if self._transport is None or self._transport.is_closing():
            return
        if state == "cut":
            self._link.resets += 1
            self.abort()
        elif state == "frozen":
            self._transport.pause_reading()
        else:
            held, self._held = self._held, []
            for data in held:
                self._forward(data)
            self._transport.resume_reading()

    def has_unread(self) -> bool:
        """Whether bytes have come that were not sent on because the link is frozen."""
        if self._held:
            return True
        if self._transport is None or self._transport.is_closing():
            return False
        waiting = fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
        return any(waiting)

    def abort(self) -> None:
        """Resets this end: without the option, the other side would see an orderly end."""
        if self._transport is None:
            return
        if not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closes the other end, after what was sent to it."""
        self._is_lost = True
        self._link.remove(self)
        if self.peer is None:
            return
        if exc is not None or self._link.state == "cut":
            self.peer.abort()
        else:
            self.peer.send(None, self._link.delay_s)

    def _release(self) -> None:
        if self._waiting:
            self._write(self._waiting.popleft())

    def _write(self, data: bytes | None) -> None:
        if self._transport is None:
            return
        if data is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write(data)


@asynccontextmanager
async def running_link(neighbor: Neighbor, port: int = 0) -> AsyncIterator[tuple[Link, int]]:
    """The link and its port on this machine, while the block runs. port: 0 takes a free one. Raises OSError."""
    link = Link(neighbor)
    server = await asyncio.get_running_loop().create_server(link.accept, "127.0.0.1", port)
    try:
        yield link, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await link.close()


@asynccontextmanager
async def postgres_link(url: str) -> AsyncIterator[tuple[str, Link]]:
    """The URL of a database through a link, and the link. url: of one on a Unix socket."""
    async with running_link(postgres_socket(url)) as (link, port):
        yield postgres_through(url, port), link


def postgres_through(url: str, port: int) -> str:
    """The URL of a database on a Unix socket, through a link that listens on this port."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"


def postgres_socket(url: str) -> Neighbor:
    """Where the server of this URL listens."""
    return Neighbor(socket=f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432")


def redis_socket(url: str) -> Neighbor:
    """Where the server of a URL like unix:///path listens."""
    return Neighbor(socket=unquote(urlsplit(url).path))
