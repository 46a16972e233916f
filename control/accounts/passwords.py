"""Password rules, and argon2id hashing in threads with a bounded queue."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from control.accounts.rules import HashPolicy
from shared.errors import Invalid, Unavailable

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 128
_COMMON: Final = Path(__file__).with_name("common_passwords.txt")


def require_strong_password(password: str, *, email: str, name: str, param: str) -> None:
    """Raise Invalid (code weak_password) for the field `param` if the password is weak."""
    weakness = _weakness(password, email, name)
    if weakness:
        raise Invalid(weakness, code="weak_password", param=param)


def _weakness(password: str, email: str, name: str) -> str:
    if len(password) < MIN_LENGTH:
        return f"A password has {MIN_LENGTH} characters or more."
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


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Result of a password check.

    Attributes:
        needs_rehash: Whether the hash was made with outdated parameters.
    """

    is_correct: bool
    needs_rehash: bool = False


class Passwords:
    """Hashes and checks passwords.

    Raises Unavailable (code busy) if the queue is full, which limits the memory use under a flood of requests.
    """

    def __init__(self, policy: HashPolicy) -> None:
        self._hasher = PasswordHasher(policy.time_cost, policy.memory_kib, policy.parallelism)
        self._threads = ThreadPoolExecutor(policy.workers, "passwords")
        self._max_pending = policy.workers + policy.queue_size
        self._pending = 0
        self._dummy_hash = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Return a new hash, which contains its parameters and salt."""
        return await self._run(self._hasher.hash, _normalized(password))

    async def check(self, known: str | None, password: str) -> PasswordCheck:
        """Compare a password with its hash.

        Args:
            known: The hash. None (unknown account) compares with a dummy hash, so that both cases take equally long.
        """
        right = await self._run(self._verify, known or self._dummy_hash, _normalized(password))
        if known is None or not right:
            return PasswordCheck(False)
        return PasswordCheck(True, self._hasher.check_needs_rehash(known))

    def close(self) -> None:
        """Stop the threads and cancel queued work."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, known: str, plain: bytes) -> bool:
        try:
            return self._hasher.verify(known, plain)
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._pending >= self._max_pending:
            raise Unavailable("Too many sign-ins at once. Try again in a moment.", code="busy")
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._pending -= 1


def _normalized(password: str) -> bytes:
    """Normalize composed and decomposed letters to the same form (NIST SP 800-63B, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
