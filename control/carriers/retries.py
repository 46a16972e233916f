"""Requests to carriers, with time limits and with retries where a repeat is safe.

Errors and logs contain nothing that was sent.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from typing import IO, Final, Protocol, TypeVar

import httpx

from control.carriers.rules import CarrierRefused, CarrierUnavailable

T = TypeVar("T")

# Seconds between attempts. Random jitter shortens each delay, so that simultaneous failures are not retried together.
RETRY_DELAYS_S: Final = (0.1, 0.4)
# Total time limit for all attempts of a request, as a multiple of the timeout.
_TOTAL_TIMEOUTS: Final = 2.0
# Four hours of 8 kHz, 16-bit stereo audio plus the file header.
MAX_RECORDING_BYTES: Final = 4 * 3600 * 32_000 + 4_096
# Seconds per download attempt.
DOWNLOAD_TIMEOUT_S: Final = 240.0
_CHUNK: Final = 256 * 1024

# HTTP statuses that concern our key or account: invalid key, unpaid, no permission.
ACCOUNT_REFUSED: Final = frozenset({401, 402, 403})

# Below WARNING these libraries log URLs and bodies, which contain phone numbers.
for _name in ("httpx", "httpcore", "telnyx", "twilio"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotProcessed(CarrierUnavailable):
    """The request was not processed: no connection, or refused by a rate limit. Any request may be repeated."""


class CarrierRequest(Protocol):
    """Sends a request of a carrier's SDK with a time limit and with the retries of `call_with_retries`."""

    async def __call__(self, send: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
        """Send the request and return the answer. Raises CarrierRefused and CarrierUnavailable."""


@cache
def carrier_tls() -> ssl.SSLContext:
    """Return the TLS context that all carrier clients share. Loading its certificates takes 6 ms."""
    return httpx.create_ssl_context()


async def call_with_retries(
    send: Callable[[], Awaitable[T]], carrier: str, *, timeout_s: float, repeatable: bool, queued: bool = False
) -> T:
    """Send a request with retries and return the answer.

    Raises CarrierRefused (with `is_repeat`) and CarrierUnavailable.

    Args:
        repeatable: Whether the request is idempotent. Other requests are repeated only after NotProcessed.
        queued: Whether the caller queues requests that were not processed. They are then not repeated here.
        timeout_s: Timeout of a single attempt.
    """
    try:
        async with asyncio.timeout(_TOTAL_TIMEOUTS * timeout_s):
            return await _attempt(send, repeatable, queued)
    except TimeoutError:
        raise CarrierUnavailable(carrier, "timeout", "no answer in time") from None


def error_from_connection(carrier: str, error: httpx.HTTPError) -> CarrierUnavailable:
    """Map an httpx error. Its text may contain the URL and is left out."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return NotProcessed(carrier, "unreachable", "no connection")
    if isinstance(error, httpx.TimeoutException):
        return CarrierUnavailable(carrier, "timeout", "no answer in time")
    return CarrierUnavailable(carrier, "broken", "the connection was lost")


def unavailable_by_status(carrier: str, status: int) -> CarrierUnavailable | None:
    """Return the error for a status that is worth a retry. Return None for all other statuses."""
    if status == 429:
        return NotProcessed(carrier, "429", "too many requests")
    if status == 408 or status >= 500:
        return CarrierUnavailable(carrier, str(status), "the carrier has a fault")
    return None


async def download(
    http: httpx.AsyncClient, carrier: str, url: str, into: IO[bytes], *, auth: tuple[str, str] | None = None
) -> None:
    """Download up to MAX_RECORDING_BYTES into an open file, replacing its content.

    Redirects are followed, but `auth` is sent only to the first host. Raises CarrierRefused, CarrierUnavailable, and
    OSError if the disk is full.
    """
    into.seek(0)
    into.truncate()
    size = 0
    try:
        async with http.stream("GET", url, auth=auth, follow_redirects=True) as response:
            _require_success(carrier, response.status_code)
            async for part in response.aiter_bytes(_CHUNK):
                size += len(part)
                if size > MAX_RECORDING_BYTES:
                    raise CarrierRefused(carrier, "too_large", "the recording is too large")
                into.write(part)
    except httpx.HTTPError as error:
        raise error_from_connection(carrier, error) from None
    except httpx.InvalidURL:
        raise CarrierRefused(carrier, "bad_url", "the recording's address is not valid") from None


def _require_success(carrier: str, status: int) -> None:
    error = unavailable_by_status(carrier, status)
    if error is not None:
        raise error
    if status != 200:
        raise CarrierRefused(carrier, str(status), "the recording is not available")


async def _attempt(send: Callable[[], Awaitable[T]], repeatable: bool, queued: bool) -> T:
    may_be_done = False
    for pause in (*RETRY_DELAYS_S, None):
        try:
            return await send()
        except CarrierRefused as refused:
            refused.is_repeat = may_be_done
            raise
        except NotProcessed:
            if queued or pause is None:
                raise
        except CarrierUnavailable:
            may_be_done = True
            if not repeatable or pause is None:
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
    raise AssertionError("the last attempt returns or raises")
