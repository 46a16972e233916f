"""The rules of users' accounts: sign-up, sign-in, sessions, and what is proven by e-mail."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts import store, store_sessions
from control.accounts.access_tokens import AccessTokens
from control.accounts.admins import AdminAccounts
from control.accounts.directory import Directory
from control.accounts.gate import Gate
from control.accounts.mail import Mailer
from control.accounts.model import User
from control.accounts.password_rules import require_good
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy
from control.accounts.proofs import Proofs
from control.accounts.sessions import Origin, Sessions, Tokens
from control.db.pool import Connection
from control.db.scope import enter_user
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden
from shared.ids import new_id
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and their new session's tokens."""

    user: User
    tokens: Tokens


class Accounts:
    """Accounts of users; `admins` are those of the staff, `directory` is the staff's view of users, `proofs` what is
    done by e-mail."""

    def __init__(
        self, *, policy: AccountPolicy, sealer: Sealer, mailer: Mailer, passwords: Passwords, tokens: AccessTokens,
        platform: Platform,
    ) -> None:  # fmt: skip
        self._passwords = passwords
        self._platform = platform
        self._gate = Gate(passwords, policy.lock)
        self._sessions = Sessions("user", tokens, policy.user, policy.refresh_grace_s)
        self.proofs = Proofs(policy, sealer, mailer, passwords, self._gate, self._sessions)
        self.directory = Directory(self._sessions)
        self.admins = AdminAccounts(
            gate=self._gate, sealer=sealer, passwords=passwords, platform=platform, issuer=policy.issuer,
            sessions=Sessions("admin", tokens, policy.admin, policy.refresh_grace_s),
        )  # fmt: skip

    async def sign_up(
        self, db: Connection, email: str, name: str, password: str, origin: Origin, now: datetime
    ) -> SignedIn:
        """A new account, signed in, with a letter that asks to confirm the address.

        Raises Forbidden (signup_closed), Invalid (weak_password), Conflict (email_taken)."""
        if not await self._platform.setting(db, "signup_enabled"):
            raise Forbidden("New accounts cannot be made at present.", code="signup_closed")
        user = await self.create_user(db, email, name, password, verified=False, now=now)
        await self.proofs.ask_to_verify(db, user.id, now)
        return SignedIn(user, await self.start_session(db, user.id, origin, now))

    async def create_user(
        self, db: Connection, email: str, name: str, password: str, verified: bool, now: datetime
    ) -> User:
        """A new account. verified: the address is known to be theirs. Raises Invalid (weak_password, param password),
        Conflict (email_taken)."""
        require_good(password, email=email, name=name, param="password")
        if await store.find_by_email(db, email):
            raise _taken()
        hashed = await self._passwords.hash(password)
        user = await store.insert(db, UUID(new_id()), email, name, hashed, now if verified else None, now)
        if user is None:
            raise _taken()
        return user

    async def sign_in(self, db: Connection, email: str, password: str, origin: Origin, now: datetime) -> SignedIn:
        """A session. Raises Unauthorised (invalid_credentials, whatever is wrong; session_over when the account changed
        meanwhile), TooMany (sign_in_locked)."""
        found = await store.find_credentials(db, email)
        known = found.password_hash if found and found.user.is_active else None
        verdict = await self._gate.check(db, "user", email, known, password, now)
        assert found is not None  # nobody's password is never right
        await self._gate.passed(db, "user", email, now)
        tokens = await self.start_session(db, found.user.id, origin, now, found.password_hash)
        if verdict.stale:
            await store.set_password(db, found.user.id, await self._passwords.hash(password), now)
        return SignedIn(found.user, tokens)

    async def start_session(
        self, db: Connection, user_id: UUID, origin: Origin, now: datetime, known: str | None = None
    ) -> Tokens:
        """Tokens of a new session; the transaction goes on in the user's scope. known: the hash that their password
        was checked against. Raises Unauthorised (session_over) when the account changed meanwhile."""
        tokens = await self._sessions.begin(db, user_id, origin, now, known)
        await enter_user(db, user_id)
        return tokens

    async def refresh(self, db: Connection, refresh_token: str, origin: Origin, now: datetime) -> Tokens:
        """The next tokens of a session. Raises Unauthorised (session_over, refresh_token_reused)."""
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """Ends the session at once."""
        await self._sessions.end(db, session_id, now)

    async def find(self, db: Connection, user_id: UUID) -> User | None:
        """By id."""
        return await store.find(db, user_id)

    async def find_by_email(self, db: Connection, email: str) -> User | None:
        """By address, in its normal spelling."""
        return await store.find_by_email(db, email)

    async def purge(self, db: Connection, now: datetime, most: int) -> int:
        """Deletes sessions, tokens and counts that are over, `most` of each kind at once; how many in all."""
        return await store_sessions.purge(db, now, self._gate.forget_before(now), most)


def _taken() -> Conflict:
    return Conflict("There is an account with this address.", code="email_taken")
