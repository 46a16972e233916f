"""Rules of passwords: 10 to 128 characters, not a common password, not the account's address or name."""

from functools import cache
from pathlib import Path
from typing import Final

from shared.errors import Invalid

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 128
_COMMON: Final = Path(__file__).with_name("common_passwords.txt")


def require_strong_password(password: str, *, email: str, name: str, param: str) -> None:
    """Raises Invalid (code weak_password, the field `param`)."""
    weakness = _weakness(password, email, name)
    if weakness:
        raise Invalid(weakness, code="weak_password", param=param)


def _weakness(password: str, email: str, name: str) -> str:
    if len(password) < MIN_LENGTH:
        return f"A password has {MIN_LENGTH} characters at least."
    if len(password) > MAX_LENGTH:
        return f"A password has {MAX_LENGTH} characters at most."
    if _folded(password) in {_folded(email), _folded(email.partition("@")[0]), _folded(name)}:
        return "A password must not be the account's address or name."
    if _folded(password) in _common():
        return "This is one of the passwords that are tried first; choose another."
    return ""


def _folded(text: str) -> str:
    return "".join(text.casefold().split())


@cache
def _common() -> frozenset[str]:
    return frozenset(_folded(line) for line in _COMMON.read_text("utf-8").splitlines())
