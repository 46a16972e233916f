"""HTTP requests to addresses of customers. Each request, including redirects, passes the egress guard."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from shared.egress import NOT_PUBLIC, EgressGuard, EgressRefused
from shared.egress_addresses import Address


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host once, checks the addresses, and connects to the first checked address that answers.

    The certificate is verified for the host's name. Raises httpx.ConnectError if the guard refuses the host.
    """

    def __init__(self, guard: EgressGuard, verify: ssl.SSLContext | bool = True, *, idle_s: float = 5.0) -> None:
        """Create the transport.

        Args:
            verify: A TLS context to share, because creating one takes milliseconds; True creates a new one.
            idle_s: How long an unused connection is kept.
        """
        self._guard = guard
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=idle_s)
        # The inner transport trusts SSL_CERT_FILE. Proxies are configured at the client.
        self._inner = httpx.AsyncHTTPTransport(verify=verify, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a checked address."""
        *others, last = await self._resolve(request)
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):  # These errors occur before anything is sent.
                return await self._inner.handle_async_request(_pin(request, address))
        return await self._inner.handle_async_request(_pin(request, last))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _resolve(self, request: httpx.Request) -> list[Address]:
        """Resolve the request's host and return at least one checked address."""
        url = request.url
        try:
            self._guard.check_url(str(url))
            addresses = await self._guard.resolve(url.host, url.port or 443)
        except EgressRefused as refused:
            raise httpx.ConnectError(str(refused), request=request) from None
        except OSError:
            addresses = []
        # Raise the error of a private address, so that nobody can find out which names our network has.
        if not addresses:
            raise httpx.ConnectError(NOT_PUBLIC, request=request)
        return addresses


def _pin(request: httpx.Request, address: Address) -> httpx.Request:
    """Return the request with the address as its target and the host's name for TLS."""
    extensions: Mapping[str, Any] = {**request.extensions, "sni_hostname": request.url.host}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,  # The headers contain the host's name.
        stream=request.stream,
        extensions=extensions,
    )
