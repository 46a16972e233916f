"""Read model: the call that asks, with its workspace, in one query. In the workspace's scope."""

from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.media_requests.handler import RunningCall

# A call is still `ringing` here when media has answered it and the carrier has not reported that yet.
_RUNNING: Final = """
    SELECT c.id, c.workspace_id, c.agent_id, c.direction, c.is_test, coalesce(c.caller_number, '') AS caller,
           coalesce(c.called_number, '') AS called, w.name AS workspace_name, w.timezone
    FROM calls c JOIN workspaces w ON w.id = c.workspace_id
    WHERE c.id = $1 AND c.workspace_id = $2 AND c.agent_id = $3
      AND c.status IN ('queued', 'ringing', 'in_progress') AND w.deleted_at IS NULL
"""


async def select_running(db: Connection, call_id: UUID, workspace_id: UUID, agent_id: UUID) -> RunningCall | None:
    """None: no such call of this workspace and agent is in progress."""
    row = await db.fetchrow(_RUNNING, call_id, workspace_id, agent_id)
    return None if row is None else RunningCall(**row)
