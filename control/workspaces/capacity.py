"""How many members a workspace may have."""

from datetime import datetime

from control.db.pool import Connection
from control.platform.service import Platform
from control.workspaces import read_use
from control.workspaces.model import Workspace
from shared.errors import Conflict


async def require_capacity(
    db: Connection, platform: Platform, workspace: Workspace, counted: bool, now: datetime
) -> None:
    """Whether one more fits; the workspace must be locked. counted: the person holds an open invitation, which counts
    as a member already. Raises Conflict (member_limit)."""
    most = (await platform.tier(db, workspace.tier_name)).max_members
    use = await read_use.select_use(db, workspace.id, now)
    if use.members + use.invitations + (not counted) > most:
        raise Conflict(f"This workspace's tier allows {most} members, and open invitations count.", code="member_limit")
