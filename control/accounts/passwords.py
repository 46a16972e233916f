"""argon2id off the event loop: a few threads, a bounded queue before them, and the same work for unknown accounts."""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from control.accounts.policy import HashPolicy
from shared.errors import Unavailable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Verdict:
    """right: it is the password. stale: its hash was made with other parameters than today's."""

    right: bool
    stale: bool = False


class Passwords:
    """Hashes and checks. Raises Unavailable (code busy) when too many wait, so that a flood fills no memory."""

    def __init__(self, policy: HashPolicy) -> None:
        self._hasher = PasswordHasher(policy.time_cost, policy.memory_kib, policy.parallelism)
        self._threads = ThreadPoolExecutor(policy.workers, "passwords")
        self._most = policy.workers + policy.waiting
        self._asked = 0
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """A new hash, with its parameters and salt inside."""
        return await self._run(self._hasher.hash, _plain(password))

    async def check(self, known: str | None, password: str) -> Verdict:
        """Compares; without a hash (no such account) the same work is done for nothing."""
        right = await self._run(self._verify, known or self._nobodys, _plain(password))
        if known is None or not right:
            return Verdict(False)
        return Verdict(True, self._hasher.check_needs_rehash(known))

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, known: str, plain: bytes) -> bool:
        try:
            return self._hasher.verify(known, plain)
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._asked >= self._most:
            raise Unavailable("Too many sign-ins at once; try again in a moment.", code="busy")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._asked -= 1


def _plain(password: str) -> bytes:
    """One spelling for the same letters, however a keyboard composes them (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
