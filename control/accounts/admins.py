"""Accounts of the staff: sign-in with a second factor, and sessions that are separate from users' sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts import store_admins
from control.accounts.deactivation import sign_in_refused
from control.accounts.model import Admin, PresentedCredentials
from control.accounts.new_admin import NewAdmin, create_admin
from control.accounts.own_account import OwnAccount
from control.accounts.passwords import Passwords
from control.accounts.second_factors import SecondFactors, TotpOffer
from control.accounts.sessions import Origin, Sessions, SessionTokens
from control.accounts.sign_in_throttle import RightPassword, SignInAttempt, SignInThrottle
from control.accounts.store_admins import AdminSecrets
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.platform.service import Platform
from shared.errors import Forbidden

_REQUIRED: Final = "admin_totp_required"


@dataclass(frozen=True, slots=True)
class AdminSignInResult:
    """An admin and their new session's tokens. device_token: as of a user."""

    admin: Admin
    tokens: SessionTokens
    device_token: str


class AdminAccounts:
    """Accounts of the staff. A `code` is one of the authenticator app, or a recovery code. own: what an admin does to
    their own account."""

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
        self._second_factors = second_factors
        self.own = own

    async def create(self, db: Connection, new: NewAdmin, now: datetime) -> Admin:
        """Raises Invalid (weak_password), Conflict (email_taken)."""
        return await create_admin(db, self._passwords, new, now)

    async def sign_in(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> AdminSignInResult:
        """Starts a session. Raises Unauthorised (invalid_credentials; totp_required when only the code is missing;
        session_over when the account changed meanwhile), TooManyRequests (sign_in_locked), Forbidden
        (account_deactivated, totp_setup_required)."""
        attempt = self._attempt(presented, origin, now)
        found, right = await self._authenticate(db, attempt, presented.password, now)
        if found.admin.has_totp or (found.totp_secret and presented.code):
            await self._second_factors.require_at_sign_in(db, found.admin.id, presented.code, origin, now)
        elif await self._platform.setting(db, _REQUIRED):
            raise Forbidden("A second factor must be set up before the first sign-in.", code="totp_setup_required")
        await self._throttle.accept(db, attempt, right)
        tokens = await self._sessions.begin(db, found.admin.id, origin, now, found.password_hash)
        admin = found.admin
        if right.needs_rehash:
            await store_admins.set_password(db, admin.id, await self._passwords.hash(presented.password), now)
        actor = Actor("admin", admin.id, admin.email, origin.request_id, origin.address)
        await record_change(db, actor, Change("admin.sign_in", "admin", str(admin.id)))
        return AdminSignInResult(admin, tokens, self._throttle.device_token(attempt, presented.device, now))

    async def refresh(self, db: Connection, refresh_token: str, origin: Origin, now: datetime) -> SessionTokens:
        """Returns the next tokens of a session. Raises Unauthorised (session_over, refresh_token_reused)."""
        await enter_platform(db)
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """Ends the session at once."""
        await self._sessions.end(db, session_id, now)

    async def enrol_totp(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> TotpOffer:
        """Offers a secret to an admin who may not sign in without one; the sign-in with its first code enables it.

        Raises what `sign_in` raises, and Conflict (totp_enabled)."""
        attempt = self._attempt(presented, origin, now)
        found, right = await self._authenticate(db, attempt, presented.password, now)
        await self._throttle.accept(db, attempt, right)
        return await self.begin_totp(db, found.admin.id, found.admin.email, now)

    async def begin_totp(self, db: Connection, admin_id: UUID, email: str, now: datetime) -> TotpOffer:
        """Stores and returns a new secret, to be confirmed by its first code. Raises Conflict (totp_enabled)."""
        return await self._second_factors.offer(db, admin_id, email, now)

    async def confirm_totp(self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime) -> None:
        """Enables the second factor. Raises Conflict (totp_enabled, totp_not_begun), Unauthorised, TooManyRequests."""
        await self._second_factors.confirm(db, admin_id, code, origin, now)

    async def remove_totp(self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime) -> None:
        """Disables the second factor. Raises Conflict (totp_not_enabled), Forbidden (totp_setup_required: the platform
        requires one), Unauthorised, TooManyRequests."""
        if await self._platform.setting(db, _REQUIRED):
            raise Forbidden("The platform demands a second factor.", code="totp_setup_required")
        await self._second_factors.remove(db, admin_id, code, origin, now)

    async def replace_recovery_codes(
        self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime
    ) -> Sequence[str]:
        """Returns new recovery codes; the older ones become invalid. Raises Conflict (totp_not_enabled), Unauthorised,
        TooManyRequests."""
        return await self._second_factors.replace_codes(db, admin_id, code, origin, now)

    def _attempt(self, presented: PresentedCredentials, origin: Origin, now: datetime) -> SignInAttempt:
        return self._throttle.attempt("admin", presented.email, origin.address, presented.device, now)

    async def _authenticate(
        self, db: Connection, attempt: SignInAttempt, password: str, now: datetime
    ) -> tuple[AdminSecrets, RightPassword]:
        """The account of the right password. Enters platform scope, without which no account of the staff is seen."""
        await enter_platform(db)
        found = await store_admins.find_by_email(db, attempt.email)
        known = found.password_hash if found else None
        right = await self._throttle.check_password(db, attempt, known, password, now)
        assert found is not None  # without an account no password is correct
        if not found.admin.is_active:
            raise sign_in_refused()
        return found, right
