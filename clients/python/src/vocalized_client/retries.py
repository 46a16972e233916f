"""Which failed attempts are repeated, and after how long."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import ApiError, ConnectionFailed, VocalizedError

# 408: the body did not arrive in time. 500 to 504: ours, or a proxy's in front of us.
_TRANSIENT = frozenset({408, 500, 502, 503, 504})
# More would leave a float's range.
_MOST_DOUBLINGS = 60
# The first request under the same key has not ended.
_IN_FLIGHT = "idempotency_in_flight"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """max_retries: attempts after the first. first_delay_s: doubled with each attempt, and shortened by chance by up to
    a half, so that clients that failed together do not return together. max_delay_s: the longest wait before an
    attempt; an answer that asks for a longer one by `Retry-After` is an error at once."""

    max_retries: int = 2
    first_delay_s: float = 0.5
    max_delay_s: float = 30.0

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise ValueError(f"max_retries must be 0 or more, is {self.max_retries}")
        if not 0 <= self.first_delay_s <= self.max_delay_s:
            raise ValueError(
                f"first_delay_s must be from 0 to max_delay_s ({self.max_delay_s}), is {self.first_delay_s}"
            )

    def delay_s(
        self, error: VocalizedError, *, attempt: int, is_repeatable: bool, draw: Callable[[], float]
    ) -> float | None:
        """Seconds until the next attempt; None: the error is final. attempt: counted from 0. is_repeatable: carrying
        the request out twice does what once does. draw: a number by chance from 0 to below 1."""
        if attempt >= self.max_retries or not _may_repeat(error, is_repeatable):
            return None
        wanted = error.retry_after_s if isinstance(error, ApiError) else None
        if wanted is not None:
            return wanted if wanted <= self.max_delay_s else None
        delay = min(self.first_delay_s * 2.0 ** min(attempt, _MOST_DOUBLINGS), self.max_delay_s)
        return delay * (1 - draw() / 2)


def _may_repeat(error: VocalizedError, is_repeatable: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return is_repeatable or not error.was_sent
    if not isinstance(error, ApiError):
        return False
    if error.status == 429:  # refused before it had an effect
        return True
    return is_repeatable and (error.status in _TRANSIENT or error.code == _IN_FLIGHT)
