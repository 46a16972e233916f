"""Read model of API keys: who a secret belongs to. The SQL function also sets the transaction's row-level scope."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from control.db.pool import Connection
from control.http.access import WorkspaceRole


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """A key that presented its secret, and the member who holds it. role: the holder's; None: no member any more.
    scopes: those that are stored, which may include ones that this release does not know. is_use_due: whether the last
    use of the secret is to be written."""

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
    """secret: its hash. workspace_id: that of the request, None if it has none. None: there is no such secret."""
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
