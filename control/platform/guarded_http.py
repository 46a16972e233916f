"""HTTP requests to addresses that customers gave: each one, redirected or not, passes the egress guard."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from shared.egress import NOT_PUBLIC, EgressGuard, EgressRefused
from shared.egress_addresses import Address


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host once, and connects to the first that answers of the addresses that were checked; the
    certificate is verified for the host's name. Raises httpx.ConnectError for what the guard refuses."""

    def __init__(self, guard: EgressGuard, verify: ssl.SSLContext | bool = True, *, idle_s: float = 5.0) -> None:
        """Create the transport.

        Args:
            verify: A TLS context to share, because creating one takes milliseconds; True creates a new one.
            idle_s: How long an unused connection is kept.
        """
        self._guard = guard
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=idle_s)
        # It trusts SSL_CERT_FILE; a proxy is the client's matter.
        self._inner = httpx.AsyncHTTPTransport(verify=verify, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        *others, last = await self._resolve(request)
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):  # before anything was sent
                return await self._inner.handle_async_request(_pin(request, address))
        return await self._inner.handle_async_request(_pin(request, last))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _resolve(self, request: httpx.Request) -> list[Address]:
        """At least one address."""
        url = request.url
        try:
            self._guard.check_url(str(url))
            addresses = await self._guard.resolve(url.host, url.port or 443)
        except EgressRefused as refused:
            raise httpx.ConnectError(str(refused), request=request) from None
        except OSError:
            addresses = []
        if not addresses:  # the same error as for a private address, so that no one learns which names our network has
            raise httpx.ConnectError(NOT_PUBLIC, request=request)
        return addresses


def _pin(request: httpx.Request, address: Address) -> httpx.Request:
    """Return the request to this address, in the name of its host."""
    extensions: Mapping[str, Any] = {**request.extensions, "sni_hostname": request.url.host}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,  # with the host's name
        stream=request.stream,
        extensions=extensions,
    )
