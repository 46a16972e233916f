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

# How long the pool keeps an idle connection, seconds. Vendors close idle ones after a minute or more; local servers
# (uvicorn, llama.cpp) after 5 s, which the pool notices.
KEEP_ALIVE_S: Final = 60.0
# Connections of all calls of a process, and how long a host's addresses count, seconds.
MAX_CONNECTIONS: Final = 2_000
DNS_CACHE_S: Final = 300
# Limits of a request that only opens a connection: seconds, and bytes of its answer.
PREPARE_S: Final = 5.0
MAX_BODY_BYTES: Final = 16_384


class GuardedResolver(AbstractResolver):
    """Resolves the hosts of customers' servers by the guard, in threads apart from those of all other work."""

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses, of both families. Raises OSError."""
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
        """Nothing is open."""


def make_connector(guard: EgressGuard | None = None) -> aiohttp.TCPConnector:
    """The pool of connections to vendors. guard: of customers' servers: their names are resolved by it, and each
    address is checked once more before a socket is made for it.

    With aiohttp's defaults requests would wait for each other from 100 on, and a connection would be closed after 15 s,
    which is less than many turns last."""
    return aiohttp.TCPConnector(
        limit=MAX_CONNECTIONS,
        keepalive_timeout=KEEP_ALIVE_S,
        ttl_dns_cache=DNS_CACHE_S,
        socket_factory=None if guard is None else guard.make_socket,
        resolver=VendorResolver() if guard is None else GuardedResolver(guard),
    )


def make_session() -> aiohttp.ClientSession:
    """The HTTP session of all calls of a process. It keeps no cookies: one that a vendor sets in answer to one
    workspace's key would go out with another's."""
    return aiohttp.ClientSession(connector=make_connector(), cookie_jar=aiohttp.DummyCookieJar())


class WarmServer:
    """One server in an HTTP session's pool: counts its idle connections, and opens one in the background if none is.

    It is opened by an OPTIONS request without a key, because aiohttp has no call for a connection alone; whatever the
    answer, the connection stays. (After HEAD it would not: answers to it often lack a length, and aiohttp then closes.)
    url: of that request, the one that is asked later. tls: the same as of the requests.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._http = http
        self._url = URL(url, encoded=True)
        self._tls = tls
        self._idle_since: deque[float] = deque()  # oldest first; the pool also uses the oldest first
        self._opening: asyncio.Task[None] | None = None

    @property
    def idle_count(self) -> int:
        """Connections that a request would find, as far as we know: a server may have closed them meanwhile."""
        latest = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while self._idle_since and self._idle_since[0] < latest:
            self._idle_since.popleft()
        return len(self._idle_since)

    def take(self) -> None:
        """A request uses a connection from now on."""
        if self.idle_count:
            self._idle_since.popleft()

    def give_back(self) -> None:
        """A request's answer was read to its end: its connection is idle."""
        self._idle_since.append(asyncio.get_running_loop().time())

    def prepare(self) -> None:
        """Opens a connection in the background if none is idle, one at a time; a failure shows at the next request."""
        if self._opening is None and not self.idle_count:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._end_opening)

    async def close(self) -> None:
        """Ends a request that runs."""
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
                    return  # not worth reading: the connection is closed
        except (aiohttp.ClientError, TimeoutError):
            return
        self.give_back()

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._opening = None
