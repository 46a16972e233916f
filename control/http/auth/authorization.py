"""Authenticates and authorizes requests by session token or API key.

Session and key are looked up in the request's own transaction, so that a sign-out or a revocation takes effect
immediately in all processes. `authorize_key` requires that an API key has the scope that the route declares, and that
the member who holds the key has the role that the route declares.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from aiohttp import web

from control.db.pool import Connection
from control.http.access import Access, AccessKind, WorkspaceRole
from control.http.auth.access_tokens import AccessTokens, Audience
from control.http.auth.browser_sessions import BrowserSessions
from control.http.auth.deactivation import session_refused
from control.http.auth.lasting_rights import key_credential, member_credential, staff_credential
from control.http.auth.queries import KeyIdentity, read_admin_session, read_is_deactivated, read_key, read_user_session
from control.http.auth.tokens import token_hash
from control.http.context import AdminContext, CallingKey, Context, MemberContext, SessionContext, UserContext
from control.http.key_text import SCHEME, is_well_formed, limit_role
from control.http.route import Route
from shared.errors import Forbidden, NotFound, Problem, Unauthorized

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """The content of a token with a valid signature. Its session may have ended."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The API key of a request.

    Attributes:
        hash: Hash of a well-formed secret, which may be unknown.
    """

    hash: bytes


@dataclass(frozen=True, slots=True)
class ValidKey:
    """A valid API key.

    Attributes:
        role: The role with which the key acts.
        unrecorded: See CallingKey.
        credential: See UserContext.
    """

    identity: KeyIdentity
    role: WorkspaceRole
    unrecorded: bytes | None
    credential: str = field(default="", repr=False)


Claim = TokenClaim | KeyClaim

# Messages by the codes of the SQL function member_refusal.
_REFUSALS: Final = {
    "sso_required": "This workspace demands single sign-on: begin it at POST /auth/sso/begin.",
    "sso_of_another_workspace": "This session is good in the workspace of its single sign-on only.",
    "second_factor_required": "This workspace demands a second factor: set one up at POST /auth/totp.",
}


# Checks that the caller signed in or proved their identity again within the last minutes. Raises Forbidden.
RequireRecent = Callable[[Connection, Audience, UUID, datetime], Awaitable[None]]


# Maximum number of cached keys, about 300 bytes each.
MOST_KNOWN: Final = 8_192


class KnownKeys:
    """Cache of API keys that were recently valid in this process: key ids by the hash of the secret.

    The least recently used key is dropped first. Requests with cached keys are counted by key before they take a
    database connection. Requests with other keys are counted by address, because anyone can create a text with a
    correct checksum.
    """

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._ids: OrderedDict[bytes, UUID] = OrderedDict()

    def find(self, secret: bytes) -> UUID | None:
        """Return the key's id, or None if it was not recently valid."""
        return self._ids.get(secret)

    def add(self, secret: bytes, key_id: UUID) -> None:
        """Add a key that has just been valid."""
        self._ids[secret] = key_id
        self._ids.move_to_end(secret)
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def discard(self, secret: bytes) -> None:
        """Remove a key that is no longer valid."""
        self._ids.pop(secret, None)


class Authorizer:
    """Converts a request's token and path to the context for the route's handler."""

    def __init__(self, tokens: AccessTokens, require_recent: RequireRecent, browser_sessions: BrowserSessions) -> None:
        self._tokens, self._require_recent, self._browser_sessions = tokens, require_recent, browser_sessions
        self._known_keys = KnownKeys()

    def read_token(self, access: Access, request: web.Request, now: datetime) -> Claim | None:
        """Check the token's signature and expiry, or an API key's form, without the database. Raises Unauthorized.

        Without the header Authorization, the token is read from a cookie. Returns None for an open route.
        """
        if access.kind is AccessKind.OPEN:
            return None
        audience: Audience = "admin" if access.kind is AccessKind.ADMIN else "user"
        if "Authorization" not in request.headers:
            token = self._browser_sessions.access_token(request, audience)
        else:
            scheme, _, token = request.headers["Authorization"].partition(" ")
            token = token.strip() if scheme.lower() == "bearer" else ""
            if access.kind is not AccessKind.ADMIN and is_key(token):
                return read_key_claim(token)
        if not token:
            raise Unauthorized("This needs a bearer token.", code="no_token")
        return TokenClaim(self._tokens.read(token, audience, now))

    async def authorize(self, access: Access, claim: Claim, request: web.Request, context: Context) -> Context:
        """Look up the session or the key, and set the transaction's row-level scope.

        Raises Unauthorized, Forbidden, NotFound.
        """
        if isinstance(claim, KeyClaim):
            return await self._authorize_key(access, claim, request, context)
        if access.kind is AccessKind.ADMIN:
            return await _admin(access, claim, context)
        if access.kind is AccessKind.USER:
            return await _user(claim, context)
        return await _member(access, claim, request, context)

    def known_key(self, claim: KeyClaim) -> UUID | None:
        """Return the API key's id, or None if the key was not recently valid in this process and may be forged."""
        return self._known_keys.find(claim.hash)

    async def identify_key(self, claim: KeyClaim, workspace_id: UUID | None, context: Context) -> ValidKey:
        """Look up the key, regardless of the route. Raises Unauthorized.

        Args:
            workspace_id: The workspace in the path. None if there is none.
        """
        try:
            valid = await find_key(claim, workspace_id, context)
        except Unauthorized:
            self._known_keys.discard(claim.hash)
            raise
        # Also done for refused requests, so that a key cannot escape its rate limit with requests that it is not
        # allowed to make.
        self._known_keys.add(claim.hash, valid.identity.key_id)
        return valid

    async def _authorize_key(
        self, access: Access, claim: KeyClaim, request: web.Request, context: Context
    ) -> UserContext:
        workspace_id = _workspace(request)
        valid = await self.identify_key(claim, workspace_id, context)
        return authorize_key(access, valid, workspace_id, context)

    async def require_recent(self, claim: Claim, context: Context) -> None:
        """Raise Forbidden (reauthentication_required) unless the caller signed in recently.

        Routes that require this accept no API keys.
        """
        if isinstance(claim, TokenClaim):
            audience: Audience = "admin" if isinstance(context, AdminContext) else "user"
            await self._require_recent(context.db, audience, claim.session_id, context.now)

    def idempotency_scope(self, context: Context, route: Route) -> str:
        """Return the scope of an Idempotency-Key: the caller and the route."""
        return f"{self.caller_name(context)} {route.method} {route.path}"

    def caller_name(self, context: Context) -> str:
        """Return a name that identifies the caller. Raises TypeError for an open route."""
        match context:
            case UserContext(key=CallingKey(id=key_id)):
                return f"key:{key_id}"
            case UserContext(user_id=user_id):
                return f"user:{user_id}"
            case AdminContext(admin_id=admin_id):
                return f"admin:{admin_id}"
        raise TypeError("an open route has no caller")


async def _admin(access: Access, claim: TokenClaim, context: Context) -> AdminContext:
    session = await read_admin_session(context.db, claim.session_id)
    if session is None:
        raise await _refusal(context.db, claim)
    if not access.allows(session.role):
        raise _role_refused(access, session.role)
    return AdminContext(
        db=context.db,
        services=context.services,
        origin=context.origin,
        now=context.now,
        admin_id=session.admin_id,
        session_id=claim.session_id,
        email=session.email,
        name=session.name,
        role=session.role,
        credential=staff_credential(claim.session_id),
    )


async def _user(claim: TokenClaim, context: Context) -> SessionContext:
    session = await read_user_session(context.db, claim.session_id, None)
    if session is None:
        raise await _refusal(context.db, claim)
    return SessionContext(
        db=context.db,
        services=context.services,
        origin=context.origin,
        now=context.now,
        user_id=session.user_id,
        session_id=claim.session_id,
        email=session.email,
        name=session.name,
        is_verified=session.is_verified,
    )


async def _member(access: Access, claim: TokenClaim, request: web.Request, context: Context) -> MemberContext:
    workspace_id = _workspace(request)
    session = await read_user_session(context.db, claim.session_id, workspace_id)
    if session is None:
        raise await _refusal(context.db, claim)
    if workspace_id is None or session.role is None or session.workspace_status is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    if session.refusal is not None:
        raise _member_refused(session.refusal)
    if not access.allows(session.role):
        raise _role_refused(access, session.role)
    return MemberContext(
        db=context.db,
        services=context.services,
        origin=context.origin,
        now=context.now,
        user_id=session.user_id,
        email=session.email,
        name=session.name,
        is_verified=session.is_verified,
        credential=member_credential(claim.session_id),
        workspace_id=workspace_id,
        role=session.role,
        workspace_status=session.workspace_status,
    )


def _member_refused(code: str) -> Forbidden:
    return Forbidden(_REFUSALS[code], code=code)


def _role_refused(access: Access, role: str) -> Forbidden:
    return Forbidden(f"This needs the role {access.needed}; yours is {role}.", code="role")


def _workspace(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info["workspaceId"])
    except (KeyError, ValueError):
        return None


async def _refusal(db: Connection, claim: TokenClaim) -> Unauthorized:
    if await read_is_deactivated(db, claim.session_id):
        return session_refused()
    return Unauthorized("This sign-in is over.", code="session_over")


# --- API keys ---------------------------------------------------------------------------------------------------------


def is_key(token: str) -> bool:
    """Return whether a bearer token claims to be an API key."""
    return token.startswith(SCHEME)


def read_key_claim(token: str) -> KeyClaim:
    """Check the form and checksum of a key, without the database. Raises Unauthorized (code key_invalid)."""
    if not is_well_formed(token):
        raise _key_invalid()
    return KeyClaim(token_hash(token))


async def find_key(claim: KeyClaim, workspace_id: UUID | None, context: Context) -> ValidKey:
    """Look up a key. Raises Unauthorized for an invalid secret.

    Args:
        workspace_id: The workspace in the path.
    """
    key = await read_key(context.db, claim.hash, workspace_id)
    if key is None:
        raise _key_invalid()
    with _log_refusal(key, context):
        if key.has_expired:
            raise Unauthorized("This API key has expired.", code="key_expired")
        if key.role is None:
            raise Unauthorized(
                "The member who holds this API key has left the workspace; an admin can rotate it.",
                code="key_without_holder",
            )
        unrecorded = claim.hash if key.is_use_due else None
        return ValidKey(key, limit_role(key.role), unrecorded, key_credential(claim.hash))


def authorize_key(access: Access, valid: ValidKey, workspace_id: UUID | None, context: Context) -> UserContext:
    """Return the context of a valid key. Raises Forbidden, NotFound.

    Args:
        workspace_id: The workspace in the path.
    """
    with _log_refusal(valid.identity, context):
        return _key_context(access, valid, workspace_id, context)


@contextmanager
def _log_refusal(key: KeyIdentity, context: Context) -> Iterator[None]:
    """Log refused requests of a valid key, because a stolen key is often tried on many routes."""
    try:
        yield
    except Problem as refusal:
        log.warning(
            "api_key.refused", api_key_id=str(key.key_id), code=refusal.code, request_id=context.origin.request_id
        )
        raise


def _key_context(access: Access, valid: ValidKey, workspace_id: UUID | None, context: Context) -> UserContext:
    key, role = valid.identity, valid.role
    calling = CallingKey(key.key_id, key.workspace_id, role, valid.unrecorded)
    if access.kind is AccessKind.USER:
        _require_scope(access, key)
        return _user_context(key, calling, context)
    if workspace_id != key.workspace_id:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    _require_scope(access, key)
    if not access.allows(role):
        raise Forbidden(f"This needs the role {access.needed}; the key's holder is {role}.", code="role")
    return MemberContext(
        db=context.db,
        services=context.services,
        origin=context.origin,
        now=context.now,
        user_id=key.holder_id,
        email=key.email,
        name=key.name,
        is_verified=key.is_verified,
        key=calling,
        credential=valid.credential,
        workspace_id=key.workspace_id,
        role=role,
        workspace_status=key.workspace_status,
    )


def _user_context(key: KeyIdentity, calling: CallingKey, context: Context) -> UserContext:
    return UserContext(
        db=context.db,
        services=context.services,
        origin=context.origin,
        now=context.now,
        user_id=key.holder_id,
        email=key.email,
        name=key.name,
        is_verified=key.is_verified,
        key=calling,
    )


def _require_scope(access: Access, key: KeyIdentity) -> None:
    if access.scope is None:
        raise Forbidden("API keys are not accepted here; a member has to sign in.", code="key_not_accepted")
    if access.scope not in key.scopes:
        raise Forbidden(f"This needs the scope {access.scope}, which the API key does not have.", code="scope")


def _key_invalid() -> Unauthorized:
    return Unauthorized("This API key is not valid.", code="key_invalid")
