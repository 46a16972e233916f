"""Caches the addresses of vendors' hosts, so that calls continue while name servers are unreachable.

A system look-up occupies a thread for up to half a minute if no name server answers, and the look-ups of aiohttp and
uvloop share a few threads with everything else. The look-ups in this module have their own threads, limited for each
domain (shared/name_resolver.py). Cached addresses remain in use until a look-up succeeds (RFC 8767, serving stale
data).
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

# How long addresses are used without another look-up.
FRESH_S: Final = 60.0
# How long addresses are used after that if the name servers do not answer. RFC 8767 proposes one to three days.
STALE_S: Final = 86_400.0
# How long a request that has stale addresses waits for a new look-up, which continues in the background.
PATIENCE_S: Final = 0.3
# The maximum number of cached hosts. The host that was added first is removed first.
MOST_HOSTS: Final = 256
CONNECT_TIMEOUT_S: Final = 3.0
# Errors that are an answer of the name servers: the name does not exist, or it has no address.
_ANSWERED: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class NameServersAway(OSError):
    """No name server answered, and no address is cached."""


@dataclass(frozen=True, slots=True)
class _Known:
    found: list[AddressInfo]
    at_s: float


class VendorNames:
    """The address cache of one event loop, as described in `vendor_names`."""

    def __init__(self, names: NameResolver | None = None) -> None:
        self._names = names or NameResolver()
        self._known: dict[str, _Known] = {}
        self._running: dict[str, asyncio.Task[list[AddressInfo]]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """Return addresses as `getaddrinfo` does. The ports of cached addresses are from the first look-up. Raises
        OSError."""
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
        """Return a connected socket. Tries the addresses in order. Raises OSError."""
        failure: OSError = OSError("the host has no address")
        for family, kind, protocol, _, target in await self.resolve(host, port):
            try:
                return await _connect(socket.socket(family, kind, protocol), (target[0], port, *target[2:]))
            except OSError as error:
                failure = error
        raise failure

    def _look_up(self, host: str, port: int) -> "asyncio.Task[list[AddressInfo]]":
        """Return the host's running look-up, or start one. The result is cached even if nothing waits for it any
        longer."""
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
            done.exception()  # the waiting request has raised it

    def _remember(self, host: str, known: _Known) -> None:
        if host not in self._known and len(self._known) >= MOST_HOSTS:
            del self._known[next(iter(self._known))]
        self._known[host] = known


class VendorResolver(AbstractResolver):
    """An aiohttp resolver that uses the address cache."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the host's addresses, of both families if `family` is unspecified. Raises OSError."""
        return [
            ResolveResult(hostname=host, host=target[0], port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, _, _, _, target in await vendor_names().resolve(host, port)
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Do nothing, because the resolver opens nothing."""


def vendor_names() -> VendorNames:
    """Return the address cache of the running event loop."""
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
