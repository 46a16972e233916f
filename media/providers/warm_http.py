"""Keeps connections to a vendor's HTTP server open, and opens them before the first request."""

import asyncio
import socket
import ssl
from collections import deque
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from media.providers.vendor_names import VendorResolver
from shared.egress import EgressGuard

# How long the pool keeps an idle connection, in seconds. Vendors close idle connections after a minute or more. Local
# servers (uvicorn, llama.cpp) close them after 5 s, which the pool detects.
KEEP_ALIVE_S: Final = 60.0
# The maximum number of connections of a process, and how long a host's addresses are cached, in seconds.
MAX_CONNECTIONS: Final = 2_000
DNS_CACHE_S: Final = 300
# Limits of a request that only opens a connection: seconds, and bytes of the answer.
PREPARE_S: Final = 5.0
MAX_BODY_BYTES: Final = 16_384


class GuardedResolver(AbstractResolver):
    """Resolves the hosts of customers' servers with the guard, in separate threads."""

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of both families. Raises OSError."""
        try:
            found = await self._guard.resolve(host, port)
        except TimeoutError:
            raise OSError("the name server does not answer") from None
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Do nothing, because the resolver opens nothing."""


def make_connector(guard: EgressGuard | None = None) -> aiohttp.TCPConnector:
    """Return a pool of connections to vendors.

    With aiohttp's defaults, requests beyond 100 would wait for each other, and idle connections would close after 15 s,
    which is shorter than many turns.

    Args:
        guard: Resolves the names of customers' servers, and checks each address again before a socket is created.
    """
    return aiohttp.TCPConnector(
        limit=MAX_CONNECTIONS,
        keepalive_timeout=KEEP_ALIVE_S,
        ttl_dns_cache=DNS_CACHE_S,
        socket_factory=None if guard is None else guard.make_socket,
        resolver=VendorResolver() if guard is None else GuardedResolver(guard),
    )


def make_session() -> aiohttp.ClientSession:
    """Return the HTTP session of all calls of a process.

    The session stores no cookies: a cookie that a vendor sets for one workspace's key would be sent with another
    workspace's key.
    """
    return aiohttp.ClientSession(connector=make_connector(), cookie_jar=aiohttp.DummyCookieJar())


class WarmServer:
    """Counts the idle connections to one server in an HTTP session's pool, and opens a connection in the background if
    none is idle.

    The connection is opened by an OPTIONS request without a key, because aiohttp cannot open a connection without a
    request. The connection stays open after any answer. After a HEAD request it would not: its answers often lack a
    length, which makes aiohttp close the connection.

    Args:
        url: The address of the later requests.
        tls: The TLS settings of the later requests.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._http = http
        self._url = URL(url, encoded=True)
        self._tls = tls
        self._idle_since: deque[float] = deque()  # oldest first; the pool also uses the oldest first
        self._opening: asyncio.Task[None] | None = None

    @property
    def idle_count(self) -> int:
        """The number of idle connections in the pool. A server may have closed some of them."""
        latest = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while self._idle_since and self._idle_since[0] < latest:
            self._idle_since.popleft()
        return len(self._idle_since)

    def take(self) -> None:
        """Count one idle connection as used by a request."""
        if self.idle_count:
            self._idle_since.popleft()

    def give_back(self) -> None:
        """Count a connection as idle, because a request's answer was read to its end."""
        self._idle_since.append(asyncio.get_running_loop().time())

    def prepare(self) -> None:
        """Open a connection in the background if none is idle or opening. A failure appears at the next request."""
        if self._opening is None and not self.idle_count:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._end_opening)

    async def close(self) -> None:
        """Cancel a running request."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)

    async def _open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PREPARE_S)
        try:
            async with self._http.options(
                self._url, timeout=timeout, ssl=self._tls or True, allow_redirects=False
            ) as response:
                left = MAX_BODY_BYTES
                while left > 0 and (chunk := await response.content.readany()):
                    left -= len(chunk)
                if left <= 0:
                    return  # too long to read: the connection is closed
        except (aiohttp.ClientError, TimeoutError):
            return
        self.give_back()

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._opening = None
