"""Links in e-mails: they confirm an address and reset a forgotten password."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.accounts import store
from control.accounts.email_delivery import EmailQueue
from control.accounts.emails import (
    own_password_changed_email,
    password_changed_email,
    password_reset_email,
    second_factor_email,
    verification_email,
)
from control.accounts.letter_limits import LetterLimits
from control.accounts.model import OwnPassword
from control.accounts.password_rules import require_strong_password
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy
from control.accounts.second_factors import SecondFactors
from control.accounts.sessions import Sessions
from control.accounts.sign_in_throttle import SignInThrottle
from control.accounts.tokens import new_token, token_hash
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.db.scope import enter_accounts
from shared.errors import Invalid
from shared.secrets import Sealer

PASSWORD_RESET_JOB: Final = "accounts.recover"
_PURPOSE: Final = "recovery"


class EmailLinks:
    """Single-use links. A new link of a kind makes the older ones invalid."""

    def __init__(
        self,
        policy: AccountPolicy,
        sealer: Sealer,
        email_queue: EmailQueue,
        passwords: Passwords,
        throttle: SignInThrottle,
        sessions: Sessions,
        limits: LetterLimits,
        second_factors: SecondFactors,
    ) -> None:
        self._policy = policy
        self._sealer = sealer
        self._email_queue = email_queue
        self._passwords = passwords
        self._throttle = throttle
        self._sessions = sessions
        self._limits = limits
        self._second_factors = second_factors

    async def send_verification(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Sends a link that confirms the address, unless it is confirmed already. Raises TooManyRequests
        (letter_limit)."""
        user = await store.lock(db, user_id)
        if user is None or user.is_verified:
            return
        await self._limits.require(db, "confirmation", user.email, now)
        token, good_for = new_token(), timedelta(seconds=self._policy.verify_s)
        await store.insert_token(db, token.hash, "verify_email", user, now, now + good_for)
        link = self._email_queue.link("/verify-email", token.text)
        await self._email_queue.enqueue(db, verification_email(user.email, link, self._policy.verify_s // 3600))

    async def verify_email(self, db: Connection, token: str, now: datetime) -> None:
        """Marks the address as confirmed; enters the scope of accounts. Raises Invalid (token_invalid)."""
        await enter_accounts(db)
        used = await store.use_token(db, token_hash(token), "verify_email", now)
        if used is None:
            raise _link_invalid()
        await store.set_verified(db, *used, now)

    async def mark_verified(self, db: Connection, user_id: UUID, email: str, now: datetime) -> None:
        """Marks the address as confirmed: the user presented a token that another room sent to it."""
        await store.set_verified(db, user_id, email, now)

    async def request_password_reset(self, db: Connection, email: str) -> None:
        """Enqueues a job that looks up the account and sends the link.

        The request does the same for every address, so that neither its response nor its duration reveals an
        account."""
        await enqueue(db, PASSWORD_RESET_JOB, self._sealer.seal(email.encode(), _PURPOSE))

    async def send_password_reset(self, db: Connection, payload: bytes, now: datetime) -> None:
        """Runs the job of `request_password_reset`. An address that was sent many links gets none, and the latest one
        stays good. Raises shared.secrets.UnsealError."""
        found = await store.find_by_email(db, self._sealer.open(payload, _PURPOSE).decode())
        user = await store.lock(db, found.id) if found else None
        if user is None or not user.is_active:
            return
        if not await self._limits.admits(db, "password_reset", user.email, now):
            return
        token, good_for = new_token(), timedelta(seconds=self._policy.reset_s)
        await store.insert_token(db, token.hash, "reset_password", user, now, now + good_for)
        link = self._email_queue.link("/reset-password", token.text)
        await self._email_queue.enqueue(db, password_reset_email(user.email, link, self._policy.reset_s // 60))

    async def reset_password(self, db: Connection, token: str, password: str, now: datetime) -> None:
        """Sets a new password and ends all sessions; of an address that nobody confirmed, the second factor goes,
        too. Enters the scope of accounts. Raises Invalid (token_invalid; weak_password, after which the token is still
        valid)."""
        await enter_accounts(db)
        used = await store.use_token(db, token_hash(token), "reset_password", now)
        user = await store.lock(db, used[0]) if used else None
        if used is None or user is None or not user.is_active or user.email != used[1]:
            raise _link_invalid()
        require_strong_password(password, email=user.email, name=user.name, param="new_password")
        await store.set_password(db, user.id, await self._passwords.hash(password), now)
        if not user.is_verified:  # somebody else may have made the account, to lock the address's owner out of it
            await self._second_factors.forget(db, user.id, now)
        await store.set_verified(db, user.id, user.email, now)
        await store.drop_tokens(db, user.id, "reset_password")
        await self._sessions.end_all(db, user.id, "password reset", now)
        await self._throttle.clear_failures(db, "user", user.email)
        await self._email_queue.enqueue(db, password_changed_email(user.email, user.name))

    async def report_own_password(self, db: Connection, own: OwnPassword, ends_sessions: bool) -> None:
        """Tells a person that their password was changed in a session."""
        await self._email_queue.enqueue(db, own_password_changed_email(own.email, own.name, ends_sessions))

    async def report_second_factor(self, db: Connection, email: str, name: str, is_enabled: bool) -> None:
        """Tells a person that their second factor was enabled or removed."""
        await self._email_queue.enqueue(db, second_factor_email(email, name, is_enabled))


def _link_invalid() -> Invalid:
    return Invalid("This link is not valid any more; ask for a new one.", code="token_invalid", param="token")
