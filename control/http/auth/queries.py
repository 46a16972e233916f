"""Read models of sessions and API keys. The SQL functions also set the transaction's row-level scope."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from control.db.pool import Connection
from control.db.scope import enter_platform
from control.http.access import AdminRole, WorkspaceRole


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """A user's session.

    Attributes:
        role: None unless the user is a member of the requested workspace.
        workspace_status: None unless the user is a member of the requested workspace.
        refusal: Code of the workspace's rule that refuses this session.
    """

    user_id: UUID
    email: str
    name: str
    is_verified: bool
    role: WorkspaceRole | None
    workspace_status: str | None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class AdminIdentity:
    """A staff member's session."""

    admin_id: UUID
    email: str
    name: str
    role: AdminRole


async def read_user_session(db: Connection, session_id: UUID, workspace_id: UUID | None) -> UserIdentity | None:
    """Return the user's session, or None if it has ended."""
    row = await db.fetchrow(
        "SELECT *, member_refusal($1, $2) AS refusal FROM authorise_user($1, $2, $3)",
        session_id,
        workspace_id,
        db.proof,
    )
    if row is None:
        return None
    return UserIdentity(
        user_id=row["user_id"],
        email=row["email"],
        name=row["name"],
        is_verified=row["is_verified"],
        role=cast(WorkspaceRole | None, row["role"]),
        workspace_status=row["workspace_status"],
        refusal=row["refusal"],
    )


async def read_is_deactivated(db: Connection, session_id: UUID) -> bool:
    """Return whether the session's owner, a user or an admin, is deactivated.

    Enters platform scope, which staff accounts need.
    """
    await enter_platform(db)
    is_deactivated: bool | None = await db.fetchval(
        """
        SELECT NOT coalesce(u.is_active, a.is_active)
        FROM sessions s LEFT JOIN users u ON u.id = s.user_id LEFT JOIN admins a ON a.id = s.admin_id
        WHERE s.id = $1
        """,
        session_id,
    )
    return bool(is_deactivated)


async def read_admin_session(db: Connection, session_id: UUID) -> AdminIdentity | None:
    """Return the staff member's session, or None if it has ended."""
    row = await db.fetchrow("SELECT * FROM authorise_admin($1, $2)", session_id, db.proof)
    if row is None:
        return None
    return AdminIdentity(
        admin_id=row["admin_id"], email=row["email"], name=row["name"], role=cast(AdminRole, row["role"])
    )


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """An API key found by its secret, and the member who holds the key.

    Attributes:
        role: The holder's role. None if the holder has left the workspace.
        scopes: The stored scopes, which may include scopes that this release does not know.
        is_use_due: Whether the last use of the secret must be recorded.
    """

    key_id: UUID
    workspace_id: UUID
    scopes: frozenset[str]
    has_expired: bool
    holder_id: UUID
    email: str
    name: str
    is_verified: bool
    role: WorkspaceRole | None
    workspace_status: str
    is_use_due: bool


async def read_key(db: Connection, secret: bytes, workspace_id: UUID | None) -> KeyIdentity | None:
    """Return the key with this secret, or None.

    Args:
        secret: Hash of the secret.
        workspace_id: The workspace of the request, if any.
    """
    row = await db.fetchrow("SELECT * FROM authorise_api_key($1, $2, $3)", secret, workspace_id, db.proof)
    if row is None:
        return None
    return KeyIdentity(
        key_id=row["key_id"],
        workspace_id=row["workspace_id"],
        scopes=frozenset(row["scopes"]),
        has_expired=row["has_expired"],
        holder_id=row["holder_id"],
        email=row["email"],
        name=row["name"],
        is_verified=row["is_verified"],
        role=cast(WorkspaceRole | None, row["role"]),
        workspace_status=row["workspace_status"],
        is_use_due=row["is_use_due"],
    )
