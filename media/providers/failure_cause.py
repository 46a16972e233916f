"""Why a provider failed, by the status with which it answered."""

from typing import Final

from shared.provider_failures import FailureCause

_UNAUTHORIZED: Final = (401, 403)


def cause_of_status(status: int) -> FailureCause:
    """The cause for an HTTP status other than 200 that is neither a full queue nor a time-out; 0: none was told."""
    if status in _UNAUTHORIZED:
        return "unauthorized"
    return "refused" if 300 <= status < 500 else "error"
