"""Second factors of users and staff: an authenticator app, and recovery codes that replace its codes."""

import hmac
import secrets
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts.second_factors import queries, totp
from control.accounts.second_factors.queries import FactorHolder
from control.accounts.sign_ins.service import SignInThrottle
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.http.auth.access_tokens import Audience
from control.http.context import RequestOrigin
from shared.errors import Conflict, Unauthorized
from shared.secrets import Sealer

TOTP_PURPOSES: Final[Mapping[Audience, str]] = {"admin": "totp", "user": "user totp"}


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """A new secret for an authenticator app. Once its first code confirms it, each sign-in needs a code.

    Attributes:
        uri: Content of the QR code.
        recovery_codes: Valid once the secret is confirmed.
    """

    secret: str
    uri: str
    recovery_codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether an account has a second factor.

    Attributes:
        recovery_codes_left: Number of unused codes. 0 while no second factor is enabled.
    """

    is_enabled: bool
    recovery_codes_left: int


class SecondFactors:
    """Second factors of users, or of staff. A `code` is a code of the authenticator app, or a recovery code.

    Each change is written to the audit log.
    """

    def __init__(self, audience: Audience, throttle: SignInThrottle, sealer: Sealer, issuer: str) -> None:
        """Create the service.

        Args:
            issuer: The platform's name in the authenticator app.
        """
        self._audience: Audience = audience
        self._throttle = throttle
        self._sealer = sealer
        self._recovery_codes = RecoveryCodes(audience, sealer)
        self._issuer = issuer

    async def offer(self, db: Connection, owner_id: UUID, email: str, now: datetime) -> TotpOffer:
        """Store and return a new secret that its first code must confirm. Raises Conflict (totp_enabled)."""
        secret = totp.new_secret()
        sealed = self._sealer.seal(secret.encode(), TOTP_PURPOSES[self._audience])
        if not await queries.offer(db, self._audience, owner_id, sealed, now):
            raise Conflict("A second factor is enabled. Remove it first.", code="totp_enabled")
        codes = await self._recovery_codes.replace(db, owner_id, now)
        return TotpOffer(secret, totp.provisioning_uri(secret, email, self._issuer), codes)

    async def state(self, db: Connection, owner_id: UUID) -> FactorState:
        """Return whether the account has a second factor. Raises Unauthorized (session_over)."""
        if not (await self._lock(db, owner_id)).is_enabled:
            return FactorState(False, 0)
        return FactorState(True, await self._recovery_codes.count_left(db, owner_id))

    async def confirm(self, db: Connection, owner_id: UUID, code: str, origin: RequestOrigin, now: datetime) -> None:
        """Enable the second factor. Raises Conflict (totp_enabled, totp_not_begun), Unauthorized, TooManyRequests."""
        holder = await self._lock(db, owner_id)
        if holder.is_enabled:
            raise Conflict("A second factor is already enabled.", code="totp_enabled")
        if holder.sealed is None:
            raise Conflict("Ask for a secret first.", code="totp_not_begun")
        await self.use(db, holder, code, origin, now)
        await self._enable(db, holder, origin, now)

    async def remove(self, db: Connection, owner_id: UUID, code: str, origin: RequestOrigin, now: datetime) -> None:
        """Disable the second factor. Raises Conflict (totp_not_enabled), Unauthorized, TooManyRequests."""
        holder = await self._require_enabled(db, owner_id)
        await self.use(db, holder, code, origin, now)
        await self.forget(db, owner_id, now)
        await self._record(db, holder, "totp_remove", origin)

    async def forget(self, db: Connection, owner_id: UUID, now: datetime) -> None:
        """Remove the second factor with its recovery codes, whether it is enabled or not."""
        await queries.remove(db, self._audience, owner_id, now)
        await queries.delete_codes(db, self._audience, owner_id)

    async def replace_codes(
        self, db: Connection, owner_id: UUID, code: str, origin: RequestOrigin, now: datetime
    ) -> Sequence[str]:
        """Return new recovery codes. The older codes become invalid. Raises the errors of `remove`."""
        holder = await self._require_enabled(db, owner_id)
        await self.use(db, holder, code, origin, now)
        codes = await self._recovery_codes.replace(db, owner_id, now)
        await self._record(db, holder, "recovery_codes_replace", origin)
        return codes

    async def require_at_sign_in(
        self, db: Connection, owner_id: UUID, code: str | None, origin: RequestOrigin, now: datetime
    ) -> None:
        """Check the code of a sign-in with a correct password, if the account has a secret.

        The first code enables the second factor. Raises Unauthorized (totp_required if only the code is missing),
        TooManyRequests.
        """
        if not code:
            raise Unauthorized("The code of your authenticator app is needed.", code="totp_required")
        holder = await self._lock(db, owner_id)
        await self.use(db, holder, code, origin, now)
        if not holder.is_enabled:
            await self._enable(db, holder, origin, now)

    async def prove(self, db: Connection, owner_id: UUID, code: str, origin: RequestOrigin, now: datetime) -> None:
        """Check a code within a session. Raises Conflict (totp_not_enabled), Unauthorized, TooManyRequests."""
        await self.use(db, await self._require_enabled(db, owner_id), code, origin, now)

    async def use(self, db: Connection, holder: FactorHolder, code: str, origin: RequestOrigin, now: datetime) -> None:
        """Mark the code as used. After wrong codes, the account's codes must wait, regardless of their origin.

        Raises Unauthorized (totp_invalid, recovery_code_invalid), TooManyRequests.
        """
        attempt = self._throttle.attempt(self._audience, holder.email, origin.address, None, now)
        await self._throttle.refuse_codes(db, attempt, now)
        if is_recovery_code(code):
            accepted, error_code = await self._use_recovery_code(db, holder, code, origin, now), "recovery_code_invalid"
        else:
            accepted, error_code = await self._use_totp_code(db, holder, code, now), "totp_invalid"
        if not accepted:
            await self._throttle.count_code(db, attempt, now)
            raise Unauthorized("This code is wrong or was used before.", code=error_code, commits=True)
        await self._throttle.accept_code(db, attempt, now)

    async def _use_totp_code(self, db: Connection, holder: FactorHolder, code: str, now: datetime) -> bool:
        secret = self._sealer.open(holder.sealed or b"", TOTP_PURPOSES[self._audience]).decode()
        step = totp.find_step(secret, code, now)
        return step is not None and await queries.use_step(db, self._audience, holder.id, step)

    async def _use_recovery_code(
        self, db: Connection, holder: FactorHolder, code: str, origin: RequestOrigin, now: datetime
    ) -> bool:
        """Use a recovery code. Return whether the code is valid.

        A recovery code does not confirm a secret, because only a code of the app shows that the app has the secret.
        """
        if not holder.is_enabled or not await self._recovery_codes.use(db, holder.id, code, now):
            return False
        left = await self._recovery_codes.count_left(db, holder.id)
        await self._record(db, holder, "recovery_code_use", origin, {"recovery_codes_left": left})
        return True

    async def _require_enabled(self, db: Connection, owner_id: UUID) -> FactorHolder:
        holder = await self._lock(db, owner_id)
        if not holder.is_enabled:
            raise Conflict("No second factor is enabled.", code="totp_not_enabled")
        return holder

    async def _lock(self, db: Connection, owner_id: UUID) -> FactorHolder:
        holder = await queries.lock(db, self._audience, owner_id)
        if holder is None:
            raise Unauthorized("This sign-in is over.", code="session_over")
        return holder

    async def _enable(self, db: Connection, holder: FactorHolder, origin: RequestOrigin, now: datetime) -> None:
        await queries.enable(db, self._audience, holder.id, now)
        await self._record(db, holder, "totp_enable", origin)

    async def _record(
        self,
        db: Connection,
        holder: FactorHolder,
        action: str,
        origin: RequestOrigin,
        after: Mapping[str, object] | None = None,
    ) -> None:
        actor = Actor(self._audience, holder.id, holder.email, origin.request_id, origin.address)
        change = Change(f"{self._audience}.{action}", self._audience, str(holder.id), after=after)
        await record_change(db, actor, change)


COUNT: Final = 10
# Hyphens are optional, and case does not matter. Base32 has no 0, 1, 8 and 9, so O and I cannot be mistaken for digits.
PATTERN: Final = r"^[A-Za-z2-7]{4}(-?[A-Za-z2-7]{4}){2}$"
_GROUP: Final = 4
_LENGTH: Final = 12


class RecoveryCodes:
    """Creates and checks one-time codes of users, or of staff, for a sign-in without the authenticator app.

    A code has 60 random bits. The database stores HMACs under a key derived from the secret keys, so a copy of the
    database alone neither contains codes nor allows guessing them. A single indexed query checks a code. Codes under a
    rotated secret key are accepted as long as that key is listed.
    """

    def __init__(self, audience: Audience, sealer: Sealer) -> None:
        self._audience: Audience = audience
        self._keys = sealer.derive(f"{audience} recovery codes")

    async def replace(self, db: Connection, owner_id: UUID, now: datetime) -> Sequence[str]:
        """Return ten new codes, which are shown only once. The account's older codes become invalid."""
        codes = [_new_code() for _ in range(COUNT)]
        hashes = [_hash(self._keys[0], owner_id, code) for code in codes]
        await queries.replace_codes(db, self._audience, owner_id, hashes, now)
        return codes

    async def use(self, db: Connection, owner_id: UUID, code: str, now: datetime) -> bool:
        """Mark a code as used. Return False if the code is unknown or was used before."""
        hashes = [_hash(key, owner_id, code) for key in self._keys]
        return await queries.use_code(db, self._audience, owner_id, hashes, now)

    async def count_left(self, db: Connection, owner_id: UUID) -> int:
        """Return the number of the account's unused codes."""
        return await queries.count_unused_codes(db, self._audience, owner_id)


def is_recovery_code(code: str) -> bool:
    """Return whether the code is a recovery code. A code of an authenticator app has six digits."""
    return len(code) >= _LENGTH


def _new_code() -> str:
    text = b32encode(secrets.token_bytes(8)).decode().lower()[:_LENGTH]
    return "-".join(text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def _hash(key: bytes, owner_id: UUID, code: str) -> bytes:
    return hmac.digest(key, owner_id.bytes + code.replace("-", "").lower().encode(), "sha256")
