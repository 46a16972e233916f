"""Limits concurrent connections from a client address, in each process."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, cast

import structlog

from control.http.limits.rate_limits import address_network
from control.http.middleware import problem_response
from control.http.origin import OriginReader
from shared.errors import TooManyRequests
from shared.http_protocol import SERVER_NAME
from shared.ids import new_id

log = structlog.get_logger()

# Seconds that a refused connection stays open, so that the client can read the answer.
LINGER_S: Final = 2.0
_RETRY_AFTER_S: Final = 5
_REPORT_EVERY_S: Final = 60.0


class ConnectionLimit:
    """Counts the connections of each client address. Connections from the same IPv6 /64 count together.

    Args:
        most: Maximum number of concurrent connections from an address.
        trusted_proxies: Networks of our proxies, such as "10.0.0.0/8", which have no limit.
    """

    def __init__(self, most: int, trusted_proxies: Sequence[str] = ()) -> None:
        self._most = most
        self._proxies = OriginReader(trusted_proxies)
        self._served = Counter[str]()
        self._refused = Counter[str]()
        self._next_report = float("-inf")

    def accept(self, transport: asyncio.BaseTransport) -> str | None:
        """Count a new connection until `release`. Return its address, or an empty string if it has no limit.

        Returns None for a connection beyond the limit. It gets an answer with status 429 and is closed.
        """
        peer = transport.get_extra_info("peername")
        if not isinstance(peer, tuple) or self._proxies.trusts(peer[0]):
            return ""
        address = address_network(peer[0])
        if self._served[address] < self._most:
            self._served[address] += 1
            return address
        self._refuse(cast(asyncio.Transport, transport), address)  # uvloop's transports are not subclasses
        return None

    def release(self, address: str) -> None:
        """Count an accepted connection as closed."""
        _subtract(self._served, address)

    def _refuse(self, transport: asyncio.Transport, address: str) -> None:
        self._report()
        if self._refused[address] >= self._most:  # too many to wait for their clients
            transport.abort()
            return
        self._refused[address] += 1
        transport.set_protocol(_RefusedConnection(transport, self._refused, address))

    def _report(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            log.warning("connections.refused", limit_per_address=self._most)


class _RefusedConnection(asyncio.Protocol):
    """Answers with status 429 immediately, and discards input until the client closes or `LINGER_S` has passed."""

    def __init__(self, transport: asyncio.Transport, counts: Counter[str], address: str) -> None:
        self._counts = counts
        self._address = address
        self._timer = asyncio.get_running_loop().call_later(LINGER_S, transport.abort)
        transport.write(_answer())
        transport.write_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._timer.cancel()
        _subtract(self._counts, self._address)


def _subtract(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if counts[address] <= 0:
        del counts[address]


def _answer() -> bytes:
    problem = TooManyRequests(
        "This address has too many open connections.", code="too_many_connections", retry_after_s=_RETRY_AFTER_S
    )
    response = problem_response(problem, new_id())
    body = cast(bytes, response.body)
    headers = {"Server": SERVER_NAME, "X-Content-Type-Options": "nosniff", "Connection": "close"}
    headers |= {"Content-Type": response.headers["Content-Type"], "Content-Length": str(len(body))}
    headers["Retry-After"] = response.headers["Retry-After"]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 429 Too Many Requests\r\n{head}\r\n".encode() + body
