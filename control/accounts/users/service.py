"""Users: sign-up, sign-in, links in e-mails, people, verified phone numbers, and administration by staff."""

import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.accounts.emails.service import EmailQueue, LetterLimits
from control.accounts.emails.texts import (
    own_password_changed_email,
    password_changed_email,
    password_reset_email,
    second_factor_email,
    verification_email,
)
from control.accounts.own_account.service import OwnAccount
from control.accounts.passwords import Passwords, require_strong_password
from control.accounts.rules import (
    AccountPolicy,
    OwnPassword,
    PresentedCredentials,
    User,
    VerifiedNumber,
)
from control.accounts.second_factors.service import SecondFactors
from control.accounts.sessions import queries as sessions_queries
from control.accounts.sessions.service import Sessions, SessionTokens
from control.accounts.sign_ins import queries as sign_ins_queries
from control.accounts.sign_ins.service import DeviceTokens, RightPassword, SignInAttempt, SignInThrottle
from control.accounts.staff.service import AdminAccounts
from control.accounts.users import queries
from control.accounts.users.queries import Credentials
from control.audit.service import Actor, Change, record_change
from control.db.jobs import enqueue
from control.db.keyset import ListPage, PageRequest
from control.db.patterns import contains_pattern
from control.db.pool import Connection
from control.db.scope import enter_accounts, enter_user, read_platform
from control.http.auth.access_tokens import AccessTokens, Audience
from control.http.auth.deactivation import sign_in_refused
from control.http.auth.tokens import new_token, token_hash
from control.http.context import RequestOrigin
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from shared.ids import new_id
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class SignInResult:
    """A user and the tokens of a new session.

    Attributes:
        device_token: Identifies the client as a known device at the next sign-in.
    """

    user: User
    tokens: SessionTokens
    device_token: str


class Accounts:
    """Accounts of users. People who are not signed in are looked up and signed in within the accounts scope.

    Attributes:
        admins: Staff accounts.
        user_administration: Administration of users by staff.
        email_links: Confirmation and password reset by e-mail.
        own: The users' own accounts.
        second_factors: Second factors of users.
    """

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
        self._confirms_at_once = policy.confirms_at_once
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
        self, db: Connection, email: str, name: str, password: str, origin: RequestOrigin, now: datetime
    ) -> SignInResult:
        """Create an account, sign it in, and send an e-mail for confirming the address unless it is already confirmed.

        Enters the user's scope. Raises Forbidden (signup_closed), Invalid (weak_password), Conflict (email_taken).
        """
        await enter_accounts(db)
        if not await self._platform.setting(db, "signup_enabled"):
            raise Forbidden("New accounts cannot be created at the moment.", code="signup_closed")
        user = await self.create_user(db, email, name, password, verified=self._confirms_at_once, now=now)
        if not user.is_verified:
            await self.email_links.send_verification(db, user.id, now)
        return await self.sign_in_new(db, user, origin, now)

    async def sign_in_new(self, db: Connection, user: User, origin: RequestOrigin, now: datetime) -> SignInResult:
        """Sign in the user of a new account and enter the user's scope."""
        await enter_accounts(db)
        tokens = await self._begin_session(db, user.id, origin, now)
        attempt = self._throttle.attempt("user", user.email, origin.address, None, now)
        return SignInResult(user, tokens, self._throttle.device_token(attempt, None, now))

    async def create_user(
        self, db: Connection, email: str, name: str, password: str, verified: bool, now: datetime
    ) -> User:
        """Create an account. Requires accounts scope. Raises Invalid (weak_password, param password), Conflict
        (email_taken).

        Args:
            verified: Whether the address is already confirmed.
        """
        require_strong_password(password, email=email, name=name, param="password")
        if await queries.find_by_email(db, email):
            raise _email_taken()
        hashed = await self._passwords.hash(password)
        user = await queries.insert(db, UUID(new_id()), email, name, hashed, now if verified else None, now)
        if user is None:
            raise _email_taken()
        return user

    async def sign_in(
        self, db: Connection, presented: PresentedCredentials, origin: RequestOrigin, now: datetime
    ) -> SignInResult:
        """Start a session, and enter the user's scope.

        Raises:
            Unauthorized: Address or password is wrong (invalid_credentials), only the code is missing (totp_required),
                the code is wrong (totp_invalid, recovery_code_invalid), or the account changed meanwhile
                (session_over).
            Forbidden: The account is deactivated (account_deactivated).
            TooManyRequests: The sign-in must wait (sign_in_locked).
        """
        attempt = self._attempt(presented, origin, now)
        found, right = await self._check(db, attempt, presented, origin, now)
        tokens = await self._begin_session(db, found.user.id, origin, now, known=found.password_hash)
        if right.needs_rehash:
            await queries.set_password(db, found.user.id, await self._passwords.hash(presented.password), now)
        return SignInResult(found.user, tokens, self._throttle.device_token(attempt, presented.device, now))

    async def authenticate(
        self, db: Connection, presented: PresentedCredentials, origin: RequestOrigin, now: datetime
    ) -> User:
        """Return the user with this password without starting a session, and enter the user's scope.

        Raises the errors of `sign_in`.
        """
        found, _ = await self._check(db, self._attempt(presented, origin, now), presented, origin, now)
        await enter_user(db, found.user.id)
        return found.user

    def _attempt(self, presented: PresentedCredentials, origin: RequestOrigin, now: datetime) -> SignInAttempt:
        return self._throttle.attempt("user", presented.email, origin.address, presented.device, now)

    async def _check(
        self,
        db: Connection,
        attempt: SignInAttempt,
        presented: PresentedCredentials,
        origin: RequestOrigin,
        now: datetime,
    ) -> tuple[Credentials, RightPassword]:
        await enter_accounts(db)
        found = await queries.find_credentials(db, presented.email)
        known = found.password_hash if found else None
        right = await self._throttle.check_password(db, attempt, known, presented.password, now)
        assert found is not None  # an unknown account has no correct password
        if not found.user.is_active:
            raise sign_in_refused()
        if found.has_totp:
            await self.second_factors.require_at_sign_in(db, found.user.id, presented.code, origin, now)
        await self._throttle.accept(db, attempt, right)
        return found, right

    async def _begin_session(
        self, db: Connection, user_id: UUID, origin: RequestOrigin, now: datetime, known: str | None = None
    ) -> SessionTokens:
        """Start a session in accounts scope, and enter the user's scope.

        Raises Unauthorized (session_over) if the account changed meanwhile.

        Args:
            known: The hash that the password was checked against.
        """
        tokens = await self._sessions.begin(db, user_id, origin, now, known)
        await enter_user(db, user_id)
        return tokens

    async def sign_in_by_sso(
        self, db: Connection, user_id: UUID, workspace_id: UUID, origin: RequestOrigin, now: datetime
    ) -> SignInResult:
        """Start a session that is valid only in this workspace, and enter the user's scope.

        Raises Forbidden (account_deactivated), Unauthorized (session_over).
        """
        await enter_accounts(db)
        user = await queries.find(db, user_id)
        if user is None:
            raise Unauthorized("The account was just deleted.", code="session_over")
        if not user.is_active:
            raise sign_in_refused()
        tokens = await self._sso_sessions.begin(db, user_id, origin, now, sso_workspace_id=workspace_id)
        await enter_user(db, user_id)
        attempt = self._throttle.attempt("user", user.email, origin.address, None, now)
        return SignInResult(user, tokens, self._throttle.device_token(attempt, None, now))

    async def take_over(self, db: Connection, user_id: UUID, now: datetime) -> None:
        """Invalidate the password, second factor and sessions of an account for the rightful owner of its address.

        Another person may have created the account with this address and must no longer be able to sign in.
        """
        await queries.set_password(db, user_id, await self._passwords.hash(secrets.token_urlsafe(32)), now)
        await self.second_factors.forget(db, user_id, now)
        await self._sessions.end_all(db, user_id, "taken over by single sign-on", now)

    async def end_sso_sessions(
        self, db: Connection, user_ids: Collection[UUID], workspace_id: UUID, why: str, now: datetime
    ) -> None:
        """End the sessions of these users that a workspace's provider started."""
        await read_platform(db, lambda: sessions_queries.revoke_sso(db, user_ids, workspace_id, why, now))

    async def refresh(self, db: Connection, refresh_token: str, origin: RequestOrigin, now: datetime) -> SessionTokens:
        """Return the next tokens of a session, and enter accounts scope.

        Raises Unauthorized (session_over, refresh_token_reused).
        """
        await enter_accounts(db)
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """End a session immediately."""
        await self._sessions.end(db, session_id, now)

    async def find(self, db: Connection, user_id: UUID) -> User | None:
        """Return a user, or None."""
        return await queries.find(db, user_id)

    async def find_by_email(self, db: Connection, email: str) -> User | None:
        """Return the user with this normalized address, or None."""
        return await queries.find_by_email(db, email)

    async def purge(self, db: Connection, now: datetime, most: int) -> int:
        """Delete up to `most` each of expired sessions, tokens and failure counts. Return the total number of deleted
        rows.
        """
        forget = self._throttle.oldest_relevant_failure(now)
        sessions = await sessions_queries.purge(db, now, forget, most)
        letters = await self.letter_limits.purge(db, now, most)
        return sessions + letters + await sign_ins_queries.purge(db, forget, most)


def _make_own_account(
    audience: Audience, throttle: SignInThrottle, passwords: Passwords, factors: SecondFactors, policy: AccountPolicy
) -> OwnAccount:
    return OwnAccount(
        audience, throttle=throttle, passwords=passwords, second_factors=factors, recent_s=policy.recent_s
    )


def _email_taken() -> Conflict:
    return Conflict("There is an account with this address.", code="email_taken")


PASSWORD_RESET_JOB: Final = "accounts.recover"
_PURPOSE: Final = "recovery"


class EmailLinks:
    """Single-use links in e-mails. A new link invalidates older links of its kind."""

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
        """Send a link that confirms the address, unless it is already confirmed. Raises TooManyRequests
        (letter_limit).
        """
        user = await queries.lock(db, user_id)
        if user is None or user.is_verified:
            return
        await self._limits.require(db, "confirmation", user.email, now)
        token, good_for = new_token(), timedelta(seconds=self._policy.verify_s)
        await queries.insert_token(db, token.hash, "verify_email", user, now, now + good_for)
        link = self._email_queue.link("/verify-email", token.text)
        await self._email_queue.enqueue(db, verification_email(user.email, link, self._policy.verify_s // 3600))

    async def verify_email(self, db: Connection, token: str, now: datetime) -> None:
        """Mark the address as confirmed, and enter accounts scope. Raises Invalid (token_invalid)."""
        await enter_accounts(db)
        used = await queries.use_token(db, token_hash(token), "verify_email", now)
        if used is None:
            raise _link_invalid()
        await queries.set_verified(db, *used, now)

    async def mark_verified(self, db: Connection, user_id: UUID, email: str, now: datetime) -> None:
        """Mark the address as confirmed, because the user presented a token that another component sent to it."""
        await queries.set_verified(db, user_id, email, now)

    async def request_password_reset(self, db: Connection, email: str) -> None:
        """Enqueue a job that looks up the account and sends the link.

        The request does the same work for each address, so that neither its response nor its duration reveals whether
        an account exists.
        """
        await enqueue(db, PASSWORD_RESET_JOB, self._sealer.seal(email.encode(), _PURPOSE))

    async def send_password_reset(self, db: Connection, payload: bytes, now: datetime) -> None:
        """Run the job of `request_password_reset`. Raises shared.secrets.UnsealError.

        An address that has reached its limit gets no link, and its latest link stays valid.
        """
        found = await queries.find_by_email(db, self._sealer.open(payload, _PURPOSE).decode())
        user = await queries.lock(db, found.id) if found else None
        if user is None or not user.is_active:
            return
        if not await self._limits.admits(db, "password_reset", user.email, now):
            return
        token, good_for = new_token(), timedelta(seconds=self._policy.reset_s)
        await queries.insert_token(db, token.hash, "reset_password", user, now, now + good_for)
        link = self._email_queue.link("/reset-password", token.text)
        await self._email_queue.enqueue(db, password_reset_email(user.email, link, self._policy.reset_s // 60))

    async def reset_password(self, db: Connection, token: str, password: str, now: datetime) -> None:
        """Set a new password and end all sessions. If the address was never confirmed, also remove the second factor.

        Enters accounts scope. Raises Invalid (token_invalid; weak_password, after which the token is still valid).
        """
        await enter_accounts(db)
        used = await queries.use_token(db, token_hash(token), "reset_password", now)
        user = await queries.lock(db, used[0]) if used else None
        if used is None or user is None or not user.is_active or user.email != used[1]:
            raise _link_invalid()
        require_strong_password(password, email=user.email, name=user.name, param="new_password")
        await queries.set_password(db, user.id, await self._passwords.hash(password), now)
        if not user.is_verified:  # another person may have made the account, to lock out the address's owner
            await self._second_factors.forget(db, user.id, now)
        await queries.set_verified(db, user.id, user.email, now)
        await queries.drop_tokens(db, user.id, "reset_password")
        await self._sessions.end_all(db, user.id, "password reset", now)
        await self._throttle.clear_failures(db, "user", user.email)
        await self._email_queue.enqueue(db, password_changed_email(user.email, user.name))

    async def report_own_password(self, db: Connection, own: OwnPassword, ends_sessions: bool) -> None:
        """Send an e-mail to a person whose password was changed in a session."""
        await self._email_queue.enqueue(db, own_password_changed_email(own.email, own.name, ends_sessions))

    async def report_second_factor(self, db: Connection, email: str, name: str, is_enabled: bool) -> None:
        """Send an e-mail to a person whose second factor was enabled or removed."""
        await self._email_queue.enqueue(db, second_factor_email(email, name, is_enabled))


def _link_invalid() -> Invalid:
    return Invalid("This link is no longer valid. Request a new link.", code="token_invalid", param="token")


_AUDITED_FIELDS = ("email", "name", "is_active", "is_verified")


class UserAdministration:
    """Lists, changes and deletes users. Requires platform scope."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def search(self, db: Connection, text: str | None, page: PageRequest) -> ListPage[User]:
        """Return a page of users whose address or name contains the text, newest first.

        Raises Invalid (code cursor_unknown).
        """
        pattern = contains_pattern(text) if text else None
        found = await queries.select_users(db, pattern, page)
        return found if page.cursor is not None else found.with_total(await queries.count(db, pattern))

    async def get(self, db: Connection, user_id: UUID) -> User:
        """Return a user. Raises NotFound."""
        user = await queries.find(db, user_id)
        if user is None:
            raise _user_not_found()
        return user

    async def update(
        self,
        db: Connection,
        actor: Actor,
        user_id: UUID,
        now: datetime,
        *,
        name: str | None = None,
        is_active: bool | None = None,
    ) -> User:
        """Change a user. A field that is None stays unchanged. Deactivation ends all sessions. Raises NotFound."""
        before = await self._lock(db, user_id)
        name = before.name if name is None else name
        is_active = before.is_active if is_active is None else is_active
        if (name, is_active) == (before.name, before.is_active):
            return before
        await queries.update(db, user_id, name, is_active, now)
        if not is_active:
            await self._sessions.end_all(db, user_id, "deactivated", now)
        after = await self.get(db, user_id)
        await record_change(
            db,
            actor,
            Change("user.update", "user", str(user_id), before=_audit_values(before), after=_audit_values(after)),
        )
        return after

    async def delete(self, db: Connection, actor: Actor, user_id: UUID) -> None:
        """Delete a user permanently. Call `Members.leave_all` first. Raises NotFound."""
        before = await self._lock(db, user_id)
        await queries.insert_former(db, user_id)
        await queries.delete(db, user_id)
        await record_change(db, actor, Change("user.delete", "user", str(user_id), before=_audit_values(before)))

    async def _lock(self, db: Connection, user_id: UUID) -> User:
        user = await queries.lock(db, user_id)
        if user is None:
            raise _user_not_found()
        return user


def _audit_values(user: User) -> dict[str, object]:
    return {name: value for name, value in asdict(user).items() if name in _AUDITED_FIELDS}


def _user_not_found() -> NotFound:
    return NotFound("There is no such user.", code="user_not_found")


async def lock_people(db: Connection, user_ids: Collection[UUID]) -> set[UUID]:
    """Return these users and all users who are known to be the same people.

    Until the transaction ends, no other transaction can count what these people have and add to it.
    """
    people = await queries.select_people(db, user_ids)
    await queries.lock_people(db, people)
    return people


async def require_room(db: Connection, user_id: UUID, phone_number: str, most: int) -> None:
    """Raise Conflict (verified_number_limit) if the user has `most` verified numbers other than `phone_number`."""
    if await queries.count_others(db, user_id, phone_number) >= most:
        raise Conflict(f"One user verifies {most} phone numbers at most.", code="verified_number_limit")


async def add_verified(db: Connection, user_id: UUID, phone_number: str, now: datetime) -> VerifiedNumber:
    """Store that a number belongs to the user. The verification time of a known number is updated."""
    return await queries.insert_verified(db, UUID(new_id()), user_id, phone_number, now)


async def remove_verified(db: Connection, user_id: UUID, number_id: UUID) -> None:
    """Remove a verified number of the user. Raises NotFound (verified_number_not_found)."""
    if not await queries.delete_verified(db, user_id, number_id):
        raise NotFound("You have no such verified number.", code="verified_number_not_found")
