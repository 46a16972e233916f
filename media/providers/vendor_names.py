"""Remembers the addresses of vendors' hosts, so that calls continue while name servers are unreachable.

A look-up of the system holds a thread for up to half a minute when no name server answers, and both aiohttp's and
uvloop's look-ups share a handful of threads with everything else. These have threads of their own, bounded for each
domain (shared/name_resolver.py). Addresses that were found before are used on while nothing better can be learned
(RFC 8767, serving stale data).
"""

import asyncio
import socket
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.name_resolver import AddressInfo, NameResolver

log = structlog.get_logger()

# Addresses count for so long without another look-up.
FRESH_S: Final = 60.0
# For so long they are used while the name servers do not answer. RFC 8767 proposes one to three days.
STALE_S: Final = 86_400.0
# Who has stale addresses waits so long for better ones. The look-up goes on without it.
PATIENCE_S: Final = 0.3
# Hosts that are remembered; the one that was looked up first is forgotten.
MOST_HOSTS: Final = 256
CONNECT_TIMEOUT_S: Final = 3.0
# The name servers have answered: there is no such name, or none with an address.
_ANSWERED: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class NameServersAway(OSError):
    """No name server has answered, and no address is remembered."""


@dataclass(frozen=True, slots=True)
class _Known:
    found: list[AddressInfo]
    at_s: float


class VendorNames:
    """One for each event loop; see `vendor_names`."""

    def __init__(self, names: NameResolver | None = None) -> None:
        self._names = names or NameResolver()
        self._known: dict[str, _Known] = {}
        self._running: dict[str, asyncio.Task[list[AddressInfo]]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """As getaddrinfo; the ports of remembered addresses are those of the first look-up. Raises OSError."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(host)
        if known is not None and now - known.at_s < FRESH_S:
            return known.found
        if known is not None and now - known.at_s > FRESH_S + STALE_S:
            known = None
        try:
            async with asyncio.timeout(None if known is None else PATIENCE_S):
                return await asyncio.shield(self._look_up(host, port))
        except (OSError, TimeoutError) as error:
            if known is None or _is_answer(error):
                raise error if isinstance(error, socket.gaierror) else NameServersAway(str(error)) from None
            log.warning("vendor.address_stale", host=host, age_s=round(now - known.at_s), fault=type(error).__name__)
            return known.found

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket; the addresses are tried in their order. Raises OSError."""
        failure: OSError = OSError("the host has no address")
        for family, kind, protocol, _, target in await self.resolve(host, port):
            try:
                return await _connect(socket.socket(family, kind, protocol), (target[0], port, *target[2:]))
            except OSError as error:
                failure = error
        raise failure

    def _look_up(self, host: str, port: int) -> "asyncio.Task[list[AddressInfo]]":
        """The host's running look-up, or a new one. What it finds is remembered, also once nobody waits any more."""
        running = self._running.get(host)
        if running is None:
            running = self._running[host] = asyncio.create_task(self._learn(host, port))
            running.add_done_callback(lambda done: self._end(host, done))
        return running

    async def _learn(self, host: str, port: int) -> list[AddressInfo]:
        try:
            found = await self._names.resolve(host, port)
        except OSError as error:
            if _is_answer(error):
                self._known.pop(host, None)
            raise
        self._remember(host, _Known(found, asyncio.get_running_loop().time()))
        return found

    def _end(self, host: str, done: "asyncio.Task[list[AddressInfo]]") -> None:
        del self._running[host]
        if not done.cancelled():
            done.exception()  # whoever waited has raised it

    def _remember(self, host: str, known: _Known) -> None:
        if host not in self._known and len(self._known) >= MOST_HOSTS:
            del self._known[next(iter(self._known))]
        self._known[host] = known


class VendorResolver(AbstractResolver):
    """The same for aiohttp's connections."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses, of both families if `family` is unspecified. Raises OSError."""
        return [
            ResolveResult(hostname=host, host=target[0], port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, _, _, _, target in await vendor_names().resolve(host, port)
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Nothing is open."""


def vendor_names() -> VendorNames:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    found = _of_loops.get(loop)
    if found is None:
        found = _of_loops[loop] = VendorNames()
    return found


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, VendorNames] = WeakKeyDictionary()


def _is_answer(error: OSError | TimeoutError) -> bool:
    return isinstance(error, socket.gaierror) and error.errno in _ANSWERED


async def _connect(made: socket.socket, target: tuple[object, ...]) -> socket.socket:
    try:
        made.setblocking(False)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(made, target)
    except BaseException:
        made.close()
        raise
    return made
