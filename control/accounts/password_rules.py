"""What a password must be: long enough, not one that everybody tries first, not the account's own address or name."""

from functools import cache
from pathlib import Path
from typing import Final

from shared.errors import Invalid

SHORTEST: Final = 10
LONGEST: Final = 128
_COMMON: Final = Path(__file__).with_name("common_passwords.txt")


def require_good(password: str, *, email: str, name: str, param: str) -> None:
    """Raises Invalid, code weak_password, naming the field."""
    fault = _fault(password, email, name)
    if fault:
        raise Invalid(fault, code="weak_password", param=param)


def _fault(password: str, email: str, name: str) -> str:
    if len(password) < SHORTEST:
        return f"A password has {SHORTEST} characters at least."
    if len(password) > LONGEST:
        return f"A password has {LONGEST} characters at most."
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
