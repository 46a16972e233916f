"""Users' accounts: sign-up, sign-in and sessions."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts import store, store_sessions, store_sign_ins
from control.accounts.access_tokens import AccessTokens, Audience
from control.accounts.admins import AdminAccounts
from control.accounts.deactivation import sign_in_refused
from control.accounts.devices import DeviceTokens
from control.accounts.email_delivery import EmailQueue
from control.accounts.email_links import EmailLinks
from control.accounts.letter_limits import LetterLimits
from control.accounts.model import PresentedCredentials, User
from control.accounts.own_account import OwnAccount
from control.accounts.password_rules import require_strong_password
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy
from control.accounts.second_factors import SecondFactors
from control.accounts.sessions import Origin, Sessions, SessionTokens
from control.accounts.sign_in_throttle import RightPassword, SignInAttempt, SignInThrottle
from control.accounts.store import Credentials
from control.accounts.user_administration import UserAdministration
from control.db.pool import Connection
from control.db.scope import enter_accounts, enter_user, read_platform
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Unauthorised
from shared.ids import new_id
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class SignInResult:
    """A user and their new session's tokens. device_token: proves at the next sign-in that the client is known."""

    user: User
    tokens: SessionTokens
    device_token: str


class Accounts:
    """Accounts of users. Whoever is not signed in yet is looked for, and signed in, in the scope of accounts. admins:
    accounts of the staff. user_administration: what the staff does to users. email_links: confirmation and reset by
    e-mail. own, second_factors: what users do to their own account."""

    def __init__(
        self,
        *,
        policy: AccountPolicy,
        sealer: Sealer,
        email_queue: EmailQueue,
        passwords: Passwords,
        tokens: AccessTokens,
        platform: Platform,
    ) -> None:
        self._passwords = passwords
        self._platform = platform
        self._throttle = throttle = SignInThrottle(passwords, policy.lock, DeviceTokens(sealer))
        self._sessions = Sessions("user", tokens, policy.user, policy.refresh_grace_s)
        self._sso_sessions = Sessions("user", tokens, policy.sso, policy.refresh_grace_s)
        self.letter_limits = LetterLimits(platform)
        self.second_factors = SecondFactors("user", throttle, sealer, policy.issuer)
        self.email_links = EmailLinks(
            policy=policy,
            sealer=sealer,
            email_queue=email_queue,
            passwords=passwords,
            throttle=throttle,
            sessions=self._sessions,
            limits=self.letter_limits,
            second_factors=self.second_factors,
        )
        self.user_administration = UserAdministration(self._sessions)
        self.own = _make_own_account("user", throttle, passwords, self.second_factors, policy)
        staff_factors = SecondFactors("admin", throttle, sealer, policy.issuer)
        self.admins = AdminAccounts(
            throttle=throttle,
            passwords=passwords,
            platform=platform,
            sessions=Sessions("admin", tokens, policy.admin, policy.refresh_grace_s),
            second_factors=staff_factors,
            own=_make_own_account("admin", throttle, passwords, staff_factors, policy),
        )

    async def sign_up(
        self, db: Connection, email: str, name: str, password: str, origin: Origin, now: datetime
    ) -> SignInResult:
        """Creates an account, signs it in and sends an e-mail that asks to confirm the address.

        Enters the user's scope. Raises Forbidden (signup_closed), Invalid (weak_password), Conflict (email_taken)."""
        await enter_accounts(db)
        if not await self._platform.setting(db, "signup_enabled"):
            raise Forbidden("New accounts cannot be made at present.", code="signup_closed")
        user = await self.create_user(db, email, name, password, verified=False, now=now)
        await self.email_links.send_verification(db, user.id, now)
        return await self.sign_in_new(db, user, origin, now)

    async def sign_in_new(self, db: Connection, user: User, origin: Origin, now: datetime) -> SignInResult:
        """Signs in a user whose account was just made; enters their scope."""
        await enter_accounts(db)
        tokens = await self._begin_session(db, user.id, origin, now)
        attempt = self._throttle.attempt("user", user.email, origin.address, None, now)
        return SignInResult(user, tokens, self._throttle.device_token(attempt, None, now))

    async def create_user(
        self, db: Connection, email: str, name: str, password: str, verified: bool, now: datetime
    ) -> User:
        """Creates an account, in that scope. verified: the address is confirmed already. Raises Invalid
        (weak_password, param password), Conflict (email_taken)."""
        require_strong_password(password, email=email, name=name, param="password")
        if await store.find_by_email(db, email):
            raise _email_taken()
        hashed = await self._passwords.hash(password)
        user = await store.insert(db, UUID(new_id()), email, name, hashed, now if verified else None, now)
        if user is None:
            raise _email_taken()
        return user

    async def sign_in(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> SignInResult:
        """Starts a session; enters the user's scope. Raises Unauthorised (invalid_credentials, whichever is wrong;
        totp_required when only the code is missing; totp_invalid, recovery_code_invalid; session_over when the account
        changed meanwhile), Forbidden (account_deactivated), TooManyRequests (sign_in_locked)."""
        attempt = self._attempt(presented, origin, now)
        found, right = await self._check(db, attempt, presented, origin, now)
        tokens = await self._begin_session(db, found.user.id, origin, now, known=found.password_hash)
        if right.needs_rehash:
            await store.set_password(db, found.user.id, await self._passwords.hash(presented.password), now)
        return SignInResult(found.user, tokens, self._throttle.device_token(attempt, presented.device, now))

    async def authenticate(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> User:
        """Returns the user with this password, without a session; enters their scope. Raises what `sign_in` raises."""
        found, _ = await self._check(db, self._attempt(presented, origin, now), presented, origin, now)
        await enter_user(db, found.user.id)
        return found.user

    def _attempt(self, presented: PresentedCredentials, origin: Origin, now: datetime) -> SignInAttempt:
        return self._throttle.attempt("user", presented.email, origin.address, presented.device, now)

    async def _check(
        self,
        db: Connection,
        attempt: SignInAttempt,
        presented: PresentedCredentials,
        origin: Origin,
        now: datetime,
    ) -> tuple[Credentials, RightPassword]:
        await enter_accounts(db)
        found = await store.find_credentials(db, presented.email)
        known = found.password_hash if found else None
        right = await self._throttle.check_password(db, attempt, known, presented.password, now)
        assert found is not None  # without an account no password is correct
        if not found.user.is_active:
            raise sign_in_refused()
        if found.has_totp:
            await self.second_factors.require_at_sign_in(db, found.user.id, presented.code, origin, now)
        await self._throttle.accept(db, attempt, right)
        return found, right

    async def _begin_session(
        self, db: Connection, user_id: UUID, origin: Origin, now: datetime, known: str | None = None
    ) -> SessionTokens:
        """Starts a session, in the scope of accounts, and enters the user's. known: the hash that the password was
        checked against. Raises Unauthorised (session_over) when the account changed meanwhile."""
        tokens = await self._sessions.begin(db, user_id, origin, now, known)
        await enter_user(db, user_id)
        return tokens

    async def sign_in_by_sso(
        self, db: Connection, user_id: UUID, workspace_id: UUID, origin: Origin, now: datetime
    ) -> SignInResult:
        """Starts a session that is good in this workspace only; enters the user's scope. Raises Forbidden
        (account_deactivated), Unauthorised (session_over)."""
        await enter_accounts(db)
        user = await store.find(db, user_id)
        if user is None:
            raise Unauthorised("The account was deleted at this moment.", code="session_over")
        if not user.is_active:
            raise sign_in_refused()
        tokens = await self._sso_sessions.begin(db, user_id, origin, now, sso_workspace_id=workspace_id)
        await enter_user(db, user_id)
        attempt = self._throttle.attempt("user", user.email, origin.address, None, now)
        return SignInResult(user, tokens, self._throttle.device_token(attempt, None, now))

    async def take_over(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Ends whatever the maker of an account can sign in with, for the person whose address it names: password,
        second factor and sessions."""
        await store.set_password(db, user_id, await self._passwords.hash(secrets.token_urlsafe(32)), now)
        await self.second_factors.forget(db, user_id, now)
        await self._sessions.end_all(db, user_id, "taken over by single sign-on", now)

    async def end_sso_sessions(
        self, db: Connection, user_ids: Collection[UUID], workspace_id: UUID, why: str, now: datetime
    ) -> None:
        """Ends the sessions of these users that a workspace's provider began."""
        await read_platform(db, lambda: store_sessions.revoke_sso(db, user_ids, workspace_id, why, now))

    async def refresh(self, db: Connection, refresh_token: str, origin: Origin, now: datetime) -> SessionTokens:
        """Returns the next tokens of a session; enters the scope of accounts. Raises Unauthorised (session_over,
        refresh_token_reused)."""
        await enter_accounts(db)
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """Ends the session at once."""
        await self._sessions.end(db, session_id, now)

    async def find(self, db: Connection, user_id: UUID) -> User | None:
        """By id."""
        return await store.find(db, user_id)

    async def find_by_email(self, db: Connection, email: str) -> User | None:
        """By normalised address."""
        return await store.find_by_email(db, email)

    async def purge(self, db: Connection, now: datetime, most: int) -> int:
        """Deletes expired sessions, tokens and failure counts, up to `most` of each; returns how many in all."""
        forget = self._throttle.oldest_relevant_failure(now)
        sessions = await store_sessions.purge(db, now, forget, most)
        letters = await self.letter_limits.purge(db, now, most)
        return sessions + letters + await store_sign_ins.purge(db, forget, most)


def _make_own_account(
    audience: Audience, throttle: SignInThrottle, passwords: Passwords, factors: SecondFactors, policy: AccountPolicy
) -> OwnAccount:
    return OwnAccount(
        audience, throttle=throttle, passwords=passwords, second_factors=factors, recent_s=policy.recent_s
    )


def _email_taken() -> Conflict:
    return Conflict("There is an account with this address.", code="email_taken")
