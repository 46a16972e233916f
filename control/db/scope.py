"""Scope of a transaction, which the row-level security policies read. It ends with the transaction."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from control.db.pool import Connection

T = TypeVar("T")


async def enter_platform(db: Connection) -> None:
    """Enters the scope of all workspaces, for the staff's requests and the worker."""
    await db.execute("SELECT enter_scope('platform', NULL, NULL)")


async def enter_user(db: Connection, user_id: UUID) -> None:
    """Enters the scope of a user: their memberships and the workspaces of these."""
    await db.execute("SELECT enter_scope('user', NULL, $1)", user_id)


async def enter_workspace(db: Connection, workspace_id: UUID, user_id: UUID | None = None) -> None:
    """Enters the scope of one workspace."""
    await db.execute("SELECT enter_scope('tenant', $1, $2)", workspace_id, user_id)


async def read_platform(db: Connection, read: Callable[[], Awaitable[T]]) -> T:
    """Runs `read` in the scope of all workspaces, then returns to the scope before: for figures about several
    workspaces within a request of one. When `read` raises, the transaction has to end."""
    before = await db.fetchrow(
        "SELECT current_scope() AS scope, current_workspace() AS workspace, current_person() AS person"
    )
    await enter_platform(db)
    result = await read()
    await db.execute("SELECT enter_scope($1, $2, $3)", before["scope"] or "", before["workspace"], before["person"])
    return result
