"""Exchanges with vendors: guarded against our own network, bounded in time and size, without redirects."""

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
    """No answer that could be read. The message is shown to customers: it holds no address and no secret."""


class VendorNotReached(VendorUnreachable):
    """The request was not sent, because there was no connection."""


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A request.

    Attributes:
        owner: The workspace on whose behalf, whose share of look-ups of names is bounded.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """An answer.

    Attributes:
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx. A redirect is no success, because it is not followed."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Returns the body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class VendorHttp:
    """Sends requests to vendors.

    Args:
        timeout_s: Of a whole exchange, from the look-up of the name to the last byte.
    """

    def __init__(self, guard: EgressGuard, timeout_s: float, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self.guard = guard
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._tls: SSLContext | None = None

    async def send(self, request: VendorRequest) -> VendorAnswer:
        """Sends it once. Raises VendorUnreachable, VendorNotReached."""
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
            if "content-encoding" in response.headers:  # was not asked for, and may unpack to any size
                raise VendorUnreachable("the vendor's answer is compressed")
            body = bytearray()
            async for chunk in response.aiter_raw(_CHUNK_BYTES):
                body += chunk
                if len(body) > self._max_bytes:
                    raise VendorUnreachable(f"the vendor's answer is longer than {self._max_bytes:,} bytes")
            return VendorAnswer(response.status_code, dict(response.headers), bytes(body))
