"""Idempotency keys with Stripe's rules (docs.stripe.com/api/idempotent_requests)."""

from dataclasses import dataclass
from typing import Any, Final

from simulator.stripe.errors import StripeFailure

KEPT_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """The first answer under a key.

    Attributes:
        request: Method, path and body of the request.
    """

    request: str
    status: int
    body: dict[str, Any]
    at: float


class IdempotencyKeys:
    """Stores answers by key for 24 hours, including errors with status 500."""

    def __init__(self) -> None:
        self._saved: dict[str, SavedAnswer] = {}
        self._running: dict[str, str] = {}

    def begin(self, key: str, request: str, now: float) -> SavedAnswer | None:
        """Return the saved answer; None if there is none.

        Raises:
            StripeFailure: The key's first request is still running (409), or the key belongs to another request (400).
        """
        saved = self._saved.get(key)
        if saved is not None and now - saved.at >= KEPT_S:
            del self._saved[key]
            saved = None
        if self._running.get(key, saved.request if saved else request) != request:
            raise StripeFailure(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                kind="idempotency_error",
                is_saved=False,
            )
        if key in self._running:
            raise StripeFailure(
                "There is currently another in-progress request using this Idempotent Key.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
                is_saved=False,
            )
        if saved is None:
            self._running[key] = request
        return saved

    def end(self, key: str, answer: SavedAnswer | None) -> None:
        """Store the answer. None stores nothing, so that the next request under the key runs."""
        self._running.pop(key, None)
        if answer is not None:
            self._saved[key] = answer
