"""Whom a workspace's provider has signed in, with their addresses."""

from uuid import UUID

from control.db.pool import Connection


async def select_people(db: Connection, workspace_id: UUID, domain: str) -> list[UUID]:
    """The users with an address of the domain."""
    rows = await db.fetch(
        "SELECT DISTINCT i.user_id FROM sso_identities i JOIN users u ON u.id = i.user_id "
        "WHERE i.workspace_id = $1 AND split_part(u.email, '@', 2) = $2",
        workspace_id, domain,
    )  # fmt: skip
    return [row["user_id"] for row in rows]
