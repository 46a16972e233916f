"""Refusals of deactivated accounts. They name the reason only to callers who presented the account's password or
token.
"""

from typing import Final

from shared.errors import Forbidden, Unauthorized

CODE: Final = "account_deactivated"
_MESSAGE: Final = "This account is deactivated. Ask the platform's support to activate it."


def sign_in_refused() -> Forbidden:
    """Return the refusal after a correct password."""
    return Forbidden(_MESSAGE, code=CODE)


def session_refused() -> Unauthorized:
    """Return the refusal of an access or refresh token."""
    return Unauthorized(_MESSAGE, code=CODE)
