"""HTTP exchanges with vendors: guarded against our own network, bounded in time and size, without redirects."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final

import httpx

from control.platform.guarded_http import GuardedTransport
from shared.egress import EgressGuard

MAX_ANSWER_BYTES: Final = 1_048_576
_CHUNK_BYTES: Final = 65_536


class VendorUnreachable(Exception):
    """No readable answer arrived. The message is shown to customers and contains no address and no secret."""


class VendorNotReached(VendorUnreachable):
    """The request was not sent, because no connection could be opened."""


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A request to a vendor.

    Attributes:
        owner: Id of the workspace that the request is made for. DNS look-ups are limited per workspace.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """A vendor's answer.

    Attributes:
        headers: Keyed by lower-case name.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx. Redirects are not followed, so they do not count as success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body parsed as JSON, or None if it is not valid JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class VendorHttp:
    """Sends requests to vendors.

    Args:
        timeout_s: Timeout of a whole exchange, from the DNS look-up to the last byte.
    """

    def __init__(self, guard: EgressGuard, timeout_s: float, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self.guard = guard
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._tls: SSLContext | None = None

    async def send(self, request: VendorRequest) -> VendorAnswer:
        """Send the request once. Raises VendorUnreachable, VendorNotReached."""
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        transport = GuardedTransport(self.guard.of(request.owner), self._tls)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with httpx.AsyncClient(transport=transport, timeout=self._timeout_s, trust_env=False) as client:
                    return await self._exchange(client, request)
        except TimeoutError:
            raise VendorUnreachable(f"the vendor has not answered within {self._timeout_s:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise VendorNotReached(f"the vendor cannot be reached ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise VendorUnreachable(f"the vendor cannot be reached ({type(error).__name__})") from None

    async def _exchange(self, client: httpx.AsyncClient, request: VendorRequest) -> VendorAnswer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"} | dict(request.headers)
        async with client.stream(request.method, request.url, headers=headers, content=request.body) as response:
            if "content-encoding" in response.headers:  # compression was not requested, and could expand to any size
                raise VendorUnreachable("the vendor's answer is compressed")
            body = bytearray()
            async for chunk in response.aiter_raw(_CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise VendorUnreachable(f"the vendor's answer is longer than {self._max_bytes:,} bytes")
            return VendorAnswer(response.status_code, dict(response.headers), bytes(body))
