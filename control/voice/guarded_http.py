"""HTTP requests to addresses that customers gave: each one, redirected or not, passes the egress guard."""

from collections.abc import Mapping
from typing import Any

import httpx

from shared.egress import EgressGuard, EgressRefused


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the host once, and connects to the address that was checked; the certificate is verified for the host's
    name. Raises httpx.ConnectError for what the guard refuses."""

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard
        self._inner = httpx.AsyncHTTPTransport()  # trusts SSL_CERT_FILE; a proxy is the client's matter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request."""
        return await self._inner.handle_async_request(await self._pin(request))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    async def _pin(self, request: httpx.Request) -> httpx.Request:
        url = request.url
        try:
            self._guard.check_url(str(url))
            addresses = await self._guard.resolve(url.host, url.port or 443)
        except EgressRefused as refused:
            raise httpx.ConnectError(str(refused), request=request) from None
        except OSError as error:
            raise httpx.ConnectError(f"no address: {type(error).__name__}", request=request) from None
        if not addresses:
            raise httpx.ConnectError("the host has no address", request=request)
        extensions: Mapping[str, Any] = {**request.extensions, "sni_hostname": url.host}
        return httpx.Request(
            request.method,
            url.copy_with(host=str(addresses[0])),
            headers=request.headers,  # with the host's name
            stream=request.stream,
            extensions=extensions,
        )
