"""The scope of a transaction, which the row-level security policies read. It ends with the transaction.

In an API session, a scope is valid only if it was entered with the connection's proof. SQL that an attacker injects
into a request does not have the proof.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from control.db.pool import Connection

T = TypeVar("T")


async def enter_platform(db: Connection) -> None:
    """Enter the scope of all workspaces, for staff requests and the worker."""
    await db.execute("SELECT enter_scope('platform', NULL, NULL, $1)", db.proof)


async def enter_platform_for_calls(db: Connection) -> None:
    """Enter the scope of all workspaces, and keep the query plans of this transaction's statements for later
    transactions.

    Use it for statements that find rows by keys, as webhooks and call events do. PostgreSQL would plan statements with
    an array or several partitions at each execution, which takes longer than executing them.
    """
    await db.execute(
        "SELECT enter_scope('platform', NULL, NULL, $1), set_config('plan_cache_mode', 'force_generic_plan', true)",
        db.proof,
    )


async def keep_plans(db: Connection) -> None:
    """Keep the query plans of this transaction's later statements. See `enter_platform_for_calls`."""
    await db.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")


async def enter_accounts(db: Connection) -> None:
    """Enter the scope of users who are not signed in yet.

    It covers all customer accounts and their sign-in data, and no row of any workspace.
    """
    await db.execute("SELECT enter_scope('accounts', NULL, NULL, $1)", db.proof)


async def enter_user(db: Connection, user_id: UUID) -> None:
    """Enter the scope of a user: the user's memberships and their workspaces."""
    await db.execute("SELECT enter_scope('user', NULL, $1, $2)", user_id, db.proof)


async def enter_workspace(db: Connection, workspace_id: UUID, user_id: UUID | None = None) -> None:
    """Enter the scope of one workspace."""
    await db.execute("SELECT enter_scope('tenant', $1, $2, $3)", workspace_id, user_id, db.proof)


async def read_platform(db: Connection, read: Callable[[], Awaitable[T]]) -> T:
    """Run `read` in the scope of all workspaces, then return to the previous scope.

    For figures about several workspaces within a request for one workspace. If `read` raises, the transaction must end.
    """
    before = await db.fetchrow(
        "SELECT current_scope() AS scope, current_workspace() AS workspace, current_person() AS person"
    )
    await enter_platform(db)
    result = await read()
    await db.execute(
        "SELECT enter_scope($1, $2, $3, $4)", before["scope"] or "", before["workspace"], before["person"], db.proof
    )
    return result
