"""Refusals of deactivated accounts, which say so: only to those who presented the account's password or token."""

from typing import Final

from shared.errors import Forbidden, Unauthorized

CODE: Final = "account_deactivated"
_MESSAGE: Final = "This account is deactivated. Ask the platform's support to activate it."


def sign_in_refused() -> Forbidden:
    """For a right password of the account."""
    return Forbidden(_MESSAGE, code=CODE)


def session_refused() -> Unauthorized:
    """For an access or refresh token of the account."""
    return Unauthorized(_MESSAGE, code=CODE)
