"""SQL of invitations. Open: neither accepted nor revoked, expired or not; at most one per workspace and address."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.workspaces.model import Invitation, PresentedInvitation
from control.workspaces.roles import Role

_COLUMNS: Final = "id, workspace_id, email, role, invited_by, created_at, expires_at"
_OPEN: Final = "workspace_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL"
# An address has one open invitation at most. One that was accepted meanwhile still says where the next page begins.
_ORDER: Final = Keyset(
    ("email", "id"), "SELECT email, id FROM invitations WHERE id = $1 AND workspace_id = $2", descending=False
)


async def select_open(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Invitation]:
    """Ordered by address. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM invitations WHERE {_OPEN} {clause.tail}", *clause.values)
    return cut_page([Invitation(**row) for row in rows], page)


async def count_open(db: Connection, workspace_id: UUID) -> int:
    """Counts the open ones."""
    total: int = await db.fetchval(f"SELECT count(*) FROM invitations WHERE {_OPEN}", workspace_id)
    return total


async def find_open(db: Connection, workspace_id: UUID, email: str) -> Invitation | None:
    """Returns the open one of an address."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM invitations WHERE {_OPEN} AND email = $2", workspace_id, email)
    return None if row is None else Invitation(**row)


async def select_one(db: Connection, workspace_id: UUID, invitation_id: UUID) -> Invitation | None:
    """Returns an open one by id."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM invitations WHERE {_OPEN} AND id = $2", workspace_id, invitation_id
    )
    return None if row is None else Invitation(**row)


async def upsert(db: Connection, invitation: Invitation, token: bytes) -> Invitation:
    """Inserts it; an open one of the same address is updated and keeps its id; its older token becomes invalid."""
    row = await db.fetchrow(
        f"""
        INSERT INTO invitations ({_COLUMNS}, token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (workspace_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL
        DO UPDATE SET role = $4, invited_by = $5, created_at = $6, expires_at = $7, token_hash = $8
        RETURNING {_COLUMNS}
        """,
        *(invitation.id, invitation.workspace_id, invitation.email, invitation.role, invitation.invited_by),
        *(invitation.created_at, invitation.expires_at, token),
    )
    return Invitation(**row)


async def find_presented(db: Connection, token: bytes) -> PresentedInvitation | None:
    """By token, unless the workspace is deleted. Needs platform scope."""
    row = await db.fetchrow(
        """
        SELECT i.id, i.workspace_id, i.email, i.role, i.invited_by, i.expires_at, i.accepted_at, i.revoked_at
        FROM invitations i JOIN workspaces w ON w.id = i.workspace_id
        WHERE i.token_hash = $1 AND w.deleted_at IS NULL
        """,
        token,
    )
    return None if row is None else PresentedInvitation(**row)


async def set_accepted(db: Connection, workspace_id: UUID, invitation_id: UUID, now: datetime) -> None:
    """Marks it as accepted."""
    await db.execute(
        "UPDATE invitations SET accepted_at = $3 WHERE workspace_id = $1 AND id = $2", workspace_id, invitation_id, now
    )


async def set_revoked(db: Connection, workspace_id: UUID, invitation_id: UUID, now: datetime) -> None:
    """Marks it as revoked."""
    await db.execute(
        "UPDATE invitations SET revoked_at = $3 WHERE workspace_id = $1 AND id = $2", workspace_id, invitation_id, now
    )


async def revoke_sent_by(
    db: Connection, workspace_id: UUID, user_id: UUID, keep: Iterable[Role], now: datetime
) -> list[str]:
    """Revokes a member's open invitations except those to roles in `keep`; returns their addresses."""
    rows = await db.fetch(
        f"UPDATE invitations SET revoked_at = $4 WHERE {_OPEN} AND invited_by = $2 AND role <> ALL ($3::text[]) "
        "RETURNING email",
        workspace_id, user_id, list(keep), now,
    )  # fmt: skip
    return sorted(row["email"] for row in rows)
