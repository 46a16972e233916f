"""Read model: what a workspace uses of its tier (agents, members, phone numbers, minutes)."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.workspaces.model import WorkspaceUse


async def select_use(db: Connection, workspace_id: UUID, now: datetime) -> WorkspaceUse:
    """Counts what a workspace uses of each limit."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL) AS agents,
               (SELECT count(*) FROM workspace_members WHERE workspace_id = $1) AS members,
               (SELECT count(*) FROM invitations WHERE workspace_id = $1 AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at > $2) AS invitations,
               (SELECT count(*) FROM phone_numbers WHERE workspace_id = $1
                AND status IN ('buying', 'active')) AS phone_numbers
        """,
        workspace_id, now,
    )  # fmt: skip
    return WorkspaceUse(**row)


async def select_seconds(db: Connection, workspace_id: UUID, now: datetime) -> int:
    """Returns the seconds of calls in this calendar month (UTC), as far as they are rolled up."""
    total: int = await db.fetchval(
        """
        SELECT coalesce(sum(seconds), 0)::bigint FROM workspace_daily
        WHERE workspace_id = $1 AND day >= date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC')::date
        """,
        workspace_id, now,
    )  # fmt: skip
    return total
