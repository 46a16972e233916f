"""Own accounts of users and staff: password, sessions, second factor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from control.accounts.own_account import queries
from control.accounts.passwords import Passwords, require_strong_password
from control.accounts.rules import ListedSession, OwnPassword
from control.accounts.second_factors.service import SecondFactors
from control.accounts.sign_ins.service import SignInThrottle
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.http.auth.access_tokens import Audience
from control.http.context import RequestOrigin
from shared.errors import Conflict, Forbidden, NotFound, Unauthorized


@dataclass(frozen=True, slots=True)
class OwnSession:
    """The session of a request, and the request's origin."""

    id: UUID
    owner_id: UUID
    email: str
    origin: RequestOrigin


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """A change of the password.

    Attributes:
        keeps_sessions: Whether the person's other sessions stay open.
    """

    current: str = field(repr=False)
    new: str = field(repr=False)
    keeps_sessions: bool = False


class OwnAccount:
    """Own accounts of users, or of staff. A sign-in or a later proof counts as recent for `recent_s` seconds."""

    def __init__(
        self,
        audience: Audience,
        *,
        throttle: SignInThrottle,
        passwords: Passwords,
        second_factors: SecondFactors,
        recent_s: int,
    ) -> None:
        self._audience: Audience = audience
        self._throttle = throttle
        self._passwords = passwords
        self._second_factors = second_factors
        self._recent = timedelta(seconds=recent_s)

    async def change_password(
        self, db: Connection, session: OwnSession, change: PasswordChange, now: datetime
    ) -> OwnPassword:
        """Set a new password, and end the other sessions unless they are kept. Return the account before the change.

        Raises Unauthorized (invalid_credentials), TooManyRequests (sign_in_locked), Invalid (weak_password), Conflict
        (password_changed: another request changed it at the same time).
        """
        own = await self.require_password(db, session, change.current, now)
        require_strong_password(change.new, email=own.email, name=own.name, param="new_password")
        hashed = await self._passwords.hash(change.new)
        if not await queries.set_password(db, self._audience, session.owner_id, own.hash, hashed, now):
            raise Conflict("The password was just changed by another request.", code="password_changed")
        await queries.set_authenticated(db, session.id, now)
        ended = 0 if change.keeps_sessions else await self._end_others(db, session, "password changed", now)
        await self._record(db, session, "password_change", {"ended_sessions": ended})
        return own

    async def require_password(self, db: Connection, session: OwnSession, password: str, now: datetime) -> OwnPassword:
        """Check the password and return the account. A wrong password counts as a failed sign-in.

        Raises Unauthorized (invalid_credentials), TooManyRequests (sign_in_locked).
        """
        own = await queries.find_password(db, self._audience, session.owner_id)
        if own is None:
            raise Unauthorized("This sign-in is over.", code="session_over")
        attempt = self._throttle.attempt(self._audience, own.email, session.origin.address, None, now)
        right = await self._throttle.check_password(db, attempt, own.hash, password, now)
        await self._throttle.accept(db, attempt, right)
        return own

    async def reauthenticate(self, db: Connection, session: OwnSession, password: str, now: datetime) -> None:
        """Verify the password and mark the session as recently authenticated. Raises the errors of
        `require_password`.
        """
        await self.require_password(db, session, password, now)
        await queries.set_authenticated(db, session.id, now)

    async def reauthenticate_by_code(self, db: Connection, session: OwnSession, code: str, now: datetime) -> None:
        """Verify a code of the second factor and mark the session as recently authenticated.

        Raises Conflict (totp_not_enabled), Unauthorized, TooManyRequests.
        """
        await self._second_factors.prove(db, session.owner_id, code, session.origin, now)
        await queries.set_authenticated(db, session.id, now)

    async def require_recent(self, db: Connection, session_id: UUID, now: datetime) -> None:
        """Raise Forbidden (reauthentication_required) if the session's owner last proved their identity too long
        ago."""
        proved_at = await queries.select_authenticated(db, session_id)
        if proved_at is None or now - proved_at > self._recent:
            raise Forbidden(
                "Give your password or a code of your second factor again, then repeat this request.",
                code="reauthentication_required",
            )

    async def list_sessions(self, db: Connection, owner_id: UUID, now: datetime) -> Sequence[ListedSession]:
        """Return the open sessions, last used first."""
        return await queries.select_sessions(db, self._audience, owner_id, now)

    async def end_session(self, db: Connection, session: OwnSession, ended: UUID, now: datetime) -> None:
        """End a session of the person, possibly the current session. Raises NotFound."""
        why = "ended by its owner"
        if not await queries.revoke_session(db, self._audience, session.owner_id, ended, why, now):
            raise NotFound("You have no such session.", code="session_not_found")
        await self._record(db, session, "session_end", {"session_id": str(ended)})

    async def end_others(self, db: Connection, session: OwnSession, now: datetime) -> None:
        """End all sessions of the person except the current session."""
        ended = await self._end_others(db, session, "ended by its owner", now)
        await self._record(db, session, "sessions_end", {"ended_sessions": ended})

    async def _end_others(self, db: Connection, session: OwnSession, why: str, now: datetime) -> int:
        return await queries.revoke_others(db, self._audience, session.owner_id, session.id, why, now)

    async def _record(self, db: Connection, session: OwnSession, action: str, after: Mapping[str, object]) -> None:
        origin = session.origin
        actor = Actor(self._audience, session.owner_id, session.email, origin.request_id, origin.address)
        change = Change(f"{self._audience}.{action}", self._audience, str(session.owner_id), after=after)
        await record_change(db, actor, change)
