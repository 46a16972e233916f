"""Errors of a vendor's WebSocket that tell nothing more."""

from media.providers.ports import ProviderError


def make_closed(provider: str, code: int, reason: str = "") -> ProviderError:
    """The error for a connection that was closed while it was needed. reason: is dropped, because it may quote the
    caller or the key."""
    return ProviderError(provider, f"closed with {code}", cause="cut")


def make_unreadable(provider: str) -> ProviderError:
    """The error for a message that cannot be read."""
    return ProviderError(provider, "an unreadable message", cause="unreadable")
