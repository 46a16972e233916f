"""Determines the origin of a request: the peer, or the client that a trusted proxy reports."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from control.http.context import RequestOrigin
from control.http.request import MAX_USER_AGENT_LENGTH

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Address for the peer of a Unix socket, which has no address.
LOCAL = "127.0.0.1"


class OriginReader:
    """Reads X-Forwarded-For from the right to the first address that is not a trusted proxy.

    Addresses further left were written by the client and are ignored.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        """Create the reader. Raises ValueError.

        Args:
            trusted: Networks of our proxies, such as "10.0.0.0/8".
        """
        self._trusted: tuple[Network, ...] = tuple(ip_network(text) for text in trusted)

    def read(self, request: web.Request, request_id: str) -> RequestOrigin:
        """Return the origin, for handlers, log and rate limits."""
        agent = request.headers.get("User-Agent", "")[:MAX_USER_AGENT_LENGTH]
        if not agent.isascii():
            agent = agent.encode("utf-8", "replace").decode()
        return RequestOrigin(request_id, self._address(request), agent.replace("\0", ""))

    def _address(self, request: web.Request) -> str:
        peer = request.remote or LOCAL
        if not self._trusted:
            return peer
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        address = peer
        while hops and self.trusts(address):
            named = _parsed(hops.pop())
            if named is None:
                break
            address = str(named)
        return address

    def trusts(self, text: str) -> bool:
        """Return whether the address belongs to a trusted proxy."""
        address = _parsed(text)
        return address is not None and any(address in network for network in self._trusted)


def _parsed(text: str) -> Address | None:
    """Parse an address without the port that some proxies append."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
