"""Sessions: started by a sign-in, extended with rotating refresh tokens, and revocable with immediate effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from control.accounts.rules import SessionPolicy
from control.accounts.sessions import queries
from control.accounts.sessions.queries import NewSession, PresentedRefreshToken
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.http.auth.access_tokens import AccessTokens, Audience
from control.http.auth.deactivation import session_refused
from control.http.auth.tokens import new_token, token_hash
from control.http.context import RequestOrigin
from shared.errors import Unauthorized
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """Tokens of a session.

    Attributes:
        expires_in: Lifetime of `token`, the access token, in seconds.
    """

    token: str
    refresh_token: str
    expires_in: int


class Sessions:
    """Sessions of users, or of staff. A used refresh token is accepted again for `grace_s` seconds."""

    def __init__(self, audience: Audience, tokens: AccessTokens, policy: SessionPolicy, grace_s: int = 0) -> None:
        self._audience = audience
        self._tokens = tokens
        self._policy = policy
        self._grace = timedelta(seconds=grace_s)

    async def begin(
        self,
        db: Connection,
        owner_id: UUID,
        origin: RequestOrigin,
        now: datetime,
        known: str | None = None,
        sso_workspace_id: UUID | None = None,
    ) -> SessionTokens:
        """Start a session. Raises Unauthorized (session_over) if the account changed meanwhile.

        Args:
            known: The hash that the password was checked against. The account may change while a password is hashed.
            sso_workspace_id: The workspace whose provider signed the user in.
        """
        token, ends = new_token(), now + timedelta(seconds=self._policy.max_age_s)
        session = NewSession(
            id=UUID(new_id()),
            owner_id=owner_id,
            token=token.hash,
            token_expires_at=self._idle_end(now, ends),
            expires_at=ends,
            address=origin.address,
            user_agent=origin.user_agent,
            sso_workspace_id=sso_workspace_id,
        )
        if not await queries.insert(db, self._audience, session, now, known):
            raise Unauthorized("The account was just changed. Sign in again.", code="session_over")
        return self._issue(session.id, token.text, now)

    async def refresh(self, db: Connection, refresh_token: str, origin: RequestOrigin, now: datetime) -> SessionTokens:
        """Return the next tokens and mark this token as used. Using a token again ends its session. Raises
        Unauthorized.
        """
        presented = token_hash(refresh_token)
        used = await queries.use_refresh(db, self._audience, presented, now)
        session_id, ends = used or await self._check_reuse(db, presented, origin, now)
        token = new_token()
        await queries.insert_refresh(db, token.hash, session_id, now, self._idle_end(now, ends))
        return self._issue(session_id, token.text, now)

    async def end(self, db: Connection, session_id: UUID, now: datetime, why: str = "signed out") -> None:
        """End a session. Its access tokens fail from the next request on."""
        await queries.revoke(db, session_id, why, now)

    async def end_all(self, db: Connection, owner_id: UUID, why: str, now: datetime) -> None:
        """End all sessions of an account."""
        await queries.revoke_all(db, self._audience, owner_id, why, now)

    async def _check_reuse(
        self, db: Connection, presented: bytes, origin: RequestOrigin, now: datetime
    ) -> tuple[UUID, datetime]:
        found = await queries.find_refresh(db, self._audience, presented, now)
        if found is not None and not found.is_active:
            raise session_refused()
        if found is None or found.is_over or found.used_at is None:
            raise Unauthorized("This sign-in is over.", code="session_over")
        if now - found.used_at < self._grace:
            return found.session_id, found.session_expires_at
        await self._revoke_reused(db, found, origin, now)
        raise Unauthorized(
            "This refresh token was used before; its sign-in was ended.", code="refresh_token_reused", commits=True
        )

    async def _revoke_reused(
        self, db: Connection, found: PresentedRefreshToken, origin: RequestOrigin, now: datetime
    ) -> None:
        """Revoke the session, because two clients have its token and one of them may be an attacker."""
        await queries.revoke(db, found.session_id, "refresh token used twice", now)
        actor = Actor(self._audience, found.owner_id, found.email, origin.request_id, origin.address)
        change = Change(
            "session.revoke", "session", str(found.session_id), reason="a refresh token was used a second time"
        )
        await record_change(db, actor, change)

    def _idle_end(self, now: datetime, ends: datetime) -> datetime:
        return min(now + timedelta(seconds=self._policy.idle_s), ends)

    def _issue(self, session_id: UUID, refresh_token: str, now: datetime) -> SessionTokens:
        access = self._tokens.issue(self._audience, session_id, now)
        return SessionTokens(access, refresh_token, self._tokens.lifetime_s)
