"""Closes what a provider opened, within a time limit, so that a failed provider delays nothing."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from media.providers.ports import ProviderError

CLOSE_TIMEOUT_S = 1.0


async def close_stream(stream: object, limit_s: float = CLOSE_TIMEOUT_S) -> None:
    """Close an async generator (or any object with `aclose`), which cancels the request behind it."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close_within(close(), limit_s)


async def close_within(closing: Awaitable[object], limit_s: float = CLOSE_TIMEOUT_S) -> None:
    """Await `closing` for at most `limit_s` seconds. Ignores a timeout and ProviderError."""
    with suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(limit_s):
            await closing
