"""Errors in Stripe's format (docs.stripe.com/api/errors)."""

from typing import Any


class StripeFailure(Exception):
    """An error response.

    Attributes:
        is_saved: Whether the response is kept under the request's idempotency key. Only responses of started operations
            are kept, and not for invalid parameters (docs.stripe.com/api/idempotent_requests).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        is_saved: bool = True,
    ) -> None:
        super().__init__(message)
        self.status, self.is_saved = status, is_saved
        fields = {"message": message, "type": kind, "code": code, "param": param, "decline_code": decline_code}
        self.body: dict[str, Any] = {"error": {name: value for name, value in fields.items() if value is not None}}


def invalid_parameter(message: str, param: str, code: str | None = None) -> StripeFailure:
    """Return the error for a missing, unknown or malformed parameter."""
    return StripeFailure(message, code=code, param=param, is_saved=False)


def missing_object(kind: str, object_id: str, *, status: int = 404) -> StripeFailure:
    """Return the error for a missing object. The status is 404 for an object in the path, 400 for one that a parameter
    names.
    """
    return StripeFailure(f"No such {kind}: '{object_id}'", status=status, code="resource_missing", param="id")


def declined_card(decline_code: str, code: str = "card_declined") -> StripeFailure:
    """Return the error for a card that was not charged."""
    return StripeFailure("Your card was declined.", status=402, kind="card_error", code=code, decline_code=decline_code)
