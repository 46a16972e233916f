"""Scope of a transaction, which the row-level security policies read. It ends with the transaction.

In a session of the API a scope holds only if it was entered with the connection's proof; SQL that someone smuggled
into a request does not know it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from control.db.pool import Connection

T = TypeVar("T")


async def enter_platform(db: Connection) -> None:
    """Enter the scope of all workspaces, for the staff's requests and the worker."""
    await db.execute("SELECT enter_scope('platform', NULL, NULL, $1)", db.proof)


async def enter_platform_for_calls(db: Connection) -> None:
    """Enter the scope of all workspaces, and keeps the plans of this transaction's statements for the next ones.

    For statements that find rows by keys, as webhooks and events of calls do. PostgreSQL would plan those with an array
    or several partitions for each execution, which takes longer than to execute them.
    """
    await db.execute(
        "SELECT enter_scope('platform', NULL, NULL, $1), set_config('plan_cache_mode', 'force_generic_plan', true)",
        db.proof,
    )


async def keep_plans(db: Connection) -> None:
    """Keep the plans of this transaction's statements from here on for the next ones; see enter_platform_for_calls."""
    await db.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")


async def enter_accounts(db: Connection) -> None:
    """Enter the scope of those who are not signed in yet: all accounts of customers and what signs them in, and no row
    of any workspace."""
    await db.execute("SELECT enter_scope('accounts', NULL, NULL, $1)", db.proof)


async def enter_user(db: Connection, user_id: UUID) -> None:
    """Enter the scope of a user: their memberships and the workspaces of these."""
    await db.execute("SELECT enter_scope('user', NULL, $1, $2)", user_id, db.proof)


async def enter_workspace(db: Connection, workspace_id: UUID, user_id: UUID | None = None) -> None:
    """Enter the scope of one workspace."""
    await db.execute("SELECT enter_scope('tenant', $1, $2, $3)", workspace_id, user_id, db.proof)


async def read_platform(db: Connection, read: Callable[[], Awaitable[T]]) -> T:
    """Run `read` in the scope of all workspaces, then returns to the scope before: for figures about several
    workspaces within a request of one. When `read` raises, the transaction has to end."""
    before = await db.fetchrow(
        "SELECT current_scope() AS scope, current_workspace() AS workspace, current_person() AS person"
    )
    await enter_platform(db)
    result = await read()
    await db.execute(
        "SELECT enter_scope($1, $2, $3, $4)", before["scope"] or "", before["workspace"], before["person"], db.proof
    )
    return result
