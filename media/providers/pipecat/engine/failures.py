"""Maps pipecat's errors to failures of a session. The vendors' messages are excluded, because they may contain a
key."""

from collections.abc import Mapping
from typing import Final

from pipecat.frames.frames import ErrorFrame
from pipecat.utils.errors import ErrorCategory, extract_http_status_code

from media.providers.pipecat.wire import FailureCause, ServiceFailed

_CAUSES: Final[Mapping[ErrorCategory, FailureCause]] = {
    ErrorCategory.AUTHENTICATION: "refused",
    ErrorCategory.AUTHORIZATION: "refused",
    ErrorCategory.INVALID_REQUEST: "refused",
    ErrorCategory.RATE_LIMIT: "busy",
    ErrorCategory.QUOTA: "busy",
}
_UNAVAILABLE: Final = 503


class ServiceRefused(Exception):
    """A service cannot be opened.

    Attributes:
        failure: The message for the client.
    """

    def __init__(self, failure: ServiceFailed) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def make_failure(error: ErrorFrame) -> ServiceFailed:
    """Return the failure for a service's error."""
    status = None if error.exception is None else extract_http_status_code(error.exception)
    category = error.category or ErrorCategory.UNKNOWN
    cause: FailureCause = _CAUSES.get(category, "failed")
    if status == _UNAVAILABLE:
        cause = "busy"
    elif isinstance(error.exception, TimeoutError):
        cause = "slow"
    told = [category.value.replace("_", " ")]
    told += [f"HTTP {status}"] if status is not None else []
    told += [type(error.exception).__name__] if error.exception is not None else []
    return ServiceFailed(cause, ", ".join(told))
