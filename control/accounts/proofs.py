"""What is proven by a letter: that an address is theirs, and that a forgotten password may be replaced."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.accounts import store
from control.accounts.gate import Gate
from control.accounts.letters import changed_letter, reset_letter, verify_letter
from control.accounts.mail import Mailer
from control.accounts.password_rules import require_good
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy
from control.accounts.sessions import Sessions
from control.accounts.tokens import fresh, token_hash
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.errors import Invalid
from shared.secrets import Sealer

RECOVER_JOB: Final = "accounts.recover"
_PURPOSE: Final = "recovery"


class Proofs:
    """Single-use links. A new one voids those before it."""

    def __init__(
        self,
        policy: AccountPolicy,
        sealer: Sealer,
        mailer: Mailer,
        passwords: Passwords,
        gate: Gate,
        sessions: Sessions,
    ) -> None:
        self._policy = policy
        self._sealer = sealer
        self._mailer = mailer
        self._passwords = passwords
        self._gate = gate
        self._sessions = sessions

    async def ask_to_verify(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Sends the letter, unless the address is confirmed already."""
        user = await store.lock(db, user_id)
        if user is None or user.is_verified:
            return
        token, good_for = fresh(), timedelta(seconds=self._policy.verify_s)
        await store.insert_token(db, token.hash, "verify_email", user, now, now + good_for)
        link = self._mailer.link("/verify-email", token.text)
        await self._mailer.send(db, verify_letter(user.email, link, self._policy.verify_s // 3600))

    async def verify_email(self, db: Connection, token: str, now: datetime) -> None:
        """The address is theirs. Raises Invalid (token_invalid)."""
        used = await store.use_token(db, token_hash(token), "verify_email", now)
        if used is None:
            raise _invalid()
        await store.set_verified(db, *used, now)

    async def confirm(self, db: Connection, user_id: UUID, email: str, now: datetime) -> None:
        """The address is theirs: they came with the token of a letter that another room sent to it."""
        await store.set_verified(db, user_id, email, now)

    async def forgot_password(self, db: Connection, email: str) -> None:
        """Asks the worker to look the account up and write to it.

        The request itself does the same for every address, so that neither its answer nor its time tells one."""
        await enqueue(db, RECOVER_JOB, self._sealer.seal(email.encode(), _PURPOSE))

    async def recover(self, db: Connection, payload: bytes, now: datetime) -> None:
        """That job. Raises shared.secrets.Unsealable."""
        found = await store.find_by_email(db, self._sealer.open(payload, _PURPOSE).decode())
        user = await store.lock(db, found.id) if found else None
        if user is None or not user.is_active:
            return
        token, good_for = fresh(), timedelta(seconds=self._policy.reset_s)
        await store.insert_token(db, token.hash, "reset_password", user, now, now + good_for)
        link = self._mailer.link("/reset-password", token.text)
        await self._mailer.send(db, reset_letter(user.email, link, self._policy.reset_s // 60))

    async def reset_password(self, db: Connection, token: str, password: str, now: datetime) -> None:
        """Another password; all sessions end. Raises Invalid (token_invalid; weak_password, after which the token is
        still good)."""
        used = await store.use_token(db, token_hash(token), "reset_password", now)
        user = await store.lock(db, used[0]) if used else None
        if used is None or user is None or not user.is_active or user.email != used[1]:
            raise _invalid()
        require_good(password, email=user.email, name=user.name, param="new_password")
        await store.set_password(db, user.id, await self._passwords.hash(password), now)
        await store.set_verified(db, user.id, user.email, now)
        await store.drop_tokens(db, user.id, "reset_password")
        await self._sessions.end_all(db, user.id, "password reset", now)
        await self._gate.forget(db, "user", user.email)
        await self._mailer.send(db, changed_letter(user.email, user.name))


def _invalid() -> Invalid:
    return Invalid("This link is not valid any more; ask for a new one.", code="token_invalid", param="token")
