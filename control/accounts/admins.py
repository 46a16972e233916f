"""Accounts of the staff: sign-in with a second factor, and sessions that are separate from users' sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts import store_admins, store_recovery_codes, totp
from control.accounts.deactivation import sign_in_refused
from control.accounts.model import Admin, PresentedCredentials
from control.accounts.new_admin import NewAdmin, create_admin
from control.accounts.passwords import Passwords
from control.accounts.recovery_codes import RecoveryCodes, is_recovery_code
from control.accounts.sessions import Origin, Sessions, SessionTokens
from control.accounts.sign_in_throttle import SignInAttempt, SignInThrottle
from control.accounts.store_admins import AdminSecrets
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Unauthorised
from shared.secrets import Sealer

_PURPOSE: Final = "totp"
_REQUIRED: Final = "admin_totp_required"


@dataclass(frozen=True, slots=True)
class AdminSignInResult:
    """An admin and their new session's tokens. device_token: as of a user."""

    admin: Admin
    tokens: SessionTokens
    device_token: str


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A secret for an authenticator app; required at sign-in once a first code confirmed it. uri: content of the QR
    code. recovery_codes: valid from then on, too."""

    secret: str
    uri: str
    recovery_codes: Sequence[str]


class AdminAccounts:
    """Accounts of the staff. A `code` is one of the authenticator app, or a recovery code."""

    def __init__(
        self,
        *,
        throttle: SignInThrottle,
        sealer: Sealer,
        passwords: Passwords,
        platform: Platform,
        sessions: Sessions,
        issuer: str,
    ) -> None:
        self._throttle = throttle
        self._sealer = sealer
        self._recovery_codes = RecoveryCodes(sealer)
        self._passwords = passwords
        self._platform = platform
        self._sessions = sessions
        self._issuer = issuer

    async def create(self, db: Connection, new: NewAdmin, now: datetime) -> Admin:
        """Raises Invalid (weak_password), Conflict (email_taken)."""
        return await create_admin(db, self._passwords, new, now)

    async def sign_in(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> AdminSignInResult:
        """Starts a session. Raises Unauthorised (invalid_credentials; totp_required when only the code is missing),
        TooManyRequests (sign_in_locked), Forbidden (account_deactivated, totp_setup_required)."""
        attempt = self._attempt(presented.email, origin, now, presented.device)
        found = await self._authenticate(db, attempt, presented.password, now)
        if found.admin.has_totp or (found.totp_secret and presented.code):
            await self._second_factor(db, found, presented.code, origin, now)
        elif await self._platform.setting(db, _REQUIRED):
            raise Forbidden("A second factor must be set up before the first sign-in.", code="totp_setup_required")
        await self._throttle.accept(db, attempt, now)
        tokens = await self._sessions.begin(db, found.admin.id, origin, now)
        await self._record(db, found.admin, "admin.sign_in", origin)
        return AdminSignInResult(found.admin, tokens, self._throttle.device_token(attempt, presented.device, now))

    async def refresh(self, db: Connection, refresh_token: str, origin: Origin, now: datetime) -> SessionTokens:
        """Returns the next tokens of a session. Raises Unauthorised (session_over, refresh_token_reused)."""
        return await self._sessions.refresh(db, refresh_token, origin, now)

    async def sign_out(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """Ends the session at once."""
        await self._sessions.end(db, session_id, now)

    async def enrol_totp(
        self, db: Connection, presented: PresentedCredentials, origin: Origin, now: datetime
    ) -> TotpOffer:
        """Offers a secret to an admin who may not sign in without one; the sign-in with its first code enables it.

        Raises what `sign_in` raises, and Conflict (totp_enabled)."""
        attempt = self._attempt(presented.email, origin, now, presented.device)
        found = await self._authenticate(db, attempt, presented.password, now)
        await self._throttle.accept(db, attempt, now)
        return await self.begin_totp(db, found.admin.id, found.admin.email, now)

    async def begin_totp(self, db: Connection, admin_id: UUID, email: str, now: datetime) -> TotpOffer:
        """Stores and returns a new secret, to be confirmed by its first code. Raises Conflict (totp_enabled)."""
        secret = totp.new_secret()
        if not await store_admins.offer_totp(db, admin_id, self._sealer.seal(secret.encode(), _PURPOSE), now):
            raise Conflict("A second factor is in force; remove it first.", code="totp_enabled")
        codes = await self._recovery_codes.replace(db, admin_id, now)
        return TotpOffer(secret, totp.provisioning_uri(secret, email, self._issuer), codes)

    async def confirm_totp(self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime) -> None:
        """Enables the second factor. Raises Conflict (totp_enabled, totp_not_begun), Unauthorised, TooManyRequests."""
        found = await self._lock(db, admin_id)
        if found.admin.has_totp:
            raise Conflict("A second factor is in force already.", code="totp_enabled")
        if found.totp_secret is None:
            raise Conflict("Ask for a secret first.", code="totp_not_begun")
        await self._require_code(db, found, code, origin, now)
        await self._enable(db, found.admin, origin, now)

    async def remove_totp(self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime) -> None:
        """Disables the second factor. Raises Conflict (totp_not_enabled), Forbidden (totp_setup_required: the platform
        requires one), Unauthorised, TooManyRequests."""
        found = await self._lock(db, admin_id)
        if not found.admin.has_totp:
            raise Conflict("No second factor is in force.", code="totp_not_enabled")
        if await self._platform.setting(db, _REQUIRED):
            raise Forbidden("The platform demands a second factor.", code="totp_setup_required")
        await self._require_code(db, found, code, origin, now)
        await store_admins.remove_totp(db, admin_id, now)
        await store_recovery_codes.delete(db, admin_id)
        await self._record(db, found.admin, "admin.totp_remove", origin)

    async def replace_recovery_codes(
        self, db: Connection, admin_id: UUID, code: str, origin: Origin, now: datetime
    ) -> Sequence[str]:
        """Returns new recovery codes; the older ones become invalid. Raises Conflict (totp_not_enabled), Unauthorised,
        TooManyRequests."""
        found = await self._lock(db, admin_id)
        if not found.admin.has_totp:
            raise Conflict("No second factor is in force.", code="totp_not_enabled")
        await self._require_code(db, found, code, origin, now)
        codes = await self._recovery_codes.replace(db, admin_id, now)
        await self._record(db, found.admin, "admin.recovery_codes_replace", origin)
        return codes

    def _attempt(self, email: str, origin: Origin, now: datetime, device: str | None = None) -> SignInAttempt:
        return self._throttle.attempt("admin", email, origin.address, device, now)

    async def _authenticate(self, db: Connection, attempt: SignInAttempt, password: str, now: datetime) -> AdminSecrets:
        found = await store_admins.find_by_email(db, attempt.email)
        known = found.password_hash if found else None
        verdict = await self._throttle.check_password(db, attempt, known, password, now)
        assert found is not None  # without an account no password is correct
        if not found.admin.is_active:
            raise sign_in_refused()
        if verdict.needs_rehash:
            await store_admins.set_password(db, found.admin.id, await self._passwords.hash(password), now)
        return found

    async def _second_factor(
        self, db: Connection, found: AdminSecrets, code: str | None, origin: Origin, now: datetime
    ) -> None:
        if not code:
            raise Unauthorised("The code of your authenticator app is needed.", code="totp_required")
        await self._require_code(db, found, code, origin, now)
        if not found.admin.has_totp:
            await self._enable(db, found.admin, origin, now)

    async def _require_code(
        self, db: Connection, found: AdminSecrets, code: str, origin: Origin, now: datetime
    ) -> None:
        """Checks a code. Wrong codes make the account's codes wait as wrong passwords do, wherever they come from."""
        attempt = self._attempt(found.admin.email, origin, now)
        await self._throttle.refuse_codes(db, attempt, now)
        await self._use_code(db, found, code, origin, now)
        await self._throttle.accept_code(db, attempt, now)

    async def _use_code(self, db: Connection, found: AdminSecrets, code: str, origin: Origin, now: datetime) -> None:
        """Marks the code as used. Raises Unauthorised (totp_invalid, recovery_code_invalid) and counts a failure."""
        if is_recovery_code(code):
            accepted, error_code = await self._use_recovery_code(db, found, code, origin, now), "recovery_code_invalid"
        else:
            accepted, error_code = await self._use_totp_code(db, found, code, now), "totp_invalid"
        if not accepted:
            await self._throttle.count_code(db, self._attempt(found.admin.email, origin, now), now)
            raise Unauthorised("This code is wrong or was used before.", code=error_code, commits=True)

    async def _use_totp_code(self, db: Connection, found: AdminSecrets, code: str, now: datetime) -> bool:
        secret = self._sealer.open(found.totp_secret or b"", _PURPOSE).decode()
        step = totp.find_step(secret, code, now)
        return step is not None and await store_admins.use_step(db, found.admin.id, step)

    async def _use_recovery_code(
        self, db: Connection, found: AdminSecrets, code: str, origin: Origin, now: datetime
    ) -> bool:
        """Recovery codes do not confirm a secret: that is what a first code of the app is for."""
        if not found.admin.has_totp or not await self._recovery_codes.use(db, found.admin.id, code, now):
            return False
        left = await self._recovery_codes.count_left(db, found.admin.id)
        await self._record(db, found.admin, "admin.recovery_code_use", origin, {"recovery_codes_left": left})
        return True

    async def _lock(self, db: Connection, admin_id: UUID) -> AdminSecrets:
        found = await store_admins.lock(db, admin_id)
        if found is None:
            raise Unauthorised("This sign-in is over.", code="session_over")
        return found

    async def _enable(self, db: Connection, admin: Admin, origin: Origin, now: datetime) -> None:
        await store_admins.enable_totp(db, admin.id, now)
        await self._record(db, admin, "admin.totp_enable", origin)

    async def _record(
        self,
        db: Connection,
        admin: Admin,
        action: str,
        origin: Origin,
        after: Mapping[str, object] | None = None,
    ) -> None:
        actor = Actor("admin", admin.id, admin.email, origin.request_id, origin.address)
        await record_change(db, actor, Change(action, "admin", str(admin.id), after=after))
