"""Guards connections to addresses that a customer gave, so that they reach the public internet only.

The address that was checked is the one that is connected to: `EgressGuard.connect` resolves the name once and opens the
socket itself, and `EgressGuard.make_socket` is asked for each address before a client connects to it. So a name that
resolves to something else a moment later (DNS rebinding), or a redirect, leads nowhere else.
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
# Of one name; the others are left alone, so that a name with a thousand addresses costs no more.
MAX_ADDRESSES: Final = 4
_EXCEPTIONS: Final = "the operator's VOCALIZED_EGRESS_ALLOW lists exceptions"
_TLS_NEEDED: Final = (
    "the address must begin with https:// or wss://, because a key is sent there; without TLS, it must be an "
    "IP address in the operator's VOCALIZED_EGRESS_ALLOW"
)
NOT_PUBLIC: Final = f"this host has no address on the public internet ({_EXCEPTIONS})"
_PLAIN: Final = ("http", "ws")
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# Below 1024 are the ports of mail, SSH and other services that no vendor's server has; these two are the web's.
_WEB_PORTS: Final = (80, 443)
_FIRST_FREE_PORT: Final = 1024


class EgressRefused(OSError):
    """A connection that the guard does not allow. The message holds no address: what a name resolves to inside of our
    network is nobody's business. An OSError, so that each client takes it for a failure to connect."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EACCES, message)  # clients quote the second value

    def __str__(self) -> str:
        return str(self.strerror)


class EgressGuard:
    """Allows connections to public addresses at ports 80, 443 and from 1024 on, and to the networks `allow` at any
    port. allow: like 127.0.0.0/8; ValueError for what is none. names: of customers' hosts."""

    def __init__(self, allow: Sequence[str] = (), names: NameResolver | None = None) -> None:
        self._allowed = parse_networks(tuple(allow))
        self._names = names or NameResolver()
        self._owner = ""

    def of(self, owner: str) -> "EgressGuard":
        """The same guard for addresses that this customer gave, whose share of the look-ups of names is bounded."""
        made = copy(self)
        made._owner = owner
        return made

    def permits(self, address: Address, port: int = 443) -> bool:
        """Whether a connection to this address is allowed."""
        return (is_public(address) and is_open_port(port)) or self._is_listed(address)

    def check_url(self, url: str) -> None:
        """Raises EgressRefused for an address that must not or cannot be connected to. A name is not resolved.

        Only TLS is allowed, because a key would travel in the clear; without TLS only listed addresses are.
        """
        try:
            parts = urlsplit(url)
            host, port = parse_host(parts.hostname or ""), parts.port
        except HostInvalid as error:
            raise EgressRefused(str(error)) from None
        except ValueError:
            raise EgressRefused("this is no address like https://api.example.com/v1") from None
        is_plain_text = url.isascii() and url.isprintable() and not set(url) & set(" \\")
        if parts.scheme not in _PORTS or parts.username is not None or port == 0 or not is_plain_text:
            raise EgressRefused("an address begins with https:// or wss://, and holds no user name and no password")
        if not isinstance(host, str) and not self.permits(host):
            raise EgressRefused(f"this address is not on the public internet ({_EXCEPTIONS})")
        may_be_listed = bool(self._allowed) if isinstance(host, str) else self._is_listed(host)
        if not is_open_port(port or _PORTS[parts.scheme]) and not may_be_listed:
            raise EgressRefused(f"the port is 80, 443 or at least {_FIRST_FREE_PORT}")
        if parts.scheme in _PLAIN and (isinstance(host, str) or not self._is_listed(host)):
            raise EgressRefused(_TLS_NEEDED)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, each of them allowed. Raises EgressRefused also if only one of them is not, OSError
        if there is none, TimeoutError."""
        try:
            parsed = parse_host(host)
        except HostInvalid as error:
            raise EgressRefused(str(error)) from None
        found = await self._look_up(parsed, port) if isinstance(parsed, str) else [parsed]
        if not all(self.permits(address, port) for address in found):
            raise EgressRefused(NOT_PUBLIC)
        return found[:MAX_ADDRESSES]

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected TCP socket; the addresses of the host are tried in their order. Raises as `resolve`."""
        failure: OSError = OSError("the host has no address")
        for address in await self.resolve(host, port):
            try:
                return await _connect(address, port)
            except OSError as error:
                failure = error
        raise failure

    async def connect_url(self, url: str) -> socket.socket:
        """As `connect`, to the host and port of an address that `check_url` accepts."""
        self.check_url(url)
        parts = urlsplit(url)
        return await self.connect(parts.hostname or "", parts.port or _PORTS[parts.scheme])

    def make_socket(self, addr_info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """An unconnected socket for this result of getaddrinfo; aiohttp's connector asks for one before it connects.
        Raises EgressRefused."""
        family, kind, protocol, _, target = addr_info
        if not self.permits(ip_address(target[0]), int(target[1])):
            raise EgressRefused(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)

    async def _look_up(self, name: str, port: int) -> list[Address]:
        found = await self._names.resolve(name, port, self._owner)
        # A scoped address ("fe80::1%eth0") is link-local, which is_public refuses without its zone as well.
        return list(dict.fromkeys(ip_address(str(target[0]).partition("%")[0]) for *_, target in found))

    def _is_listed(self, address: Address) -> bool:
        plain = unwrap(address)
        return any(plain in network for network in self._allowed if network.version == plain.version)


def is_open_port(port: int) -> bool:
    """Whether addresses on the public internet may have this port."""
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
