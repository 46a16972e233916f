"""Helpers for changing a workspace: its lock, its history, the audit log, and the member limit."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.platform.service import Platform
from control.workspaces import queries
from control.workspaces.rules import Workspace
from control.workspaces.settings import SETTINGS
from shared.errors import Conflict, NotFound
from shared.ids import new_id

_AUDITED_FIELDS: Final = (
    "name",
    "industry",
    "timezone",
    "status",
    "tier_name",
    "trial_ends_at",
    "suspended_why",
    "deleted_at",
    "purge_after",
)


async def save_change(
    db: Connection,
    actor: Actor,
    action: str,
    before: Workspace,
    after: Workspace,
    now: datetime,
    reason: str | None = None,
) -> Workspace:
    """Store `after` if it differs from `before`. The row must be locked."""
    if after == before:
        return before
    after = replace(after, updated_at=now)
    await queries.update_workspace(db, after)
    if _history_key(after) != _history_key(before):
        fee = await queries.select_monthly_fee(db, after.tier_name)
        await queries.insert_change(db, UUID(new_id()), after, fee, now)
    was, now_is = _audit_values(before), _audit_values(after)
    changed = [name for name in was if was[name] != now_is[name]]
    old, new = {name: was[name] for name in changed}, {name: now_is[name] for name in changed}
    await record_change(db, actor, Change(action, "workspace", str(after.id), after.id, old, new, reason))
    return after


async def lock_workspace(db: Connection, workspace_id: UUID, hold: queries.RowLock = "NO KEY UPDATE") -> Workspace:
    """Return the workspace, locked until the transaction ends. Raises NotFound."""
    return require_found(await queries.select_workspace(db, workspace_id, hold=hold))


def require_found(workspace: Workspace | None) -> Workspace:
    """Return the workspace. Raises NotFound if it is None."""
    if workspace is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    return workspace


def _history_key(workspace: Workspace) -> tuple[str, str, bool]:
    return workspace.status, workspace.tier_name, workspace.deleted_at is None


def _audit_values(workspace: Workspace) -> dict[str, Any]:
    columns = {name: getattr(workspace, name) for name in _AUDITED_FIELDS}
    return columns | {setting.name: setting.read(workspace.settings) for setting in SETTINGS}


async def require_capacity(
    db: Connection, platform: Platform, workspace: Workspace, counted: bool, now: datetime
) -> None:
    """Raise Conflict (member_limit) if the workspace has no room for another member. The workspace must be locked.

    Args:
        counted: Whether the person has an open invitation, which already counts as a member.
    """
    most = (await platform.tier(db, workspace.tier_name)).max_members
    use = await queries.select_use(db, workspace.id, now)
    if use.members + use.invitations + (not counted) > most:
        raise Conflict(f"This workspace's tier allows {most} members, and open invitations count.", code="member_limit")
