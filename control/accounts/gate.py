"""A sign-in's password check, and the growing wait after wrong ones; the same for addresses that no account has."""

from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil

from control.accounts import store_sessions
from control.accounts.access_tokens import Audience
from control.accounts.passwords import Passwords, Verdict
from control.accounts.policy import LockPolicy
from control.db.pool import Connection
from shared.errors import TooMany, Unauthorised


class Gate:
    """Counts in the database, so that a restart or another process changes nothing."""

    def __init__(self, passwords: Passwords, policy: LockPolicy) -> None:
        self._passwords = passwords
        self._policy = policy

    async def check(
        self, db: Connection, audience: Audience, email: str, known: str | None, password: str, now: datetime
    ) -> Verdict:
        """The password is right, or: Raises TooMany (without a look at it), Unauthorised, Unavailable.

        known: the hash; None for nobody, who is refused after the same work. Call `passed` when all else is right too.
        """
        await self.refuse_locked(db, audience, email, now)
        verdict = await self._passwords.check(known, password)
        if not verdict.right:
            raise await self.failed(db, audience, email, now)
        return verdict

    async def refuse_locked(self, db: Connection, audience: Audience, email: str, now: datetime) -> bool:
        """Whether failures are on record. Raises TooMany while the address has to wait."""
        recorded, until = await store_sessions.locked_until(db, audience, _key(email))
        if until is not None and until > now:
            raise TooMany(
                "Too many wrong sign-ins; wait before the next.",
                code="sign_in_locked", retry_after_s=ceil((until - now).total_seconds()),
            )  # fmt: skip
        return recorded

    async def failed(self, db: Connection, audience: Audience, email: str, now: datetime) -> Unauthorised:
        """Counts a failure; the error to raise, which keeps the count."""
        key, forget = _key(email), now - timedelta(seconds=self._policy.forget_after_s)
        failures = await store_sessions.count_failure(db, audience, key, now, forget)
        wait_s = self._policy.wait_s(failures)
        if wait_s:
            await store_sessions.lock_address(db, audience, key, now + timedelta(seconds=wait_s))
        return Unauthorised("Address or password is wrong.", code="invalid_credentials", keeps=True)

    async def passed(self, db: Connection, audience: Audience, email: str, now: datetime) -> None:
        """Clears the record. Raises TooMany when guesses that ran beside this one have locked the address meanwhile:
        else many guesses at once would escape the wait."""
        if await self.refuse_locked(db, audience, email, now):
            await self.forget(db, audience, email)

    async def forget(self, db: Connection, audience: Audience, email: str) -> None:
        """A clean slate, as after a reset by mail."""
        await store_sessions.forget_failures(db, audience, _key(email))

    def forget_before(self, now: datetime) -> datetime:
        """Records whose last failure is older may be deleted."""
        return now - timedelta(seconds=max(self._policy.forget_after_s, self._policy.longest_s))


def _key(email: str) -> bytes:
    return sha256(email.encode()).digest()
