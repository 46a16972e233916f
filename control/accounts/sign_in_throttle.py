"""Password check of a sign-in with a growing wait after failures; unknown addresses are treated like known ones."""

from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil

from control.accounts import store_sessions
from control.accounts.access_tokens import Audience
from control.accounts.passwords import PasswordCheck, Passwords
from control.accounts.policy import LockPolicy
from control.db.pool import Connection
from shared.errors import TooManyRequests, Unauthorised


class SignInThrottle:
    """Checks passwords and counts failures in the database, so that the count holds across restarts and processes."""

    def __init__(self, passwords: Passwords, policy: LockPolicy) -> None:
        self._passwords = passwords
        self._policy = policy

    async def check_password(
        self, db: Connection, audience: Audience, email: str, known: str | None, password: str, now: datetime
    ) -> PasswordCheck:
        """Checks the password. Raises TooManyRequests (before the check), Unauthorised, Unavailable.

        known: the hash; None for an unknown account, refused after the same work. Call `accept` when the whole sign-in
        succeeds.
        """
        await self.refuse_locked(db, audience, email, now)
        verdict = await self._passwords.check(known, password)
        if not verdict.is_correct:
            raise await self.count_failure(db, audience, email, now)
        return verdict

    async def refuse_locked(self, db: Connection, audience: Audience, email: str, now: datetime) -> bool:
        """Returns whether failures are recorded. Raises TooManyRequests while the address has to wait."""
        recorded, until = await store_sessions.locked_until(db, audience, address_hash(email))
        if until is not None and until > now:
            raise TooManyRequests(
                "Too many wrong sign-ins; wait before the next.",
                code="sign_in_locked",
                retry_after_s=ceil((until - now).total_seconds()),
            )
        return recorded

    async def count_failure(self, db: Connection, audience: Audience, email: str, now: datetime) -> Unauthorised:
        """Counts a failure; returns the error to raise, which commits the count."""
        key, forget = address_hash(email), now - timedelta(seconds=self._policy.forget_after_s)
        failures = await store_sessions.count_failure(db, audience, key, now, forget)
        wait_s = self._policy.wait_s(failures)
        if wait_s:
            await store_sessions.lock_address(db, audience, key, now + timedelta(seconds=wait_s))
        return Unauthorised("Address or password is wrong.", code="invalid_credentials", commits=True)

    async def accept(self, db: Connection, audience: Audience, email: str, now: datetime) -> None:
        """Clears the failures after a successful sign-in. Raises TooManyRequests when concurrent guesses have locked
        the address meanwhile: otherwise many concurrent guesses would escape the wait."""
        if await self.refuse_locked(db, audience, email, now):
            await self.clear_failures(db, audience, email)

    async def clear_failures(self, db: Connection, audience: Audience, email: str) -> None:
        """Clears the failures, as after a reset by e-mail."""
        await store_sessions.delete_failures(db, audience, address_hash(email))

    def oldest_relevant_failure(self, now: datetime) -> datetime:
        """Returns the moment before which recorded failures may be deleted."""
        return now - timedelta(seconds=max(self._policy.forget_after_s, self._policy.max_wait_s))


def address_hash(email: str) -> bytes:
    """Under which an address's failures are counted."""
    return sha256(email.encode()).digest()
