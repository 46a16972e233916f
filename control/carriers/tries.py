"""How a carrier is asked: bounded in time, tried again where that is harmless, and never a word of what was sent."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import IO, Final, TypeVar

import httpx

from control.carriers.model import CarrierAway, CarrierRefused

T = TypeVar("T")

# Seconds between the tries; each is shortened by chance, so that callers who failed together don't come back together.
PAUSES: Final = (0.1, 0.4)
# All tries of one question together take as long as so many that run into their timeout.
_BUDGET: Final = 2.0
# Four hours of 8 kHz stereo with 16 bits, and a head.
LARGEST_RECORDING: Final = 4 * 3600 * 32_000 + 4_096
# Seconds of one try of a download.
DOWNLOAD_S: Final = 240.0
_CHUNK: Final = 256 * 1024

# Below this they write each URL and body, in which numbers stand.
for _name in ("httpx", "httpcore", "telnyx", "twilio"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotDone(CarrierAway):
    """It surely did nothing: it was not reached, or refused for being too busy. May be repeated, whatever it was."""


async def tried(ask: Callable[[], Awaitable[T]], carrier: str, *, timeout_s: float, repeatable: bool) -> T:
    """The answer. repeatable: done twice is like done once; others are repeated only if surely nothing was done.

    timeout_s: of one try. Raises CarrierRefused and CarrierAway."""
    try:
        async with asyncio.timeout(_BUDGET * timeout_s):
            return await _tried(ask, repeatable)
    except TimeoutError:
        raise CarrierAway(carrier, "timeout", "no answer in time") from None


def connection_fault(carrier: str, error: httpx.HTTPError) -> CarrierAway:
    """What a failed connection means. Its own text may hold the URL, and stays out."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        return NotDone(carrier, "unreachable", "no connection")
    if isinstance(error, httpx.TimeoutException):
        return CarrierAway(carrier, "timeout", "no answer in time")
    return CarrierAway(carrier, "broken", "the connection broke")


def away_by_status(carrier: str, status: int) -> CarrierAway | None:
    """The fault of an HTTP status that is worth another try; None for all others."""
    if status == 429:
        return NotDone(carrier, "429", "too many requests")
    if status == 408 or status >= 500:
        return CarrierAway(carrier, str(status), "the carrier has a fault")
    return None


async def download(
    http: httpx.AsyncClient, carrier: str, url: str, into: IO[bytes], *, auth: tuple[str, str] | None = None
) -> None:
    """Writes a file of up to LARGEST_RECORDING into an open one, whatever an earlier try left there. Redirects are
    followed; `auth` goes to the first host only.

    Raises CarrierRefused and CarrierAway, and OSError when there is no room for it."""
    into.seek(0)
    into.truncate()
    size = 0
    try:
        async with http.stream("GET", url, auth=auth, follow_redirects=True) as response:
            _require_good(carrier, response.status_code)
            async for part in response.aiter_bytes(_CHUNK):
                size += len(part)
                if size > LARGEST_RECORDING:
                    raise CarrierRefused(carrier, "too_large", "the recording is too large")
                into.write(part)
    except httpx.HTTPError as error:
        raise connection_fault(carrier, error) from None
    except httpx.InvalidURL:
        raise CarrierRefused(carrier, "bad_url", "the recording's address is none") from None


def _require_good(carrier: str, status: int) -> None:
    away = away_by_status(carrier, status)
    if away is not None:
        raise away
    if status != 200:
        raise CarrierRefused(carrier, str(status), "the recording is not to be had")


async def _tried(ask: Callable[[], Awaitable[T]], repeatable: bool) -> T:
    for pause in PAUSES:
        try:
            return await ask()
        except CarrierAway as away:
            if not (repeatable or isinstance(away, NotDone)):
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
    return await ask()
