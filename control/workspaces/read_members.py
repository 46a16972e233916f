"""Read model: members with the address and name of their account."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.workspaces.model import Member

_MEMBER: Final = """
    SELECT m.user_id, u.email, u.name, m.role, m.joined_at
    FROM workspace_members m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1
"""
# An inactive account does not count as an owner: it cannot sign in.
_OTHER_OWNER: Final = """
    EXISTS (SELECT FROM workspace_members o JOIN users u ON u.id = o.user_id
            WHERE o.workspace_id = w.id AND o.role = 'owner' AND o.user_id <> $2 AND u.is_active)
"""
_ORDER: Final = Keyset(
    ("m.joined_at", "m.user_id"),
    "SELECT joined_at, user_id FROM workspace_members WHERE user_id = $1 AND workspace_id = $2",
    descending=False,
)


async def select_members(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Member]:
    """In order of joining. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_MEMBER} {clause.tail}", *clause.values)
    return cut_page([Member(**row) for row in rows], page)


async def select_member(db: Connection, workspace_id: UUID, user_id: UUID) -> Member | None:
    """Returns a member or None."""
    row = await db.fetchrow(f"{_MEMBER} AND m.user_id = $2", workspace_id, user_id)
    return None if row is None else Member(**row)


async def has_member(db: Connection, workspace_id: UUID, email: str) -> bool:
    """Returns whether a member has this address."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND u.email = $2)
        """,
        workspace_id, email,
    )  # fmt: skip
    return found


async def select_confirmed(db: Connection, workspace_id: UUID, emails: Collection[str]) -> set[str]:
    """Returns those of these addresses that belong to members who have confirmed them and can sign in."""
    rows = await db.fetch(
        """
        SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
        WHERE m.workspace_id = $1 AND u.email = ANY ($2::text[]) AND u.is_active AND u.email_verified_at IS NOT NULL
        """,
        workspace_id, list(emails),
    )  # fmt: skip
    return {row["email"] for row in rows}


async def select_first_owner(db: Connection, workspace_id: UUID) -> Member | None:
    """Returns the longest-standing owner."""
    row = await db.fetchrow(f"{_MEMBER} AND m.role = 'owner' ORDER BY m.joined_at, m.user_id LIMIT 1", workspace_id)
    return None if row is None else Member(**row)


async def has_verified_owner(db: Connection, workspace_id: UUID) -> bool:
    """Returns whether an owner has a confirmed address."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.email_verified_at IS NOT NULL)
        """,
        workspace_id,
    )
    return found


async def has_other_owner(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Returns whether another active account is an owner; the workspace's row must be locked."""
    found: bool = await db.fetchval(f"SELECT {_OTHER_OWNER} FROM workspaces w WHERE w.id = $1", workspace_id, user_id)
    return found


async def lock_user(db: Connection, user_id: UUID) -> None:
    """Locks the account: nobody can make it a member until the transaction ends."""
    await db.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", user_id)


async def select_orphans(db: Connection, workspace_ids: list[UUID], user_id: UUID) -> list[str]:
    """Returns the names of the workspaces in which this user is the only owner."""
    rows = await db.fetch(
        f"""
        SELECT w.name FROM workspaces w JOIN workspace_members m ON m.workspace_id = w.id
        WHERE w.id = ANY ($1::uuid[]) AND m.user_id = $2 AND m.role = 'owner' AND NOT {_OTHER_OWNER} ORDER BY w.name
        """,
        workspace_ids, user_id,
    )  # fmt: skip
    return [row["name"] for row in rows]
