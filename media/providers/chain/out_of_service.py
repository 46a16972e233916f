"""Decides when an open session leaves its provider because staff took it out of service."""

from typing import Final, TypeVar

from media.providers.chain.candidates import Attempts, NamedProvider
from media.providers.chain.chain_health import ChainHealth
from media.providers.ports import ProviderError

REASON: Final = "taken out of service"

P = TypeVar("P", bound=NamedProvider)


def leaving_error(health: ChainHealth, attempts: Attempts[P] | None) -> ProviderError | None:
    """Return the error with which a session moves on from the provider in use.

    Returns None if the session stays, because the provider is in service or no other provider can be tried. The error
    is no evidence about the provider's health.
    """
    if attempts is None or not attempts.has_other or not health.must_leave(attempts.index):
        return None
    return ProviderError(attempts.current.name, REASON, retryable=False, cause="out_of_service")
