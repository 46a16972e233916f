"""Staff accounts: sign-in, creation, and maintenance by an operator at the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts.own_account import queries as own_account_queries
from control.accounts.own_account.service import OwnAccount
from control.accounts.passwords import Passwords, require_strong_password
from control.accounts.rules import Admin, AdminRole, ListedSession, PresentedCredentials
from control.accounts.second_factors import queries as second_factors_queries
from control.accounts.second_factors.service import SecondFactors, TotpOffer
from control.accounts.sessions import queries as sessions_queries
from control.accounts.sessions.service import Sessions, SessionTokens
from control.accounts.sign_ins import queries as sign_ins_queries
from control.accounts.sign_ins.service import RightPassword, SignInAttempt, SignInThrottle, address_hash
from control.accounts.staff import queries
from control.accounts.staff.queries import AdminSecrets
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.http.auth.deactivation import sign_in_refused
from control.http.context import RequestOrigin
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, NotFound
from shared.ids import new_id

_REQUIRED: Final = "admin_totp_required"


@dataclass(frozen=True, slots=True)
class AdminSignInResult:
    """An admin and the tokens of a new session.

    Attributes:
        device_token: Identifies the client as a known device at the next sign-in.
    """

    admin: Admin
    tokens: SessionTokens
    device_token: str


class AdminAccounts:
    """Staff accounts. A `code` is a code of the authenticator app, or a recovery code.

    Attributes:
        own: The admins' own accounts.
        second_factors: Second factors of staff. Remove them with `remove_totp`, which checks the platform's setting.
    """

    def __init__(
        self,
        *,
        throttle: SignInThrottle,
        passwords: Passwords,
        platform: Platform,
        sessions: Sessions,
        second_factors: SecondFactors,
        own: OwnAccount,
    ) -> None:
        self._throttle = throttle
        self._passwords = passwords
        self._platform = platform
        self._sessions = sessions
        self.second_factors = second_factors
        self.own = own

    async def sign_in(
        self, db: Connection, presented: PresentedCredentials, origin: RequestOrigin, now: datetime
    ) -> AdminSignInResult:
        """Start a session.

        Raises Unauthorized (invalid_credentials; totp_required if only the code is missing; session_over if the account
        changed meanwhile), TooManyRequests (sign_in_locked), Forbidden (account_deactivated, totp_setup_required).
        """
        attempt = self._attempt(presented, origin, now)
        found, right = await self._authenticate(db, attempt, presented.password, now)
        if found.admin.has_totp or (found.totp_secret and presented.code):
            await self.second_factors.require_at_sign_in(db, found.admin.id, presented.code, origin, now)
        elif await self._platform.setting(db, _REQUIRED):
            raise Forbidden("A second factor must be set up before the first sign-in.", code="totp_setup_required")
        await self._throttle.accept(db, attempt, right)
        tokens = await self._sessions.begin(db, found.admin.id, origin, now, found.password_hash)
        admin = found.admin
        if right.needs_rehash:
            await queries.set_password(db, admin.id, await self._passwords.hash(presented.password), now)
        actor = Actor("admin", admin.id, admin.email, origin.request_id, origin.address)
        await record_change(db, actor, Change("admin.sign_in", "admin", str(admin.id)))
        return AdminSignInResult(admin, tokens, self._throttle.device_token(attempt, presented.device, now))

    async def refresh(self, db: Connection, refresh_token: str, origin: RequestOrigin, now: datetime) -> SessionTokens:
        """Return the next tokens of a session. Raises Unauthorized (session_over, refresh_token_reused)."""
        await enter_platform(db)
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """End a session immediately."""
        await self._sessions.end(db, session_id, now)

    async def enrol_totp(
        self, db: Connection, presented: PresentedCredentials, origin: RequestOrigin, now: datetime
    ) -> TotpOffer:
        """Return a new secret for an admin who may not sign in without a second factor. The first sign-in with a code
        enables it.

        Raises the errors of `sign_in`, and Conflict (totp_enabled).
        """
        attempt = self._attempt(presented, origin, now)
        found, right = await self._authenticate(db, attempt, presented.password, now)
        await self._throttle.accept(db, attempt, right)
        return await self.second_factors.offer(db, found.admin.id, found.admin.email, now)

    async def remove_totp(
        self, db: Connection, admin_id: UUID, code: str, origin: RequestOrigin, now: datetime
    ) -> None:
        """Disable the second factor.

        Raises Conflict (totp_not_enabled), Forbidden (totp_setup_required if the platform requires a second factor),
        Unauthorized, TooManyRequests.
        """
        if await self._platform.setting(db, _REQUIRED):
            raise Forbidden("The platform requires a second factor.", code="totp_setup_required")
        await self.second_factors.remove(db, admin_id, code, origin, now)

    def _attempt(self, presented: PresentedCredentials, origin: RequestOrigin, now: datetime) -> SignInAttempt:
        return self._throttle.attempt("admin", presented.email, origin.address, presented.device, now)

    async def _authenticate(
        self, db: Connection, attempt: SignInAttempt, password: str, now: datetime
    ) -> tuple[AdminSecrets, RightPassword]:
        """Check the password and return the account. Enters platform scope, in which staff accounts are visible."""
        await enter_platform(db)
        found = await queries.find_by_email(db, attempt.email)
        known = found.password_hash if found else None
        right = await self._throttle.check_password(db, attempt, known, password, now)
        assert found is not None  # an unknown account has no correct password
        if not found.admin.is_active:
            raise sign_in_refused()
        return found, right


@dataclass(frozen=True, slots=True)
class NewAdmin:
    """A staff account to create."""

    email: str
    name: str
    role: AdminRole
    password: str


async def create_admin(db: Connection, passwords: Passwords, new: NewAdmin, now: datetime) -> Admin:
    """Create the account. Raises Invalid (weak_password), Conflict (email_taken)."""
    require_strong_password(new.password, email=new.email, name=new.name, param="password")
    hashed = await passwords.hash(new.password)
    admin = await queries.insert(db, UUID(new_id()), new.email, new.name, new.role, hashed, now)
    if admin is None:
        raise Conflict("There is an admin with this address.", code="email_taken")
    created = {"email": admin.email, "name": admin.name, "role": admin.role}
    await record_change(db, Actor("system"), Change("admin.create", "admin", str(admin.id), after=created))
    return admin


async def reset_totp(db: Connection, email: str, now: datetime) -> Admin:
    """Remove the second factor and its recovery codes, end all sessions, and clear the wait after wrong codes.

    Raises NotFound.
    """
    found = await _lock(db, email)
    await _remove_totp(db, found.admin, now)
    await _clear_failures(db, email)
    await _end_sessions(db, found.admin, "second factor reset", now)
    await _record(db, found.admin, "admin.totp_reset", {"has_totp": found.admin.has_totp}, {"has_totp": False})
    return found.admin


async def reset_account(db: Connection, passwords: Passwords, email: str, password: str, now: datetime) -> Admin:
    """Set a new password, remove the second factor, end all sessions, and clear waits.

    Used if an admin has lost both password and second factor. Raises NotFound, Invalid (weak_password).
    """
    found = await _lock(db, email)
    admin = found.admin
    require_strong_password(password, email=admin.email, name=admin.name, param="password")
    await queries.set_password(db, admin.id, await passwords.hash(password), now)
    await _remove_totp(db, admin, now)
    await _clear_failures(db, email)
    await _end_sessions(db, admin, "account reset", now)
    await _record(db, admin, "admin.reset", {"has_totp": admin.has_totp}, {"has_totp": False})
    return admin


async def list_sessions(db: Connection, email: str, now: datetime) -> Sequence[ListedSession]:
    """Return an admin's open sessions, last used first. Raises NotFound."""
    return await own_account_queries.select_sessions(db, "admin", (await _lock(db, email)).admin.id, now)


async def end_session(db: Connection, email: str, session_id: UUID, now: datetime) -> None:
    """End a session of an admin. Raises NotFound (admin_not_found, session_not_found)."""
    admin = (await _lock(db, email)).admin
    if not await own_account_queries.revoke_session(db, "admin", admin.id, session_id, "ended by an operator", now):
        raise NotFound(f"{admin.email} has no such session.", code="session_not_found")
    await _record(db, admin, "admin.session_end", {}, {"session_id": str(session_id)})


async def end_all_sessions(db: Connection, email: str, now: datetime) -> None:
    """End all sessions of an admin. Raises NotFound."""
    admin = (await _lock(db, email)).admin
    await _end_sessions(db, admin, "ended by an operator", now)
    await _record(db, admin, "admin.sessions_end", {}, {})


async def set_active(db: Connection, email: str, is_active: bool, now: datetime) -> Admin:
    """Disable or enable an account.

    A disabled account is refused from its next request on. Waits after wrong sign-ins are cleared when an account is
    enabled. Raises NotFound.
    """
    found = await _lock(db, email)
    await queries.set_active(db, found.admin.id, is_active, now)
    if is_active:
        await _clear_failures(db, email)
    else:
        await _end_sessions(db, found.admin, "disabled", now)
    action = "admin.enable" if is_active else "admin.disable"
    await _record(db, found.admin, action, {"is_active": found.admin.is_active}, {"is_active": is_active})
    return found.admin


async def has_super_admin(db: Connection) -> bool:
    """Return whether a super_admin exists who may sign in."""
    return await queries.has_active(db, "super_admin")


async def _lock(db: Connection, email: str) -> AdminSecrets:
    found = await queries.find_by_email(db, email)
    locked = await queries.lock(db, found.admin.id) if found else None
    if locked is None:
        raise NotFound(f"There is no admin with the address {email}.", code="admin_not_found")
    return locked


async def _remove_totp(db: Connection, admin: Admin, now: datetime) -> None:
    await second_factors_queries.remove(db, "admin", admin.id, now)
    await second_factors_queries.delete_codes(db, "admin", admin.id)


async def _clear_failures(db: Connection, email: str) -> None:
    await sign_ins_queries.delete_address(db, "admin", address_hash(email))


async def _end_sessions(db: Connection, admin: Admin, why: str, now: datetime) -> None:
    await sessions_queries.revoke_all(db, "admin", admin.id, why, now)


async def _record(
    db: Connection, admin: Admin, action: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    await record_change(db, Actor("system"), Change(action, "admin", str(admin.id), before=before, after=after))
