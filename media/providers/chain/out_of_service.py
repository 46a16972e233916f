"""When an open session leaves its provider because the staff took it out of service."""

from typing import Final, TypeVar

from media.providers.chain.candidates import Attempts, NamedProvider
from media.providers.chain.chain_health import ChainHealth
from media.providers.ports import ProviderError

REASON: Final = "taken out of service"

P = TypeVar("P", bound=NamedProvider)


def leaving_error(health: ChainHealth, attempts: Attempts[P] | None) -> ProviderError | None:
    """The error with which a session moves on from the provider in use; None if it stays: the provider is in service,
    or there is no other one to try. It is no evidence against the provider's health."""
    if attempts is None or not attempts.has_other or not health.must_leave(attempts.index):
        return None
    return ProviderError(attempts.current.name, REASON, retryable=False, cause="out_of_service")
