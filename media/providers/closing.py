"""Closes what a provider opened, promptly: a provider that is being left may not hold anybody up."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from media.providers.ports import ProviderError

LIMIT_S = 1.0


async def close_stream(stream: object, limit_s: float = LIMIT_S) -> None:
    """Closes an async generator (or whatever has `aclose`), which cancels the request behind it."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await bounded(close(), limit_s)


async def bounded(closing: Awaitable[object], limit_s: float = LIMIT_S) -> None:
    """Waits for something to be closed, but not for ever and not for its complaints."""
    with suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(limit_s):
            await closing
