"""Restricts connections to addresses that a customer gave to the public internet.

The guard checks the same address that is then connected to. `EgressGuard.connect` resolves the name once and opens the
socket itself. Clients call `EgressGuard.make_socket` with each address before they connect to it. A name that later
resolves to another address (DNS rebinding), or a redirect, therefore cannot lead elsewhere.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from copy import copy
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from shared.egress_addresses import Address, HostInvalid, is_public, parse_host, parse_networks, unwrap
from shared.name_resolver import NameResolver

CONNECT_TIMEOUT_S: Final = 3.0
# The number of addresses of a name that are used, so that a name with a thousand addresses costs no more.
MAX_ADDRESSES: Final = 4
_EXCEPTIONS: Final = "the operator's VOCALIZED_EGRESS_ALLOW lists exceptions"
_TLS_NEEDED: Final = (
    "the address must begin with https:// or wss://, because a key is sent there; without TLS, it must be an "
    "IP address in the operator's VOCALIZED_EGRESS_ALLOW"
)
NOT_PUBLIC: Final = f"this host has no address on the public internet ({_EXCEPTIONS})"
_PLAIN: Final = ("http", "ws")
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# Ports below 1024 belong to mail, SSH and other services that no vendor uses, except these two ports of the web.
_WEB_PORTS: Final = (80, 443)
_FIRST_FREE_PORT: Final = 1024


class EgressRefused(OSError):
    """The guard does not allow a connection.

    The message contains no address, because the addresses of our internal network are confidential. The class extends
    OSError, so that every client treats it as a failure to connect.
    """

    def __init__(self, message: str) -> None:
        super().__init__(errno.EACCES, message)  # clients quote the second argument

    def __str__(self) -> str:
        return str(self.strerror)


class EgressGuard:
    """Allows connections to public addresses on ports 80, 443 and from 1024 on, and to the networks in `allow` on any
    port.

    Args:
        allow: Networks such as 127.0.0.0/8. Raises ValueError for any other text.
        names: Resolves the names of customers' hosts.
    """

    def __init__(self, allow: Sequence[str] = (), names: NameResolver | None = None) -> None:
        self._allowed = parse_networks(tuple(allow))
        self._names = names or NameResolver()
        self._owner = ""

    def of(self, owner: str) -> "EgressGuard":
        """Return a guard for addresses that this customer gave. The customer's share of name look-ups is limited."""
        made = copy(self)
        made._owner = owner
        return made

    def permits(self, address: Address, port: int = 443) -> bool:
        """Return whether a connection to this address is allowed."""
        return (is_public(address) and is_open_port(port)) or self._is_listed(address)

    def check_url(self, url: str) -> None:
        """Raise EgressRefused for a URL that must not be connected to. Names are not resolved.

        Only TLS is allowed, because the key would otherwise be sent in the clear. Listed addresses are allowed without
        TLS.
        """
        try:
            parts = urlsplit(url)
            host, port = parse_host(parts.hostname or ""), parts.port
        except HostInvalid as error:
            raise EgressRefused(str(error)) from None
        except ValueError:
            raise EgressRefused("this is not a URL like https://api.example.com/v1") from None
        is_plain_text = url.isascii() and url.isprintable() and not set(url) & set(" \\")
        if parts.scheme not in _PORTS or parts.username is not None or port == 0 or not is_plain_text:
            raise EgressRefused("a URL must begin with https:// or wss:// and must not contain a user name or password")
        if not isinstance(host, str) and not self.permits(host):
            raise EgressRefused(f"this address is not on the public internet ({_EXCEPTIONS})")
        may_be_listed = bool(self._allowed) if isinstance(host, str) else self._is_listed(host)
        if not is_open_port(port or _PORTS[parts.scheme]) and not may_be_listed:
            raise EgressRefused(f"the port is 80, 443 or at least {_FIRST_FREE_PORT}")
        if parts.scheme in _PLAIN and (isinstance(host, str) or not self._is_listed(host)):
            raise EgressRefused(_TLS_NEEDED)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, all of which are allowed.

        Raises:
            EgressRefused: At least one address is not allowed.
            OSError: The host has no address.
            TimeoutError: The look-up took too long.
        """
        try:
            parsed = parse_host(host)
        except HostInvalid as error:
            raise EgressRefused(str(error)) from None
        found = await self._look_up(parsed, port) if isinstance(parsed, str) else [parsed]
        if not all(self.permits(address, port) for address in found):
            raise EgressRefused(NOT_PUBLIC)
        return found[:MAX_ADDRESSES]

    async def connect(self, host: str, port: int) -> socket.socket:
        """Return a connected TCP socket. Tries the addresses of the host in order. Raises the same errors as
        `resolve`."""
        failure: OSError = OSError("the host has no address")
        for address in await self.resolve(host, port):
            try:
                return await _connect(address, port)
            except OSError as error:
                failure = error
        raise failure

    async def connect_url(self, url: str) -> socket.socket:
        """Connect to the host and port of a URL that `check_url` accepts. See `connect`."""
        self.check_url(url)
        parts = urlsplit(url)
        return await self.connect(parts.hostname or "", parts.port or _PORTS[parts.scheme])

    def make_socket(self, addr_info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """Return an unconnected socket for one result of getaddrinfo. aiohttp's connector calls this before it
        connects.

        Raises EgressRefused.
        """
        family, kind, protocol, _, target = addr_info
        if not self.permits(ip_address(target[0]), int(target[1])):
            raise EgressRefused(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)

    async def _look_up(self, name: str, port: int) -> list[Address]:
        found = await self._names.resolve(name, port, self._owner)
        # A scoped address ("fe80::1%eth0") is link-local, and is_public rejects it without its zone, too.
        return list(dict.fromkeys(ip_address(str(target[0]).partition("%")[0]) for *_, target in found))

    def _is_listed(self, address: Address) -> bool:
        plain = unwrap(address)
        return any(plain in network for network in self._allowed if network.version == plain.version)


def is_open_port(port: int) -> bool:
    """Return whether addresses on the public internet may have this port."""
    return port in _WEB_PORTS or port >= _FIRST_FREE_PORT


async def _connect(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(made, (str(address), port))
    except BaseException:
        made.close()
        raise
    return made
