"""Authorises a request that has an API key in place of a user's token. The key is looked up in the request's own
transaction, so that its revocation takes effect at once, in every process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from control.http.access import Access, AccessKind, WorkspaceRole
from control.http.context import CallingKey, Context, MemberContext, UserContext
from control.http.key_text import SCHEME, is_well_formed, limit_role
from control.http.read_api_key import KeyIdentity, read_key
from control.http.tokens import token_hash
from shared.errors import Forbidden, NotFound, Problem, Unauthorised

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """What a request presented. hash: of a secret that is well formed; it may be unknown."""

    hash: bytes


@dataclass(frozen=True, slots=True)
class ValidKey:
    """A key that is valid now. role: what it acts with. unrecorded: as of CallingKey."""

    identity: KeyIdentity
    role: WorkspaceRole
    unrecorded: bytes | None


def is_key(token: str) -> bool:
    """Whether a bearer token claims to be an API key."""
    return token.startswith(SCHEME)


def read_key_claim(token: str) -> KeyClaim:
    """Checks form and checksum, without the database. Raises Unauthorised (code key_invalid)."""
    if not is_well_formed(token):
        raise _invalid()
    return KeyClaim(token_hash(token))


async def find_key(claim: KeyClaim, workspace_id: UUID | None, context: Context) -> ValidKey:
    """workspace_id: of the path. Raises Unauthorised for a secret that is not valid, whatever it is used for."""
    key = await read_key(context.db, claim.hash, workspace_id)
    if key is None:
        raise _invalid()
    with _log_refusal(key, context):
        if key.has_expired:
            raise Unauthorised("This API key has expired.", code="key_expired")
        if key.role is None:
            raise Unauthorised(
                "The member who holds this API key has left the workspace; an admin can rotate it.",
                code="key_without_holder",
            )
        return ValidKey(key, limit_role(key.role), claim.hash if key.is_use_due else None)


def authorise_key(access: Access, valid: ValidKey, workspace_id: UUID | None, context: Context) -> UserContext:
    """workspace_id: of the path. Raises Forbidden, NotFound."""
    with _log_refusal(valid.identity, context):
        return _authorise(access, valid, workspace_id, context)


@contextmanager
def _log_refusal(key: KeyIdentity, context: Context) -> Iterator[None]:
    """Of a key that exists, because whoever found a key tries what it may."""
    try:
        yield
    except Problem as refusal:
        log.warning(
            "api_key.refused", api_key_id=str(key.key_id), code=refusal.code, request_id=context.origin.request_id
        )
        raise


def _authorise(access: Access, valid: ValidKey, workspace_id: UUID | None, context: Context) -> UserContext:
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


def _invalid() -> Unauthorised:
    return Unauthorised("This API key is not valid.", code="key_invalid")
