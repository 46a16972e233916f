"""Errors for deactivated accounts. Only callers who sent the account's password or token get the reason."""

from typing import Final

from shared.errors import Forbidden, Unauthorized

CODE: Final = "account_deactivated"
_MESSAGE: Final = "This account is deactivated. Ask the platform's support to activate it."


def sign_in_refused() -> Forbidden:
    """Return the error for a sign-in with the correct password."""
    return Forbidden(_MESSAGE, code=CODE)


def session_refused() -> Unauthorized:
    """Return the error for an access or refresh token."""
    return Unauthorized(_MESSAGE, code=CODE)
