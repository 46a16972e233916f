"""Reads a stream's next item within a time limit."""

from collections.abc import AsyncIterator
from typing import TypeVar

from media.providers.deadline_timer import DeadlineScope
from media.providers.ports import ProviderError, ProviderSlow

T = TypeVar("T")


async def next_within(stream: AsyncIterator[T], limit_s: float, provider: str) -> T | None:
    """Returns the next item, or None at the end. Raises ProviderSlow when it does not come within `limit_s` seconds."""
    try:
        async with DeadlineScope(limit_s) as scope:
            return await anext(stream, None)
    except TimeoutError as error:
        raise timed_out(scope, limit_s, provider) from error


def timed_out(scope: DeadlineScope, limit_s: float, provider: str) -> ProviderError:
    """The error for a TimeoutError: ours if `scope` expired, otherwise one that the provider let escape."""
    if scope.is_expired:
        return ProviderSlow(provider, f"nothing came for {limit_s:.3g} s")
    return ProviderError(provider, "timed out by itself")
