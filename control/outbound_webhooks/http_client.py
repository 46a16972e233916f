"""HTTP client that posts webhooks to customers' addresses and reads the beginning of each answer."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from control.platform.guarded_http import GuardedTransport
from shared.egress import EgressGuard

# Limits on the bytes and chunks that are read of an answer. The chunk limit stops answers that send one byte per chunk.
MOST_BYTES: Final = 4_096
MOST_CHUNKS: Final = 256
# Number of characters of an answer that are stored.
MOST_KEPT: Final = 500
CONNECT_S: Final = 3.0
USER_AGENT: Final = "Vocalized-Webhooks/1"


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """A receiver's answer to a webhook request.

    Attributes:
        status_code: HTTP status; None if the receiver did not answer.
        error: Why the request failed; None for a status from 200 to 299.
    """

    status_code: int | None
    error: str | None
    answer: str
    took_ms: int


class WebhookHttpClient:
    """Posts webhooks over HTTPS to addresses that the guard allows.

    Args:
        guard: Checks the receiver's IP address at each connection.
    """

    def __init__(self, guard: EgressGuard, timeout_s: float) -> None:
        self._guard, self._timeout_s = guard, timeout_s
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = asyncio.Lock()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, owner: str) -> WebhookAnswer:
        """Post a webhook once and return the receiver's answer. Receiver errors never raise.

        The timeout covers the whole request, however slowly the answer arrives. Redirects are not followed and count as
        failures. Once the status arrives, the result is decided, whether or not the body arrives.

        Args:
            owner: The workspace whose name servers resolve the address and may be slow.
        """
        began = time.monotonic()
        status: int | None = None
        text, error = "", "the request cannot be made"
        try:
            async with asyncio.timeout(self._timeout_s):
                transport = GuardedTransport(self._guard.of(owner), await self._make_tls())
                limits = httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s))
                client = httpx.AsyncClient(transport=transport, timeout=limits, follow_redirects=False, trust_env=False)
                async with client:
                    request = client.build_request("POST", url, headers=dict(headers), content=body)
                    answer = await client.send(request, stream=True)
                    status = answer.status_code
                    try:
                        text = await _read_text(answer)
                    finally:
                        await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
            error = _why(failure)
        except TimeoutError:
            error = f"there was no answer within {self._timeout_s:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as failure:
            error = f"the connection broke ({type(failure).__name__})"
        took_ms = round((time.monotonic() - began) * 1_000)
        if status is None:
            return WebhookAnswer(None, error, "", took_ms)
        return WebhookAnswer(status, judge_status(status), text, took_ms)

    async def _make_tls(self) -> ssl.SSLContext:
        """Create the TLS context that all requests share.

        A thread creates it, because loading the certificates takes time.
        """
        async with self._tls_lock:  # Several first requests of a worker may start at the same time.
            if self._tls is None:
                self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        return self._tls


def judge_status(status: int) -> str | None:
    """Return why this status rejects the event, or None if the status accepts it."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"the status was {status}: redirects are not followed"
    return f"the status was {status}"


async def _read_text(answer: httpx.Response) -> str:
    """Return the beginning of the body as text, without control characters."""
    parts, size = [], 0
    try:
        async for part in answer.aiter_raw():
            parts.append(part)
            size += len(part)
            if size >= MOST_BYTES or len(parts) >= MOST_CHUNKS:
                break
    except (httpx.HTTPError, httpx.StreamError):
        pass  # The receiver closed the connection within the body; the status already arrived.
    text = b"".join(parts)[:MOST_BYTES].decode("utf-8", "replace")
    return "".join(mark if mark.isprintable() else " " for mark in text)[:MOST_KEPT]


def _why(error: httpx.HTTPError) -> str:
    """Return the reason of a failed connection.

    Only the guard's messages are shown, because other errors may contain an address.
    """
    words = str(error)
    return words if "public internet" in words else "there is no connection"
